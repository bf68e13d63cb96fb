"""Diagrams of translators: the recurrent one that attends, step by step against all at once, three attentions."""

from __future__ import annotations

from course.diagrams.svg import SMALL, WIDTH, Canvas, Diagram, number
from course.i18n import _

DANISH, ENGLISH = ["syv", "##og", "##fyrre", "[EOS]"], ["forty", "seven"]
WEIGHTS = (0.80, 0.10, 0.05, 0.05)  # where the decoder looks when it writes "seven"; made up


def translator() -> Diagram:
    """One step of a recurrent decoder that attends to the states of the encoder.

    Source: Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate" (2015).
    """
    canvas, places = Canvas(_("One step of a decoder that attends")), (146, 226, 306, 386)
    before, now, word = 130, 340, ENGLISH[-1]
    for x, n, written in ((before, 1, ENGLISH[0]), (now, 2, word)):
        canvas.text(x, 62, written, bold=n == 2)
        canvas.arrow([(x, 96), (x, 74)])
        canvas.box(x - 32, 96, 64, 34, f"s{n}", "recurrent", bold=True)
    canvas.arrow([(before + 32, 113), (now - 32, 113)])
    canvas.lines(48, 113, _("decoder"), 84, SMALL, "soft")

    canvas.box(176, 176, 252, 36, _("3. context: the weighted mean"), "attention")
    canvas.arrow([(now, 176), (now, 130)], "strong", 2.5)
    canvas.text(now + 10, 154, _("4. into s2"), SMALL, "soft", "start")
    canvas.box(102, 266, 326, 40)
    canvas.arrow([(before, 130), (before, 266)], "warm", 2, dashed=True)
    canvas.lines(before - 10, 196, _("1. query"), 100, kind="warm", anchor="end")
    canvas.lines(52, 286, _("2. weights: softmax of the scores"), 84, SMALL, "soft")
    for x, weight, n, read in zip(places, WEIGHTS, range(1, 5), DANISH, strict=True):
        canvas.line([(x, 270), (x + (302 - x) * 0.4, 212)], "strong", 1 + 9 * weight)
        canvas.box(x - 34, 270, 68, 32, number(weight), "attention", bold=True, share=0.25 + 0.75 * weight)
        canvas.arrow([(x, 336), (x, 306)])
        canvas.box(x - 30, 336, 60, 34, f"h{n}", "recurrent", bold=True)
        canvas.arrow([(x, 394), (x, 370)])
        canvas.text(x, 406, read)
        if n > 1:
            canvas.arrow([(x - 50, 353), (x - 30, 353)])
    canvas.lines(52, 353, _("encoder: the keys"), 84, SMALL, "soft")
    most = max(range(len(WEIGHTS)), key=WEIGHTS.__getitem__)
    shares = ", ".join(f"{read} {number(weight)}" for read, weight in zip(DANISH, WEIGHTS, strict=True))
    return canvas.finish(
        426,
        [
            _("The encoder has a state for each of {pieces}").format(pieces=", ".join(DANISH)),
            _("To write “{word}”, the decoder's previous state s1 is the query; each state of the encoder gets a "
              "score, and the softmax makes weights of the scores: {shares}").format(word=word, shares=shares),
            _("Most of the weight is on {piece}; the mean of the states by their weights is the context, which goes "
              "into the new state s2").format(piece=DANISH[most]),
        ],
    )  # fmt: skip


SENTENCE = "the animal did not cross the street because it was tired".split()


def steps() -> Diagram:
    """How far apart two words are: along a recurrent network, and in attention."""
    start, end = SENTENCE.index("animal"), SENTENCE.index("it")
    away = end - start
    canvas, top, step = Canvas(_("Step by step, and all at once")), 106, 33
    for x, title, way in ((92, _("recurrent"), _("step by step")), (336, _("attention"), _("all at once"))):
        canvas.text(x, 58, title, bold=True)
        canvas.text(x, 76, way, SMALL, "soft")
    for n, word in enumerate(SENTENCE):
        y = top + step * n
        on_the_way = start <= n <= end
        named = n in (start, end)
        canvas.box(68, y - 12, 48, 24, f"h{n + 1}", "norm" if on_the_way else "recurrent", SMALL)
        canvas.arrow([(180, y), (118, y)], "line", 1.2)
        canvas.text(222, y, word, bold=named)
        if n:
            passed = start < n <= end
            canvas.arrow([(92, y - 22), (92, y - 12)], "warm" if passed else "line", 2 if passed else 1.2)
            if passed:
                canvas.text(54, y - 17, str(n - start), SMALL, "warm", "end", bold=True)
    for n in range(len(SENTENCE)):
        if n != end:
            y, it = top + step * n, top + step * end
            kind, width = ("strong", 3.0) if n == start else ("line", 1.2)
            canvas.arc((272, min(y, it)), (272, max(y, it)), 20 + 10 * abs(n - end), kind, width)
    bottom = top + step * len(SENTENCE)
    canvas.text(92, bottom + 8, _("{count} steps").format(count=away), kind="warm", bold=True)
    canvas.text(WIDTH / 2 + 2, bottom + 8, _("from “animal” to “it”"), SMALL, "soft")
    canvas.text(336, bottom + 8, _("1 step"), kind="strong", bold=True)
    return canvas.finish(
        bottom + 32,
        [
            _("The sentence is: {text}").format(text=" ".join(SENTENCE)),
            _("A recurrent network makes a state of each word and the state before; what it read of “animal” takes "
              "{count} steps to “it”, and no state can be computed before the one above it").format(count=away),
            _("In attention “it” looks at the other {count} words directly, and all words do so at the same "
              "time").format(count=len(SENTENCE) - 1),
        ],
    )  # fmt: skip


def three_attentions() -> Diagram:
    """Who may look at whom in the three attentions of a translator; a coloured square is a place that may be looked at.

    Source: Vaswani et al., "Attention Is All You Need" (2017).
    """
    source, target = DANISH[:3], ["[BOS]", *ENGLISH]
    canvas, cell, tall, told = Canvas(_("The three attentions of a translator")), 50, 26, []

    def panel(
        x: float, y: float, title: str, rows: list[str], columns: list[str], kind: str, causal: bool, queries: str
    ) -> None:
        canvas.lines(x + 104, y, title, 196, bold=True)
        for column, word in enumerate(columns):
            canvas.text(x + 54 + (column + 0.5) * cell, y + 32, word, SMALL)
        for row, word in enumerate(rows):
            canvas.text(x + 50, y + 58 + row * tall, word, SMALL, anchor="end")
            for column in range(len(columns)):
                seen = not causal or column <= row
                place = (x + 54 + column * cell + 1, y + 45 + row * tall + 1)
                canvas.box(*place, cell - 2, tall - 2, "" if seen else "–", kind if seen else "paper", SMALL)
        looks = _("a place sees itself and those before it") if causal else _("every place may be looked at")
        told.append(
            _("{name}: queries from {queries}, keys and values from {keys}; {looks}").format(
                name=title, queries=queries, keys=", ".join(columns), looks=looks
            )
        )

    top, low = 70, 254
    panel(14, top, _("encoder: self-attention"), source, source, "recurrent", False, ", ".join(source))
    panel(226, top, _("decoder: causal self-attention"), target, target, "network", True, ", ".join(target))
    panel(106, low, _("decoder: cross-attention"), target, source, "attention", False, ", ".join(target))
    under = top + 45 + 3 * tall
    canvas.arrow([(112, under + 6), (112, low + 12), (122, low + 32)], "line", 2)
    canvas.lines(58, low + 26, _("memory: keys and values"), 96, SMALL, "soft")
    canvas.arrow([(334, under + 6), (334, low + 58 + tall), (314, low + 58 + tall)], "line", 2)
    canvas.lines(388, low + 44, _("x: queries"), 88, SMALL, "soft")
    bottom = low + 45 + 3 * tall
    canvas.arrow([(235, bottom + 4), (235, bottom + 24)], "line", 2)
    canvas.text(235, bottom + 38, _("the network, then the next word"), kind="soft")
    canvas.text(WIDTH / 2, bottom + 66, _("A row looks at columns: it asks, they are keys and values."), SMALL, "soft")
    return canvas.finish(bottom + 88, told)
