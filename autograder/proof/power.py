"""The power of the hidden tests: how many mechanical mutants of the solutions they catch. `autograder verify --power`.

Every mutant is handed in and graded like any answer. It is caught if it loses a point, in the right part if one of the
lost points belongs to the symbol that was changed, and named if the feedback names a known mistake for it. Survivors
that are not listed as equivalent are holes in the tests: they need a test, or a reason in
`tests/exercises/<module>/equivalents.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder import paths
from autograder.grading.grader import Grader, solution_source
from autograder.paths import ROOT
from autograder.proof.mutants import Equivalent, Mutant, equivalents, mutants
from autograder.submission.read import of_source
from course.syllabus import Assignment


@dataclass(frozen=True)
class Trial:
    """A mutant that is to be graded. `equivalent`: why it behaves as the solution does, if it is listed so."""

    assignment: Assignment
    mutant: Mutant
    equivalent: Equivalent | None


@dataclass(frozen=True)
class Fate:
    """What became of a mutant. `in_part`: whether a part of the changed symbol lost points (None: no part is of it)."""

    assignment: Assignment
    mutant: Mutant
    caught: bool
    in_part: bool | None
    named: bool
    equivalent: Equivalent | None

    @property
    def survived(self) -> bool:
        return not self.caught and self.equivalent is None


def trials(
    assignments: Iterable[Assignment],
    pick: Callable[[list[Mutant]], list[Mutant]] = lambda found: found,
    root: Path = ROOT,
) -> list[Trial]:
    """The mutants of assignments' solutions, or those that `pick` takes of an assignment's.

    Raises ValueError for an entry among the equivalents that fits no mutant: it is stale.
    """
    every = []
    for assignment in assignments:
        found = mutants(solution_source(assignment))
        listed = {
            (e.symbol, e.change): e
            for e in equivalents(paths.equivalents(root, assignment.exercise))
            if e.track == assignment.track.id
        }
        if stale := listed.keys() - {(m.symbol, m.change) for m in found}:
            symbol, change = sorted(stale)[0]
            raise ValueError(f"{assignment.id}: no mutant of {symbol} is {change!r}; take it off the equivalents")
        every += [Trial(assignment, m, listed.get((m.symbol, m.change))) for m in pick(found)]
    return every


def fates(tried: list[Trial], grader: Grader) -> Iterator[Fate]:
    """Grade them; what became of each, as it is finished."""
    hand_ins = [of_source(t.assignment, t.mutant.source, f"mutant{i}.py") for i, t in enumerate(tried)]
    for i, result in grader.stream(hand_ins):
        yield _fate(tried[i], result)


def spread(most: int | None) -> Callable[[list[Mutant]], list[Mutant]]:
    """Takes at most so many, evenly over the solution; all for None."""
    return lambda found: found if most is None else found[:: max(1, -(-len(found) // most))]


def _fate(trial: Trial, result: dict) -> Fate:
    assignment, mutant, equivalent = trial.assignment, trial.mutant, trial.equivalent
    if result["status"] != "graded":
        return Fate(assignment, mutant, True, None, False, equivalent)
    lost = [p for p in result["parts"] if p["score"] < p["max_score"]]
    own = any(part.symbol == mutant.symbol for part in assignment.exercise.parts)
    in_part = any(p["symbol"] == mutant.symbol for p in lost) if own and lost else None
    return Fate(assignment, mutant, bool(lost), in_part, any(p["misconception"] for p in lost), equivalent)
