"""Diagnosis: which known mistakes would have given the student's answers?

Every program of a part's tests, also of those that passed, is run with references that each make one of the part's
mistakes. A mistake is ruled out if one value of the answer equals the reference's where the mistake gives another one.
Of the other mistakes, those that explain a failing test are candidates. A candidate is named only if judging the part
again with this mistake granted confirms it (`follow_through`), because a wrong name is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Protocol

from autograder.judging.catalogue import name_of
from autograder.judging.evidence import Stance, same, says_nothing, stance, stances, worst
from autograder.judging.plugin import Verdict
from autograder.judging.program import Answer, Program

MOST_PAIRS = 300  # pairs of mistakes that are tried for one part
Log = list[tuple[Program, Answer]]


class Oracle(Protocol):
    """Gives the answers of the reference, with and without mistakes in it."""

    def run(self, program: Program, *mistakes: str) -> Answer:
        """The answer of the reference with these mistakes in it."""

    def go_together(self, first: str, second: str) -> bool:
        """Whether `run` can be asked for both at once."""


@dataclass
class Standing:
    """The evidence of a part's programs about a mistake: what it explains, and what speaks against it."""

    mistake: str
    ruled_out: bool = False
    shows: bool = False  # whether it changes a value that a failing test looked at
    fits: bool = True  # whether no value differs from both the mistake's and the reference's
    seen: bool = False  # whether most failing tests recognised it themselves, for example by frequencies of random ids
    in_favour: int = 0  # programs of failing tests in which some value is the mistake's
    explained: list[Verdict] = field(default_factory=list)  # failing tests that it explains completely

    @property
    def explains_all(self) -> bool:
        """Whether it gives all values, and at least one that is not the reference's."""
        return self.fits and not self.ruled_out and bool(self.explained)


def standings(
    verdicts: Sequence[Verdict], mistakes: Iterable[str], oracle: Oracle, granted: tuple[str, ...] = ()
) -> list[Standing]:
    """The standing of each mistake, the best candidates first; those that are ruled out come last.

    `granted`: mistakes that are known to be there; the standings then tell what else is wrong.
    """
    failed = [v for v in verdicts if v.outcome == "failed"]
    written = [v for v in failed if v.misconception or not all(says_nothing(answer) for _, answer in v.log)]
    if not written:
        return []
    known = {name_of(mistake) for mistake in granted}  # in whichever way it was made
    found = [_standing(m, failed, verdicts, oracle, granted) for m in mistakes if name_of(m) not in known]
    # A stable order: mistakes that stand alike keep the catalogue's order.
    return sorted(found, key=lambda s: (s.ruled_out, not s.explains_all, -len(s.explained), -s.in_favour))


def _standing(
    mistake: str, failed: list[Verdict], verdicts: Sequence[Verdict], oracle: Oracle, granted: tuple[str, ...]
) -> Standing:
    standing = Standing(mistake, seen=2 * sum(v.told == name_of(mistake) for v in failed) >= max(1, len(failed)))
    if granted and not oracle.go_together(granted[0], mistake):
        standing.ruled_out = True
        return standing
    # Failing tests come first, because one of their programs rules out most mistakes.
    for verdict in failed:
        seen: list[Stance] = []
        for program, answer in reversed(verdict.log):
            if program.once and not standing.fits and not standing.in_favour:
                continue  # a mistake without evidence is not worth another training
            values = _stances(program, answer, mistake, oracle, granted)
            standing.shows = standing.shows or _shows(program, mistake, oracle, granted)
            standing.in_favour += Stance.FOR in values
            if Stance.AGAINST in values and not standing.seen:
                standing.ruled_out = True
                return standing
            seen.append(worst(values))
        told = verdict.misconception == name_of(mistake)
        if told or (Stance.FOR in seen and Stance.OTHER not in seen):
            standing.explained.append(verdict)
            standing.shows = True
        standing.fits = standing.fits and (told or Stance.OTHER not in seen)
    for verdict in verdicts:
        for program, answer in verdict.log if verdict.outcome == "passed" and standing.shows else ():
            if program.once and not standing.fits:
                continue
            values = _stances(program, answer, mistake, oracle, granted)
            if Stance.AGAINST in values and not standing.seen:  # few random results agree by chance
                standing.ruled_out = True
                return standing
            standing.fits = standing.fits and not {Stance.OTHER, Stance.AGAINST} & values
    return standing


def _stances(program: Program, answer: Answer, mistake: str, oracle: Oracle, granted: tuple[str, ...]) -> set[Stance]:
    if says_nothing(answer):
        return {Stance.OTHER}
    return stances(answer, oracle.run(program, *granted, mistake), oracle.run(program, *granted))


def _shows(program: Program, mistake: str, oracle: Oracle, granted: tuple[str, ...]) -> bool:
    return not same(oracle.run(program, *granted, mistake), oracle.run(program, *granted))


def candidates(found: list[Standing]) -> list[Standing]:
    """The standings that may be named, the best first: those that explain a failing test, or a value in one."""
    return [s for s in found if not s.ruled_out and (s.explained or s.in_favour)]


def pairs(verdicts: Sequence[Verdict], found: list[Standing], oracle: Oracle) -> Iterator[tuple[str, str]]:
    """Pairs of mistakes that together give all values of the answer, while neither alone does."""
    open_ = [s.mistake for s in found if not s.ruled_out and s.shows]
    everything = [pair for v in sorted(verdicts, key=lambda v: v.outcome != "failed") for pair in reversed(v.log)]
    if any(program.once for program, _ in everything):
        return  # each pair would train a model
    tried = 0
    for first, second in combinations(open_, 2):
        if tried >= MOST_PAIRS:
            return
        if name_of(first) != name_of(second) and oracle.go_together(first, second):
            tried += 1
            if _explain(everything, (first, second), oracle):
                yield first, second


def _explain(log: Log, mistakes: tuple[str, ...], oracle: Oracle) -> bool:
    told_apart = False
    for program, answer in log:
        says = stance(answer, oracle.run(program, *mistakes), oracle.run(program))
        if says in (Stance.OTHER, Stance.AGAINST):
            return False
        told_apart = told_apart or says is Stance.FOR
    return told_apart


def speaks_against(log: Log, mistakes: tuple[str, ...], oracle: Oracle) -> bool:
    """Whether a value is the reference's where these mistakes give another."""
    return any(
        Stance.AGAINST in stances(answer, oracle.run(program, *mistakes), oracle.run(program))
        for program, answer in log
        if not program.once
    )
