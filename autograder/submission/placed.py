"""Cells in their places: the result of `matching.match`, and the repaired notebook that it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeGuard, get_args

from autograder.submission.cell_text import Role, grade_id_of, stub, text_of

ROLES: tuple[Role, ...] = get_args(Role)
RunRole = Literal["setup", "answer", "own"]
RUN: tuple[RunRole, ...] = get_args(RunRole)  # the roles that the judge runs


def runs(role: Role) -> TypeGuard[RunRole]:
    """Whether the judge runs cells of a role."""
    return role in RUN


@dataclass(frozen=True)
class Placed:
    """A cell in its place. `index` counts the submitted cells from 0, None where the hand-in has no such cell."""

    role: Role
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
    """All cells in running order, remarks on what was odd, sentences for the student, and flags, words for programs."""

    cells: list[Placed]
    remarks: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Placed]:
        return iter(self.cells)


def restore(match_: Match, released_cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The hand-in as a valid list of cells (notebook format 4): each released cell once, with its released metadata.

    It never holds solutions: a missing answer becomes its stub.
    """
    released = {grade_id_of(cell): cell for cell in released_cells if grade_id_of(cell)}
    cells = []
    for number, placed in enumerate(match_.cells):
        original = released.get(placed.grade_id) if placed.grade_id else None
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
