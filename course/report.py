"""What a check shows: a heading, a line for each thing looked at, and under a failed one what to look at.

A report is data; it renders itself as HTML in Jupyter (`_repr_html_`) and as text elsewhere (`str`). The HTML uses
inline styles and JupyterLab's colour variables only, because style sheets are stripped from notebooks that are not
trusted yet. Everything that comes from a student is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from course.i18n import _

PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"

_SIGN = {PASSED: "✓", FAILED: "✗", NOT_RUN: "–"}
# White on these has a contrast of at least 5, in light and dark themes; all other text has the theme's colour.
_COLOUR = {PASSED: "#1a7f37", FAILED: "#c62828", NOT_RUN: "#666666"}
_WRONG = "background-color: rgba(198, 40, 40, 0.16)"
MOST_CELLS = 64  # an array larger than this is described, not shown


@dataclass(frozen=True)
class Comparison:
    """Two arrays of the same shape: the student's and the expected one. `wrong` is True where they differ."""

    name: str
    yours: np.ndarray
    expected: np.ndarray
    wrong: np.ndarray  # boolean

    @property
    def showable(self) -> bool:
        """Whether the arrays are small enough to be shown, and not empty."""
        return 0 < self.yours.size <= MOST_CELLS


@dataclass(frozen=True)
class Item:
    """One check. `outcome` is PASSED, FAILED or NOT_RUN; `message` says what is wrong, `hint` where to look."""

    title: str
    outcome: str
    message: str = ""
    hint: str = ""
    where: str = ""  # the line of the student's code, as they wrote it
    comparison: Comparison | None = None
    certain: bool = False  # the hint is about what was seen; it is not the check's usual one


@dataclass(frozen=True)
class Report:
    """The outcome of the visible checks of one part. `note` stands above them and says what to correct first."""

    title: str
    items: tuple[Item, ...] = field(default_factory=tuple)
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether every check passed; True also where there is none."""
        return all(item.outcome == PASSED for item in self.items)

    @property
    def summary(self) -> str:
        """How many checks passed, and how many did not run, in words."""
        good = sum(item.outcome == PASSED for item in self.items)
        if good == len(self.items):
            return _("all {count} checks passed").format(count=good)
        text = _("{good} of {count} checks passed").format(good=good, count=len(self.items))
        waiting = sum(item.outcome == NOT_RUN for item in self.items)
        return text + (_("; {count} did not run").format(count=waiting) if waiting else "")

    # -- as text ------------------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        lines = [f"{self.title}: {self.summary}", *([f"  {self.note}"] if self.note else [])]
        for item in self.items:
            lines.append(f"  {_SIGN[item.outcome]} {item.title}")
            details = [item.message, item.where and f"    {item.where}"]
            if item.comparison is not None and item.comparison.showable:
                details += _comparison_text(item.comparison).splitlines()
            if item.hint:
                details.append(_("Hint: {hint}").format(hint=item.hint))
            lines += [f"      {line}" for text in details if text for line in text.splitlines()]
        return "\n".join(lines)

    __repr__ = __str__

    # -- as HTML ------------------------------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        colour = _COLOUR[PASSED if self.passed else FAILED]
        rows = f"<div>{prose(self.note)}</div>" if self.note else ""
        rows += "".join(_item_html(item) for item in self.items)
        return (
            f'<div style="border-left: 4px solid {colour}; padding: 6px 12px; margin: 4px 0px">'
            f"<div><b>{escape(self.title)}</b>: "
            f"{escape(self.summary)}</div>{rows}</div>"
        )


def _item_html(item: Item) -> str:
    spoken = {PASSED: _("passed"), FAILED: _("did not pass"), NOT_RUN: _("did not run")}[item.outcome]
    badge = f"background-color: {_COLOUR[item.outcome]}; color: #ffffff; padding: 0px 5px; border-radius: 3px"
    sign = f'<span role="img" aria-label="{escape(spoken)}" style="{badge}"><b>{_SIGN[item.outcome]}</b></span>'
    html = f'<div style="margin: 3px 0px">{sign} {prose(item.title)}'
    inner = ""
    if item.message:
        inner += f"<div>{prose(item.message)}</div>"
    if item.where:
        inner += f'<div style="margin: 2px 0px"><code>{escape(item.where)}</code></div>'
    if item.comparison is not None and item.comparison.showable:
        inner += _comparison_html(item.comparison)
    if item.hint:
        inner += f"<div><i>{prose(_('Hint: {hint}').format(hint=item.hint))}</i></div>"
    if inner:
        html += f'<div style="margin: 2px 0px 6px 20px">{inner}</div>'
    return html + "</div>"


def prose(text: str) -> str:
    """A message as HTML: all of it is escaped, what stands in backquotes becomes code, and new lines are kept.

    Where the backquotes do not come in pairs they are left as they are.
    """
    pieces = escape(text).split("`")
    if len(pieces) % 2 == 0:  # an odd backquote, from somebody's own message: leave the text alone
        return escape(text).replace("\n", "<br>")
    marked = "".join(f"<code>{piece}</code>" if n % 2 else piece for n, piece in enumerate(pieces))
    return marked.replace("\n", "<br>")


def _comparison_html(comparison: Comparison) -> str:
    wrong = np.atleast_1d(comparison.wrong)
    tables = []
    for caption, array, marks in (
        (_("yours"), comparison.yours, wrong),
        (_("expected"), comparison.expected, np.zeros_like(wrong)),
    ):
        blocks = "".join(_table(block, mark) for block, mark in zip(_blocks(array), _blocks(marks), strict=True))
        tables.append(
            '<td style="padding: 0px 24px 0px 0px; vertical-align: top; text-align: left">'
            f"<div><small>{escape(comparison.name)}, {escape(caption)}</small></div>{blocks}</td>"
        )
    return f'<table style="margin: 4px 0px"><tr>{"".join(tables)}</tr></table>'


def _table(block: np.ndarray, marks: np.ndarray) -> str:
    rows = ""
    for values, wrong in zip(block, marks, strict=True):
        cells = ""
        for value, bad in zip(values, wrong, strict=True):
            style = "padding: 1px 6px; text-align: right; font-family: monospace" + (f"; {_WRONG}" if bad else "")
            cells += f'<td style="{style}">{_number(value)}</td>'
        rows += f"<tr>{cells}</tr>"
    return f'<table style="border: 1px solid rgba(128, 128, 128, 0.4); margin: 2px 0px 4px 0px">{rows}</table>'


def _blocks(array: np.ndarray) -> np.ndarray:
    """The array as a list of matrices: (n, rows, columns)."""
    array = np.atleast_2d(array)
    return array.reshape(-1, *array.shape[-2:])


def _comparison_text(comparison: Comparison) -> str:
    lines = []
    for caption, array in ((_("yours"), comparison.yours), (_("expected"), comparison.expected)):
        text = np.array2string(np.asarray(array), separator=" ", formatter={"all": _number})
        indent = "\n    "
        lines.append(f"{comparison.name}, {caption}:{indent}{text.replace(chr(10), indent)}")
    return "\n".join(lines)


def _number(value: Any) -> str:
    """A boolean, a whole number, or a number with four digits."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    return f"{float(value):.4g}"
