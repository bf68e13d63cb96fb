"""Marks for a quiz that was handed in. Nothing that a student wrote is run: answers are read as text.

An answer is a line `answers["bottleneck"] = "b"` in any cell: the letter of an option, letters where several are right, a
number where one is asked for. So it does not matter what a front end has done to ids and metadata of cells. The last line
of a question counts.

A question is worth its `points` (1 unless its file says otherwise), all or nothing; where several options are right,
the share of them that was found less the share that was named wrongly, and never less than 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from course.i18n import _
from course.quizzes import LETTERS, WORDS, canonical
from course.report import _prose

ANSWER = re.compile(r"""^[ \t]*answers\[\s*["']([^"'\n]+)["']\s*\]\s*=[ \t]*(.*)$""", re.MULTILINE)
QUOTED = re.compile(r"""(["'])(.*?)\1[ \t]*(?:#.*)?""")
BETWEEN = re.compile(r"""[\s,;"'\[\](){}]""")  # what may stand between letters
LONGEST = 60  # characters of an answer; more is none


@dataclass(frozen=True)
class Marked:
    """What became of a question: the score of `points`, and what the student reads, as HTML."""

    id: str
    score: float
    points: float
    report: str


def read_answers(cells: Iterable[Any]) -> dict[str, str]:
    """The answers in a hand-in's cells, as they were written, by question."""
    found = {}
    for cell in cells:
        source = cell.get("source") if isinstance(cell, dict) else None
        if isinstance(source, list):
            source = "".join(piece for piece in source if isinstance(piece, str))
        for question, value in ANSWER.findall(source if isinstance(source, str) else ""):
            quoted = QUOTED.fullmatch(value.strip())
            text = quoted.group(2) if quoted else value.partition("#")[0]
            found[question] = text.strip()[: LONGEST + 1]
    return found


def mark_quiz(quiz: dict[str, Any], answers: dict[str, str]) -> list[Marked]:
    """Mark each question of a quiz, as `read_quiz` gives it; what is said is in the language in use."""
    return [_marked(question, answers.get(question["id"], "")) for question in quiz["questions"]]


def points_of(question: dict[str, Any]) -> float:
    return float(question.get("points", 1))


def _marked(question: dict[str, Any], answer: str) -> Marked:
    given = _number(question, answer) if question["kind"] == "number" else _letters(question, answer)
    if given is None:
        said = (
            _("Nothing is written here.") if not answer else _("“{text}” is no answer.").format(text=answer[:LONGEST])
        )
        return Marked(question["id"], 0.0, points_of(question), f"<p>✗ {escape(said)}</p>")
    share, reasons = given
    word = _(WORDS["right" if share == 1 else "more" if share > 0 else "wrong"])
    sign = "✓" if share == 1 else "✗"
    lines = "".join(f"<li>{_prose(_(reason))}</li>" for reason in reasons)
    report = f"<p>{sign} <b>{escape(word)}</b> {escape(answer)}</p><ul>{lines}</ul>"
    return Marked(question["id"], share * points_of(question), points_of(question), report)


def _letters(question: dict[str, Any], answer: str) -> tuple[float, list[str]] | None:
    options = question["options"]
    named = BETWEEN.sub("", answer).lower()
    if not named or len(answer) > LONGEST or any(letter not in LETTERS[: len(options)] for letter in named):
        return None
    chosen = sorted({LETTERS.index(letter) for letter in named})
    right = [n for n, option in enumerate(options) if option.get("right", False)]
    wrong = len(options) - len(right)
    hits, slips = sum(n in right for n in chosen), sum(n not in right for n in chosen)
    if question["kind"] == "one":
        share = float(chosen == right)
    else:
        share = max(0.0, hits / len(right) - (slips / wrong if wrong else 0.0))
    return share, [options[n]["why"] for n in chosen]


def _number(question: dict[str, Any], answer: str) -> tuple[float, list[str]] | None:
    typed = canonical(answer, question["decimals"])
    if typed is None:
        return None
    for option in question["options"]:
        if canonical(option["value"], question["decimals"]) == typed:
            return float(option.get("right", False)), [option["why"]]
    return 0.0, [question["otherwise"]]
