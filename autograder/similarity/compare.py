"""Compares the answers of a class with each other and with those of earlier terms, never earlier ones with each other.

    likeness = compare_class(submissions, names, source, earlier=..., results=...)

Three things are looked for: answers that are more alike than independent right answers are (`scale`), hand-ins whose
code is the same character by character, and wrong answers that give the same numbers to the last bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autograder.messages import Message
from autograder.records import Result
from autograder.similarity.answers import answers_in
from autograder.similarity.engine import Engine, Fingerprint, likeness, spans
from autograder.similarity.records import (
    AlikeAnswer,
    AssignmentLikeness,
    Likeness,
    Pair,
    Person,
    SameNumbers,
    Unread,
)
from autograder.similarity.scale import Scale, scales
from autograder.submission.hand_in import Submission
from autograder.submission.read import content_of
from course.syllabus import Assignment


@dataclass
class _HandIn:
    person: Person
    content: str | None
    answered: bool
    result: Result | None
    prints: dict[str, Fingerprint] = field(default_factory=dict)


def compare_class(
    submissions: Sequence[Submission],
    names: Sequence[str],
    source: Path,
    earlier: Sequence[tuple[Submission, str]] = (),
    results: Iterable[Result] = (),
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Likeness:
    """Find what is alike in a class. `names` are the names of each hand-in's people, in order.

    `earlier` are hand-ins of earlier terms with their names. `results` are gradings; those of other code than what was
    handed in are left out. `source` is the folder of source notebooks. `progress` is told (pairs done, pairs in all).
    """
    graded = {(r["assignment"], r.get("content")): r for r in results if r["status"] == "graded" and r.get("content")}
    everybody = [(s, name, False) for s, name in zip(submissions, names, strict=True)]
    everybody += [(s, name, True) for s, name in earlier]
    by_assignment: dict[Assignment, list[tuple[Submission, Person]]] = {}
    unread: list[Unread] = []
    for submission, name, old in everybody:
        why = _why_not(submission)
        if why is not None:
            unread.append({"name": name, "file": submission.name, "why": why})
        elif submission.assignment is not None:
            person: Person = {"name": name, "file": submission.name, "earlier": old}
            by_assignment.setdefault(submission.assignment, []).append((submission, person))
    asked = [a for a, there in by_assignment.items() if not all(person["earlier"] for _, person in there)]
    counts = [len(by_assignment[a]) for a in asked]
    total, done = sum(n * (n - 1) // 2 for n in counts), 0

    def advance(pairs: int) -> None:
        nonlocal done
        done += pairs
        progress(done, total)

    compared = [_Comparison(a, by_assignment[a], source, graded).made(advance) for a in asked]
    return {"assignments": sorted(compared, key=lambda one: one["assignment"]), "unread": unread}


def _why_not(submission: Submission) -> str | None:
    """Why a hand-in cannot be compared."""
    if submission.problem or submission.assignment is None:
        return submission.problem or Message("It does not belong to any assignment that is known here.")
    if submission.assignment.exercise.by_hand:
        return Message("A person reads this assignment; only code is compared.")
    return None


class _Comparison:
    """The comparison of one assignment."""

    def __init__(
        self,
        assignment: Assignment,
        there: Sequence[tuple[Submission, Person]],
        source: Path,
        graded: Mapping[tuple[str | None, str | None], Result],
    ) -> None:
        self.assignment, self.engine = assignment, Engine()
        self.scales = scales(assignment, source, self.engine)
        self.hand_ins: list[_HandIn] = []
        for submission, person in there:
            answers = answers_in(submission)
            prints = {
                symbol: self.engine.fingerprint(answers[symbol], scale.known)
                for symbol, scale in self.scales.items()
                if scale.left_out is None and symbol in answers
            }
            result = None if person["earlier"] else graded.get((assignment.id, submission.content))
            answered = submission.content != content_of(assignment, [])  # stubs do not count in it
            self.hand_ins.append(_HandIn(person, submission.content, answered, result, prints))

    def made(self, advance: Callable[[int], None]) -> AssignmentLikeness:
        own = [one for one in self.hand_ins if not one.person["earlier"]]
        return {
            "assignment": self.assignment.id,
            "hand_ins": len(own),
            "earlier": len(self.hand_ins) - len(own),
            "compared": [
                {
                    "symbol": scale.symbol,
                    "parts": list(scale.parts),
                    "left_out": scale.left_out,
                    "answers": sum(scale.symbol in one.prints for one in own),
                    "independent": len(scale.independent),
                    "most": round(scale.most, 3),
                    "cut": round(scale.cut, 3),
                }
                for scale in self.scales.values()
            ],
            "pairs": self._pairs(advance),
            "identical": self._identical(),
            "same_numbers": self._same_numbers(own),
            "results": sum(one.result is not None for one in own),
        }

    def _pairs(self, advance: Callable[[int], None]) -> list[Pair]:
        """The pairs that are shown, the least likely by chance first."""
        pairs: list[Pair] = []
        for i, one in enumerate(self.hand_ins):
            for other in self.hand_ins[i + 1 :]:
                if one.person["earlier"] and other.person["earlier"]:
                    continue
                alike = [
                    self._answer(scale, one.prints[symbol], other.prints[symbol])
                    for symbol, scale in self.scales.items()
                    if symbol in one.prints
                    and symbol in other.prints
                    and likeness(one.prints[symbol], other.prints[symbol]) >= scale.cut
                ]
                if alike:
                    pairs.append({"one": one.person, "other": other.person, "answers": alike})
            advance(len(self.hand_ins) - i - 1)
        return sorted(pairs, key=_rank)

    def _answer(self, scale: Scale, one: Fingerprint, other: Fingerprint) -> AlikeAnswer:
        alike = likeness(one, other)
        class_ = [h.prints[scale.symbol] for h in self.hand_ins if scale.symbol in h.prints]
        others = [p for p in class_ if p is not one and p is not other]
        first, second = spans(one, other)
        return {
            "symbol": scale.symbol,
            "parts": list(scale.parts),
            "alike": round(alike, 3),
            "cut": round(scale.cut, 3),
            "most": round(scale.most, 3),
            "independent": len(scale.independent),
            "as_alike": scale.as_alike(one, other),
            "others": sum(max(likeness(one, p), likeness(other, p)) >= alike for p in others),
            "same_text": _plain(one.answer.text) == _plain(other.answer.text),
            "one": {"text": one.answer.text, "spans": first},
            "other": {"text": other.answer.text, "spans": second},
        }

    def _identical(self) -> list[list[Person]]:
        groups: defaultdict[str, list[Person]] = defaultdict(list)
        for one in self.hand_ins:
            if one.content and one.answered:
                groups[one.content].append(one.person)
        return [g for g in groups.values() if len(g) > 1 and not all(person["earlier"] for person in g)]

    def _same_numbers(self, own: Sequence[_HandIn]) -> list[SameNumbers]:
        """Groups of people with the same wrong numbers, part by part; known mistakes are left out."""
        people: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)  # by part, test and hash
        wrong: defaultdict[str, set[int]] = defaultdict(set)
        titles: dict[str, str] = {}
        for number, one in enumerate(own):
            for part in one.result["parts"] if one.result else ():
                for test in part["tests"]:
                    if gave := test.get("gave"):
                        wrong[part["id"]].add(number)
                        titles[test["name"]] = test["title"]
                        if not test["misconception"]:
                            people[part["id"], test["name"], gave].append(number)
        found: dict[tuple[str, tuple[int, ...]], list[str]] = {}
        for (part_id, test_name, _gave), numbers in people.items():
            if len(numbers) > 1:
                found.setdefault((part_id, tuple(numbers)), []).append(titles[test_name])
        return [
            {
                "part": part_id,
                "tests": tests,
                "people": [own[number].person for number in numbers],
                "wrong": len(wrong[part_id]),
            }
            for (part_id, numbers), tests in found.items()
        ]


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


def _rank(pair: Pair) -> tuple[float, float, str, str]:
    """A sort key: how unlikely a pair is by chance (independent answers as alike, then the distance above the cut)."""
    by_chance = min(answer["as_alike"] for answer in pair["answers"])
    above = max(answer["alike"] / answer["cut"] for answer in pair["answers"])
    return by_chance, -above, pair["one"]["name"], pair["other"]["name"]
