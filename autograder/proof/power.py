"""The power of the hidden tests: how many mechanical mutants of the solutions they catch. `autograder verify --power`.

Every mutant is graded like a student's answer. It is caught if it loses points, in the right part if the symbol that
was changed loses some, and named if the feedback names a known mistake. Mutants that survive and are not listed as
equivalent show a hole in the tests: they need a test, or a reason in `tests/exercises/<module>/equivalents.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder import paths
from autograder.grading.grader import Grader, solution_source
from autograder.paths import ROOT
from autograder.proof.mutants import Equivalent, Mutant, equivalents, mutants
from autograder.records import Result
from autograder.submission.read import of_source
from course.syllabus import Assignment


@dataclass(frozen=True)
class Trial:
    """A mutant to be graded. `equivalent` is its entry in the list of equivalent mutants, if it has one."""

    assignment: Assignment
    mutant: Mutant
    equivalent: Equivalent | None


@dataclass(frozen=True)
class Fate:
    """The outcome of a mutant. `in_part`: whether a part of the changed symbol lost points; None if it has no part."""

    assignment: Assignment
    mutant: Mutant
    caught: bool
    in_part: bool | None
    named: bool
    equivalent: Equivalent | None

    @property
    def survived(self) -> bool:
        """Whether it was not caught, and is not listed as equivalent."""
        return not self.caught and self.equivalent is None


def trials(
    assignments: Iterable[Assignment],
    pick: Callable[[list[Mutant]], list[Mutant]] = lambda found: found,
    root: Path = ROOT,
) -> list[Trial]:
    """The mutants of the assignments' solutions; `pick` chooses among those of each assignment.

    Raises ValueError for an entry of the equivalents that fits no mutant any more.
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
    """Grade mutants, and give the outcome of each as soon as it is there."""
    hand_ins = [of_source(t.assignment, t.mutant.source, f"mutant{i}.py") for i, t in enumerate(tried)]
    for i, result in grader.stream(hand_ins):
        yield _fate(tried[i], result)


def spread(most: int | None) -> Callable[[list[Mutant]], list[Mutant]]:
    """A function that picks at most `most` mutants, evenly over the solution; all of them for None."""
    return lambda found: found if most is None else found[:: max(1, -(-len(found) // most))]


def _fate(trial: Trial, result: Result) -> Fate:
    assignment, mutant, equivalent = trial.assignment, trial.mutant, trial.equivalent
    if result["status"] != "graded":
        return Fate(assignment, mutant, True, None, False, equivalent)
    lost = [p for p in result["parts"] if p["score"] < p["max_score"]]
    own = any(part.symbol == mutant.symbol for part in assignment.exercise.parts)
    in_part = any(p["symbol"] == mutant.symbol for p in lost) if own and lost else None
    return Fate(assignment, mutant, bool(lost), in_part, any(p.get("misconception") for p in lost), equivalent)
