"""What can be said of a hand-in that a person will grade: which of its tasks have something written below them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autograder.submission.matching import Match, grade_id_of, text_of, without_mark_scheme
from autograder.words import Words


def look_through(found: Match, source_cells: list[dict], tasks: Iterable[Any]) -> None:
    """Add to a match the remarks and flags on tasks without an answer.

    Arguments: the hand-in's cells in their places; the cells of the source notebook; the syllabus's tasks (`id`,
    `title`). What the release says already is no answer, wherever it stands.
    """
    tasks = {f"task-{task.id}": task.title for task in tasks}
    given = {without_mark_scheme(text_of(cell)).strip() for cell in source_cells}
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
            Words("Nothing is written below any of the tasks. What stands above the first of them was kept.")
            if outside
            else Words("The notebook is as it was released: nothing is written below any of the tasks.")
        )
    elif empty:
        found.flags.append("empty-tasks")
        found.remarks.extend(Words("Nothing is written below “{title}”.", title=Words(title)) for title in empty)
