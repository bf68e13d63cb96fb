"""What all writers take from a result: its parts and checks with points and messages, in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograder.records import Misconception, Outcome, Result
from autograder.reporting.html import part_report, part_text
from autograder.reporting.language import spoken
from autograder.reporting.text import clean, line
from autograder.reporting.views import part_views


class OnePersonOnly(ValueError):
    """The format holds the result of one hand-in, and there are several, or none."""


@dataclass(frozen=True)
class Check:
    """A check of a part: the cases of one hidden test together. Scores are points."""

    name: str
    title: str
    outcome: Outcome
    message: str
    score: float
    max_score: float


@dataclass(frozen=True)
class Mistake:
    """A known mistake that was recognised in an answer."""

    id: str
    title: str
    hint: str


@dataclass(frozen=True)
class PartView:
    """A part as people read it. `text` and `html` hold the same report; scores are points."""

    id: str
    title: str
    score: float
    max_score: float
    misconceptions: tuple[Mistake, ...]
    checks: tuple[Check, ...]
    text: str
    html: str

    @property
    def complete(self) -> bool:
        """Whether nothing of the part is lost."""
        return self.score >= self.max_score - 1e-9


def parts_of(result: Result) -> list[PartView]:
    """The parts of a result, in the syllabus's order."""
    views = []
    for part in part_views(result):
        named: list[Misconception] = [part["misconception"]] if part["misconception"] else []
        views.append(
            PartView(
                id=part["id"],
                title=line(part["title"]),
                score=round(float(part["score"]), 2),
                max_score=float(part["max_score"]),
                misconceptions=tuple(
                    Mistake(found["id"], line(found["title"]), line(found["hint"], 1000)) for found in named
                ),
                checks=tuple(
                    Check(
                        name=check["name"],
                        title=line(check["title"]),
                        outcome=check["outcome"],
                        message=clean(check["message"] or "", 2000),
                        score=round(check["earned"], 4),
                        max_score=round(check["worth"], 4),
                    )
                    for check in part["checks"]
                ),
                text=part_text(result, part["id"]),
                html=part_report(result, part["id"]),
            )
        )
    return views


def remarks_of(result: Result) -> list[str]:
    """What is said of the hand-in as a whole, cleaned: the message, then the remarks."""
    told = spoken(result)
    return [clean(text, 2000) for text in (told.get("message"), *(told.get("remarks") or [])) if text]


def only(results: Sequence[Result], program: str) -> Result:
    """The one result that there is. Raises OnePersonOnly, which says what to do, where there are several or none."""
    if len(results) != 1:
        raise OnePersonOnly(
            f"{program} takes the result of one hand-in, and here are {len(results)}. Grade them one at a time."
        )
    return results[0]
