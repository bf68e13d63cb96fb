"""Cells that the judge writes: a score with its report, remarks on the hand-in, what a cell printed."""

from __future__ import annotations

import math
import zlib
from typing import Any

import nbformat

from autograder.messages import table
from autograder.reporting import html
from autograder.reporting.text import clean


def about_cell(text: str) -> dict:
    """A cell above all others that says what was odd."""
    named = f"about-{zlib.crc32(text.encode()):08x}"
    return {"cell_type": "markdown", "id": named, "metadata": {"autograder": {"cell": "about"}}, "source": text}


def remark_outputs(remarks: list[str]) -> dict:
    """Such a cell with these remarks, in the language that is chosen now."""
    return about_cell(html.hand_in_report({"remarks": remarks, "status": "by_hand", "words": table(*remarks)}))


def scored_cell(cell: Any, share: float, report: str) -> Any:
    """The one output of a graded cell: the score as a plain number, the report as HTML.

    A share of the points that the cell has: an instructor may have given it others than the syllabus, or the quiz, has.
    """
    most = float(cell.metadata.nbgrader["points"])
    score = min(most, max(0.0, most * share)) if math.isfinite(share) else 0.0
    data = {"text/plain": repr(round(score, 6)), "text/html": report}
    return nbformat.v4.new_output("execute_result", data, execution_count=1)


def printed_by(cell: dict | None) -> str:
    """What the sandbox caught of a cell: output and, as text, the exception; an error *output* would be scored."""
    if cell is None:
        return ""
    return clean("\n".join(filter(None, (cell.get("output"), cell.get("error")))))
