"""What changed between two gradings of a class, and why: per person, part and test.

comparison = compare(old_results, new_results)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypedDict

from autograder.records import Part, Result
from course.i18n import N_

Direction = Literal["up", "down", "same", "new", "gone", "lost"]
SAME = 0.005  # points: marks that differ by less are the same, rounded

# Reasons for a changed mark, in the order in which they are listed.
REASONS = {
    "answer": N_("another answer was handed in"),
    "test": N_("a test counts nothing now, or the judge's tests were changed"),
    "accepted": N_("an answer was accepted, or no longer is"),
    "person": N_("a person's mark"),
    "points": N_("the part is worth other points"),
    "marking": N_("another rule of marking"),
    "limits": N_("other limits"),
    "seed": N_("another seed, so other hidden inputs"),
    "versions": N_("other versions of programs"),
    "late": N_("what lateness costs"),
}


class TestChange(TypedDict):
    """A test whose outcome changed; None: it was not there."""

    name: str
    title: str
    old: str | None
    new: str | None


class PartChange(TypedDict):
    """A part whose points or tests changed. Scores are points; None: it was not there."""

    id: str
    title: str
    old: float | None
    new: float | None
    old_max: float | None
    new_max: float | None
    reasons: list[str]
    tests: list[TestChange]


class Change(TypedDict):
    """The change of one person's result for one assignment. Scores are points.

    `direction`: the mark went "up" or "down" or is the "same"; it is "new"; the hand-in is "gone"; or it has "lost" its
    mark, because it could not be graded.
    """

    student: str
    email: str
    assignment: str
    direction: Direction
    old: float | None
    new: float | None
    old_max: float | None
    new_max: float | None
    reasons: list[str]
    parts: list[PartChange]
    tell: bool  # whether the person has seen another mark, and must be told


class Comparison(TypedDict):
    """The changes of everybody, and the number of changes for each `direction`."""

    changes: list[Change]
    counts: dict[str, int]


def compare(old: Sequence[Result], new: Sequence[Result]) -> Comparison:
    """Compare two gradings; a person is known by the platform's key, else by name, together with the assignment."""
    before, after = ({_key(result): result for result in results if result["assignment"]} for results in (old, new))
    changes = [_change(before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys())]
    return {"changes": changes, "counts": dict(Counter(change["direction"] for change in changes))}


def moved(comparison: Comparison) -> list[Change]:
    """The changes in which the mark, or the points of a part, changed."""
    return [change for change in comparison["changes"] if change["tell"] or change["direction"] not in ("same", "new")]


def why(reasons: Sequence[str], say: Callable[[str], str] = str) -> str:
    """Reasons as a sentence; `say` translates."""
    return "; ".join(say(REASONS[reason]) for reason in reasons)


def _key(result: Result) -> tuple[str, str]:
    return str(result["assignment"]), str(result["student"])


def _change(old: Result | None, new: Result | None) -> Change:
    known = new or old
    assert known is not None
    then, now = (r["score"] if r and r["status"] == "graded" else None for r in (old, new))
    direction: Direction = "same"
    if new is None:
        direction = "gone"
    elif old is None or (then is None and now is not None):
        direction = "new"
    elif then is not None and now is None:
        direction = "lost"
    elif then is not None and now is not None and abs(now - then) > SAME:
        direction = "up" if now > then else "down"
    parts: list[PartChange] = []
    reasons: set[str] = set()
    if old and new and then is not None and now is not None:
        parts = _parts(old, new)
        reasons = {reason for part in parts for reason in part["reasons"]}
        if abs((old.get("late_penalty") or 0.0) - (new.get("late_penalty") or 0.0)) > SAME:
            reasons.add("late")
    differs = direction in ("up", "down", "lost") or any(_points(part) for part in parts)
    return {
        "student": str(known["student"]),
        "email": _email(known),
        "assignment": str(known["assignment"]),
        "direction": direction,
        "old": then,
        "new": now,
        "old_max": old["max_score"] if old else None,
        "new_max": new["max_score"] if new else None,
        "reasons": [reason for reason in REASONS if reason in reasons],
        "parts": parts,
        "tell": then is not None and differs,
    }


def _points(part: PartChange) -> bool:
    return part["old"] != part["new"] or part["old_max"] != part["new_max"]


def _parts(old: Result, new: Result) -> list[PartChange]:
    """The parts that changed."""
    before, after = ({part["id"]: part for part in result["parts"]} for result in (old, new))
    around = _around(old, new)
    found: list[PartChange] = []
    for name in dict.fromkeys([*before, *after]):
        then, now = before.get(name), after.get(name)
        tests = _tests(then, now)
        scores = [round(part["score"], 2) if part else None for part in (then, now)]
        most = [round(part["max_score"], 2) if part else None for part in (then, now)]
        if tests or scores[0] != scores[1] or most[0] != most[1]:
            known: Any = now or then
            found.append(
                {
                    "id": name, "title": known.get("title") or name, "old": scores[0], "new": scores[1],
                    "old_max": most[0], "new_max": most[1], "reasons": _why(then, now, bool(tests), around),
                    "tests": tests,
                }
            )  # fmt: skip
    return found


def _tests(old: Part | None, new: Part | None) -> list[TestChange]:
    before, after = ({test["name"]: test for test in part["tests"]} if part else {} for part in (old, new))
    found: list[TestChange] = []
    for name in dict.fromkeys([*before, *after]):
        then, now = (_outcome(tests.get(name)) for tests in (before, after))
        if then != now:
            title = (after.get(name) or before[name])["title"]
            found.append({"name": name, "title": title, "old": then, "new": now})
    return found


def _outcome(test: Any) -> str | None:
    return ("void" if test.get("void") else test["outcome"]) if test else None


def _around(old: Result, new: Result) -> list[str]:
    """Reasons that hold for the whole result: another answer, judge, marking rule, limits, seed, versions."""
    versions = [dict(result.get("versions") or {}) for result in (old, new)]
    judges = [each.pop("judge", None) for each in versions]
    differ = {
        "answer": old.get("content") != new.get("content"),
        "test": judges[0] != judges[1],
        "marking": old.get("marking") != new.get("marking"),
        "limits": (old.get("limits") or {}) != (new.get("limits") or {}),
        "seed": old.get("seed") != new.get("seed"),
        "versions": versions[0] != versions[1] or old.get("device") != new.get("device"),
    }
    return [name for name, is_so in differ.items() if is_so]


def _why(old: Part | None, new: Part | None, outcomes: bool, around: list[str]) -> list[str]:
    """The reasons for the change of a part."""
    then, now = (dict(part or {}) for part in (old, new))
    found: set[str] = set()
    if then.get("by_hand") or now.get("by_hand"):
        found.add("person")
    if then.get("accepted") != now.get("accepted"):
        found.add("accepted")
    if any(then.get(key) != now.get(key) for key in ("max_score", "dropped", "bonus")):
        found.add("points")
    if _void(then) != _void(now):
        found.add("test")
    if outcomes or not found:
        found |= set(around)
    return [reason for reason in REASONS if reason in found]


def _void(part: dict[str, Any]) -> set[str]:
    return {test["name"] for test in part.get("tests", []) if test.get("void")}


def _email(result: Result) -> str:
    owner = result.get("owner")
    return owner["email"] if owner else ""
