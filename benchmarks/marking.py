"""What a known mistake costs, and whether two at once are both named.

    python -m benchmarks.marking self-attention additive-attention [--track pytorch] [--pairs 40] [--seed 1] [--each]

Every known mistake is handed in alone: the share of its part that it costs is held against its weight. Then pairs of
mistakes of one part that can be in a solution together are handed in, some of each part, spread over its mistakes. Of
two, one may hide the other: the tests then say of both what they say of the one, or all of them pass when it is
granted. Such pairs are listed by themselves; the share is of the others.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from rich.console import Console
from rich.table import Table

from autograder.grading.grader import Grader, solution_source
from autograder.judging.catalogue import CatalogueError, Mistake, catalogue, combine
from autograder.records import Part
from autograder.submission.read import of_source
from course.syllabus import Assignment, syllabus

NEAR = 0.05  # how far from its weight a mistake's cost may be
ROUNDED = 0.002  # points have two decimals


@dataclass(frozen=True)
class Trial:
    """What became of one hand-in with one or two known mistakes of a part in it."""

    mistakes: tuple[Mistake, ...]
    cost: float  # the share of the part that was lost
    plain: float  # the share that counting each test alone would take
    named: frozenset[str]
    said: tuple[tuple[str, str | None], ...]  # outcome and message of each test

    @property
    def as_weighed(self) -> bool:
        """Whether the cost is the weight to within `NEAR`."""
        return abs(self.cost - min(1.0, sum(m.cost for m in self.mistakes))) <= NEAR + ROUNDED

    @property
    def all_named(self) -> bool:
        """Whether each of its mistakes is named."""
        return {m.id for m in self.mistakes} <= self.named


def hidden(pair: Trial, alone: list[Trial]) -> bool:
    """Whether nothing that is tested shows more than one of the two mistakes."""
    if pair.all_named:
        return False
    own = [m for m in pair.mistakes if m.id in pair.named]
    if len(own) == len(pair.named) == 1 and abs(pair.cost - own[0].cost) < 0.005:
        return True
    return any(one.said == pair.said for one in alone if one.mistakes[0] in pair.mistakes)


def trials(assignment: Assignment, hand_ins: Iterable[tuple[tuple[Mistake, ...], str]], grader: Grader) -> list[Trial]:
    """Grade sources with these mistakes in them."""
    listed = list(hand_ins)
    found = []
    submissions = [of_source(assignment, source, "+".join(m.id for m in mistakes)) for mistakes, source in listed]
    for (mistakes, _), result in zip(listed, grader.grade(submissions), strict=True):
        if result["status"] != "graded":
            raise SystemExit(f"{result['submission']}: {result['message']}")
        part: Part = next(p for p in result["parts"] if p["id"] == mistakes[0].part)
        most = part["max_score"]
        named = frozenset(m["id"] for m in part.get("misconceptions", []))
        said = tuple((test["outcome"], test["message"]) for test in part["tests"])
        found.append(Trial(mistakes, 1 - part["score"] / most, 1 - part["plain_score"] / most, named, said))
    return found


def singles(assignment: Assignment) -> Iterator[tuple[tuple[Mistake, ...], str]]:
    """Each known mistake of the track, in the solution."""
    track, solution = assignment.track.id, solution_source(assignment)
    for mistake in catalogue(assignment.exercise.id):
        if track in mistake.changes:
            yield (mistake,), mistake.changes[track].apply(solution)


def pairs(assignment: Assignment, most: int) -> Iterator[tuple[tuple[Mistake, ...], str]]:
    """At most so many pairs of each part's mistakes, spread evenly over all that go together."""
    track, solution = assignment.track.id, solution_source(assignment)
    for part in assignment.exercise.parts:
        own = [m for m in catalogue(assignment.exercise.id) if m.part == part.id and track in m.changes]
        together = []
        for one, other in combinations(own, 2):
            try:
                source = combine(solution, one.changes[track], other.changes[track])
            except CatalogueError:
                continue
            together.append(((one, other), source))
        yield from together[:: max(1, -(-len(together) // most))]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exercises", nargs="*", help="ids of exercises (default: all)")
    parser.add_argument("--track", default="pytorch", choices=list(syllabus().tracks))
    parser.add_argument("--pairs", type=int, default=40, metavar="N", help="pairs of each part, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--each", action="store_true", help="also print those that come out otherwise")
    options = parser.parse_args()
    console = Console(width=140)
    table = Table(
        "exercise",
        "mistakes",
        "named",
        "cost = weight ± 0.05",
        "median cost, plain",
        "pairs",
        "one hidden",
        "both named",
    )
    with Grader(jobs=options.jobs, seed=options.seed) as grader:
        for exercise in options.exercises or list(syllabus().exercises):
            assignment = syllabus().assignment(f"{exercise}-{options.track}")
            alone = trials(assignment, singles(assignment), grader)
            tried = trials(assignment, pairs(assignment, options.pairs), grader)
            both = [trial for trial in tried if not hidden(trial, alone)]
            plain = sorted(t.plain for t in alone)
            table.add_row(
                exercise,
                str(len(alone)),
                _share([t.all_named for t in alone]),
                _share([t.as_weighed for t in alone]),
                f"{plain[len(plain) // 2]:.2f}",
                str(len(tried)),
                str(len(tried) - len(both)),
                _share([t.all_named for t in both]),
            )
            for trial in (*alone, *both) if options.each else ():
                if not (trial.all_named and (len(trial.mistakes) > 1 or trial.as_weighed)):
                    ids = " + ".join(f"{m.id} ({m.weight})" for m in trial.mistakes)
                    said = ", ".join(sorted(trial.named)) or "nothing"
                    where = trial.mistakes[0].part
                    console.print(
                        f"{where}: {ids}: costs {trial.cost:.3f}, plain {trial.plain:.3f}, named {said}", soft_wrap=True
                    )
    console.print(table)


def _share(held: list[bool]) -> str:
    return f"{sum(held)} ({sum(held) / len(held):.0%})" if held else "–"


if __name__ == "__main__":
    main()
