"""Follow-through marking: a known mistake is counted once, and the rest of the part as if the mistake were granted.

A part in which a mistake was found is judged again with a reference that makes this mistake, including tests that were
not run before. A test that passes then failed only because of the mistake, and costs nothing more. The mark is the
better of plain counting and (1 - weight) times the share that passes. A second mistake is looked for in what still
fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from autograder.judging.catalogue import Mistake
from autograder.judging.diagnosis import Log, Oracle, Standing, candidates, pairs, speaks_against, standings
from autograder.judging.plugin import Verdict

MOST_CANDIDATES = 4  # how many mistakes a part is judged again for

# Judges a part again as if these mistakes were granted; gives the verdicts by the tests' names.
JudgeAgain = Callable[[tuple[str, ...]], dict[str, Verdict]]


@dataclass(frozen=True)
class Mark:
    """The mark of a part. `score`, `plain` and `following` are shares of its points, 0 to 1."""

    rule: Literal["strict", "follow-through"]  # which one gave the score
    score: float
    plain: float  # each test that does not pass costs its share
    following: float | None = None  # named mistakes are counted once; None where none is named
    named: tuple[Mistake, ...] = ()
    counted: tuple[Mistake, ...] = ()  # the named ones whose weight is in the score
    granted: frozenset[str] = frozenset()  # tests that pass only if the counted mistakes are granted


@dataclass
class _Found:
    """Mistakes, and the verdicts of a part if they are granted."""

    mistakes: tuple[str, ...]
    verdicts: dict[str, Verdict]
    open_before: list[str] = field(default_factory=list)  # tests that were run before, and failed

    @property
    def explained(self) -> float:
        """The share of the tests in `open_before` that pass now."""
        passed = sum(self.verdicts[name].outcome == "passed" for name in self.open_before)
        return passed / len(self.open_before) if self.open_before else 0.0

    @property
    def log(self) -> Log:
        """The programs of this round, with their answers."""
        return [pair for verdict in self.verdicts.values() for pair in verdict.log]

    @property
    def passed(self) -> set[str]:
        """The tests that count as passed now.

        A test that the mistakes stop with an exception shows nothing about the rest of the answer. It counts only if
        the other tests show most of the part. Otherwise code that no test has run would earn points.
        """
        verdicts = self.verdicts.values()
        seen = sum(v.spec.share for v in verdicts if not v.unseen)
        mostly = 2 * seen >= sum(v.spec.share for v in verdicts)
        return {v.spec.name for v in verdicts if v.outcome == "passed" and (mostly or not v.unseen)}

    @property
    def share(self) -> float:
        """The share of the part's points that `passed` is worth."""
        return _worth(list(self.verdicts.values()), self.passed)


def passing(verdicts: Sequence[Verdict]) -> float:
    """The share of a part's points that its passed tests are worth, 0 to 1."""
    return _worth(verdicts, {v.spec.name for v in verdicts if v.outcome == "passed"})


def _worth(verdicts: Sequence[Verdict], names: set[str]) -> float:
    total = sum(v.spec.share for v in verdicts)
    return sum(v.spec.share for v in verdicts if v.spec.name in names) / total


def mark(
    own: Sequence[Verdict],
    entries: Sequence[Mistake],
    oracle: Oracle,
    judge_again: JudgeAgain,
    strict: bool = False,
) -> Mark:
    """Mark a part from the verdicts of its tests, and set in the failing ones the mistake that they match.

    `entries`: the part's known mistakes in this track. With `strict`, mistakes are named but the score is plain.
    """
    plain = passing(own)
    found = _find(list(own), [entry.id for entry in entries], oracle, judge_again)
    told = {v.spec.name: v.misconception for v in own}
    for verdict in own:
        verdict.misconception = _matched(verdict, found, told[verdict.spec.name])
    if not found:
        return Mark("strict", plain, plain)
    by_id = {entry.id: entry for entry in entries}
    named = tuple(by_id[name] for name in found[-1].mistakes)
    ways = [(_after(one, by_id), one) for one in found]
    best, way = max(ways, key=lambda pair: pair[0])  # of equal marks the first one, which counts fewer mistakes
    counted = tuple(by_id[name] for name in way.mistakes)
    if strict or best <= plain:
        return Mark("strict", plain, plain, best, named)
    granted = frozenset(v.spec.name for v in own if v.outcome != "passed" and v.spec.name in way.passed)
    return Mark("follow-through", best, plain, best, named, counted, granted)


def _after(found: _Found, by_id: Mapping[str, Mistake]) -> float:
    weight = min(1.0, sum(by_id[name].cost for name in found.mistakes))
    return (1 - weight) * found.share


def _matched(verdict: Verdict, found: list[_Found], told: str | None) -> str | None:
    """The mistake that a test's failure matches: the first that it passes with."""
    if verdict.outcome != "failed":
        return None
    for one in found:
        if one.verdicts[verdict.spec.name].outcome == "passed":
            return told if told in one.mistakes else one.mistakes[-1]
    return None


# -- finding -----------------------------------------------------------------------------------------------------------


def _find(own: list[Verdict], mistakes: list[str], oracle: Oracle, judge_again: JudgeAgain) -> list[_Found]:
    """The mistake to name, then that mistake with a second one if there is one; empty where none is named."""
    failed = [v.spec.name for v in own if v.outcome == "failed"]
    found = standings(own, mistakes, oracle)
    if not found:
        return []
    first = _best(found, failed, oracle, lambda name: judge_again((name,)))
    if first is None:
        return _pair(own, found, failed, oracle, judge_again)
    (name,) = first.mistakes
    left = list(first.verdicts.values())
    failed = [v.spec.name for v in left if v.outcome == "failed"]
    if not failed:
        return [first]
    found = standings(left, mistakes, oracle, granted=(name,))
    second = _best(found, failed, oracle, lambda other: judge_again((name, other)), granted=(name,))
    return [first, second] if second else [first]


def _best(
    found: list[Standing],
    failed: list[str],
    oracle: Oracle,
    judged: Callable[[str], dict[str, Verdict]],
    granted: tuple[str, ...] = (),
) -> _Found | None:
    """The candidate with which most of the failing tests pass, at least half of them; None for no such candidate."""
    best: _Found | None = None
    for standing in candidates(found)[:MOST_CANDIDATES]:
        mistakes = (*granted, standing.mistake)
        tried = _Found(mistakes, judged(standing.mistake), failed)
        if 2 * tried.explained < 1:
            continue
        if not granted and not standing.seen and speaks_against(tried.log, mistakes, oracle):
            continue
        if best is None or (tried.explained, tried.share) > (best.explained, best.share):
            best = tried
        if standing.explains_all and tried.share == 1:
            break
    return best


def _pair(
    own: list[Verdict], found: list[Standing], failed: list[str], oracle: Oracle, judge_again: JudgeAgain
) -> list[_Found]:
    """Two mistakes that only together explain the part, the one that costs more tests first."""
    for first, second in pairs(own, found, oracle):
        both = _Found((first, second), judge_again((first, second)), failed)
        if 2 * both.explained >= 1 and not speaks_against(both.log, both.mistakes, oracle):
            return [both]
    return []
