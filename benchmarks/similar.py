"""How well copied answers are told from independent ones: `autograder similar` on a simulated class.

    python -m benchmarks.similar [--assignment ID ...] [--rewrites N] [--copies N] [--json F]

The independent answers are the accepted alternatives, each put in other words by the mechanical rewrites of
`tests/support/rewrites.py`, N times. A pair is innocent where the two come from different alternatives. A copy is an
alternative after one of the five disguises of `tests/support/disguises.py`, compared with that alternative. For each
assignment: the number of innocent pairs at or above the cut, the share of copies at or above it by level, and the area
under the ROC curve. Nothing is run, so no framework is needed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from autograder import paths
from autograder.grading.grader import solution_source
from autograder.judging.catalogue import catalogue
from autograder.paths import ROOT
from autograder.similarity.answers import answers_of
from autograder.similarity.engine import Engine, Fingerprint, likeness
from autograder.similarity.scale import cut_of, scales
from course.syllabus import Assignment, syllabus

sys.path.append(str(ROOT / "tests"))
from support.disguises import LEVELS, disguised  # noqa: E402
from support.rewrites import rewritten  # noqa: E402

MISTAKES = 10  # known ones, about so many of each exercise
Prints = dict[str, Fingerprint]


@dataclass
class Measured:
    """What an assignment gave; likeness is that of the whole hand-in, as a multiple of its parts' cuts."""

    assignment: str
    compared: list[str]
    innocent: list[float] = field(default_factory=list)  # of different alternatives
    held_out: list[float] = field(default_factory=list)  # the same, on a scale that is made without the two
    near: list[float] = field(default_factory=list)  # of answers that are close to the solution
    copies: dict[int, list[float]] = field(default_factory=lambda: {level: [] for level in LEVELS})

    def auc(self, level: int) -> float:
        """The chance that a copy is more alike than an innocent pair; a tie counts half."""
        innocent = sorted(self.innocent)
        below = sum((bisect_left(innocent, c) + bisect_right(innocent, c)) / 2 for c in self.copies[level])
        return below / (len(innocent) * len(self.copies[level]))

    def found(self, level: int) -> float:
        """The share of copies that are shown."""
        return sum(c >= 1 for c in self.copies[level]) / len(self.copies[level])


class Simulation:
    """The alternatives of an assignment, and fingerprints of what is made of them."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment, self.engine = assignment, Engine()
        self.symbols = [part.symbol for part in assignment.exercise.parts]
        everything = scales(assignment, paths.source(ROOT), self.engine)
        self.scales = {symbol: scale for symbol, scale in everything.items() if scale.left_out is None}
        self.cuts = {symbol: scale.cut for symbol, scale in self.scales.items()}
        files = sorted(paths.alternatives(ROOT, assignment).glob("*.py"))
        self.texts = [path.read_text(encoding="utf-8") for path in files]
        self.originals = [self.prints(text) for text in self.texts]

    def prints(self, text: str) -> Prints:
        answers = answers_of([text], self.symbols)
        return {s: self.engine.fingerprint(answers[s], scale.known) for s, scale in self.scales.items() if s in answers}

    def most_without(self, symbol: str, *left_out: int) -> float:
        """How alike the most alike two alternatives are, without some of them and without what is word for word one."""
        rest = [o[symbol] for n, o in enumerate(self.originals) if n not in left_out and symbol in o]
        distinct = {o.answer.names: o for o in rest}.values()
        return max(likeness(one, other) for one, other in combinations(distinct, 2))

    def innocents(self, rewrites: int) -> Iterator[tuple[float, float]]:
        """How alike two are, as a multiple of the cut; and as one of the cut that is made without these two."""
        made = [[self.prints(rewritten(text, seed)[0]) for seed in range(rewrites)] for text in self.texts]
        for i, j in combinations(range(len(made)), 2):
            # A part that both files have word for word is no independent answer.
            apart = [
                s
                for s in self.scales
                if s in self.originals[i]
                and s in self.originals[j]
                and self.originals[i][s].answer.names != self.originals[j][s].answer.names
            ]
            if apart:
                others = {s: cut_of(self.most_without(s, i, j)) for s in apart}
                for one in made[i]:
                    for other in made[j]:
                        yield self.alike(one, other, apart), self.alike(one, other, apart, others)

    def near_the_solution(self, rewrites: int) -> Iterator[float]:
        """Innocent pairs of answers that are all close to the reference solution, right or with a known mistake."""
        track = self.assignment.track.id
        mistakes = [m for m in catalogue(self.assignment.exercise.id) if track in m.changes]
        solution = solution_source(self.assignment)
        texts = [solution] + [m.changes[track].apply(solution) for m in mistakes[:: max(1, len(mistakes) // MISTAKES)]]
        made = [self.prints(rewritten(text, seed)[0]) for text in texts for seed in range(rewrites)]
        yield from (self.alike(one, other, list(self.scales)) for one, other in combinations(made, 2))

    def copies(self, level: int, rounds: int) -> Iterator[float]:
        for i, text in enumerate(self.texts):
            for seed in range(rounds):
                copy = disguised(text, level, seed, self.texts[(i + 1 + seed) % len(self.texts)])
                yield self.alike(self.originals[i], self.prints(copy), list(self.scales))

    def alike(self, one: Prints, other: Prints, symbols: list[str], cuts: dict[str, float] | None = None) -> float:
        cuts = cuts or self.cuts
        return max((likeness(one[s], other[s]) / cuts[s] for s in symbols if s in one and s in other), default=0.0)


def measure(assignment: Assignment, rewrites: int, rounds: int = 4) -> Measured:
    simulation = Simulation(assignment)
    measured = Measured(assignment.id, list(simulation.scales))
    pairs = list(simulation.innocents(rewrites))
    measured.innocent, measured.held_out = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    measured.near = list(simulation.near_the_solution(rewrites))
    for level in LEVELS:
        measured.copies[level] = list(simulation.copies(level, rounds))
    return measured


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--assignment", action="append", choices=list(syllabus().assignments()))
    parser.add_argument("--rewrites", type=int, default=13, metavar="N", help="of each alternative (default: 13)")
    parser.add_argument("--copies", type=int, default=4, metavar="N", help="of each alternative and level (default: 4)")
    parser.add_argument("--json", type=Path, metavar="F")
    options = parser.parse_args(arguments)
    rows = []
    heads = ["assignment", "innocent pairs", "shown", "most alike", "shown, held out"]
    heads += ["near the solution", "shown", "most alike", *LEVELS.values()]
    print(f"| {' | '.join(heads)} |")
    print("|---" * len(heads) + "|")
    for name in options.assignment or syllabus().assignments():
        started = time.perf_counter()
        m = measure(syllabus().assignment(name), options.rewrites, options.copies)
        shown = sum(value >= 1 for value in m.innocent)
        levels = [f"{m.found(level):.0%} ({m.auc(level):.3f})" for level in LEVELS]
        near = sum(value >= 1 for value in m.near)
        held_out = sum(value >= 1 for value in m.held_out)
        cells = [name, f"{len(m.innocent):,}", f"{shown}", f"{max(m.innocent):.2f}", f"{held_out}"]
        cells += [f"{len(m.near):,}", f"{near}", f"{max(m.near):.2f}", *levels]
        print(f"| {' | '.join(cells)} |", flush=True)
        rows.append(
            {"assignment": name, "compared": m.compared, "innocent": len(m.innocent), "shown": shown,
             "most": max(m.innocent), "held_out": held_out, "near": len(m.near), "shown_near": near,
             "found": {LEVELS[n]: m.found(n) for n in LEVELS}, "auc": {LEVELS[n]: m.auc(n) for n in LEVELS},
             "seconds": time.perf_counter() - started}
        )  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
