"""Applies a course's settings to the judge's results: points, void tests, accepted answers.

The judge's results in `.autograder/results` stay as they are. So a change of these settings needs no new grading.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from autograder.messages import Message, table
from autograder.records import Misconception, Part, Result, Test
from autograder.settings.points import Worth, worth_of
from autograder.settings.types import Accepted, AssignmentSettings, CourseSettings
from course.syllabus import UnknownName, syllabus

ACCEPTED_BEFORE = "accepted-earlier-answer"  # a flag: the accepted answer was another one


def counted(result: Result, settings: CourseSettings, sources: Path | None = None) -> Result:
    """The result with the course's points, its void tests' reasons, and the answers that it accepts.

    `sources` is the folder of the course's source notebooks. The result that is given is left as it is.
    """
    try:
        assignment = syllabus().assignment(str(result.get("assignment")))
    except UnknownName:
        return result
    own = settings.of(assignment.id)
    worth = worth_of(assignment, own, sources)
    most = round(sum(one.points for one in worth.values() if not one.bonus), 6)
    if result["status"] != "graded":
        return {**result, "max_score": most}
    messages: list[Message] = []
    flags = [flag for flag in result["flags"] if flag != ACCEPTED_BEFORE]
    parts: list[Part] = []
    for raw in result["parts"]:
        part: Part = _with_worth(raw, worth[raw["id"]]) if raw["id"] in worth else {**raw}
        part["tests"] = [_with_reason(test, own, messages) for test in raw["tests"]]
        accepted = [one for one in own.accept if one.hand_in == result["student"] and one.part == raw["id"]]
        if any(_is_about(one, result) for one in accepted):
            part = _accepted(part, next(one for one in accepted if _is_about(one, result)), messages)
        elif accepted:
            flags.append(ACCEPTED_BEFORE)
        parts.append(part)
    return {
        **result,
        "parts": parts,
        "flags": list(dict.fromkeys(flags)),
        "score": round(sum(part["score"] for part in parts), 2),
        "max_score": most,
        "words": {**(result.get("words") or {}), **table(*messages)},
    }


def _is_about(accepted: Accepted, result: Result) -> bool:
    return accepted.content in ("", result.get("content"))


def _with_worth(raw: Part, worth: Worth) -> Part:
    """A part with the course's points."""
    part: Part = {**raw}
    before, now = float(raw["max_score"]), worth.points
    if before != now:
        full = raw["score"] >= before

        def scaled(points: float) -> float:
            value = round(points * now / before, 2) if before else 0.0
            return value if full else max(0.0, min(value, round(now - 0.01, 2)))

        part["max_score"], part["score"] = now, now if full else scaled(raw["score"])
        if "plain_score" in raw:
            part["plain_score"] = scaled(raw["plain_score"])
        followed = raw.get("follow_through_score")
        if followed is not None:
            part["follow_through_score"] = scaled(followed)
        if "misconceptions" in raw and before:
            part["misconceptions"] = [_at_cost(one, now / before) for one in raw["misconceptions"]]
    if worth.dropped:
        part["dropped"] = True
    if worth.bonus:
        part["bonus"] = True
    return part


def _at_cost(mistake: Misconception, factor: float) -> Misconception:
    """A mistake whose cost is multiplied by `factor`."""
    cost = mistake.get("cost")
    return {**mistake, "cost": round(cost * factor, 2)} if cost else mistake


def _with_reason(test: Test, own: AssignmentSettings, messages: list[Message]) -> Test:
    """A void test with the reason that the course gives."""
    void = own.voids(test["name"]) if test.get("void") else None
    if void is None or not void.why:
        return test
    messages.append(Message("This check does not count: {why}", why=void.why))
    return {**test, "message": str(messages[-1])}


def _accepted(part: Part, accepted: Accepted, messages: list[Message]) -> Part:
    """A part with full points, because a person accepted the answer."""
    messages.append(Message("Accepted by your instructor: {why}", why=accepted.why))
    return {
        **part, "score": part["max_score"], "accepted": str(messages[-1]), "marking": "strict",
        "misconception": None, "misconceptions": [],
    }  # fmt: skip


def shown(result: Result, settings: CourseSettings, now: datetime | None = None) -> Result:
    """The result as the student may see it now: `[show]` in the course's settings says how much, and when."""
    own = settings.of(result.get("assignment"))
    level = own.shown_to(str(result.get("student")), now or datetime.now(UTC))
    if level == "all" or result["status"] != "graded":
        return result
    if level == "nothing":
        message = Message("Your hand-in is graded. Feedback comes later.")
        return {
            **result, "status": "by_hand", "message": message, "score": None, "parts": [], "cells": [], "remarks": [],
            "words": table(message),
        }  # fmt: skip
    parts: list[Part] = []
    for part in result["parts"]:
        bare: Part = {**part, "misconception": None, "misconceptions": [], "marking": "strict"}
        bare["tests"] = [] if level == "mark" else [{**t, "message": None, "picture": None} for t in part["tests"]]
        parts.append(bare)
    return {**result, "parts": parts, "cells": []}
