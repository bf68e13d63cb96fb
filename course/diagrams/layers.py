"""Diagrams of a layer and of what BERT learns from: the two forms of a block, and the masked words."""

from __future__ import annotations

import numpy as np

from course.diagrams.svg import SMALL, WIDTH, Canvas, Diagram, vector
from course.i18n import _


def normed(x: np.ndarray) -> np.ndarray:
    """The layer norm of one vector (D,), without its learned scale and shift, and without epsilon."""
    return (x - x.mean()) / x.std()


def silent(x: np.ndarray) -> np.ndarray:
    """The attention of the worked example, which adds nothing."""
    return np.zeros_like(x)


def network(x: np.ndarray) -> np.ndarray:
    """The network of the worked example, of a vector (4,): ReLU, then column 3 twice, column 4 minus twice."""
    return np.maximum(x, 0) * np.array([5.0, 5, 2, -2])


def block() -> Diagram:
    """Post-norm and pre-norm with the numbers of the worked example, to be read from below.

    Source: Xiong et al., "On Layer Normalization in the Transformer Architecture" (2020).
    """
    start = np.array([1.0, 1, 3, 3])
    canvas, bottom, told = Canvas(_("The stream of one word through a block")), 446, []
    for left, first in ((16, False), (232, True)):
        stream, branch, wide = left + 22, left + 68, 124
        title = _("pre-norm") if first else _("post-norm")
        canvas.text(left + 98, 60, title, bold=True)
        canvas.line([(stream, bottom - 12), (stream, 82)], "strong", 4)
        canvas.text(left, bottom, f"x = {vector(start)}", SMALL, anchor="start")
        x, y, seen = start, float(bottom - 26), [vector(start)]
        for part, name, kind, norm in (
            (silent, _("attention"), "attention", _("norm 1")),
            (network, _("network"), "network", _("norm 2")),
        ):
            added = part(normed(x) if first else x)
            boxes = [(norm, "norm"), (name, kind)] if first else [(name, kind)]
            top = y - 24 - 42 * len(boxes)
            canvas.arrow([(stream, y), (branch + wide / 2, y), (branch + wide / 2, y - 14)])
            for n, (label, colour) in enumerate(boxes):
                canvas.box(branch, y - 46 - 42 * n, wide, 32, label, colour)
                if n:
                    canvas.arrow([(branch + wide / 2, y - 46), (branch + wide / 2, y - 56)])
            canvas.arrow([(branch + wide / 2, top + 20), (branch + wide / 2, top), (stream + 13, top)])
            canvas.text(branch + wide / 2 + 6, top - 12, f"+ {vector(added)}", SMALL, "warm")
            canvas.box(stream - 12, top - 12, 24, 24, "+", "paper", 16)
            x, y = x + added, top - 24
            seen.append(vector(x))
            if not first:
                x = normed(x)
                canvas.box(left - 6, y - 30, 60, 30, norm, "norm", SMALL)
                seen.append(vector(x))
                y -= 36
            canvas.text(stream + 12, y - 10, vector(x, 1), SMALL, anchor="start")
            y -= 34
        canvas.arrow([(stream, 100), (stream, 78)], "strong", 4)
        told.append(_("{form}: the vector goes from {steps}").format(form=title, steps=f" {_('to')} ".join(seen)))
    return canvas.finish(
        bottom + 22,
        [
            _("A word's vector runs along a thick line from bottom to top; attention and network add to it"),
            _("In post-norm both norms are on the line, in pre-norm on the branches, and nothing is on the line"),
            *told,
        ],
    )


TEXT = "[CLS] the striker scored two goals in the derby [SEP]".split()
SELECTED = {3: "piano", 5: "[MASK]", 8: "derby"}  # by place: what the encoder is given there


def masked_words() -> Diagram:
    """Some words are selected and changed; the encoder is asked for what stood there. The text is the lesson's."""
    canvas, top, step = Canvas(_("Masked words, encoder, guesses")), 92, 34
    bottom = top + step * len(TEXT)
    given = [SELECTED.get(place, word) for place, word in enumerate(TEXT)]
    for x, label in ((56, _("text")), (158, _("input")), (266, _("encoder")), (376, _("guesses"))):
        canvas.text(x, 66, label, bold=True)
    canvas.box(222, top - 12, 88, bottom - top + 8, _("every word looks at every word"), "attention")
    told = []
    for place, (word, shown) in enumerate(zip(TEXT, given, strict=True)):
        y = top + step * place + 4
        asked = place in SELECTED
        canvas.text(56, y, word, bold=asked)
        if asked:
            canvas.box(112, y - 13, 92, 26, shown, "norm", bold=True)
            canvas.arrow([(310, y), (330, y)])
            canvas.box(332, y - 13, 92, 26, f"{word}?", "network", bold=True)
            what = _("{word} becomes {other}") if shown == "[MASK]" else _("{word} becomes the random word {other}")
            what = _("{word} stays") if shown == word else what
            told.append(what.format(word=word, other=shown))
        else:
            canvas.text(158, y, shown)
            canvas.text(378, y, _("not asked"), SMALL, "soft")
        canvas.arrow([(94, y), (110, y)])
        canvas.arrow([(206, y), (220, y)])
    count = len(SELECTED)
    canvas.lines(
        WIDTH / 2, bottom + 26, _("The loss compares the guesses with the text at the selected places alone."),
        400, SMALL, "soft",
    )  # fmt: skip
    return canvas.finish(
        bottom + 54,
        [
            _("The text is: {text}").format(text=" ".join(TEXT)),
            _("{count} of {all} words are selected: {told}").format(
                count=count, all=len(TEXT) - 2, told=", ".join(told)
            ),
            _("The encoder reads: {text}").format(text=" ".join(given)),
            _("It is asked for the words at the selected places, and there alone: {words}").format(
                words=", ".join(TEXT[place] for place in SELECTED)
            ),
        ],
    )
