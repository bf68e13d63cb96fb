"""The scale of similarity of each part, from its accepted alternatives.

The alternatives are right answers that were written independently. The similarity of the most similar two of them shows
what chance and the task itself can cause. Two answers of a class are shown only if they are clearly more similar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Literal

from autograder import paths
from autograder.grading.grader import solution_source
from autograder.judging.catalogue import catalogue
from autograder.paths import ROOT
from autograder.similarity.answers import Answer, answer_of, answers_of
from autograder.similarity.engine import Engine, Fingerprint, likeness
from autograder.submission.cell_text import grade_id_of, stub, text_of
from autograder.submission.read import released_cells
from course.syllabus import Assignment

SHORT = 5  # lines: right answers of so few lines are all alike
FEWEST = 4  # independent answers that make a scale
BEYOND = 0.25  # how far above the most alike independent pair the cut lies, on the way from there to 1

LeftOut = Literal["short", "few"]


@dataclass(frozen=True)
class Scale:
    """The scale of one symbol of an assignment. `left_out` says why its answers are not compared; None: they are."""

    symbol: str
    parts: tuple[str, ...]  # the ids of the parts that it answers
    independent: tuple[Fingerprint, ...]
    known: frozenset[int]  # the passages of the template, the solution, and the solution with each known mistake
    most: float  # the similarity of the most similar two independent answers
    left_out: LeftOut | None = None

    @property
    def cut(self) -> float:
        """The similarity from which on two answers are shown."""
        return cut_of(self.most)

    def as_alike(self, one: Fingerprint, other: Fingerprint) -> int:
        """How many independent answers are at least as similar to one of the two as the two are to each other."""
        alike = likeness(one, other)
        return sum(max(likeness(one, third), likeness(other, third)) >= alike for third in self.independent)


def cut_of(most: float) -> float:
    """The similarity from which on two answers are shown; `most` is that of the most similar independent answers."""
    return most + BEYOND * (1 - most)


def scales(assignment: Assignment, source_root: Path, engine: Engine) -> dict[str, Scale]:
    """The scale of each symbol of an assignment, from its alternatives, solution, catalogue and source notebook."""
    solution = solution_source(assignment)
    track = assignment.track.id
    mistakes = [m.changes[track].apply(solution) for m in catalogue(assignment.exercise.id) if track in m.changes]
    template = [stub(text_of(cell)) for cell in released_cells(source_root, assignment) if grade_id_of(cell)]
    files = sorted(paths.alternatives(ROOT, assignment).glob("*.py"))
    return made(
        assignment,
        [path.read_text(encoding="utf-8") for path in files],
        solution,
        mistakes,
        template,
        engine,
    )


def made(
    assignment: Assignment,
    alternatives: Sequence[str],
    solution: str,
    mistakes: Iterable[str],
    template: Iterable[str],
    engine: Engine,
) -> dict[str, Scale]:
    """The scale of each symbol, from texts of modules and of the released cells."""
    parts: dict[str, tuple[str, ...]] = {}
    for part in assignment.exercise.parts:
        parts[part.symbol] = (*parts.get(part.symbol, ()), part.id)
    right = answers_of([solution], parts)
    common = [right, *(answers_of([text], parts) for text in mistakes)]
    released = [answer for text in template if (answer := answer_of(text))]
    written = [answers_of([text], parts) for text in alternatives]
    found = {}
    for symbol, ids in parts.items():
        known = engine.known([*_all(symbol, common), *released])
        found[symbol] = _scale(symbol, ids, _all(symbol, written), _all(symbol, [right]), known, engine)
    return found


def _all(symbol: str, found: Iterable[Mapping[str, Answer]]) -> list[Answer]:
    return [answers[symbol] for answers in found if symbol in answers]


def _scale(
    symbol: str,
    parts: tuple[str, ...],
    written: list[Answer],
    right: list[Answer],
    known: frozenset[int],
    engine: Engine,
) -> Scale:
    # Some alternatives differ from another one only in one part: the same text counts as one independent answer.
    distinct = list({answer.names: answer for answer in written}.values())
    independent = tuple(engine.fingerprint(answer, known) for answer in distinct)
    most = max((likeness(one, other) for one, other in combinations(independent, 2)), default=0.0)
    lines = median([answer.lines for answer in [*right, *distinct]] or [0])
    left_out: LeftOut | None = "short" if lines <= SHORT else "few" if len(independent) < FEWEST else None
    return Scale(symbol, parts, independent, known, most, left_out)
