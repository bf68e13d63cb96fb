"""The data of a result's parts for the templates: the cases of each hidden test as one check, sorted by outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from autograder.records import Misconception, Outcome, Part, Picture, Result, Test
from autograder.reporting.language import spoken, titles
from course.i18n import _

_RANK: tuple[Outcome, ...] = ("passed", "not_run", "failed")  # from good to bad


class CaseView(TypedDict):
    """One case of a check."""

    label: str  # empty where the check has one case
    outcome: Outcome
    granted: bool


class CheckView(TypedDict):
    """All cases of one hidden test, shown as one check. Scores are points."""

    name: str
    title: str
    cases: list[CaseView]
    outcome: Outcome  # the worst of its cases
    message: str | None  # of the first case with this outcome, as is the picture
    picture: Picture | None
    worth: float
    earned: float
    granted: bool  # whether every case that does not pass follows from a mistake that is counted by itself


class PartView(TypedDict):
    """A part with all data that pages show, in the reader's language. Scores are points."""

    id: str
    title: str
    symbol: str
    score: float
    max_score: float
    complete: bool  # whether no points are lost
    by_hand: bool
    comment: str | None
    error: str | None  # the exception that the answer's cell ended with
    misconception: Misconception | None
    misconceptions: list[Misconception]
    follows: bool  # whether known mistakes are counted by themselves
    tests: list[Test]
    checks: list[CheckView]  # all of them, in order; each is also in one of the next four
    passed: list[CheckView]
    failed: list[CheckView]
    waiting: dict[str, list[CheckView]]  # not run, by the reason
    consequences: list[CheckView]  # granted
    void: list[CheckView]  # these count nothing in this course
    accepted: str | None  # that a person counts the answer as right, and why
    dropped: bool
    bonus: bool


def part_views(result: Result) -> list[PartView]:
    """The parts of an English result in the language that is chosen now, in the syllabus's order."""
    said = spoken(result)
    errors = {cell.get("grade_id"): cell.get("error") for cell in said.get("cells") or []}
    english = result.get("parts") or []
    return [
        _part_view(part, [titles(test) for test in written["tests"]], errors.get(f"answer-{part['id']}"))
        for part, written in zip(said["parts"], english, strict=True)
    ]


def _part_view(part: Part, named: Sequence[tuple[str, str]], error: str | None) -> PartView:
    """A translated part as pages show it; `named` has the title and case of each of its tests."""
    known = part.get("misconception")
    misconceptions = part.get("misconceptions") or ([known] if known else [])
    by_hand = part.get("by_hand", False)
    follows = part.get("marking") == "follow-through" and not by_hand
    counted = sum(m.get("cost") or 0.0 for m in misconceptions) if follows else 0.0
    points = max(0.0, float(part["max_score"]) - counted)
    both = list(zip(part["tests"], named, strict=True))
    kept, void = ([pair for pair in both if bool(pair[0].get("void")) == is_void] for is_void in (False, True))
    checks = _checks(kept, points, follows)
    own = [check for check in checks if not check["granted"]]
    waiting: dict[str, list[CheckView]] = {}
    for check in own:
        if check["outcome"] == "not_run":
            waiting.setdefault(check["message"] or _("A check that these build on did not pass."), []).append(check)
    return {
        "id": part["id"],
        "title": part.get("title") or part["id"],
        "symbol": part.get("symbol") or "",
        "score": part["score"],
        "max_score": part["max_score"],
        "complete": part["score"] >= part["max_score"] - 1e-9,
        "by_hand": by_hand,
        "comment": part.get("comment"),
        "error": error,
        "misconception": known,
        "misconceptions": misconceptions,
        "follows": follows,
        "tests": part["tests"],
        "checks": checks,
        "passed": [check for check in own if check["outcome"] == "passed"],
        "failed": [check for check in own if check["outcome"] == "failed"],
        "waiting": waiting,
        "consequences": [check for check in checks if check["granted"]],
        "void": _checks(void, 0.0, follows),
        "accepted": part.get("accepted"),
        "dropped": part.get("dropped", False),
        "bonus": part.get("bonus", False),
    }


def _checks(tests: Sequence[tuple[Test, tuple[str, str]]], points: float, follows: bool) -> list[CheckView]:
    """Tests as checks: the cases of one test, `test_values[a batch]` and so on, are one check.

    A check has failed if one of its cases has; it shows the message and the picture of the first that did. The checks
    share `points`: those of the part, less what the mistakes that are counted by themselves have taken off. A check is
    granted if every case that does not pass follows from these mistakes. Each of `tests` comes with its title and case.
    """
    whole = sum(float(test.get("share") or 1) for test, _named in tests) or 1.0
    checks: dict[str, CheckView] = {}
    for test, (title, case) in tests:
        name, outcome = test["name"].partition("[")[0], test["outcome"]
        check = checks.setdefault(
            name,
            {
                "name": name,
                "title": title,
                "cases": [],
                "outcome": "passed",
                "message": None,
                "picture": None,
                "worth": 0.0,
                "earned": 0.0,
                "granted": False,
            },
        )
        worth = points * float(test.get("share") or 1) / whole
        granted = follows and bool(test.get("granted"))
        check["worth"] += worth
        check["earned"] += worth * (outcome == "passed" or granted)
        check["cases"].append({"label": case, "outcome": outcome, "granted": granted})
        if _RANK.index(outcome) > _RANK.index(check["outcome"]):
            check["outcome"], check["message"], check["picture"] = outcome, test.get("message"), test.get("picture")
    for check in checks.values():
        lost = [case for case in check["cases"] if case["outcome"] != "passed"]
        check["granted"] = bool(lost) and all(case["granted"] for case in lost)
    return list(checks.values())
