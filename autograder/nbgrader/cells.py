"""Cells that the judge writes: a score with its report, remarks on the hand-in, what a cell printed."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import nbformat

from autograder.messages import table
from autograder.records import Result
from autograder.reporting import html
from autograder.reporting.text import clean


def about_cell(text: str) -> dict[str, Any]:
    """The cell for the top of a notebook that says what was unusual about the hand-in."""
    named = f"about-{zlib.crc32(text.encode()):08x}"
    return {"cell_type": "markdown", "id": named, "metadata": {"autograder": {"cell": "about"}}, "source": text}


def remark_outputs(remarks: Sequence[str]) -> dict[str, Any]:
    """The cell for the top of a notebook with these remarks, in the language that is chosen now."""
    result: Result = {
        "submission": "", "student": None, "assignment": None, "status": "by_hand", "score": None, "max_score": None,
        "flags": [], "remarks": list(remarks), "parts": [], "words": table(*remarks),
    }  # fmt: skip
    return about_cell(html.hand_in_report(result))


def scored_cell(cell: Any, share: float, report: str) -> Any:
    """The only output of a graded cell: the score as a plain number, and the report as HTML.

    The score is the `share`, 0 to 1, of the points that the cell has, which an instructor may have changed.
    """
    most = float(cell.metadata.nbgrader["points"])
    score = min(most, max(0.0, most * share)) if math.isfinite(share) else 0.0
    data = {"text/plain": repr(round(score, 6)), "text/html": report}
    return nbformat.v4.new_output("execute_result", data, execution_count=1)


def printed_by(cell: Mapping[str, Any] | None) -> str:
    """What a cell printed in the sandbox, with its exception as text; nbgrader would give marks by an error output."""
    if cell is None:
        return ""
    return clean("\n".join(filter(None, (cell.get("output"), cell.get("error")))))
