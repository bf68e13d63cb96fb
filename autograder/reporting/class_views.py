"""What the page for a class prints: who has which marks, what went wrong most, and who waits or was not graded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypedDict

from autograder.grading.people import GROUP, NO_HAND_IN, known_as
from autograder.records import Result
from autograder.reporting.language import spoken
from autograder.reporting.text import points, shown_name
from autograder.reporting.views import PartView, part_views
from course.i18n import N_, _


class Member(NamedTuple):
    """A result on the page for a class."""

    name: str  # of the student, for people
    link: str  # address of the student's page; empty for none
    result: Result  # in the reader's language
    parts: list[PartView]

    @property
    def assignment(self) -> str:
        """The assignment's id, or "?"."""
        return str(self.result.get("assignment") or "?")

    @property
    def about(self) -> str:
        """What is known of the person beside the name: the platform's key, the e-mail address, the section."""
        return about(self.result, self.name)

    @property
    def stood_out(self) -> str:
        """What stood out about the hand-in, in a few words."""
        flags = self.result.get("flags") or []
        words = [_(text) for flag, text in {**FLAGS, **WORDS}.items() if flag in flags]
        words += [flag.replace("-", " ") for flag in flags if flag not in {*FLAGS, *WORDS, NO_HAND_IN}]
        return ", ".join(dict.fromkeys([*late(self.result), *words]))

    @property
    def share(self) -> float | None:
        """The share of the points that was reached; None where there is no mark."""
        score, most = self.result.get("score"), self.result.get("max_score")
        return float(score) / float(most) if isinstance(score, (int, float)) and most else None


class Overview(TypedDict):
    """The whole class: students by assignments, and the hand-ins without a mark."""

    columns: list[str]  # ids of assignments
    rows: list[tuple[str, dict[str, list[Member]]]]  # a student's name, and the results by assignment
    failed: list[Member]  # handed in, and not graded
    strangers: list[Member]  # on no row of the class list
    waiting: list[Member]  # for a person's mark


class KnownMistake(TypedDict):
    """A known mistake that was made in an assignment."""

    title: str
    hint: str
    part: str
    who: list[tuple[str, str]]  # the name and link of each student who made it


class PassRate(TypedDict):
    """How many hand-ins passed a test."""

    part: str
    title: str
    counts: Counter[str]  # by outcome


class Look(NamedTuple):
    """A hand-in that a person should look at, and why."""

    member: Member
    reasons: list[str]


class Teaching(TypedDict):
    """What the page opens with: what to teach, and whose hand-in needs a look."""

    mistakes: list[tuple[str, KnownMistake]]  # with the assignment's id, the most frequent first
    looks: list[Look]


class Section(TypedDict):
    """One assignment."""

    name: str
    columns: dict[str, str]  # the titles of its parts, by id
    rows: list[Member]  # by name
    shares: list[float]  # of the points, from low to high
    mean: float | None
    median: float | None
    misconceptions: list[KnownMistake]  # the most frequent first
    tests: list[PassRate]


def members(results: Sequence[Result], links: Sequence[str]) -> list[Member]:
    """The results of a class with a link each, in the language that is chosen now."""
    return [
        Member(shown_name(known_as(r), 80), link, spoken(r), part_views(r))
        for r, link in zip(results, links, strict=True)
    ]


def overview(everybody: Sequence[Member]) -> Overview:
    """The class by student and assignment."""
    rows: dict[str, dict[str, list[Member]]] = {}
    for member in everybody:
        rows.setdefault(member.name, {}).setdefault(member.assignment, []).append(member)
    return {
        "columns": sorted({member.assignment for member in everybody}),
        "rows": sorted(rows.items(), key=lambda item: item[0].casefold()),
        "failed": [m for m in everybody if m.result["status"] == "not_graded" and NO_HAND_IN not in m.result["flags"]],
        "strangers": [m for m in everybody if "not-on-roster" in m.result["flags"]],
        "waiting": [
            m
            for m in everybody
            if m.result["status"] == "by_hand" or "waits-for-a-person" in (m.result.get("flags") or [])
        ],
    }


# Flags that ask for a person's eyes, and what they say.
FLAGS = {
    "waits-for-a-person": N_("waits for a person's mark"),
    "not-in-gradebook": N_("the gradebook has another mark"),
    "accepted-earlier-answer": N_("an earlier answer was accepted, this one is another"),
    "ready-made-attention": N_("uses the framework's own attention"),
    "check-raised": N_("a check could not make sense of the answer"),
    "unknown-owner": N_("nobody knows whose it is"),
    "not-on-roster": N_("is not on the class list"),
}


# Flags that say what was found, without a need to look.
WORDS = {
    GROUP: N_("handed in by a group"),
    "several-files": N_("several files"),
    "untouched": N_("nothing was written"),
    "empty": N_("the file is empty"),
    "empty-tasks": N_("a text is missing"),
    "syntax-error": N_("Python cannot read a cell"),
    "other-kernel": N_("a notebook of another language"),
    "package-missing": N_("a package is missing"),
    "not-compilable": N_("Keras cannot compile it"),
}


def about(result: Result, name: str) -> str:
    """The key, e-mail address and section of a person, as far as they are known and not in the name already."""
    owner = result.get("owner")
    if not owner:
        return ""
    told = [value for value in (owner["key"], owner["email"]) if value and value not in name]
    if owner["section"]:
        told.append(_("section {name}").format(name=owner["section"]))
    return " · ".join(dict.fromkeys(told))


def late(result: Result) -> list[str]:
    """Whether a hand-in was late, by the platform or by the course, and what that costs; nothing for one in time."""
    owner, lateness, penalty = result.get("owner"), result.get("lateness"), result.get("late_penalty")
    if penalty:
        return [_("late, {points} points off").format(points=points(penalty))]
    seconds = lateness["late_seconds"] if lateness else 0
    return [_("late")] if seconds or owner and owner["late"] else []


def teaching(parts: Sequence[Section], most: int = 8) -> Teaching:
    """Of all sections: the known mistakes that several made, at most so many, and whose hand-in needs a look."""
    mistakes = [(section["name"], mistake) for section in parts for mistake in section["misconceptions"]]
    mistakes.sort(key=lambda pair: -len(pair[1]["who"]))
    looks = [Look(member, _reasons(member)) for section in parts for member in section["rows"]]
    return {
        "mistakes": [pair for pair in mistakes if len(pair[1]["who"]) > 1][:most] or mistakes[:1],
        "looks": [look for look in looks if look.reasons],
    }


def _reasons(member: Member) -> list[str]:
    """Why a person should look at a hand-in; nothing where there is no need."""
    result = member.result
    flags = result.get("flags") or []
    if result["status"] == "not_graded":
        return [] if NO_HAND_IN in flags else [_("could not be graded")]
    found = [_(text) for flag, text in FLAGS.items() if flag in flags]
    if result["status"] == "graded" and result["score"] == 0 and result["max_score"]:
        found.append(_("nothing passes"))
    return found


def sections(everybody: Sequence[Member]) -> list[Section]:
    """A section for each assignment, by its id."""
    groups: dict[str, list[Member]] = {}
    for member in everybody:
        groups.setdefault(member.assignment, []).append(member)
    return [_section(name, group) for name, group in sorted(groups.items())]


def _section(name: str, group: list[Member]) -> Section:
    rows = sorted(group, key=lambda m: m.name.casefold())
    columns: dict[str, str] = {}
    known: dict[tuple[str, str], KnownMistake] = {}
    tests: dict[tuple[str, str], PassRate] = {}
    for member in rows:
        if member.result["status"] != "graded":
            continue
        for part in member.parts:
            columns.setdefault(part["id"], part["title"])
            if found := part["misconception"]:
                mistake = known.setdefault(
                    (part["id"], found["id"]),
                    {"title": found["title"], "hint": found["hint"], "part": part["title"], "who": []},
                )
                mistake["who"].append((member.name, member.link))
            for test in part["tests"]:
                rate = tests.setdefault(
                    (part["id"], test["name"]), {"part": part["title"], "title": test["title"], "counts": Counter()}
                )
                rate["counts"][test["outcome"]] += 1
    shares = sorted(share for member in rows if (share := member.share) is not None)
    middle = len(shares) // 2
    order = list(columns)
    return {
        "name": name,
        "columns": columns,
        "rows": rows,
        "shares": shares,
        "mean": sum(shares) / len(shares) if shares else None,
        "median": (shares[middle] + shares[~middle]) / 2 if shares else None,
        "misconceptions": sorted(known.values(), key=lambda m: (-len(m["who"]), m["title"])),
        "tests": [t for _key, t in sorted(tests.items(), key=lambda item: order.index(item[0][0]))],
    }
