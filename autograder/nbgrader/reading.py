"""Finds and reads what students handed in, in place of nbgrader's own reader.

nbgrader's reader fails on older encodings and formats, follows links, waits at a pipe, and takes any size into memory.
`find_all` finds the folders of students whose names are patterns to nbgrader.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader import utils

from autograder.nbgrader.errors import NotGraded
from autograder.nbgrader.gradebook import forget
from autograder.nbgrader.place import Place, course_directory
from autograder.nbgrader.tasks import remember_marked
from autograder.reporting.text import line
from autograder.submission import matching
from autograder.submission.find import find
from autograder.submission.hand_in import Unreadable
from autograder.submission.read import load_notebook
from course.cells import decode


def find_all(self: Any) -> None:
    """nbgrader's `init_notebooks`, for students of any name.

    nbgrader takes `[x]` in a name for a pattern and leaves that student out without a message, and it stops for all
    students where a name has a line break. `self` is nbgrader's Autograde. Raises NotGraded where there is no notebook.
    """
    folders = glob.glob(self._format_source(self.coursedir.assignment_id, self.coursedir.student_id))
    if not folders:  # perhaps a student's name was given that is not a pattern
        named = (glob.escape(name) for name in (self.coursedir.assignment_id, self.coursedir.student_id))
        folders = glob.glob(self._format_source(*named))
    self.assignments, self.notebooks = {}, []
    for folder in folders:
        if set('\n<>"') & set(os.path.basename(os.path.dirname(folder))):  # formgrader's page would take it for HTML
            self.log.error("%s: nbgrader cannot keep a student of this name; `autograder grade` can.", line(folder))
            continue
        found = glob.glob(os.path.join(glob.escape(folder), f"{self.coursedir.notebook_id}.ipynb"))
        if found:
            self.assignments[folder] = found
        else:
            self.log.warning("There is no notebook in %s", line(folder))
    if not self.assignments:
        raise NotGraded(f"There is no notebook of {self.coursedir.assignment_id} in the course's submitted folder.")
    # Before nbgrader replaces the marked copies.
    remember_marked(self.coursedir, [Path(notebook) for found in self.assignments.values() for notebook in found])


def without_links(path: str, exclude: list[str] | None = None) -> list[str]:
    """nbgrader's `find_all_files`, which lists what is copied with a notebook, without students' symbolic links."""
    files = utils.find_all_files(path, exclude)
    return [file for file in files if "submitted" not in Path(path).parts or not os.path.islink(file)]


def read_hand_in(path: Path) -> dict[str, Any]:
    """A hand-in as JSON data in nbformat 4. Raises NotGraded, with a sentence for the student, where that fails."""
    found = next(find([path]), None)
    try:
        if found is None:
            raise Unreadable("")
        if found.problem or found.data is None:
            raise Unreadable(found.problem)
        return load_notebook(decode(found.data))
    except Unreadable as reason:
        raise NotGraded(str(reason)) from None


class HandIn(NotebookExporter):
    """Reads what students handed in, and what nbgrader has made from that. Raises NotGraded where it cannot be read."""

    _ours = False  # whether the notebook that is read now is the judge's

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **more: Any
    ) -> tuple[Any, dict[str, Any]]:
        """nbconvert's method: the text of a notebook, and the resources. Raises NotGraded."""
        resources = {} if resources is None else resources
        here = resources["nbgrader"]
        place = Place(here["student"], here["assignment"], here["notebook"], here["db_url"], course_directory(self))
        assignment = place.ours()
        ours = assignment is not None or place.quiz() is not None
        self._ours = ours
        if not ours or os.path.abspath(filename) != os.path.abspath(place.submitted()):
            return super().from_filename(filename, resources=resources, **more)
        try:
            handed_in = read_hand_in(Path(filename))
        except NotGraded:
            # For a link to nothing, nbgrader has just entered zeros, as where there is no file.
            forget(place.db_url, place.notebook, place.assignment, place.student)
            raise
        found = handed_in.get("metadata")
        stated: dict[str, Any] = found if isinstance(found, dict) else {}
        metadata = {key: stated[key] for key in ("kernelspec", "language_info") if isinstance(stated.get(key), dict)}
        with_outputs = assignment is not None and assignment.exercise.by_hand
        cells = [_sound(cell, with_outputs) for cell in handed_in["cells"]]
        whole = nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})
        resources["metadata"] = {"name": place.notebook, "path": os.path.dirname(filename)}
        # nbconvert's method has no annotations.
        return self.from_notebook_node(whole, resources=resources, **more)  # type: ignore[no-untyped-call]

    def _preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """nbconvert's method, without its second copy of a notebook that is a copy already."""
        if not self._ours:
            return super()._preprocess(nb, resources)  # type: ignore[no-untyped-call]
        for preprocessor in self._preprocessors:
            nb, resources = preprocessor(nb, resources)
        self._validate_preprocessor(nb, self)  # type: ignore[no-untyped-call]
        return nb, resources


def _sound(cell: Any, with_outputs: bool) -> dict[str, Any]:
    """The needed fields of a cell, in nbformat 4. Every cell is kept, so that the numbers of cells stay the same."""
    whole: dict[str, Any] = {"cell_type": "raw", "metadata": {}, "source": matching.text_of(cell)}
    if not isinstance(cell, dict):
        return whole
    if cell.get("cell_type") in ("code", "markdown"):
        whole["cell_type"] = cell["cell_type"]
    if isinstance(cell.get("id"), str):
        whole["id"] = cell["id"]
    if isinstance(cell.get("metadata"), dict) and isinstance(cell["metadata"].get("id"), str):
        whole["metadata"]["id"] = cell["metadata"]["id"]
    if matching.grade_id_of(cell):
        whole["metadata"]["nbgrader"] = {"grade_id": matching.grade_id_of(cell)}
    if isinstance(cell.get("attachments"), dict):
        whole["attachments"] = cell["attachments"]
    if whole["cell_type"] == "code":
        outputs = cell.get("outputs") if with_outputs else None
        whole |= {"outputs": outputs if isinstance(outputs, list) else [], "execution_count": None}
    return whole
