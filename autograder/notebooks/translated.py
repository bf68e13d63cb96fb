"""A notebook in another language: its text cells, paragraph by paragraph, from the catalogue of its lesson."""

from __future__ import annotations

from pathlib import Path

from nbformat import NotebookNode

from autograder import paths
from autograder.notebooks.lessons import read_lesson
from course import i18n
from course.syllabus import Assignment


def lesson_texts(root: Path, assignment: Assignment, language: str) -> dict[str, str]:
    """The texts of a lesson in a language, tasks included, by the id of their cells; empty where there is no lesson."""
    if not paths.lesson(root, assignment.exercise).is_file():
        return {}
    return {cell.id: cell.source for cell in read_lesson(root, assignment, language) if cell.role in (None, "task")}


def translate_notebook(root: Path, assignment: Assignment, notebook: NotebookNode, language: str) -> NotebookNode:
    """The source notebook with its text cells in a language. Changes the notebook itself.

    A cell that an instructor has rewritten stays as it is. Raises course.i18n.UnknownLanguage for an unknown language.
    """
    english, other = (lesson_texts(root, assignment, said) for said in (i18n.SOURCE_LANGUAGE, i18n.known(language)))
    if not english:
        return notebook
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and english.get(cell.get("id")) == cell.source:
            cell.source = other[cell.id]
    if "course" in notebook.metadata:
        notebook.metadata.course["language"] = language
    return notebook
