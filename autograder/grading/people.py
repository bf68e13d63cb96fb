"""Makes a row for everybody from results of hand-ins: group members, the class list, people who handed in nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from autograder.grading.result import sound
from autograder.messages import Message, table
from autograder.records import OwnerRecord, Result
from autograder.submission.attempts import UNKNOWN_OWNER
from autograder.submission.hand_in import Submission
from autograder.submission.owner import Owner, Person, platforms
from autograder.submission.roster import Member, Roster

NO_HAND_IN, OFF_ROSTER, GROUP, GROUP_UNCLEAR = "no-hand-in", "not-on-roster", "group", "group-unclear"  # flags


def owner_record(owner: Owner) -> OwnerRecord:
    """An owner as the results keep it."""
    return {
        "key": owner.key, "name": owner.name, "platform": owner.rule, "attempt": owner.tried or None,
        "late": owner.late, "email": owner.members[0].email if len(owner.members) == 1 else "", "section": "",
    }  # fmt: skip


def row_of(submission: Submission) -> Result:
    """The row of a hand-in before it is graded: owner, flags and remarks, without a mark."""
    return {
        "submission": submission.name,
        "student": submission.student,
        "assignment": submission.assignment.id if submission.assignment else None,
        "status": "not_graded",
        "message": submission.problem,
        "score": None,
        "max_score": None,
        "flags": submission.flags,
        "remarks": submission.remarks,
        "parts": [],
        "owner": owner_record(submission.owner) if submission.owner else None,
    }


def for_everybody(
    results: Sequence[Result], owners: Sequence[Owner | None], roster: Roster | None, assignments: Iterable[str]
) -> list[Result]:
    """A result for each person: also for each member of a group, and without a mark for people without a hand-in.

    `owners` has the owner of each of `results`. `assignments` are those that the class had to hand in. A group of the
    class list shares a hand-in if it has exactly one: then its other members get that mark.
    """
    everybody: list[Result] = []
    served: dict[str, set[Member]] = {}
    shared = _shared(results, owners, roster)
    for n, (result, owner) in enumerate(zip(results, owners, strict=True)):
        rows = _members(owner, roster, n in shared) if owner else []
        if not rows:
            everybody.append(result)
            continue
        for person, member in rows:
            everybody.append(_of_person(result, person, member, roster is not None, len(rows) > 1))
            if member is not None:
                served.setdefault(str(result["assignment"] or "?"), set()).add(member)
    if roster is not None:
        wanted = sorted(assignments) or ["?"]
        for assignment in wanted:
            everybody += [
                _nothing(member, assignment, results, roster.group_of(member), served.get(assignment, set()))
                for member in roster.members
                if member not in served.get(assignment, set())
            ]
    return [_writable(result) for result in _told_apart(everybody)]


def _told_apart(results: Sequence[Result]) -> list[Result]:
    """The results, with the key behind a name that the class list or a group gave and that another person has too."""
    keys: dict[str, set[str]] = {}
    for result in results:
        if owner := result.get("owner"):
            keys.setdefault(owner["name"], set()).add(owner["key"])

    def told_apart(result: Result) -> Result:
        owner = result.get("owner")
        if not owner or not {GROUP, NO_HAND_IN} & set(result["flags"]) or len(keys[owner["name"]]) == 1:
            return result
        return {**result, "student": f"{owner['name']} ({owner['key']})"}

    return list(map(told_apart, results))


def _writable(result: Result) -> Result:
    """The same result with names that can be written as UTF-8; names of files on a disk may be others."""
    owner = result.get("owner")
    names: Result = {**result, "submission": sound(result["submission"]), "student": sound(result["student"])}
    return {**names, "owner": sound(owner)} if owner else names


def _people(owner: Owner) -> tuple[Person, ...]:
    return owner.members or (Person(owner.key, owner.name),)


def _shared(results: Sequence[Result], owners: Sequence[Owner | None], roster: Roster | None) -> set[int]:
    """Which of the results, by position, are shared with the person's group on the class list.

    A result is shared if nobody else of the group handed in. No result is shared if half of the groups handed in more
    than one: then the column has groups of another kind, such as seminars.
    """
    if roster is None or not any(member.group for member in roster.members):
        return set()  # to find everybody on the list takes time in a large class
    handed_in: dict[tuple[str, str], list[int]] = {}
    for n, (result, owner) in enumerate(zip(results, owners, strict=True)):
        for person in _people(owner) if owner else ():
            member = roster.find(person)
            if member is not None and member.group:
                handed_in.setdefault((str(result["assignment"]), member.group), []).append(n)
    alone = {of: numbers[0] for of, numbers in handed_in.items() if len(set(numbers)) == 1}
    by_assignment: dict[str, list[bool]] = {}
    for of in handed_in:
        by_assignment.setdefault(of[0], []).append(of in alone)
    return {n for (assignment, _group), n in alone.items() if _most(by_assignment[assignment])}


def _most(found: Sequence[bool]) -> bool:
    return 2 * sum(found) > len(found)


def _members(owner: Owner, roster: Roster | None, shared: bool) -> list[tuple[Person, Member | None]]:
    people = _people(owner)
    if roster is None:
        return [(person, None) for person in people] if len(people) > 1 else []
    joined: list[tuple[Person, Member | None]] = []
    for person in people:
        member = roster.find(person)
        if member is None:
            joined.append((person, None))
            continue
        joined += [
            (Person(one.key, one.name, one.email), one)
            for one in (roster.group_of(member) if shared else [member])
            if one not in [known for _, known in joined]
        ]
    return joined


def _of_person(result: Result, person: Person, member: Member | None, with_roster: bool, group: bool) -> Result:
    owner: OwnerRecord = {**(result.get("owner") or _bare(person))}
    flags = list(result["flags"])
    if group:
        flags.append(GROUP)
        owner |= {"key": person.key, "name": person.name, "email": person.email}
    if member is not None:
        key = owner["key"] if owner["platform"] in platforms() and not group else member.key
        owner |= {"key": key, "name": member.name, "email": member.email, "section": member.section}
    elif with_roster:
        flags.append(OFF_ROSTER)
    student = person.name if group else result["student"]
    return {**result, "student": student, "owner": owner, "flags": list(dict.fromkeys(flags))}


def _bare(person: Person) -> OwnerRecord:
    return {
        "key": person.key, "name": person.name, "platform": "", "attempt": None, "late": False,
        "email": person.email, "section": "",
    }  # fmt: skip


def _nothing(
    member: Member, assignment: str, results: Sequence[Result], group: Sequence[Member], served: Collection[Member]
) -> Result:
    """The row of somebody on the class list who handed in nothing: no mark, which is not a mark of zero."""
    flags, message = [NO_HAND_IN], Message("Nothing was handed in.")
    if set(group) & set(served):
        flags.append(GROUP_UNCLEAR)
        message = Message(
            "This person handed in nothing. Others of the group {group} did, each for themselves.", group=member.group
        )
    most = next((result["max_score"] for result in results if result["assignment"] == assignment), None)
    return {
        "submission": "", "student": member.name, "assignment": None if assignment == "?" else assignment,
        "status": "not_graded", "message": message, "score": None, "max_score": most, "flags": flags,
        "remarks": [], "cells": [], "parts": [], "words": table(message),
        "owner": {
            "key": member.key, "name": member.name, "platform": "roster", "attempt": None, "late": False,
            "email": member.email, "section": member.section,
        },
    }  # fmt: skip


def unclear(result: Result) -> bool:
    """Whether a hand-in lacks a mark that it should have, or its owner is not known."""
    missing = result["status"] == "not_graded" and NO_HAND_IN not in result["flags"]
    return missing or bool({UNKNOWN_OWNER, GROUP_UNCLEAR} & set(result["flags"]))


def summary(results: Sequence[Result]) -> str:
    """The first line of a grading: how many people, how many graded, how many for a person to look at."""
    people = {_key(result) for result in results}
    graded = sum(result["status"] == "graded" for result in results)
    look = sum(unclear(result) or OFF_ROSTER in result["flags"] for result in results)
    noun = "person" if len(people) == 1 else "people"
    return f"{len(people)} {noun}, {graded} graded, {look} to look at"


def off_roster(results: Sequence[Result]) -> list[str]:
    """Lines about people who do not fit the class list: not on it, or in a group that does not share a hand-in."""
    strangers = [result for result in results if OFF_ROSTER in result["flags"]]
    unclear_groups = [result for result in results if GROUP_UNCLEAR in result["flags"]]
    lines = []
    if unclear_groups:
        names = ", ".join(sorted({str(result["student"]) for result in unclear_groups}))
        lines.append(
            f"No mark, though others of their group handed in: {names}. A group of the class list shares a notebook "
            'where most groups handed in one. If the groups are classes or seminars, call the column "section".'
        )
    if not strangers:
        return lines
    lines.append(f"Not on the class list ({len(strangers)}):")
    for result in strangers:
        owner = result.get("owner")
        key = f" ({owner['key']})" if owner and owner["key"] != result["student"] else ""
        lines.append(f"  {result['student']}{key}, {result['submission']}")
    return lines


def known_as(result: Result) -> str:
    """The name of a person on pages and in tables: the name on the class list or the platform.

    The student id, or the platform's key, stands behind it where the name alone may be another person's too.
    """
    student, owner = result["student"] or result["submission"] or "?", result.get("owner")
    if not owner or not owner["name"] or student.startswith(owner["name"]):
        return student
    if owner["platform"] not in platforms():
        return f"{owner['name']} ({student})"
    key = f" ({owner['key']})"
    return owner["name"] + (key if student.endswith(key) else "")


def _key(result: Result) -> str:
    """A key that identifies a person in all assignments."""
    owner = result.get("owner")
    return f"{owner['key']}\0{owner['name']}" if owner else result["student"] or result["submission"]
