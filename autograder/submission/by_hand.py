"""Remarks on a hand-in that a person will grade: which of its tasks have no answer below them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from autograder.messages import Message
from autograder.submission.cell_text import grade_id_of, text_of, without_mark_scheme
from autograder.submission.placed import Match
from course import i18n
from course.syllabus import Assignment, Part


def in_other_languages(assignment: Assignment) -> dict[str, tuple[str, ...]]:
    """The texts of a release's text cells in all languages but English, by the id of the cell.

    Empty where the packages that read lessons and catalogues are missing, as on a machine that only runs tests.
    """
    return _in_languages(assignment, i18n.languages()[1:], i18n.LOCALE)


@lru_cache(maxsize=16)  # all hand-ins of a class are compared with the same texts
def _in_languages(assignment: Assignment, languages: tuple[str, ...], _locale: Path) -> dict[str, tuple[str, ...]]:
    try:
        from autograder.notebooks.translated import lesson_texts
    except ImportError:
        return {}
    root = Path(i18n.__file__).parents[1]
    texts = [lesson_texts(root, assignment, language) for language in languages]
    return {name: tuple(said[name] for said in texts) for name in (texts[0] if texts else ())}


def look_through(
    found: Match, source_cells: list[dict[str, Any]], tasks: Iterable[Part], others: Mapping[str, Iterable[str]]
) -> None:
    """Add to a match the remarks and flags on tasks without an answer.

    Arguments: the hand-in's cells in their places; the cells of the source notebook; the syllabus's tasks; the texts of
    `in_other_languages`. A text of the release is no answer, wherever it is in the hand-in.
    """
    titles = {f"task-{task.id}": task.title for task in tasks}
    said = [*map(text_of, source_cells), *(text for texts in others.values() for text in texts)]
    given = {without_mark_scheme(text).strip() for text in said}
    released = {grade_id_of(cell) for cell in source_cells} - {None}
    answered: set[str | None] = set()
    outside, current = False, None
    for placed in found.cells:
        if placed.grade_id in titles:
            current = placed.grade_id
        elif placed.grade_id not in released and placed.source.strip() and placed.source.strip() not in given:
            answered.add(current)
            outside = outside or current is None
    empty = [title for name, title in titles.items() if name not in answered]
    if len(empty) == len(titles):
        found.flags.append("untouched" if not outside else "empty-tasks")
        found.remarks.append(
            Message("Nothing is written below any of the tasks. What stands above the first of them was kept.")
            if outside
            else Message("The notebook is as it was released: nothing is written below any of the tasks.")
        )
    elif empty:
        found.flags.append("empty-tasks")
        found.remarks.extend(Message("Nothing is written below “{title}”.", title=Message(title)) for title in empty)
