"""Figures for everyone: a text that says what a picture shows, and the numbers of a heat map as a table.

The text is computed from the figure's own data, in the language of the notebook, so text and picture always agree.
Screen readers read it, and it is shown where a picture does not load.
"""

from __future__ import annotations

import base64
import io
import sys
from html import escape
from typing import Any

import numpy as np

from course.i18n import _

MOST_ROWS, MOST_COLUMNS = 16, 16  # of a table behind a heat map
LONGEST = 1500  # characters of a text for a picture


def show(figure: Any) -> None:
    """Show a matplotlib figure: in Jupyter as a picture with a text and tables, elsewhere in matplotlib's own way."""
    import matplotlib.pyplot as plt

    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        plt.show()
        return
    from IPython.display import display

    data, text = io.BytesIO(), description(figure)
    figure.savefig(data, format="png", dpi=100)
    encoded = base64.b64encode(data.getvalue()).decode("ascii")
    display({"image/png": encoded, "text/plain": text}, raw=True, metadata={"image/png": {"alt": text}})
    # JupyterLab 4.6 ignores the alternative text in a picture's metadata, so the text is below the picture, folded.
    folded = f"<details><summary>{escape(_('This figure in words'))}</summary>{escape(text)}</details>"
    display({"text/html": folded + tables(figure), "text/plain": text}, raw=True)


def description(figure: Any) -> str:
    """What a matplotlib figure shows, in sentences: titles, axes, curves with their ends, the largest of each row."""
    parts = [figure.get_suptitle()] if figure.get_suptitle() else []
    for axes in figure.axes:
        if axes.get_label() != "<colorbar>":
            parts += _axes(axes)
    text = ". ".join(part.strip().replace("\n", " ").rstrip(".") for part in parts if part.strip())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def tables(figure: Any) -> str:
    """The numbers of the figure's heat maps as folded HTML tables; nothing where they are too many."""
    found = ""
    for axes in figure.axes:
        for image in axes.images:
            table = np.asarray(image.get_array())
            if table.ndim != 2 or table.shape[0] > MOST_ROWS or table.shape[1] > MOST_COLUMNS or not table.any():
                continue
            columns, rows = _ticks(axes.xaxis, table.shape[1]), _ticks(axes.yaxis, table.shape[0])
            head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
            body = "".join(
                f'<tr><th scope="row">{escape(name)}</th>' + "".join(f"<td>{_number(v)}</td>" for v in row) + "</tr>"
                for name, row in zip(rows, table, strict=True)
            )
            title = _("The numbers") + (f": {axes.get_title()}" if axes.get_title() else "")
            found += (
                f"<details><summary>{escape(title)}</summary><table><tr><td></td>{head}</tr>{body}</table></details>"
            )
    return found


def _axes(axes: Any) -> list[str]:
    parts = [axes.get_title() or axes.get_title(loc="left")]
    if axes.axison:
        for label, name in ((axes.get_xlabel(), _("across")), (axes.get_ylabel(), _("upwards"))):
            parts += [f"{name}: {label}"] if label else []
    for line in axes.get_lines():
        label, values = str(line.get_label()), np.asarray(line.get_ydata(), dtype=float)
        if label[:1] != "_" and values.size and np.isfinite(values).all():
            parts.append(
                _("{name}: from {first} to {last}, lowest {low}, highest {high}").format(
                    name=label,
                    first=_number(values[0]),
                    last=_number(values[-1]),
                    low=_number(values.min()),
                    high=_number(values.max()),
                )
            )
    for image in axes.images:
        parts += _image(axes, np.asarray(image.get_array()))
    words = [text.get_text() for text in axes.texts if text.get_text().strip()]
    if words and not axes.images:
        parts.append(", ".join(words))
    return parts


def _image(axes: Any, table: np.ndarray) -> list[str]:
    if table.ndim != 2:
        return []
    rows, columns = table.shape
    parts = [_("heat map of {rows} rows and {columns} columns").format(rows=rows, columns=columns)]
    if rows <= MOST_ROWS and columns <= MOST_COLUMNS and table.any():
        names, heads = _ticks(axes.yaxis, rows), _ticks(axes.xaxis, columns)
        for name, row in zip(names, table, strict=True):
            best = int(np.argmax(row))
            parts.append(
                _("{row}: largest at {column}, {value}").format(row=name, column=heads[best], value=_number(row[best]))
            )
    return parts


def _ticks(axis: Any, count: int) -> list[str]:
    """The names beside a heat map's rows or columns; their numbers where there are none."""
    labels = [label.get_text() for label in axis.get_ticklabels()]
    return labels if len(labels) == count and any(labels) else [str(n) for n in range(count)]


def _number(value: Any) -> str:
    return f"{float(value):.3g}"
