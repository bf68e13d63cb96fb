"""The page and the table of similar answers in a class, with base rates and without a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from autograder.messages import Message, again
from autograder.reporting.html import render
from autograder.reporting.marks import write_csv
from autograder.reporting.text import LONGEST
from autograder.similarity.records import AlikeAnswer, AssignmentLikeness, Likeness, Person, Side
from course.i18n import _
from course.syllabus import UnknownName, syllabus

MOST_PAIRS = 200  # pairs of an assignment that the page shows side by side; the table and `--json` have all
SIDES: tuple[Literal["one", "other"], Literal["one", "other"]] = ("one", "other")
CSV = ("What", "Assignment", "Part", "One", "Other", "File of one", "File of other", "Alike", "Shown from",
       "Most alike of independent", "As alike", "Independent")  # fmt: skip


def alike_page(likeness: Likeness) -> str:
    """A full page, without scripts, in the language that `course.i18n` has chosen."""
    assignments = [_assignment(number, one) for number, one in enumerate(likeness["assignments"])]
    unread = [{**one, "why": again(one["why"].told() if isinstance(one["why"], Message) else one["why"])}
              for one in likeness["unread"]]  # fmt: skip
    return render("alike.html.j2", assignments=assignments, unread=unread, most=MOST_PAIRS)


def alike_table(likeness: Likeness) -> str:
    """All similar answers as CSV, a row for each pair of hand-ins and each part."""
    rows: list[Sequence[object]] = [CSV]
    for one in likeness["assignments"]:
        name = one["assignment"]
        for pair in one["pairs"]:
            for a in pair["answers"]:
                measures = (a["alike"], a["cut"], a["most"], a["as_alike"], a["independent"])
                parts = " ".join(a["parts"])
                rows.append(("alike", name, parts, *_both(pair["one"], pair["other"]), *measures))
        for group in one["identical"]:
            rows += [("identical", name, "", *_both(group[0], other), "", "", "", "", "") for other in group[1:]]
        for same in one["same_numbers"]:
            first, *others = same["people"]
            rows += [("same numbers", name, same["part"], *_both(first, other), "", "", "", len(same["people"]), "")
                     for other in others]  # fmt: skip
    return write_csv(rows)


def _both(one: Person, other: Person) -> tuple[str, str, str, str]:
    return one["name"], other["name"], one["file"], other["file"]


def base_rate(answer: AlikeAnswer) -> str:
    """The base rate, in words: how many independent answers, and how many others of the class, are as alike."""
    n, others = answer["as_alike"], answer["others"]
    if n == 1:
        said = _("1 of {all} independent answers looks as alike.").format(all=answer["independent"])
    else:
        said = _("{n} of {all} independent answers look as alike.").format(n=n, all=answer["independent"])
    if others == 1:
        said += " " + _("So does 1 other hand-in.")
    elif others:
        said += " " + _("So do {n} other hand-ins.").format(n=others)
    return said


def _assignment(number: int, one: AssignmentLikeness) -> dict[str, Any]:
    titles = _titles(one["assignment"])

    def titled(parts: Sequence[str]) -> str:
        return ", ".join(titles.get(part, part) for part in parts)

    pairs = [
        {
            "id": f"a{number}p{i}",
            "shown": i < MOST_PAIRS,
            "one": pair["one"],
            "other": pair["other"],
            "answers": [
                {
                    **answer,
                    "title": titled(answer["parts"]),
                    "base_rate": base_rate(answer),
                    "sides": [(pair[side], _lines(answer[side])) for side in SIDES],
                }
                for answer in pair["answers"]
            ],
        }
        for i, pair in enumerate(one["pairs"])
    ]
    compared = [{**scale, "title": titled(scale["parts"])} for scale in one["compared"]]
    same = [{**group, "title": titled([group["part"]])} for group in one["same_numbers"]]
    return {**one, "pairs": pairs, "compared": compared, "same_numbers": same}


def _titles(assignment: str) -> dict[str, str]:
    try:
        return {part.id: _(part.title) for part in syllabus().assignment(assignment).exercise.parts}
    except UnknownName:
        return {}


def _lines(side: Side) -> list[list[tuple[str, bool]]]:
    """A text line by line, each as pieces that are marked or not."""
    marked: dict[int, list[tuple[int, int]]] = {}
    for number, start, end in side["spans"]:
        marked.setdefault(number, []).append((start, end))
    lines = []
    for number, text in enumerate(side["text"][:LONGEST].split("\n"), start=1):
        pieces, at = [], 0
        for start, end in sorted(marked.get(number, ())):
            pieces += [(text[at:start], False), (text[start:end], True)]
            at = end
        lines.append([piece for piece in [*pieces, (text[at:], False)] if piece[0]])
    return lines
