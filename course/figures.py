"""Figures that explain: one vector, word plus position, what "it" looks at, measured times, a translator at work.

They are drawn like the figures in `course.plots`. They are in a module of their own because each belongs to one lesson:
a notebook must be rebuilt when a module that draws for it has changed. The attention weights that they show are
arguments, computed by a model.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course.i18n import _
from course.plots import DIVERGING, Style, _array, _grid, _show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ATTENTION, NETWORK, RECURRENT = "#9ecae1", "#a1d99b", "#dadaeb"  # the colours of boxes
LINE: Style = {"color": "#444444", "linewidth": 1.2}
LOOK, WAY = "#3182bd", "#bbbbbb"  # the colours of a weight, and of a connection without one


def one_vector(source: Sequence[str], target: Sequence[str]) -> None:
    """A recurrent encoder and decoder without attention: all that passes from one to the other is one vector."""
    figure, (axis,) = _grid(1, 1, 9.4, 2.6)
    middle = len(source) + 0.25
    for n, word in enumerate(source):
        _box(axis, n, 0, f"h{n + 1}", RECURRENT)
        _arrow(axis, (n, -0.62), (n, -0.26))
        axis.text(n, -0.66, word, ha="center", va="top", size=9)
        _arrow(axis, (n + 0.37, 0), (n + 0.63 if n + 1 < len(source) else middle - 0.52, 0))
    _box(axis, middle, 0, _("one vector"), ATTENTION, width=1.0)
    first = middle + 1.25
    for n, word in enumerate(target):
        _box(axis, first + n, 0, f"s{n + 1}", RECURRENT)
        _arrow(axis, (first + n - 0.63 if n else middle + 0.52, 0), (first + n - 0.37, 0))
        _arrow(axis, (first + n, 0.26), (first + n, 0.58))
        axis.text(first + n, 0.62, word, ha="center", va="bottom", size=9)
    axis.text((len(source) - 1) / 2, 0.85, _("encoder"), ha="center", va="center", size=10)
    axis.text(first + (len(target) - 1) / 2, -0.75, _("decoder"), ha="center", va="center", size=10)
    axis.set(xlim=(-0.6, first + len(target) - 0.4), ylim=(-1.05, 1.15))
    axis.set_axis_off()
    _show(figure)


def word_plus_position(texts: Mapping[str, tuple[Any, Any, Any]]) -> None:
    """For each text the vectors of its words, those of its positions, and their sum, all (L, D), as heat maps.

    A row is a word of the text, which is split at blanks.
    """
    figure, axes = _grid(len(texts), 3, 3.1, 1.5)
    largest = max(float(np.abs(_array(table)).max()) for tables in texts.values() for table in tables)
    for row, (text, tables) in enumerate(texts.items()):
        words = text.split()
        for column, (title, table) in enumerate(
            zip((_("the words"), _("+ the positions"), _("= what goes in")), tables, strict=True)
        ):
            axis = axes[3 * row + column]
            image = axis.imshow(_array(table), aspect="auto", cmap=DIVERGING, vmin=-largest, vmax=largest)
            axis.set_yticks(range(len(words)), [str(n) for n in range(len(words))] if column == 1 else words)
            axis.set_xticks([])
            axis.tick_params(length=0)
            if row == 0:
                axis.set_title(title, fontsize="medium")
    figure.colorbar(image, ax=list(axes), shrink=0.8)
    _show(figure)


def refers(who: str, looks: Mapping[str, Sequence[Any]]) -> None:
    """What the word `who` looks at, as arcs: for each text, split at blanks, its weights (L,) in each round.

    Each round is a panel; an arc is as wide as its weight is large.
    """
    rounds = max(len(found) for found in looks.values())
    figure, axes = _grid(len(looks), rounds, 5.4, 1.6)
    for row, (text, found) in enumerate(looks.items()):
        words = text.split()
        own, ends = words.index(who), np.cumsum([len(word) + 1.5 for word in words])
        middles = [end - (len(word) + 1.5) / 2 for word, end in zip(words, ends, strict=True)]
        for column, weights in enumerate(found):
            axis = axes[rounds * row + column]
            for n, (word, x, weight) in enumerate(zip(words, middles, _array(weights).tolist(), strict=True)):
                matters = n == own or weight >= 0.1
                style: Style = {"ha": "center", "va": "top", "color": LOOK if matters else "#777777"}
                axis.text(x, 0, word, size=9, weight="bold" if n == own else None, **style)
                if n != own:
                    _arc(axis, x, middles[own], weight, ends[-1])
                    if matters:
                        axis.text(x, -0.3, "1" if weight >= 0.995 else f"{weight:.2f}"[1:], size=8, **style)
            axis.set(xlim=(0, ends[-1]), ylim=(-0.55, 1.25))
            axis.set_axis_off()
            if row == 0 and rounds > 1:
                axis.set_title(_("round {number}").format(number=column + 1), fontsize="medium")
    _show(figure)


def times(lengths: Sequence[int], recurrent: Sequence[float], attention: Sequence[float]) -> None:
    """How long a recurrent network and attention took for sentences of some lengths, in seconds, on this machine."""
    figure, axes = _grid(1, 1, 7.0, 2.8)
    for label, seconds in ((_("step by step"), recurrent), (_("all at once"), attention)):
        axes[0].plot(lengths, [1000 * one for one in seconds], marker="o", label=label)
    axes[0].set(xlabel=_("words in the sentence"), ylabel=_("milliseconds"), title=_("Measured on this machine"))
    axes[0].set(xscale="log", yscale="log")
    axes[0].set_xticks(lengths, [str(length) for length in lengths])
    axes[0].minorticks_off()
    axes[0].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    _show(figure)


def translating(source: Sequence[str], written: Sequence[str], weights: Any) -> None:
    """A transformer that translates, as a moving picture: it reads the source once, then writes one word at a time.

    `weights` (L, S) are those of cross-attention: a row for each word that is written, a column for each of the source.
    The picture is a PNG with several frames; a front end that cannot move it shows the last one.
    """
    from IPython.display import Image, display

    display(Image(data=translation(source, written, weights), format="png"))


def translation(source: Sequence[str], written: Sequence[str], weights: Any) -> bytes:
    """The moving picture of `translating` as the bytes of a PNG; it is played three times and stops at the end."""
    import matplotlib.pyplot as plt
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    weights, seen = _array(weights), ["[BOS]", *written[:-1]]
    steps = [(0, -1, False), (1, -1, False)]
    steps += [(1, place, done) for place in range(len(written)) for done in (False, True)]
    figure, axis = plt.subplots(figsize=(9, 4.6), dpi=80, layout="constrained")
    canvas, frames = FigureCanvasAgg(figure), []  # draws into an array, whatever shows the other figures
    for read, place, done in [*steps, (2, len(written) - 1, True)]:
        axis.clear()
        _translating(axis, source, seen, written, weights, read, place, done)
        canvas.draw()
        frames.append(np.array(canvas.buffer_rgba())[..., :3])
    plt.close(figure)
    # All frames need one palette, so that each stores only what has changed: they are cut out of one tall picture.
    height, width, _channels = frames[0].shape
    film = Image.fromarray(np.concatenate(frames)).quantize(64, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    pictures = [film.crop((0, n * height, width, (n + 1) * height)) for n in range(len(frames))]
    out, times = io.BytesIO(), [2000, 2500, *[1400, 900] * len(written), 4000]
    pictures[-1].save(out, "PNG", save_all=True, append_images=pictures, default_image=True, duration=times, loop=3)
    return out.getvalue()


def _translating(
    axis: Axes,
    source: Sequence[str],
    seen: Sequence[str],
    written: Sequence[str],
    weights: np.ndarray,
    read: int,
    place: int,
    done: bool,
) -> None:
    """One frame. `read`: 0 the words, 1 the memory too, 2 all rows of weights; `place`: which word is written."""
    top, below, memory, words = 3.55, 2.05, 1.0, 0.0
    shift = (len(seen) - len(source)) / 2  # of the source, so that both rows have the same middle
    if place >= 0 and read < 2:
        said = _("It sees what is written, and looks at the memory; the wider a line, the larger its weight")
        if done:
            said = _("“{word}” is written, and is seen from the next step on").format(word=written[place])
    else:
        said = (
            _("The source goes in, all words at once"),
            _("The encoder: every place looks at every place, once; the result is the memory"),
            _("The whole translation, and all that was looked at"),
        )[read]
    axis.set_title(said, fontsize="medium")
    for s, word in enumerate(source):
        axis.text(s + shift, words, word, ha="center", va="center", size=9)
        if read:
            if place < 0:
                for other in range(len(source)):
                    axis.plot([other + shift, s + shift], [words + 0.2, memory - 0.2], color=WAY, lw=0.8, zorder=0)
            _box(axis, s + shift, memory, "", NETWORK)
    for t in range(place + 1):
        now = t == place
        axis.text(t, below, seen[t], ha="center", va="center", size=9, zorder=3, bbox=PAPER)
        _box(axis, t, top - 0.7, "", ATTENTION if now or read == 2 else "#eeeeee")
        if t < place or done:
            axis.text(t, top, written[t], ha="center", va="center", size=9, weight="bold" if now and read < 2 else None)
        if now and read < 2:
            for earlier in range(t + 1):
                axis.plot([earlier, t], [below + 0.2, top - 0.9], color=WAY, lw=0.8, zorder=0)
        if (now and not done) or read == 2:
            for s, weight in enumerate(weights[t]):
                style: Style = {"lw": 0.3 + 6 * float(weight), "alpha": 0.15 + 0.75 * float(weight)}
                axis.plot(
                    [s + shift, t], [memory + 0.22, top - 0.92], color=LOOK, zorder=1, solid_capstyle="butt", **style
                )
    left = min(0.0, shift) - 0.8
    if read:
        axis.text(left, memory, _("memory"), ha="right", va="center", size=9)
    axis.text(left, (words + memory) / 2, _("encoder"), ha="right", va="center", size=10)
    axis.text(left, (below + top) / 2, _("decoder"), ha="right", va="center", size=10)
    axis.set(xlim=(left - 1.3, max(len(seen), len(source) + shift) - 0.2), ylim=(-0.35, top + 0.35))
    axis.set_axis_off()


PAPER = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.9}


def _box(axis: Axes, x: float, y: float, label: str, colour: str, width: float = 0.7) -> None:
    from matplotlib.patches import FancyBboxPatch

    shape: Style = {"boxstyle": "round,pad=0.02,rounding_size=0.08", "fc": colour, "ec": "#444444"}
    axis.add_patch(FancyBboxPatch((x - width / 2, y - 0.2), width, 0.4, zorder=2, **shape))
    axis.text(x, y, label, ha="center", va="center", size=9, zorder=3)


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", **LINE}, zorder=1)


def _arc(axis: Axes, start: float, end: float, weight: float, longest: float) -> None:
    """Half an ellipse from one word to another; its line is as wide as the weight is large."""
    from matplotlib.patches import Arc

    span = abs(end - start)
    shape: Style = {"width": span, "height": 0.5 + 1.8 * span / longest, "theta1": 0, "theta2": 180}
    style: Style = {"color": LOOK, "lw": 0.4 + 6 * weight, "alpha": 0.15 + 0.75 * weight}
    axis.add_patch(Arc(((start + end) / 2, 0.08), **shape, **style))
