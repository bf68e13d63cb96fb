"""What can be said of a hand-in that a person will grade: which of its tasks have something written below them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from autograder.messages import Message
from autograder.submission.cell_text import grade_id_of, text_of, without_mark_scheme
from autograder.submission.placed import Match
from course import i18n
from course.syllabus import Assignment


def in_other_languages(assignment: Assignment) -> dict[str, tuple[str, ...]]:
    """What a release says in its text cells beside the source notebook's English, by the id of the cell.

    Nothing where the packages that read lessons and catalogues are missing: on a bare machine that grades by machine.
    """
    return _in_languages(assignment, i18n.languages()[1:], i18n.LOCALE)


@lru_cache(maxsize=16)  # of a class, all hand-ins are held against the same
def _in_languages(assignment: Assignment, languages: tuple[str, ...], _locale: Path) -> dict[str, tuple[str, ...]]:
    try:
        from autograder.notebooks.translated import lesson_texts
    except ImportError:
        return {}
    root = Path(i18n.__file__).parents[1]
    texts = [lesson_texts(root, assignment, language) for language in languages]
    return {name: tuple(said[name] for said in texts) for name in (texts[0] if texts else ())}


def look_through(
    found: Match, source_cells: list[dict], tasks: Iterable[Any], others: Mapping[str, Iterable[str]]
) -> None:
    """Add to a match the remarks and flags on tasks without an answer.

    Arguments: the hand-in's cells in their places; the cells of the source notebook; the syllabus's tasks (`id`,
    `title`); the texts of `in_other_languages`. What the release says already is no answer, wherever it stands.
    """
    tasks = {f"task-{task.id}": task.title for task in tasks}
    said = [*map(text_of, source_cells), *(text for texts in others.values() for text in texts)]
    given = {without_mark_scheme(text).strip() for text in said}
    of_ours = {grade_id_of(cell) for cell in source_cells} - {None}
    answered, outside, current = set(), False, None
    for placed in found.cells:
        if placed.grade_id in tasks:
            current = placed.grade_id
        elif placed.grade_id not in of_ours and placed.source.strip() and placed.source.strip() not in given:
            answered.add(current)
            outside = outside or current is None
    empty = [title for name, title in tasks.items() if name not in answered]
    if len(empty) == len(tasks):
        found.flags.append("untouched" if not outside else "empty-tasks")
        found.remarks.append(
            Message("Nothing is written below any of the tasks. What stands above the first of them was kept.")
            if outside
            else Message("The notebook is as it was released: nothing is written below any of the tasks.")
        )
    elif empty:
        found.flags.append("empty-tasks")
        found.remarks.extend(Message("Nothing is written below “{title}”.", title=Message(title)) for title in empty)
