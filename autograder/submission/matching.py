"""Recognises the cells of a hand-in, and puts them back into the released notebook.

Notebooks come back changed. Colab and VS Code drop nbgrader's metadata, students copy cells, delete them, move them,
write two answers into one cell or one answer over three, and repair the imports. `match` takes the cells as they were
handed in and the cells of the source notebook and says, in running order, what each one is:

    setup     the instructor's, source from the release, run
    answer    the student's answer to a part, run; source "" where none was found
    own       the student's own, run
    test      `check("...")`, source from the release, never run by the judge
    demo      the instructor's worked example, source from the release, never run by the judge
    markdown  text, never run; a task that is graded by hand is one, with its source from the release
    spare     a second copy, or a stub whose answer is in another cell: kept for reading, never run

How a cell is recognised; the first rule that fits decides:

1. nbgrader's `grade_id`, if the release has it;
2. the notebook format's own cell `id`, which Colab moves into the metadata, if the release has it;
3. its text, for the instructor's cells (`check("causal-mask")` is the test of that part, with any spacing; for a task
   its heading is enough);
4. the symbols that it defines at top level, for answers. Read with `ast`; where the code does not parse, with patterns
   on its lines.

If an answer has several candidates, one that defines the symbol comes before one that still has the stub, a cell with
the right id before one without, and a later one before an earlier one. So ids that were swapped, an answer under the
wrong heading, and a stub below a finished copy are all handled. An answer cell with its id and its symbol also counts
before an experiment that comes after its test, because in the student's notebook the check saw that answer.

The order is the student's own (that of "Run all"); a missing cell is put back after the cell before it in the release.
The released cells come from the *source* notebook and so hold the solutions. The released text of an answer cell is
never placed; `stub` gives it without the solution.

Cells are plain JSON and no notebook library is used, because the core of grading has none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from autograder.messages import Message
from autograder.submission.cell_text import (
    Role,
    additions,
    cell_ids,
    definitions,
    grade_id_of,
    heading,
    role_of,
    same,
    skeleton,
    stub,
    text_of,
)
from autograder.submission.placed import ROLES, RUN, Match, Placed, restore
from course.syllabus import Part

# The names that other modules use.
__all__ = ["ROLES", "RUN", "Match", "Placed", "grade_id_of", "match", "restore", "role_of", "stub", "text_of"]

MOST_REMARKS = 40


def match(
    submitted_cells: Any,
    released_cells: list[dict[str, Any]],
    parts: Iterable[Part],
    others: Mapping[str, Iterable[str]] = MappingProxyType({}),
) -> Match:
    """Place the cells of a hand-in.

    `submitted_cells` may be any JSON value; `released_cells` are those of the source notebook; `parts` are those of the
    exercise; `others` are a task's texts in other languages, by its grade id, because a hand-in may have any language.
    """
    return _Matcher(submitted_cells, released_cells, parts, others).match()


@dataclass
class _Released:
    grade_id: str
    role: Role
    source: str
    order: int
    symbol: str = ""  # for answers: the name that the cell has to define
    task: bool = False  # a task that is graded by hand
    others: tuple[str, ...] = ()  # a task's text in other languages

    @property
    def texts(self) -> tuple[str, ...]:
        return self.source, *self.others


@dataclass
class _Unit:
    """A piece of the hand-in: a cell, or what a student added to an instructor's cell."""

    index: int
    code: bool
    source: str
    claim: str | None  # the released cell that it is, by its id or its text
    by_id: bool = False
    names: dict[str, bool] = field(default_factory=dict)
    placed: Placed | None = None

    @property
    def number(self) -> int:
        return self.index + 1


class _Matcher:
    def __init__(
        self,
        submitted: Any,
        released: list[dict[str, Any]],
        parts: Iterable[Part],
        others: Mapping[str, Iterable[str]],
    ) -> None:
        symbols = {part.id: part.symbol for part in parts}
        self.remarks: list[str] = []
        self.flags: list[str] = []
        self.released: dict[str, _Released] = {}
        self.by_cell_id: dict[str, str] = {}
        for order, cell in enumerate(released):
            grade_id = grade_id_of(cell)
            if grade_id is None:
                continue
            task = cell["metadata"]["nbgrader"].get("task") is True
            also = tuple(others.get(grade_id, ())) if task else ()
            self.released[grade_id] = _Released(grade_id, role_of(cell), text_of(cell), order, task=task, others=also)
            if isinstance(cell.get("id"), str):
                self.by_cell_id[cell["id"]] = grade_id
        self.answers = [r for r in self.released.values() if r.role == "answer"]
        defined = {r.grade_id: definitions(r.source) for r in self.answers}
        for r in self.answers:
            wanted = symbols.get(r.grade_id.removeprefix("answer-"), "")
            elsewhere = any(wanted in names for names in defined.values())
            if wanted in defined[r.grade_id] or (wanted and not defined[r.grade_id] and not elsewhere):
                r.symbol = wanted
            else:
                r.symbol = next(iter(defined[r.grade_id]), "")
        self.units = list(self._units(submitted))
        self.ids = {i: cell_ids(cell) for i, cell in enumerate(submitted if isinstance(submitted, list) else [])}

    # -- the hand-in, cell by cell

    def _units(self, submitted: Any) -> Iterator[_Unit]:
        for index, cell in enumerate(submitted if isinstance(submitted, list) else []):
            if not isinstance(cell, dict):
                self._note("damaged-cells", Message("Cell {n} of the file is damaged and was left out.", n=index + 1))
                continue
            source, code = text_of(cell), cell.get("cell_type") == "code"
            claim, by_id = self._claim(cell, source, code)
            r = self.released[claim] if claim else None
            if r and not code and r.role != "markdown":
                remark = Message("Cell {n} had become a text cell; it was read as code.", n=index + 1)
                self._note("changed-cell-type", remark)
                code = True
            unit = _Unit(index, code, source, claim, by_id)
            if r and r.role in ("setup", "test", "demo"):
                yield unit
                yield from self._added_to(unit, r)
                continue
            if r and r.task:
                yield from self._task(unit, r)
                continue
            if code:
                unit.names = definitions(source)
            yield unit

    def _claim(self, cell: dict[str, Any], source: str, code: bool) -> tuple[str | None, bool]:
        """The released cell that a cell is, None for the student's own; and whether its id tells."""
        grade_id = grade_id_of(cell)
        if grade_id in self.released:
            return grade_id, True
        for cell_id in cell_ids(cell):
            if cell_id in self.by_cell_id:
                return self.by_cell_id[cell_id], True
        if code:
            check = re.fullmatch(r"check\(\s*['\"]([\w.-]+)['\"]\s*\)\s*;?", source.strip())
            if check and f"test-{check[1]}" in self.released:
                return f"test-{check[1]}", False
            for r in self.released.values():
                if r.role in ("setup", "test", "demo") and same(source, r.source):
                    return r.grade_id, False
        else:
            for r in self.released.values():
                if r.task and heading(source) in map(heading, r.texts):
                    return r.grade_id, False
        return None, False

    def _task(self, unit: _Unit, r: _Released) -> Iterator[_Unit]:
        """A task as released, and below it what the student wrote into its cell, as another cell."""
        asked = {line.strip() for text in r.texts for line in text.split("\n")}
        kept = [line for line in unit.source.split("\n") if line.strip() not in asked]
        if not unit.code:
            yield unit
        if any(line.strip() for line in kept):
            remark = Message(
                "You wrote into the cell of a task, cell {n}; your text was moved below it.", n=unit.number
            )
            self._note("edited-locked-cells", remark)
            yield _Unit(unit.index, unit.code, "\n".join(kept).strip(), None)

    def _added_to(self, unit: _Unit, r: _Released) -> Iterator[_Unit]:
        """What a student added to an instructor's cell, as another cell; the instructor's cell is used as released."""
        if same(unit.source, r.source):
            return
        only = None if r.role == "setup" else (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
        extra = additions(unit.source, r.source, only)
        names = definitions(extra)
        if r.role == "demo" and not any(answer.symbol in names for answer in self.answers):
            return  # students are meant to change a demonstration
        if extra.strip():
            remark = Message(
                "You changed cell {n}, which belongs to the exercise. The original was used, and your additions were "
                "run after it.",
                n=unit.number,
            )
            self._note("edited-locked-cells", remark)
            yield _Unit(unit.index, True, extra, None, names=names)
        elif r.role == "setup":
            remark = Message(
                "You changed cell {n}, which belongs to the exercise. The original was used.", n=unit.number
            )
            self._note("edited-locked-cells", remark)

    # -- which cell answers which part

    def _score(self, unit: _Unit, r: _Released) -> int:
        """How good a candidate a piece is for an answer, from 1 to 6; 0 for no candidate."""
        mine = unit.claim == r.grade_id
        if not unit.code or (unit.claim and not mine and self.released[unit.claim].role != "answer"):
            return 0
        untouched = skeleton(unit.source) == skeleton(r.source)
        if r.symbol in unit.names:
            if unit.names[r.symbol] and not untouched:
                return 6 if mine else 5
            return 3 if mine else 2
        if not mine:
            return 0
        stranger = any(a is not r and unit.names.get(a.symbol) for a in self.answers)
        return 4 if skeleton(unit.source) and not untouched and not stranger else 1

    def _resolve(self) -> dict[str, _Unit]:
        """For each answer cell of the release the piece of the hand-in that counts."""
        chosen: dict[str, _Unit] = {}
        for r in self.answers:
            scored = [(self._score(unit, r), i, unit) for i, unit in enumerate(self.units)]
            if scored:
                score, _, unit = max(scored, key=lambda item: item[:2])
                if score:
                    chosen[r.grade_id] = unit
        return chosen

    # -- putting all in place

    def match(self) -> Match:
        chosen = self._resolve()
        seats: dict[int, str] = {}  # unit -> the answer whose place it takes
        shared: dict[str, _Unit] = {}  # answers in a cell that takes the place of another answer
        for r in sorted(self.answers, key=lambda r: r.order):
            unit = chosen.get(r.grade_id)
            if unit is None:
                continue
            if id(unit) in seats:
                shared[r.grade_id] = unit
            else:
                seats[id(unit)] = r.grade_id
        tests: dict[str, int] = {}
        for position, unit in enumerate(self.units):
            if unit.claim and self.released[unit.claim].role == "test":
                tests.setdefault(unit.claim, position)
        claimed = {u.claim for u in self.units if u.by_id}
        seen: set[str] = set()
        cells: list[Placed] = []
        lost = 0
        for position, unit in enumerate(self.units):
            claimed_cell = self.released[unit.claim] if unit.claim else None
            if id(unit) in seats:
                r = self.released[seats[id(unit)]]
                remark = None
                if unit.claim != r.grade_id and (unit.claim is not None or r.grade_id in claimed):
                    remark = Message(
                        "`{name}` was found in cell {n}, which is not its own.", name=r.symbol, n=unit.number
                    )
                    self._note("moved-answers", remark)
                lost += unit.claim is None and r.grade_id not in claimed
                cells.append(Placed("answer", r.grade_id, unit.source, unit.index, remark))
                seen.add(r.grade_id)
            elif claimed_cell and claimed_cell.role in ("setup", "test", "demo"):
                if claimed_cell.grade_id in seen:
                    remark = Message("Cell {n} is a second copy and was left out.", n=unit.number)
                    cells.append(self._spare(unit, remark))
                    continue
                seen.add(claimed_cell.grade_id)
                lost += not unit.by_id
                cells.append(Placed(claimed_cell.role, claimed_cell.grade_id, claimed_cell.source, unit.index))
            elif not unit.code:
                again = claimed_cell is not None and claimed_cell.grade_id in seen
                if claimed_cell is None or (again and not claimed_cell.task):
                    cells.append(Placed("markdown", None, unit.source, unit.index))
                elif not again:  # a second copy of a task is left out
                    seen.add(claimed_cell.grade_id)
                    source = claimed_cell.source if claimed_cell.task else unit.source
                    cells.append(Placed("markdown", claimed_cell.grade_id, source, unit.index))
            else:
                cells.append(self._own(unit, position, chosen, tests))
        if lost:
            self._note(
                "lost-metadata",
                Message(
                    "Your notebook had lost its cell ids (some editors drop them); answers were found by their names."
                ),
            )
        return Match(self._complete(cells, seen, shared), self.remarks, self.flags)

    def _own(self, unit: _Unit, position: int, chosen: dict[str, _Unit], tests: dict[str, int]) -> Placed:
        """A code cell that is no answer: the student's own, run, unless it would replace an answer."""
        rivals = [r for r in self.answers if r.symbol in unit.names and chosen.get(r.grade_id) is not unit]
        if unit.claim is not None:
            winner = chosen.get(unit.claim)
            if not skeleton(unit.source) or skeleton(unit.source) == skeleton(self.released[unit.claim].source):
                return self._spare(unit, None)
            if winner is not None and rivals and set(unit.names) <= set(winner.names):
                symbol = self.released[unit.claim].symbol
                remark = Message(
                    "`{name}` is answered more than once; cell {m} counts, cell {n} was left out.",
                    name=symbol,
                    m=winner.number,
                    n=unit.number,
                )
                return self._spare(unit, remark)
        answered = {r.symbol for r in rivals}
        if answered and set(unit.names) <= answered:
            if not any(unit.names.values()):
                return self._spare(unit, None)
            late = [r for r in rivals if position > tests.get("test-" + r.grade_id.removeprefix("answer-"), 10**9)]
            if len(late) == len(rivals) and all(chosen[r.grade_id].claim == r.grade_id for r in rivals):
                names = ", ".join(f"`{name}`" for name in sorted(answered))
                remark = Message(
                    "Cell {n} defines {names} again, after its check; the answer cell counts.",
                    n=unit.number,
                    names=names,
                )
                return self._spare(unit, remark)
        return Placed("own", None, unit.source, unit.index)

    def _spare(self, unit: _Unit, remark: str | None) -> Placed:
        if remark:
            self._note("duplicated-cells", remark)
        return Placed("spare", None, unit.source, unit.index, remark)

    def _complete(self, cells: list[Placed], seen: set[str], shared: dict[str, _Unit]) -> list[Placed]:
        """Put back what is missing, and move setup cells above the answers that need them."""
        for r in sorted(self.released.values(), key=lambda r: r.order):
            if r.grade_id in seen or (r.role == "markdown" and not r.task):
                continue
            if r.grade_id in shared:
                unit = shared[r.grade_id]
                remark = Message(
                    "`{name}` was found in cell {n}, together with another answer.", name=r.symbol, n=unit.number
                )
                self._note("merged-cells", remark)
                new = Placed("answer", r.grade_id, f"# {r.symbol}: cell {unit.number}", unit.index, remark)
            elif r.role == "answer":
                name = r.symbol or r.grade_id.removeprefix("answer-")
                remark = Message("The cell that answers `{name}` is missing in your notebook.", name=name)
                self._note("missing-answers", remark)
                new = Placed("answer", r.grade_id, "", None, remark)
            else:
                remark = Message("Cells of the exercise that were missing in your notebook were put back.")
                self._note("restored-cells", remark)
                new = Placed(r.role, r.grade_id, r.source, None)
            cells.insert(self._seat(cells, r), new)
        self._settle(cells)
        return cells

    def _settle(self, cells: list[Placed]) -> None:
        """Move up each setup cell that stands below an answer that follows it in the release."""
        ordered = sorted(self.released.values(), key=lambda r: r.order)
        for r in (r for r in ordered if r.role == "setup"):
            where = {c.grade_id: i for i, c in enumerate(cells) if c.grade_id}
            needing = [where[o.grade_id] for o in self.answers if o.order > r.order]
            if not needing or where[r.grade_id] < min(needing):
                continue
            to = min(needing)
            if not any(o.order < r.order for o in self.answers):  # the opening imports: above the student's cells too
                above = [where[o.grade_id] + 1 for o in ordered if o.role == "setup" and o.order < r.order]
                to = max(above) if above else next(i for i, c in enumerate(cells) if c.role != "markdown")
            cells.insert(to, cells.pop(where[r.grade_id]))

    def _seat(self, cells: list[Placed], r: _Released) -> int:
        """Where to insert a cell: after the nearest one before it in the release, else before the first code cell.

        A task goes above its answer: the cell that was there to write in, else the next task, else the end.
        """
        if r.task:
            written = f"write-{r.grade_id.removeprefix('task-')}"
            below = [i for i, c in enumerate(cells) if c.index is not None and written in self.ids.get(c.index, [])]
            later = [i for i, c in enumerate(cells) if c.grade_id and self.released[c.grade_id].order > r.order]
            return min(below or later or [len(cells)])
        where = {c.grade_id: i for i, c in enumerate(cells) if c.grade_id}
        before = [o for o in self.released.values() if o.order < r.order and o.grade_id in where]
        if before:
            return where[max(before, key=lambda o: o.order).grade_id] + 1
        return next((i for i, c in enumerate(cells) if c.role != "markdown"), len(cells))

    def _note(self, flag: str, remark: str) -> None:
        if flag not in self.flags:
            self.flags.append(flag)
        if remark not in self.remarks and len(self.remarks) < MOST_REMARKS:
            self.remarks.append(remark)
