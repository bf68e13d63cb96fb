"""The data of the class page: marks, the most frequent mistakes, and hand-ins that wait or were not graded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypedDict

from autograder.grading.people import GROUP, GROUP_UNCLEAR, NO_HAND_IN, known_as
from autograder.records import Result
from autograder.reporting.language import spoken
from autograder.reporting.text import points, shown_name
from autograder.reporting.views import PartView, part_views
from course.i18n import N_, _
from course.syllabus import syllabus


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
        """Facts about the person besides the name: the platform's key, the e-mail address, the section."""
        return about(self.result, self.name)

    @property
    def stood_out(self) -> str:
        """The flags of the hand-in, in a few words."""
        flags = self.result.get("flags") or []
        words = [_(text) for flag, text in {**FLAGS, **WORDS}.items() if flag in flags]
        words += [flag.replace("-", " ") for flag in flags if flag not in {*FLAGS, *WORDS, NO_HAND_IN}]
        return ", ".join(dict.fromkeys([*late(self.result), *words]))

    @property
    def group(self) -> str:
        """The section of the class list that the student is in; empty for none."""
        owner = self.result.get("owner")
        return owner["section"] if owner else ""

    @property
    def share(self) -> float | None:
        """The share of the points that was reached; None where there is no mark."""
        score, most = self.result.get("score"), self.result.get("max_score")
        return float(score) / float(most) if isinstance(score, (int, float)) and most else None


class Row(NamedTuple):
    """A student's marks in all assignments."""

    name: str
    group: str  # the class list's section; empty for none
    marks: dict[str, list[Member]]  # by assignment

    @property
    def sum(self) -> tuple[float, float] | None:
        """The points of all graded assignments, and their maximum; None if nothing is graded."""
        results = [member.result for all_of_one in self.marks.values() for member in all_of_one]
        graded = [(float(r["score"] or 0), float(r["max_score"] or 0)) for r in results if r["status"] == "graded"]
        return (sum(score for score, _ in graded), sum(most for _, most in graded)) if graded else None

    @property
    def looks(self) -> bool:
        """Whether a person should look at one of them."""
        return any(reasons_of(member) for all_of_one in self.marks.values() for member in all_of_one)


class Group(NamedTuple):
    """A section of the class list: how many people, and the share of the points that those graded reached."""

    name: str
    people: int
    mean: float | None


class Overview(TypedDict):
    """The whole class: students by assignments, and the hand-ins without a mark."""

    columns: list[str]  # ids of assignments, in the syllabus's order
    rows: list[Row]  # by name
    groups: list[Group]  # the class list's sections, by name; none where it has none, or one
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
    shares: tuple[list[float], list[float]]  # of the assignment's points: of those who failed, of those who passed


class Look(NamedTuple):
    """A hand-in that a person should look at, and why."""

    member: Member
    reasons: list[str]


class Teaching(TypedDict):
    """The top of the page: what to teach next, and which hand-ins need a look."""

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
    odd: list[tuple[PassRate, str]]  # checks whose pass rate is odd, and why


def order_of(assignment: str) -> tuple[int, str]:
    """A sort key: the assignment's place in the syllabus; unknown assignments come last, by name."""
    known = list(syllabus().released())
    return (known.index(assignment) if assignment in known else len(known), assignment)


def members(results: Sequence[Result], links: Sequence[str]) -> list[Member]:
    """The results of a class with a link each, in the language that is chosen now."""
    return [
        Member(shown_name(known_as(r), 80), link, spoken(r), part_views(r))
        for r, link in zip(results, links, strict=True)
    ]


def overview(everybody: Sequence[Member]) -> Overview:
    """The class by student and assignment."""
    rows: dict[str, Row] = {}
    for member in everybody:
        row = rows.setdefault(member.name, Row(member.name, member.group, {}))
        row.marks.setdefault(member.assignment, []).append(member)
    return {
        "columns": sorted({member.assignment for member in everybody}, key=order_of),
        "rows": sorted(rows.values(), key=lambda row: row.name.casefold()),
        "groups": _groups(list(rows.values())),
        "failed": [m for m in everybody if m.result["status"] == "not_graded" and NO_HAND_IN not in m.result["flags"]],
        "strangers": [m for m in everybody if "not-on-roster" in m.result["flags"]],
        "waiting": [
            m
            for m in everybody
            if m.result["status"] == "by_hand" or "waits-for-a-person" in (m.result.get("flags") or [])
        ],
    }


def _groups(rows: Sequence[Row]) -> list[Group]:
    names = sorted({row.group for row in rows})
    if len(names) < 2:
        return []
    groups = []
    for name in names:
        sums = [row.sum for row in rows if row.group == name]
        shares = [got / most for one in sums if one and (most := one[1]) for got in one[:1]]
        groups.append(Group(name, len(sums), sum(shares) / len(shares) if shares else None))
    return groups


# Flags of hand-ins that a person should look at, with their texts.
FLAGS = {
    "waits-for-a-person": N_("waits for a person's mark"),
    "not-in-gradebook": N_("the gradebook has another mark"),
    "accepted-earlier-answer": N_("an earlier answer was accepted; this is a different one"),
    "ready-made-attention": N_("uses the framework's own attention"),
    "check-raised": N_("a check could not make sense of the answer"),
    "unknown-owner": N_("the owner is not known"),
    "not-on-roster": N_("is not on the class list"),
}


# Flags that only inform, with their texts.
WORDS = {
    GROUP: N_("handed in by a group"),
    GROUP_UNCLEAR: N_("others of the group handed in"),
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
    """Of all sections: at most `most` known mistakes that several students made, and hand-ins that need a look."""
    mistakes = [(section["name"], mistake) for section in parts for mistake in section["misconceptions"]]
    mistakes.sort(key=lambda pair: -len(pair[1]["who"]))
    looks = [Look(member, reasons_of(member)) for section in parts for member in section["rows"]]
    return {
        "mistakes": [pair for pair in mistakes if len(pair[1]["who"]) > 1][:most] or mistakes[:1],
        "looks": [look for look in looks if look.reasons],
    }


def reasons_of(member: Member) -> list[str]:
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
    """A section for each assignment, in the syllabus's order."""
    groups: dict[str, list[Member]] = {}
    for member in everybody:
        groups.setdefault(member.assignment, []).append(member)
    return [_section(name, group) for name, group in sorted(groups.items(), key=lambda item: order_of(item[0]))]


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
                made: PassRate = {
                    "part": part["title"], "title": test["title"], "counts": Counter(), "shares": ([], [])
                }  # fmt: skip
                rate = tests.setdefault((part["id"], test["name"]), made)
                rate["counts"][test["outcome"]] += 1
                if test["outcome"] != "not_run" and member.share is not None:
                    rate["shares"][test["outcome"] == "passed"].append(member.share)
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
        "odd": [(rate, why) for rate in tests.values() if (why := odd(rate))],
    }


FEW = 5  # people who passed, or failed; with fewer, a pass rate says nothing


def odd(rate: PassRate) -> str | None:
    """Why a check's pass rate is odd; None where it is not."""
    failed, passed = rate["shares"]
    if len(failed) + len(passed) >= 2 * FEW and len(passed) <= 0.1 * (len(failed) + len(passed)):
        return _("nearly nobody passes")
    if min(len(failed), len(passed)) >= FEW and sum(passed) / len(passed) < sum(failed) / len(failed):
        return _("those who pass it have fewer points than those who do not")
    return None
