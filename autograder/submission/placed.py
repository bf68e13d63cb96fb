"""Cells in their places: what `matching.match` says of a hand-in, and the sound notebook that this makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from autograder.submission.cell_text import grade_id_of, stub, text_of

ROLES = ("setup", "answer", "own", "test", "demo", "markdown", "spare")
RUN = ("setup", "answer", "own")  # the roles that the judge runs


@dataclass(frozen=True)
class Placed:
    """A cell in its place. `index` counts the submitted cells from 0, None where the hand-in has no such cell."""

    role: str
    grade_id: str | None
    source: str
    index: int | None = None
    remark: str | None = None  # a sentence for the student

    @property
    def label(self) -> str:
        """How a person finds the cell."""
        return "added cell" if self.index is None else f"cell {self.index + 1}"


@dataclass(frozen=True)
class Match:
    """All cells in running order; what was odd, a sentence each for the student; the same as stable slugs."""

    cells: list[Placed]
    remarks: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Placed]:
        return iter(self.cells)


def restore(match_: Match, released_cells: list[dict]) -> list[dict]:
    """The hand-in as a sound cell list (notebook format 4): each released cell once, with its released metadata.

    For whoever shows the notebook afterwards. Solutions are never in it: an answer that is missing becomes its stub.
    """
    released = {grade_id_of(cell): cell for cell in released_cells if grade_id_of(cell)}
    cells = []
    for number, placed in enumerate(match_.cells):
        original = released.get(placed.grade_id)
        kind = "markdown" if placed.role == "markdown" else "code"
        cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "id": f"own-{number}", "source": placed.source}
        if original is not None:
            cell["cell_type"] = original.get("cell_type", kind)
            cell["metadata"] = {"nbgrader": dict(original["metadata"]["nbgrader"])}
            cell["id"] = str(original.get("id") or placed.grade_id)
            if placed.role == "answer" and not placed.source.strip():
                cell["source"] = stub(text_of(original))
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
        cells.append(cell)
    return cells
