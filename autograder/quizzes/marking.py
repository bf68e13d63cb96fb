"""Marks for a quiz that was handed in. Nothing that a student wrote is run: answers are read as text.

An answer is a line `answers["bottleneck"] = "b"` in any cell: the letter of an option, letters where several are right,
a number where one is asked for. So it does not matter if an editor changed the ids and metadata of cells. If a question
has several such lines, the last one that is not empty counts. If it has none, the answer is the text of the question's
own cell.

A question is worth its `points` (1 unless its file says otherwise), all or nothing. Where several options are right,
the score is the share of the right options that were named, less the share of the wrong ones, and at least 0.

The right answers are in `course/quizzes/` of the grader's installation; a course folder does not have them. The sheet
has a hash of each question (`asked`). If a question has changed since, a letter may mean another option, so nothing is
marked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, NotRequired, TypedDict

from autograder.submission.cell_text import grade_id_of, text_of
from course.i18n import _
from course.quizzes import LETTERS, WORDS, canonical
from course.report import prose

ANSWER = re.compile(r"""^[ \t]*answers[ \t]*\[[ \t]*["']?([\w-]+)["']?[ \t]*\][ \t]*=(?!=)(.*)$""", re.MULTILINE)
QUOTED = re.compile(r"""(["'])(.*?)\1[ \t]*(?:#.*)?""")
AROUND = " \t\n\"'`,;"  # characters that may surround an answer
BETWEEN = re.compile(r"""[\s,;.&+/"'`\[\](){}]""")  # characters that may be between letters
LONGEST = 60  # characters; a longer text is no answer
LONGEST_READ = 1000  # characters of a line or cell that are looked at


class Option(TypedDict):
    """An option of a question: a choice with a text, or a number that may be typed."""

    text: NotRequired[str]  # of a choice
    value: NotRequired[float]  # of a number
    right: NotRequired[bool]
    why: str  # why it is right or wrong


class Question(TypedDict):
    """A question of a quiz, as its file has it."""

    id: str
    kind: Literal["one", "several", "number"]
    text: str
    options: list[Option]
    points: NotRequired[float]  # 1 unless said
    decimals: NotRequired[int]  # of a number: how many decimals count
    otherwise: NotRequired[str]  # of a number: what is said of any other number


class QuizRecord(TypedDict):
    """A quiz as its TOML file has it, checked by `autograder.quizzes.notebooks.read_quiz`."""

    title: str
    intro: str
    questions: list[Question]


@dataclass(frozen=True)
class Marked:
    """The mark of a question: `score` of `points`, and the report for the student, as HTML."""

    id: str
    score: float
    points: float
    report: str


def answer_line(question: str, answer: str = "") -> str:
    """The text of a question's cell with this answer in it."""
    return f'answers["{question}"] = {json.dumps(answer, ensure_ascii=False)}'


def points_of(question: Question) -> float:
    """The points that a question is worth."""
    return float(question.get("points", 1))


def asked(question: Question) -> str:
    """A hash of what the answers to a question mean: its kind and its options in their order.

    It does not depend on which option is right, the explanations and the points, so that these may be corrected after
    the sheet was released.
    """
    options = [option["text"] for option in question["options"] if "text" in option]
    meant = [question["id"], question["kind"], question.get("decimals"), options]
    return sha256(json.dumps(meant).encode()).hexdigest()[:16]


def changed(quiz: QuizRecord, sheet: dict[str, str]) -> list[str]:
    """The ids of questions of a sheet that have changed since, or are gone; `sheet` has the hash of each question."""
    now = {question["id"]: asked(question) for question in quiz["questions"]}
    return [question for question, then in sheet.items() if now.get(question) != then]


# -- reading ----------------------------------------------------------------------------------------------------------


def read_answers(cells: Iterable[Any]) -> dict[str, str]:
    """The answers in a hand-in's cells, as they were written, by question. A cell may be any JSON value."""
    found: dict[str, str] = {}
    in_place: dict[str, str] = {}
    for cell in cells:
        text = text_of(cell)
        for question, value in ANSWER.findall(text):
            found[question] = _value(value) or found.get(question, "")
        question = _question_of(cell)
        if question and not ANSWER.search(text):
            lines = [line for line in text[:LONGEST_READ].split("\n") if not line.lstrip().startswith("#")]
            in_place[question] = _value(" ".join(lines).rpartition("=")[2])
    return found | {question: text for question, text in in_place.items() if text and not found.get(question)}


def _value(written: str) -> str:
    written = "".join(c if c.isprintable() else " " for c in written[:LONGEST_READ]).strip()
    quoted = QUOTED.fullmatch(written)
    return (quoted.group(2) if quoted else written.partition("#")[0]).strip(AROUND)


def _question_of(cell: Any) -> str | None:
    """The question of a cell: by nbgrader's id, or the notebook format's, which Colab moves into metadata."""
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    for name in (
        grade_id_of(cell),
        cell.get("id") if isinstance(cell, dict) else None,
        metadata.get("id") if isinstance(metadata, dict) else None,
    ):
        if isinstance(name, str) and (found := re.fullmatch(r"answer-([\w-]+)", name)):
            return found[1]
    return None


# -- marking ----------------------------------------------------------------------------------------------------------


def mark_quiz(quiz: QuizRecord, answers: dict[str, str]) -> list[Marked]:
    """Mark each question of a quiz; reports are in the language that is chosen now."""
    return [_marked(question, answers.get(question["id"], "")) for question in quiz["questions"]]


def _marked(question: Question, answer: str) -> Marked:
    number = question["kind"] == "number"
    chosen = None if len(answer) > LONGEST else _typed(question, answer) if number else _letters(question, answer)
    right = [n for n, option in enumerate(question["options"]) if option.get("right", False)]
    if not answer:
        share, said = 0.0, [_("Nothing is written here.")]
    elif chosen is None:
        shown = answer[:LONGEST] + ("…" if len(answer) > LONGEST else "")
        form = _(WORDS["number"]) if number else _("Write the letter of an option, such as `b`.")
        share, said = 0.0, [_("“{text}” cannot be read as an answer.").format(text=shown.replace("`", "'")), form]
    else:
        share = _share(question, chosen, right)
        said = [_verdict(question, chosen, right, share), _("Your answer: {answer}").format(answer=answer)]
    rows = [_reason(question, n) for n in chosen or []]
    missed = [_reason(question, n) for n in right if n not in (chosen or [])]
    sign, colour = ("✓", "#1a7f37") if share == 1 else ("✗", "#c62828")
    report = (
        f'<div style="border-left: 4px solid {colour}; padding: 6px 12px; margin: 4px 0px">'
        f'<div><span style="color: {colour}"><b>{sign}</b></span> {" ".join(map(prose, said))}</div>{_listed(rows)}'
        + (f"<div>{prose(_('What is right:'))}</div>{_listed(missed)}" if missed else "")
        + "</div>"
    )
    return Marked(question["id"], share * points_of(question), points_of(question), report)


def _letters(question: Question, answer: str) -> list[int] | None:
    """The numbers of the options that were named, in order; None for anything but letters of options."""
    letters = LETTERS[: len(question["options"])]
    named = BETWEEN.sub("", answer).lower()
    return sorted({letters.index(letter) for letter in named}) if named and set(named) <= set(letters) else None


def _typed(question: Question, answer: str) -> list[int] | None:
    """The index of the option with the typed value, or the one after the last; None if it is not a number."""
    typed = canonical(answer, question["decimals"])
    values = [canonical(option["value"], question["decimals"]) for option in question["options"]]
    return None if typed is None else [n for n, value in enumerate(values) if value == typed] or [len(values)]


def _share(question: Question, chosen: list[int], right: list[int]) -> float:
    if question["kind"] != "several":
        return float(chosen == right)
    wrong = len(question["options"]) - len(right)
    found = sum(n in right for n in chosen)
    return max(0.0, found / len(right) - ((len(chosen) - found) / wrong if wrong else 0.0))


def _verdict(question: Question, chosen: list[int], right: list[int], share: float) -> str:
    if chosen == right:
        return _(WORDS["right"])
    if question["kind"] == "one" and len(chosen) > 1:
        return _("Several options are named, and one was asked for.")
    if set(chosen) < set(right):
        return _(WORDS["more"])
    return _("Partly right.") if share else _(WORDS["wrong"])


def _reason(question: Question, number: int) -> str:
    """The explanation of an option; the index after the last one means any other number."""
    if number == len(question["options"]):
        return _(question["otherwise"])
    option = question["options"][number]
    number_typed = question["kind"] == "number"
    name = f"{canonical(option['value'], question['decimals'])}:" if number_typed else f"{LETTERS[number]})"
    return f"{name} {_(option['why'])}"


def _listed(reasons: list[str]) -> str:
    return "".join(f'<div style="margin: 3px 0px 3px 20px">{prose(reason)}</div>' for reason in reasons)
