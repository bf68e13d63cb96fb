"""The figures of the lessons: positions, attention weights, masks, masked words, what a classifier says.

Each function takes tensors of either framework or arrays, draws one figure and shows it. matplotlib is imported when
the first figure is drawn, so that importing the notebook's definitions stays cheap. Labels are in the language of the
lesson.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course import alt
from course.i18n import _

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

Style = dict[str, Any]  # keyword arguments of matplotlib
DIVERGING = "RdBu_r"  # for values around zero
SHARES = "Blues"  # for weights from 0 to 1


def positions(encoding: Any, title: str | None = None) -> None:
    """A position encoding (max_len, D) as a heat map: a row is the vector of a position."""
    table = _array(encoding)
    figure, axes = _grid(1, 1, 7.0, 3.6)
    image = axes[0].imshow(table, aspect="auto", cmap=DIVERGING, vmin=-1, vmax=1, interpolation="nearest")
    axes[0].set(
        xlabel=_("column of the vector"), ylabel=_("position"), title=title or _("A row is the vector of a position")
    )
    figure.colorbar(image, ax=axes[0])
    _show(figure)


def waves(encoding: Any, columns: Sequence[int]) -> None:
    """Some columns of a position encoding (max_len, D) as curves over the positions."""
    table = _array(encoding)
    figure, axes = _grid(1, 1, 7.0, 2.8)
    for column in columns:
        axes[0].plot(table[:, column], label=_("column {number}").format(number=column))
    axes[0].set(xlabel=_("position"), ylabel=_("value"), title=_("Each column is a wave of its own length"))
    axes[0].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    _show(figure)


def offsets(encoding: Any, anchors: Sequence[int], reach: int = 20) -> None:
    """Dot products of the vectors of the positions `anchors` with their neighbours', by offset, of (max_len, D).

    `reach` is the largest offset. The curves of a good encoding coincide.
    """
    table = _array(encoding)
    figure, axes = _grid(1, 1, 7.0, 2.8)
    for n, anchor in enumerate(anchors):
        near = np.arange(-reach, reach + 1)
        near = near[(anchor + near >= 0) & (anchor + near < len(table))]
        label = _("from position {number}").format(number=anchor)
        style: Style = {"linewidth": 6 - 2 * n, "alpha": 0.4 + 0.25 * n}  # wide and pale below, so that all can be seen
        axes[0].plot(near, table[anchor + near] @ table[anchor], label=label, **style)
    axes[0].set(
        xlabel=_("offset"),
        ylabel=_("dot product"),
        title=_("How alike two positions are depends on their distance alone"),
    )
    axes[0].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    _show(figure)


def attention(
    weights: Any, queries: Sequence[str], keys: Sequence[str] | None = None, title: str | None = None
) -> None:
    """Attention weights (L, S) as a heat map with the words beside it; for (H, L, S) a map for each head."""
    maps = _array(weights)
    maps = maps[None] if maps.ndim == 2 else maps
    keys = queries if keys is None else keys
    size = 0.42 * max(len(queries), len(keys)) + 1.6
    figure, axes = _grid(1, len(maps), size if len(maps) == 1 else min(size, 3.6), min(size, 3.8))
    for n, (axis, weights_of_head) in enumerate(zip(axes, maps, strict=True)):
        _map(axis, weights_of_head, keys, queries if n == 0 else [], values=max(weights_of_head.shape) <= 8)
        axis.set(xlabel=_("looks at (key)"), ylabel=_("word (query)") if n == 0 else "")
        if len(maps) > 1:
            axis.set_title(_("head {number}").format(number=n), fontsize="medium")
    if title:
        (figure.suptitle if len(maps) > 1 else axes[0].set_title)(title)
    _show(figure)


def masks(named: Mapping[str, Any]) -> None:
    """Boolean masks (L, S), side by side; blue is True, a place that may be looked at."""
    figure, axes = _grid(1, len(named), 2.6, 2.7)
    for n, (axis, (name, mask)) in enumerate(zip(axes, named.items(), strict=True)):
        table = _array(mask).astype(float)
        _map(axis, table, range(table.shape[1]), range(table.shape[0]), values=False, vmax=1.3)
        axis.set_xticks(np.arange(table.shape[1] + 1) - 0.5, minor=True)
        axis.set_yticks(np.arange(table.shape[0] + 1) - 0.5, minor=True)
        axis.grid(which="minor", color="white", linewidth=1.5)
        axis.tick_params(which="both", length=0)
        axis.set(xlabel=_("key"), ylabel=_("query") if n == 0 else "")
        axis.set_title(name, fontsize="medium")
    _show(figure)


def curves(series: Mapping[str, Any], xlabel: str, ylabel: str, title: str) -> None:
    """Named curves over 0, 1, 2, ...; a training run's loss, for example."""
    figure, axes = _grid(1, 1, 7.0, 2.8)
    for name, values in series.items():
        axes[0].plot(_array(values), label=name)
    axes[0].set(xlabel=xlabel, ylabel=ylabel, title=title)
    axes[0].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    _show(figure)


def masking(words: Sequence[str], ids: Any, inputs: Any, labels: Any, mask_id: int) -> None:
    """A text of L words that was masked B times: each row shows what became of the places that were selected.

    `ids`, `inputs` and `labels` are (B, L); a label of -100 is a place that was not selected.
    """
    ids, inputs, selected = _array(ids), _array(inputs), _array(labels) != -100
    figure, axes = _grid(1, 1, 0.5 * len(words) + 1.0, 0.36 * len(ids) + 1.2)
    colours = {"masked": "#2166ac", "random": "#b2182b", "kept": "#1b7837"}
    axes[0].imshow(np.zeros(ids.shape), cmap="Greys", vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(selected).tolist():
        same, hidden = inputs[row, column] == ids[row, column], inputs[row, column] == mask_id
        colour = colours["masked" if hidden else "kept" if same else "random"]
        axes[0].add_patch(_box(column, row, colour))
        text = "mask" if hidden else words[column] if same else _("other")
        axes[0].text(column, row, text, ha="center", va="center", color="white", size=7)
    axes[0].set_xticks(range(len(words)), words, rotation=45, ha="right", rotation_mode="anchor")
    axes[0].set_yticks([])
    axes[0].set_title(_("Each time other words are selected"), fontsize="medium")
    _show(figure)


def guesses(named: Mapping[str, Sequence[tuple[str, float]]], columns: int = 3) -> None:
    """For each text with a [MASK], the most likely words and their probabilities, as bars, the most likely first."""
    rows = -(-len(named) // columns)
    figure, axes = _grid(rows, min(columns, len(named)), 3.6, 1.9)
    for axis, (text, found) in zip(axes, named.items(), strict=False):
        places = range(len(found))
        axis.barh(places, [share for _word, share in found], color="#4393c3", height=0.7)
        axis.set_yticks(places, [word for word, _share in found])
        axis.invert_yaxis()
        axis.set(xlim=(0, 1.15), xticks=[])
        axis.spines[["top", "right", "bottom"]].set_visible(False)
        for place, (_word, share) in zip(places, found, strict=True):
            axis.text(share + 0.02, place, f"{share:.0%}", va="center", size=8)
        axis.set_title("\n".join(textwrap.wrap(text, 38)), fontsize="small", loc="left")
    for axis in axes[len(named) :]:
        axis.set_axis_off()
    _show(figure)


def training(named: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """Loss and accuracy (a fraction) over the epochs, side by side.

    `named` gives for each curve a dict with `loss` and `accuracy` for each epoch.
    """
    figure, axes = _grid(1, 2, 4.2, 2.8)
    for axis, what, label in zip(axes, ("loss", "accuracy"), (_("mean loss"), _("right")), strict=True):
        for name, history in named.items():
            axis.plot(range(1, len(history) + 1), [epoch[what] for epoch in history], marker="o", label=name)
        axis.set(xlabel=_("epoch"), title=label, ylim=(0, None))
        axis.set_xticks(range(1, max(len(history) for history in named.values()) + 1))
    _percent(axes[1])
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    _show(figure)


def accuracies(sizes: Sequence[int], named: Mapping[str, Sequence[Sequence[float]]], chance: float) -> None:
    """Accuracy (a fraction) against the number of labelled examples, a curve for each way to train.

    `named` gives for each way, and each size, the accuracies of one run or more. Each run is a point, and the curve is
    their mean. `chance` is the accuracy of guessing.
    """
    figure, axes = _grid(1, 1, 7.0, 3.2)
    for n, (name, runs) in enumerate(named.items()):
        colour = f"C{n}"
        axes[0].plot(sizes, [np.mean(one) for one in runs], marker="o", label=name, color=colour)
        for size, one in zip(sizes, runs, strict=True):
            axes[0].scatter([size] * len(one), one, s=12, alpha=0.5, color=colour)
    axes[0].axhline(chance, color="grey", linestyle=":", label=_("guessing"))
    axes[0].set_xscale("log")
    axes[0].set_xticks(sizes, [str(size) for size in sizes])
    axes[0].minorticks_off()
    axes[0].set(xlabel=_("labelled examples"), title=_("Right on held-out texts"))
    _percent(axes[0])
    axes[0].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    _show(figure)


def confusion(labels: Any, said: Any, classes: Sequence[str]) -> None:
    """The confusion matrix: how often a text of a class (row) was given each class (column).

    `labels` are the true classes and `said` the model's, both (N,), integers from 0.
    """
    table = np.zeros((len(classes), len(classes)), int)
    np.add.at(table, (_array(labels), _array(said)), 1)
    figure, axes = _grid(1, 1, 0.8 * len(classes) + 1.6, 0.7 * len(classes) + 1.0)
    axes[0].imshow(table, cmap=SHARES, vmin=0, vmax=table.sum(axis=1).max())
    for (row, column), count in np.ndenumerate(table):
        colour = "white" if count > 0.55 * table.sum(axis=1).max() else "black"
        axes[0].text(column, row, count, ha="center", va="center", color=colour)
    axes[0].set_xticks(range(len(classes)), classes, rotation=30, ha="right", rotation_mode="anchor")
    axes[0].set_yticks(range(len(classes)), classes)
    axes[0].set(xlabel=_("class that the model says"), ylabel=_("true class"))
    axes[0].set_title(
        _("{share:.0%} of {count} are right").format(share=table.trace() / table.sum(), count=table.sum())
    )
    _show(figure)


def verdicts(texts: Sequence[str], probabilities: Any, labels: Any, classes: Sequence[str]) -> None:
    """N texts, each with the probabilities of its classes (N, C) as a bar, and the most likely class in words.

    `labels` (N,), integers from 0, are the true classes, which are shown where the model is wrong.
    """
    shares, labels = _array(probabilities), _array(labels)
    figure, axes = _grid(1, 1, 10.0, 0.6 * len(texts) + 0.6)
    axis, places, start = axes[0], np.arange(len(texts)), np.zeros(len(texts))
    for n, name in enumerate(classes):
        axis.barh(places, shares[:, n], left=start, height=0.6, color=f"C{n}", label=name)
        start = start + shares[:, n]
    for place, (row, label) in enumerate(zip(shares, labels, strict=True)):
        best = int(row.argmax())
        text, right = f"{classes[best]}, {row[best]:.0%}", best == label
        if not right:
            text += "\n" + _("true class: {name}").format(name=classes[label])
        axis.text(1.02, place, text, va="center", size=9, weight="normal" if right else "bold")
    axis.set_yticks(places, [textwrap.fill(text, 64, max_lines=2, placeholder=" …") for text in texts], size=9)
    axis.invert_yaxis()
    axis.tick_params(left=False)
    axis.set(xlim=(0, 1), xticks=[])
    axis.spines[["top", "right", "bottom", "left"]].set_visible(False)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(classes), fontsize="small", frameon=False)
    _show(figure)


def looks(named: Mapping[str, Any], pieces: Sequence[str], who: str) -> None:
    """How the heads of a layer share the attention of one word, `who`, among all words: a map (H, L) for each name."""
    figure, axes = _grid(len(named), 1, 0.5 * len(pieces) + 1.5, 0.34 * len(next(iter(named.values()))) + 0.8)
    for n, (axis, (name, weights)) in enumerate(zip(axes, named.items(), strict=True)):
        heads = [_("head {number}").format(number=number) for number in range(len(weights))]
        _map(axis, _array(weights).round(2), pieces if n == len(named) - 1 else [""] * len(pieces), heads, values=True)
        axis.set_aspect("auto")
        axis.set_title(_("{name}: where {who} looks").format(name=name, who=who), fontsize="medium")
    _show(figure)


def _box(column: int, row: int, colour: str) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.48, row - 0.42), 0.96, 0.84, color=colour)


def _percent(axis: Axes) -> None:
    axis.set_ylim(0, 1.03)
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])


def _grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), layout="constrained", squeeze=False
    )
    return figure, list(axes.flat)


def _map(
    axis: Axes,
    table: np.ndarray,
    columns: Sequence[str | int],
    rows: Sequence[str | int],
    values: bool,
    vmax: float = 1.0,
) -> None:
    axis.imshow(table, cmap=SHARES, vmin=0, vmax=vmax, interpolation="nearest")
    slanted: Style = (
        {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if any(len(str(c)) > 2 for c in columns) else {}
    )
    axis.set_xticks(range(table.shape[1]), [str(column) for column in columns], **slanted)
    axis.set_yticks(range(table.shape[0]), [str(row) for row in rows] or [""] * table.shape[0])
    if values:
        for (row, column), value in np.ndenumerate(table):
            text = "" if value == 0 else "1" if value >= 0.995 else f"{value:.2f}"[1:]
            colour = "white" if value > 0.55 else "black"
            axis.text(column, row, text, ha="center", va="center", color=colour, size=8)


def _array(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):  # a torch tensor may need its gradient and its device taken off
        value = value.detach().cpu()
    return np.asarray(value)


def _show(figure: Figure) -> None:
    import matplotlib.pyplot as plt

    alt.show(figure)
    plt.close(figure)
