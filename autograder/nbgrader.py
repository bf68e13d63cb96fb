"""Our place in nbgrader: its commands and formgrader's buttons grade through the judge.

nbgrader turns a submission into marks in two passes over the notebook. The first, "sanitize", repairs it; the second
runs it and saves what the test cells gave. Two preprocessors of ours take part, and a third when one is released:

    Restore   first in the first pass: puts the cells of a damaged notebook back in order (`submission/matching.py`), so
              that nothing that a student did to a notebook stops nbgrader, which else gives up a class over one
              duplicated cell
    Judge     in the second pass in place of nbgrader's Execute: takes the finished result of `autograder grade` for
              this very notebook, or has it graded now, and writes score and report onto the test cells
    Translate when an assignment is generated: puts its text into the language of the course

Before them `HandIn` reads the file, as `autograder grade` does: nbgrader's own reader gives up on encodings and formats
that are not today's, follows links, waits at a pipe, and takes any size into memory. `_find_all` finds the folders of
students whose names nbgrader's patterns trip over.

nbgrader reads a test cell's score from its first decisive output and gives *full marks* where there is none. So Judge
replaces the outputs of every cell, always: whatever the student's file had there is gone, and every graded cell has a
plain number. Where there is no result it raises, which costs that submission its turn and nobody else theirs, and
takes the marks of earlier gradings out of the gradebook.

An assignment that a person grades (`by_hand` in the syllabus) is put in order too, so that every task is there to be
marked, and is not run: it keeps the figures and the text that the student's own run has left in it. What a person
marks, here or in any other assignment, is neither set nor taken away by a grading.

The sheet of a quiz that is marked (`autograder init --quiz`) is put in order likewise and is not run: its answers are
read as text (`quizzes/marking.py`).

All leave assignments alone that the syllabus does not know: an instructor's other assignments in the same course are
graded by nbgrader as ever.

`configure` says all that nbgrader needs to know, once; `nbgrader_config.py` calls it. `hand_over` gives nbgrader a
class that is graded already, and `MarksExporter` writes marks with misconceptions as CSV.
"""

from __future__ import annotations

import errno
import glob
import json
import logging
import math
import os
import re
import sys
import warnings
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader import converters, utils
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import ExportPlugin
from nbgrader.preprocessors import ClearOutput, ClearSolutions, Execute, NbGraderPreprocessor
from sqlalchemy.exc import DatabaseError
from traitlets import Unicode
from traitlets.config import Config, PyFileConfigLoader

from autograder.messages import Message, table
from autograder.quizzes.marking import answer_line, changed, mark_quiz, read_answers
from autograder.reporting import html
from autograder.reporting.marks import write_csv
from autograder.reporting.text import clean, line
from autograder.submission import by_hand, matching
from autograder.submission.copies import NotOurs, put_copy, set_aside
from autograder.submission.find import find
from autograder.submission.hand_in import Unreadable
from autograder.submission.read import decode, load_notebook
from course import i18n
from course.i18n import _
from course.quizzes import HOME as QUIZZES
from course.syllabus import Assignment, UnknownName, syllabus

STUB = "# Your code here.\nraise NotImplementedError"


class GradebookError(Exception):
    """The gradebook cannot be read or written now; the message is for the instructor."""


class NotGraded(Exception):
    """There is no mark for this submission; the message is for the instructor. nbgrader goes on with the next one."""


def scripts_on_path() -> None:
    """Make `alembic` findable: nbgrader calls it by name for a new gradebook.

    It lies beside our Python, which is not on the path where no environment is activated.
    """
    beside = str(Path(sys.executable).parent)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join(filter(None, (os.environ.get("PATH"), beside)))


def configure(c: Config, root: str | Path) -> None:
    """Set up nbgrader for a course in the folder `root`; what an instructor sets afterwards holds."""
    scripts_on_path()
    c.CourseDirectory.root = str(Path(root).resolve())
    c.CourseDirectory.course_id = syllabus().id
    c.GenerateAssignment.preprocessors = releasing_preprocessors()
    c.ClearSolutions.code_stub = {"python": STUB}
    stock = [KeepOutput if p is ClearOutput else p for p in _stock("sanitize_preprocessors")]
    c.Autograde.sanitize_preprocessors = [Restore, *stock]
    c.Autograde.autograde_preprocessors = [Judge if p is Execute else p for p in _stock("autograde_preprocessors")]

    def forget_marks(assignment: str, student: str, notebooks: list[str]) -> None:
        """Before a submission is graded anew its old marks go, so that none outlives a hand-in that cannot be read."""
        chosen = c.CourseDirectory.db_url if "db_url" in c.CourseDirectory else None
        url = chosen or f"sqlite:///{Path(c.CourseDirectory.root) / 'gradebook.db'}"
        for notebook in map(Path, notebooks):
            _forget(url, notebook.stem, notebook.parent.name, notebook.parent.parent.name)

    c.Autograde.pre_convert_hook = forget_marks
    c.Autograde.exporter_class = HandIn
    # What is copied to the autograded folder; an environment that came with a hand-in is no part of it.
    c.CourseDirectory.ignore = [*CourseDirectory.class_traits()["ignore"].default_args[0], "venv", ".venv", ".git"]
    # These two have no setting.
    Autograde.init_notebooks = _find_all
    converters.base.find_all_files = _without_links


def course_language(root: Path) -> str:
    """The language that a course's nbgrader_config.py sets."""
    return Translate(config=_config(root)).language


def releasing_preprocessors() -> list:
    """What `nbgrader generate_assignment` does to a source notebook: translate it, then all that it does anyway."""
    stock = GenerateAssignment.class_traits()["preprocessors"].default_args[0]
    return [Translate, *(KeepBlanks if p is ClearSolutions else p for p in stock)]


def _stock(name: str) -> list:
    return list(Autograde.class_traits()[name].default_args[0])


# -- finding and reading ---------------------------------------------------------------------------------------------


def _find_all(self: Autograde) -> None:
    """nbgrader's `init_notebooks`, for students of any name.

    nbgrader takes `[x]` in a name for a pattern and leaves that student out without a word, and stops the whole class
    where a name has a line break.
    """
    folders = glob.glob(self._format_source(self.coursedir.assignment_id, self.coursedir.student_id))
    if not folders:  # perhaps the name of a student was asked for, and is no pattern
        named = (glob.escape(name) for name in (self.coursedir.assignment_id, self.coursedir.student_id))
        folders = glob.glob(self._format_source(*named))
    self.assignments, self.notebooks = {}, []
    for folder in folders:
        if "\n" in folder:
            self.log.error("%s: nbgrader cannot keep a student of this name; `autograder grade` can.", line(folder))
            continue
        found = glob.glob(os.path.join(glob.escape(folder), f"{self.coursedir.notebook_id}.ipynb"))
        if found:
            self.assignments[folder] = found
        else:
            self.log.warning("There is no notebook in %s", line(folder))
    if not self.assignments:
        raise NotGraded(f"There is no notebook of {self.coursedir.assignment_id} in the course's submitted folder.")
    # While what was marked is still there.
    _remember_marked(self.coursedir, [Path(notebook) for found in self.assignments.values() for notebook in found])


def _without_links(path: str, exclude: list[str] | None = None) -> list[str]:
    """nbgrader's `find_all_files`: what is copied along with a notebook. Nothing is opened through a student's link."""
    files = utils.find_all_files(path, exclude)
    return [file for file in files if "submitted" not in Path(path).parts or not os.path.islink(file)]


def _handed_in(path: Path) -> dict:
    """A hand-in as plain JSON in format 4; raises NotGraded, with the sentence for the student, where it cannot be."""
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
    """Reads what students handed in, and what it wrote of it itself; raises NotGraded where it cannot be read."""

    def from_filename(self, filename: str, resources: dict | None = None, **more: Any) -> tuple[str, dict]:
        here = (resources or {})["nbgrader"]
        place = _Place(here["student"], here["assignment"], here["notebook"], here["db_url"], _coursedir(self))
        assignment = place.ours()
        ours = assignment is not None or place.quiz() is not None
        if not ours or os.path.abspath(filename) != os.path.abspath(place.submitted()):
            return super().from_filename(filename, resources=resources, **more)
        try:
            handed_in = _handed_in(Path(filename))
        except NotGraded:
            # nbgrader has just given zeros to who has a link to nothing: there is no file, it thinks.
            _forget(place.db_url, place.notebook, place.assignment, place.student)
            raise
        stated = handed_in.get("metadata") if isinstance(handed_in.get("metadata"), dict) else {}
        metadata = {key: stated[key] for key in ("kernelspec", "language_info") if isinstance(stated.get(key), dict)}
        with_outputs = assignment is not None and assignment.exercise.by_hand
        cells = [_sound(cell, with_outputs) for cell in handed_in["cells"]]
        whole = nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})
        resources["metadata"] = {"name": place.notebook, "path": os.path.dirname(filename)}
        return self.from_notebook_node(whole, resources=resources, **more)


def _sound(cell: Any, with_outputs: bool) -> dict:
    """What matters of a cell, in format 4; one for each, so that they keep their numbers."""
    whole: dict = {"cell_type": "raw", "metadata": {}, "source": matching.text_of(cell)}
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


# -- the preprocessors -----------------------------------------------------------------------------------------------


class Translate(NbGraderPreprocessor):
    """Puts the text of a notebook into the course's language when it is released; feedback is given in it too."""

    language = Unicode("en", help="The language that students are taught in, `da` for example.").tag(config=True)

    def spoken(self) -> str:
        """The language; raises `course.i18n.UnknownLanguage` where there is no such catalogue."""
        return i18n.known(self.language)

    def preprocess(self, nb: Any, resources: dict) -> tuple[Any, dict]:
        if self.spoken() == i18n.SOURCE_LANGUAGE:
            return nb, resources
        from autograder.notebooks.translated import translate_notebook
        from autograder.paths import ROOT
        from autograder.quizzes.notebooks import translate_sheet

        if quiz := _quiz_of(nb, resources["nbgrader"]["assignment"]):
            return translate_sheet(ROOT, quiz, nb, self.language), resources
        stated = nb.metadata.get("course", {})
        try:
            assignment = syllabus().assignment(stated.get("assignment") if isinstance(stated, dict) else None)
        except UnknownName:
            return nb, resources  # an assignment of the instructor's own
        return translate_notebook(ROOT, assignment, nb, self.language), resources


@dataclass(frozen=True)
class _Place:
    """Which notebook of which student nbgrader is at."""

    student: str
    assignment: str  # nbgrader's name for it
    notebook: str
    db_url: str
    coursedir: CourseDirectory

    @classmethod
    def of(cls, preprocessor: NbGraderPreprocessor, resources: dict) -> _Place:
        here = resources["nbgrader"]
        return cls(here["student"], here["assignment"], here["notebook"], here["db_url"], _coursedir(preprocessor))

    def submitted(self) -> Path:
        folder = self.coursedir.format_path(self.coursedir.submitted_directory, self.student, self.assignment)
        return Path(folder, f"{self.notebook}.ipynb")

    def source(self) -> dict:
        """The source notebook, as plain JSON; empty where the course folder does not have it."""
        folder = self.coursedir.format_path(self.coursedir.source_directory, ".", self.assignment)
        try:
            return _read(Path(folder, f"{self.notebook}.ipynb"))
        except (OSError, ValueError):
            return {}

    def source_root(self, assignment: Assignment) -> Path | None:
        """The course's source folder, if the grader finds this assignment in it under the syllabus's name."""
        root = Path(self.coursedir.root, self.coursedir.source_directory)
        return root if (root / assignment.id / f"{assignment.exercise.id}.ipynb").is_file() else None

    def ours(self) -> Assignment | None:
        """The assignment in the syllabus: by nbgrader's name, or by what the source notebook says it is."""
        stated = self.source().get("metadata", {}).get("course", {})
        for name in (self.assignment, stated.get("assignment") if isinstance(stated, dict) else None):
            try:
                return syllabus().assignment(name)
            except UnknownName:
                continue
        return None

    def quiz(self) -> str | None:
        """The quiz whose sheet this is, "pre" or "post", if it is one.

        What was handed in has no say: that would let a student choose to be run.
        """
        return _quiz_of(self.source(), self.assignment)

    def released(self) -> list[dict]:
        """The released cells: order and cell ids from the source notebook, all else from the gradebook.

        The gradebook holds them as they were released, stubs for solutions, maybe translated; it is what nbgrader's
        own checks compare with.
        """
        with Gradebook(self.db_url) as gradebook:
            notebook = gradebook.find_notebook(self.notebook, self.assignment)
            points = {cell.name: cell.max_score for cell in notebook.grade_cells}
            solutions = {cell.name for cell in notebook.solution_cells}
            tasks = {cell.name for cell in notebook.task_cells}
            points |= {cell.name: cell.max_score for cell in notebook.task_cells}
            known = {}
            for cell in notebook.source_cells:
                ours = {
                    "schema_version": 3,
                    "grade_id": cell.name,
                    "grade": cell.name in points and cell.name not in tasks,
                    "solution": cell.name in solutions,
                    "locked": bool(cell.locked),
                    "task": cell.name in tasks,
                    "cell_type": cell.cell_type,
                    "checksum": cell.checksum,
                }
                if cell.name in points:
                    ours["points"] = points[cell.name]
                known[cell.name] = {"cell_type": cell.cell_type, "source": cell.source, "metadata": {"nbgrader": ours}}
        cells = []
        for cell in self.source().get("cells", []):
            stored = known.pop(matching.grade_id_of(cell), None)
            if stored is not None:
                cells.append(stored | ({"id": cell["id"]} if "id" in cell else {}))
        return [*cells, *known.values()]


class KeepBlanks(ClearSolutions):
    """nbgrader's ClearSolutions, but for a quiz: there the lines for answers stay, without what an instructor wrote."""

    def preprocess(self, nb: Any, resources: dict) -> tuple[Any, dict]:
        if not _quiz_of(nb, resources["nbgrader"]["assignment"]):
            return super().preprocess(nb, resources)
        for cell in nb.cells:
            if utils.is_solution(cell):
                cell.source = answer_line(str(matching.grade_id_of(cell)).removeprefix("answer-"))
        return nb, resources


def _quiz_of(source: Any, assignment: str) -> str | None:
    """The quiz that a source notebook is the sheet of, "pre" or "post".

    By its metadata; where an editor has dropped them, or the course has lost the notebook, by nbgrader's name for it.
    """
    metadata = source.get("metadata")
    stated = metadata.get("course") if isinstance(metadata, dict) else None
    name = stated.get("quiz") if isinstance(stated, dict) and stated.get("marked") is True else None
    if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_-]+", name):
        return name
    if not source or any(matching.grade_id_of(cell) == "setup-answers" for cell in source.get("cells") or []):
        return {f"quiz-{path.stem}": path.stem for path in QUIZZES.glob("*.toml")}.get(assignment)
    return None


class Restore(NbGraderPreprocessor):
    """Puts a damaged notebook back in order: every released cell once, as released, with the student's answers."""

    def preprocess(self, nb: Any, resources: dict) -> tuple[Any, dict]:
        place = _Place.of(self, resources)
        assignment = place.ours()
        if assignment is None:
            return (_sheet(place.released(), nb.get("cells") or []) if place.quiz() else nb), resources
        released = place.released()
        others = by_hand.in_other_languages(assignment) if assignment.exercise.by_hand else {}
        found = matching.match(list(nb.get("cells") or []), released, assignment.exercise.parts, others)
        if assignment.exercise.by_hand:
            by_hand.look_through(found, place.source().get("cells", []), assignment.exercise.parts, others)
        for remark in found.remarks:
            self.log.warning("%s: %s", line(place.student), line(remark))
        cells = []
        for placed, cell in zip(found.cells, matching.restore(found, released), strict=True):
            # The label ties the student's own cells to the output that the sandbox caught for them.
            cell["metadata"]["autograder"] = {"cell": placed.label}
            attachments = nb.cells[placed.index].get("attachments") if placed.index is not None else None
            if cell["cell_type"] == "markdown" and attachments:
                cell["attachments"] = attachments
            if assignment.exercise.by_hand and cell["cell_type"] == "code" and placed.index is not None:
                cell["outputs"] = _shown(nb.cells[placed.index])
            cells.append(cell)
        if assignment.exercise.by_hand and found.remarks:
            with i18n.using(Translate(config=self.config).spoken()):
                cells.insert(0, _remarked(found.remarks))
        for number, cell in enumerate(cells):
            cell["id"] = f"cell-{number}"  # ids must be unique and of few letters, whatever the file had
        metadata = nb.get("metadata") if isinstance(nb.get("metadata"), dict) else {}
        # What the notebook format asks of these two; one that has less would stop nbgrader at its next step.
        needed = {"kernelspec": ("name", "display_name"), "language_info": ("name",)}
        kept = {
            key: metadata[key]
            for key, fields in needed.items()
            if isinstance(metadata.get(key), dict) and all(isinstance(metadata[key].get(f), str) for f in fields)
        }
        whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": kept, "cells": cells}
        return nbformat.from_dict(whole), resources


class KeepOutput(ClearOutput):
    """nbgrader's ClearOutput, but for what a person grades: there the outputs are what there is to see."""

    def preprocess(self, nb: Any, resources: dict) -> tuple[Any, dict]:
        assignment = _Place.of(self, resources).ours()
        if assignment is not None and assignment.exercise.by_hand:
            return nb, resources
        return super().preprocess(nb, resources)


class Judge(NbGraderPreprocessor):
    """Writes the judge's result onto the notebook, in place of running it here."""

    def preprocess(self, nb: Any, resources: dict) -> tuple[Any, dict]:
        place = _Place.of(self, resources)
        assignment = place.ours()
        if assignment is None and (quiz := place.quiz()):
            with i18n.using(Translate(config=self.config).spoken()):
                return _marked(nb, quiz, place), resources
        if assignment is None:
            return Execute(parent=self.parent).preprocess(nb, resources)
        _drop_copies(place)
        changed = _await_marks(place, nb, {f"task-{part.id}": part.title for part in assignment.exercise.parts})
        for remark in changed:
            self.log.warning("%s: %s", line(place.student), line(remark))
        with i18n.using(Translate(config=self.config).spoken()):
            if not assignment.exercise.by_hand:
                nb, resources = self._judged(nb, resources, place, assignment)
            if changed:
                nb.cells.insert(0, nbformat.from_dict(_remarked(changed)))
            return nb, resources

    def _judged(self, nb: Any, resources: dict, place: _Place, assignment: Assignment) -> tuple[Any, dict]:
        try:
            result = self._result(place, assignment)
            if result.get("status") != "graded":
                raise NotGraded(result.get("message") or _("The grader gave no reason."))
        except Exception as error:
            _forget(place.db_url, place.notebook, place.assignment, place.student)
            reason = clean(error, 2000)
            raise NotGraded(f"{line(place.student)}, {place.assignment}: could not be graded. {reason}") from error

        outputs = {cell["grade_id"] or cell["label"]: cell for cell in result.get("cells") or []}
        for cell in nb.cells:
            if cell.cell_type != "code":
                continue
            cell.outputs, cell.execution_count = [], None
            if utils.is_grade(cell) and not utils.is_solution(cell):
                cell.outputs, cell.execution_count = [_verdict(cell, result)], 1
            else:
                ours = cell.metadata.get("nbgrader", {})
                label = ours.get("grade_id") or cell.metadata.get("autograder", {}).get("cell")
                printed = _printed(outputs.get(label))
                if printed:
                    stream = nbformat.v4.new_output("stream", name="stdout", text=printed)
                    cell.outputs, cell.execution_count = [stream], 1
        _keep(nb, result)
        return nb, resources

    def _result(self, place: _Place, assignment: Assignment) -> dict:
        """The finished result for this notebook if there is one; else it is graded now."""
        finished = _handed_over.get((place.coursedir.root, place.assignment, place.student))
        if finished is not None:
            return finished
        from autograder.grading import saved_results, warm_grader  # starts workers when used, so not before

        notebook = _handed_in(place.submitted())  # as it was handed in: that is what finished results are found by
        notebook["cells"] = [
            {key: value for key, value in cell.items() if key != "outputs"} if isinstance(cell, dict) else cell
            for cell in notebook["cells"]
        ]
        finished = saved_results.lookup(Path(place.coursedir.root), assignment.id, place.student, notebook)
        if finished is not None:
            return finished
        return warm_grader.grade_one(notebook, assignment.id, place.student, source_root=place.source_root(assignment))


def _sheet(released: list[dict], handed_in: list[Any]) -> Any:
    """The sheet of a quiz as it was released, with the answers that were handed in; below it what else was written."""
    answers = read_answers(handed_in)
    cells, given = [], set()
    for cell in released:
        question = str(matching.grade_id_of(cell)).removeprefix("answer-")
        given |= {cell["source"].strip(), str(matching.grade_id_of(cell))}
        if question in answers and cell["metadata"]["nbgrader"]["solution"]:
            cell = cell | {"source": answer_line(question, answers[question])}
        cells.append(cell)
    for cell in handed_in:
        text = matching.text_of(cell).strip()
        if text and not given & {text, matching.grade_id_of(cell), cell.get("id")} and not read_answers([cell]):
            kind = "code" if cell.get("cell_type") == "code" else "markdown"
            cells.append({"cell_type": kind, "metadata": {}, "source": text})
    for number, cell in enumerate(cells):
        cells[number] = cell | {"id": f"cell-{number}"}
        if cell["cell_type"] == "code":
            cells[number] |= {"outputs": [], "execution_count": None}
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def _marked(nb: Any, name: str, place: _Place) -> Any:
    """The restored sheet of a quiz with the score of each question, and why, below it. Nothing is run.

    Raises NotGraded where the quiz is not what it was when the sheet was made.
    """
    from autograder.quizzes.notebooks import QuizError, read_quiz

    try:
        quiz = read_quiz(QUIZZES / f"{name}.toml")
        sheet = place.source().get("metadata", {}).get("course", {}).get("asked", {})
        marked = {one.id: one for one in mark_quiz(quiz, read_answers(nb.cells))}
        graded = [matching.grade_id_of(cell).removeprefix("test-") for cell in nb.cells if utils.is_grade(cell)]
        if other := [*changed(quiz, sheet), *(question for question in graded if question not in marked)]:
            raise NotGraded(
                f"The quiz {name!r} has changed since this sheet was made, so that a letter may mean another option: "
                f"{', '.join(dict.fromkeys(other))}. Put course/quizzes/{name}.toml of the judge back, or give out a "
                "new sheet, which `autograder init --quiz` makes."
            )
    except (QuizError, NotGraded) as error:
        _forget(place.db_url, place.notebook, place.assignment, place.student)
        raise NotGraded(f"{line(place.student)}, {place.assignment}: could not be marked. {error}") from error
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if utils.is_grade(cell):
            one = marked[matching.grade_id_of(cell).removeprefix("test-")]
            cell.outputs, cell.execution_count = [_scored(cell, one.score / one.points, one.report)], 1
    return nb


SHOWN = (
    "image/png",
    "image/jpeg",
    "text/plain",
)  # of a student's outputs; HTML, SVG and scripts would run in a browser


def _shown(cell: Any) -> list[dict]:
    """A student's outputs that are safe to look at: text and pictures."""
    outputs = []
    for output in cell.get("outputs") or []:
        kind = output.get("output_type") if isinstance(output, dict) else None
        if kind == "stream" and isinstance(output.get("text"), (str, list)):
            outputs.append({"output_type": kind, "name": "stdout", "text": clean(_joined(output["text"]))})
        elif kind in ("display_data", "execute_result") and isinstance(output.get("data"), dict):
            data = {
                kind: _joined(output["data"][kind])
                for kind in SHOWN
                if isinstance(output["data"].get(kind), (str, list))
            }
            data = {
                kind: clean(value) if kind == "text/plain" else value
                for kind, value in data.items()
                if kind == "text/plain" or re.fullmatch(r"[A-Za-z0-9+/=\s]+", value)
            }
            if data:
                outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
        elif kind == "error":
            text = clean(f"{output.get('ename')}: {output.get('evalue')}", 2000)
            outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    return outputs


def _joined(text: str | list) -> str:
    return text if isinstance(text, str) else "".join(piece for piece in text if isinstance(piece, str))


_as_marked: dict[tuple[str, str, str, str], dict[str, str | None]] = {}  # from `_find_all` to `_await_marks`


def _remember_marked(coursedir: CourseDirectory, handed_in: list[Path]) -> None:
    """Keep what stands below the tasks that a person has marked; None where that is to be looked at again anyway."""
    with Gradebook(coursedir.db_url) as gradebook:
        for path in handed_in:
            notebook, assignment, student = path.stem, path.parent.name, path.parent.parent.name
            try:
                tasks = {cell.name for cell in gradebook.find_notebook(notebook, assignment).task_cells}
                grades = gradebook.find_submission_notebook(notebook, assignment, student).grades if tasks else []
            except MissingEntry:
                continue
            marked = {
                grade.name: not grade.needs_manual_grade
                for grade in grades
                if grade.name in tasks and grade.manual_score is not None
            }
            if not marked:
                continue
            folder = coursedir.format_path(coursedir.autograded_directory, student, assignment)
            try:
                below = _below_tasks(_read(Path(folder, path.name)).get("cells", []), tasks)
            except (OSError, ValueError):
                below = {}
            kept = {name: below.get(name) if settled else None for name, settled in marked.items()}
            _as_marked[coursedir.root, notebook, assignment, student] = kept


def _below_tasks(cells: Iterable[Any], tasks: Iterable[str]) -> dict[str, str]:
    """What a student has written below each task, up to the next cell of nbgrader's."""
    below, current = {}, None
    for cell in cells:
        name = matching.grade_id_of(cell)
        if name is not None:
            current = name if name in tasks else None
            if current is not None:
                below[current] = ""
        elif current is not None:
            below[current] += _joined(cell.get("source", "")) + "\n\n"
    return below


def _await_marks(place: _Place, nb: Any, titles: dict[str, str]) -> list[Message]:
    """Let formgrader list the tasks that nobody has marked yet, or that have changed since; nbgrader lists none.

    A mark stays whatever is handed in later. Returns what to tell whoever gave one for another text.
    """
    as_marked = _as_marked.pop((place.coursedir.root, place.notebook, place.assignment, place.student), {})
    changed = []
    with Gradebook(place.db_url) as gradebook:
        tasks = {cell.name for cell in gradebook.find_notebook(place.notebook, place.assignment).task_cells}
        submission = gradebook.find_submission_notebook(place.notebook, place.assignment, place.student)
        below = _below_tasks(nb.cells, tasks)
        for grade in submission.grades:
            if grade.cell.name in tasks:
                other = grade.manual_score is not None and as_marked.get(grade.name) != below.get(grade.name)
                grade.needs_manual_grade = grade.manual_score is None or other
                if other:
                    changed.append(grade.name)
        gradebook.db.commit()
    return [
        Message(
            "What stands below “{title}” has changed since it was marked, or may have: it waits to be marked again.",
            title=Message(titles.get(name, name)),
        )
        for name in changed
    ]


def _about(text: str) -> dict:
    """A cell above all others that says what was odd."""
    named = f"about-{zlib.crc32(text.encode()):08x}"
    return {"cell_type": "markdown", "id": named, "metadata": {"autograder": {"cell": "about"}}, "source": text}


def _remarked(remarks: list[str]) -> dict:
    """Such a cell with these remarks, in the language that is chosen now."""
    return _about(html.hand_in_report({"remarks": remarks, "status": "by_hand", "words": table(*remarks)}))


def _verdict(cell: Any, result: dict) -> Any:
    """What a part came to, for its test cell."""
    part_id = cell.metadata.nbgrader["grade_id"].removeprefix("test-")
    part = next((p for p in result["parts"] if p["id"] == part_id), None)
    share = float(part["score"]) / float(part["max_score"]) if part is not None and part["max_score"] else 0.0
    return _scored(cell, share, html.part_report(result, part_id))


def _scored(cell: Any, share: float, report: str) -> Any:
    """The one output of a graded cell: the score as a plain number, the report as HTML.

    A share of the points that the cell has: an instructor may have given it others than the syllabus, or the quiz, has.
    """
    most = float(cell.metadata.nbgrader["points"])
    score = min(most, max(0.0, most * share)) if math.isfinite(share) else 0.0
    data = {"text/plain": repr(round(score, 6)), "text/html": report}
    return nbformat.v4.new_output("execute_result", data, execution_count=1)


def _printed(cell: dict | None) -> str:
    """What the sandbox caught of a cell: output and, as text, the exception; an error *output* would be scored."""
    if cell is None:
        return ""
    return clean("\n".join(filter(None, (cell.get("output"), cell.get("error")))))


def _keep(nb: Any, result: dict) -> None:
    """What the notebook says about its grading: for exports, in its metadata; for readers, above the first cell."""
    parts = [{**p, "tests": [{**t, "picture": None} for t in p["tests"]]} for p in result["parts"]]
    nb.metadata["autograder"] = nbformat.from_dict({**result, "parts": parts, "cells": []})
    about = html.hand_in_report(result)
    if about:
        nb.cells.insert(0, nbformat.from_dict(_about(about)))


def _drop_copies(place: _Place) -> None:
    """Take the course package out of the autograded folder again.

    nbgrader copies what lies beside the source notebook to every student's autograded folder, and from there to their
    feedback. The judge does not run notebooks there, and bert-mini a hundred times over is much disk for nothing.
    """
    directory = place.coursedir
    source = Path(directory.format_path(directory.source_directory, ".", place.assignment))
    copies = Path(directory.format_path(directory.autograded_directory, place.student, place.assignment))
    for original in (source / "course").rglob("*"):
        copy = copies / original.relative_to(source)
        if original.is_file() and copy.is_file():
            copy.unlink()
    for folder in sorted([copies / "course", *(copies / "course").rglob("*")], reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):  # the deepest first; what a student added stays
            folder.rmdir()


# -- small things that they share ------------------------------------------------------------------------------------


def _coursedir(configurable: Any) -> CourseDirectory:
    """The course folder that the running command works on: that of the nearest parent which has one."""
    owner = configurable
    while owner is not None:
        if isinstance(getattr(owner, "coursedir", None), CourseDirectory):
            return owner.coursedir
        owner = owner.parent
    return CourseDirectory(config=configurable.config)


def _read(path: Path) -> dict:
    """A notebook file as plain JSON."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(notebook, dict):
        raise ValueError(f"{path.name} is not a notebook")
    return notebook


def _forget(db_url: str, notebook: str, assignment: str, student: str) -> None:
    """Take automatic marks out of the gradebook; marks that a person gave stay."""
    with Gradebook(db_url) as gradebook:
        try:
            submission = gradebook.find_submission_notebook(notebook, assignment, student)
        except MissingEntry:
            return
        for grade in submission.grades:
            grade.auto_score = None
            grade.needs_manual_grade = True
        gradebook.db.commit()


# -- a class that is graded already ----------------------------------------------------------------------------------

_handed_over: dict[tuple[str, str, str], dict] = {}  # results for Judge, while `hand_over` runs


@dataclass(frozen=True)
class HandedOver:
    """What became of one result in nbgrader; `message` says why it is not there."""

    student: str
    assignment: str
    ok: bool
    message: str | None = None


def hand_over(
    course_root: str | Path,
    results: list[dict],
    feedback: bool = True,
    progress: Callable[[HandedOver], None] = lambda done: None,
) -> list[HandedOver]:
    """Enter finished results into nbgrader: marks in the gradebook, autograded notebooks and feedback pages.

    The submissions lie in `submitted/` already, or are copied there from where they were graded. nbgrader's own steps
    do the rest, with the results in hand, so nothing is graded again. One that fails is reported; the others go on.
    """
    api = _api(Path(course_root).resolve())
    outcomes = []
    for result in results:
        student, assignment = str(result.get("student") or ""), str(result.get("assignment") or "")
        outcomes.append(_attempted(student, assignment, _hand_over_one, api, result, student, assignment, feedback))
        progress(outcomes[-1])
    return outcomes


def quiz_sheets(course_root: str | Path) -> set[str]:
    """The assignments of a course that are sheets of quizzes, by nbgrader's names."""
    found = set()
    for path in Path(course_root, "source").glob("*/*.ipynb"):
        try:
            if _quiz_of(_read(path), path.parent.name):
                found.add(path.parent.name)
        except (OSError, ValueError):
            continue
    return found


def mark_quizzes(
    course_root: str | Path,
    handed_in: Iterable[tuple[str, str]],
    progress: Callable[[HandedOver], None] = lambda done: None,
) -> list[HandedOver]:
    """Have nbgrader mark quizzes in `submitted/`, named by student and assignment, and write feedback on them."""
    api = _api(Path(course_root).resolve())
    outcomes = []
    for student, assignment in handed_in:
        outcomes.append(_attempted(student, assignment, _mark_quiz, api, student, assignment))
        progress(outcomes[-1])
    return outcomes


def _attempted(student: str, assignment: str, step: Callable[..., str | None], *arguments: Any) -> HandedOver:
    """What became of a step, which returns why it could not be done, or None."""
    gradebooks = logging.getLogger("tornado.application")  # nbgrader's gradebook says its tracebacks there, pages long
    gradebooks.addFilter(_nothing)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbgrader's talk with SQLAlchemy, and cells without ids
            message = step(*arguments)
    except DatabaseError as error:
        message = _database_told(error)
    except Exception as error:
        message = _machines(str(error)) or f"{type(error).__name__}: {clean(error, 500)}"
    finally:
        gradebooks.removeFilter(_nothing)
    return HandedOver(student, assignment, message is None, message)


def _mark_quiz(api: NbGraderAPI, student: str, assignment: str) -> str | None:
    """None if all went well, else why not."""
    if message := _no_student(student):
        return message
    directory = api.coursedir
    folder = Path(directory.format_path(directory.source_directory, ".", assignment))
    done = _registered(api, next(path.stem for path in sorted(folder.glob("*.ipynb"))), assignment)
    done = done or api.autograde(assignment, student)
    if done["success"]:
        done = api.generate_feedback(assignment, student)
    return None if done["success"] else _last_line(done)


def _no_student(student: str) -> str | None:
    if not student or student != student.strip() or student in (".", "..") or set(student) & set("/\\*?[]\0\n\r"):
        return _("nbgrader cannot keep a student of this name.")
    return None


def _registered(api: NbGraderAPI, notebook: str, assignment: str) -> dict | None:
    """Release an assignment that nbgrader does not know yet; what it says where that fails."""
    with api.gradebook as gradebook:
        try:
            gradebook.find_notebook(notebook, assignment)
            return None
        except MissingEntry:
            pass
    done = api.generate_assignment(assignment)
    return None if done["success"] else done


def _hand_over_one(api: NbGraderAPI, result: dict, student: str, assignment: str, feedback: bool) -> str | None:
    """None if all went well, else why not."""
    if message := _no_student(student):
        return message
    try:
        exercise = syllabus().assignment(assignment).exercise.id
    except UnknownName as error:
        return str(error)
    directory = api.coursedir
    submitted = Path(directory.format_path(directory.submitted_directory, student, assignment), f"{exercise}.ipynb")
    origin = Path(str(result.get("submission") or ""))
    if origin.suffix == ".ipynb" and origin.is_file() and not _same_file(origin, submitted):
        try:
            put_copy(Path(directory.root), origin.read_bytes(), submitted)
        except NotOurs:  # the student handed in both; the other one keeps its bytes under another name
            set_aside(submitted)
            put_copy(Path(directory.root), origin.read_bytes(), submitted)
    if not submitted.is_file():
        _forget(directory.db_url, exercise, assignment, student)  # of an earlier hand-in
        return _("There is no notebook of this student in the course's submitted folder.")
    if refused := _registered(api, exercise, assignment):
        return _last_line(refused)
    key = (directory.root, assignment, student)
    _handed_over[key] = result
    try:
        done = api.autograde(assignment, student)
    finally:
        del _handed_over[key]
    if result.get("status") == "not_graded":
        return result.get("message") or _("could not be graded")
    if done["success"] and feedback and not waiting(directory.root, result):
        done = api.generate_feedback(assignment, student)
    return None if done["success"] else _last_line(done)


# -- marks that a person gave ----------------------------------------------------------------------------------------


def _grades(course_root: str | Path, result: dict) -> list[Any] | None:
    """What the gradebook has of a result's hand-in, a dict a cell; None where it has nothing."""
    directory = CourseDirectory(config=_config(Path(course_root).resolve()))
    try:
        exercise = syllabus().assignment(str(result.get("assignment"))).exercise.id
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            notebook = gradebook.find_submission_notebook(exercise, result["assignment"], str(result.get("student")))
            tasks = {cell.name for cell in gradebook.find_notebook(exercise, result["assignment"]).task_cells}
            said = {comment.name: comment.manual_comment for comment in notebook.comments}
            return [
                {"name": g.name, "task": g.name in tasks, "manual": g.manual_score, "extra": g.extra_credit,
                 "most": g.max_score, "comment": said.get(g.name), "awaited": g.needs_manual_grade}
                for g in notebook.grades
            ]  # fmt: skip
    except (MissingEntry, UnknownName):
        return None
    except DatabaseError as error:
        raise GradebookError(_database_told(error)) from error


def _database_told(error: DatabaseError) -> str:
    return _machines(str(error)) or f"The gradebook cannot be used: {clean(error.orig, 300)}."


def _machines(text: str) -> str | None:
    """What an error says of the machine, in a sentence; None where it is about something else."""
    if "database is locked" in text or "database table is locked" in text:
        return "The gradebook is locked: another program is at work in it. Say the command again when that has ended."
    if "disk is full" in text or os.strerror(errno.ENOSPC) in text:
        return "The disk is full. Make room and say the command again; what was graded is not graded twice."
    return None


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def waiting(course_root: str | Path, result: dict) -> bool:
    """Whether a task of a hand-in has no mark yet, or one for an earlier text."""
    grades = _grades(course_root, result)
    if grades is None:
        return result.get("status") == "by_hand"
    return any(grade["task"] and grade["awaited"] for grade in grades)


def with_hand_marks(course_root: str | Path, result: dict) -> dict:
    """A result with what a person has marked in formgrader: tasks, and parts where that goes before the judge's mark.

    A hand-in that the judge has no part in is "graded" when all its tasks are marked, and stays "by_hand" until then.
    """
    grades = _grades(course_root, result) if result["status"] in ("graded", "by_hand") else None
    if not grades:
        return result
    exercise = syllabus().assignment(result["assignment"]).exercise
    titles = {f"task-{part.id}": _(part.title) for part in exercise.parts}
    parts, flags = [dict(part) for part in result["parts"]], list(result["flags"])
    for grade in grades:
        if grade["task"] and grade["awaited"]:
            flags.append("waits-for-a-person")
        if grade["manual"] is None:
            continue
        name = grade["name"].removeprefix("task-").removeprefix("test-")
        part = next((p for p in parts if p["id"] == name and not grade["task"]), None)
        if part is None:
            title = titles.get(grade["name"], name)
            part = {
                "id": name,
                "symbol": "",
                "title": title,
                "max_score": grade["most"],
                "tests": [],
                "misconception": None,
            }
            parts.append(part)
        part |= {"score": grade["manual"] + (grade["extra"] or 0.0), "by_hand": True, "comment": grade["comment"]}
    flags = list(dict.fromkeys(flags))
    if result["status"] == "by_hand" and "waits-for-a-person" in flags:
        return {**result, "flags": flags}
    order = [part.id for part in exercise.parts]
    parts.sort(key=lambda p: order.index(p["id"]) if p["id"] in order else len(order))
    return {
        **result, "status": "graded", "flags": flags, "parts": parts,
        "message": None if result["status"] == "by_hand" else result["message"],
        "score": round(sum(p["score"] for p in parts), 2), "max_score": sum(p["max_score"] for p in parts),
    }  # fmt: skip


def _api(root: Path) -> NbGraderAPI:
    """nbgrader for a course folder."""
    c = _config(root)
    return NbGraderAPI(coursedir=CourseDirectory(config=c), config=c)


def _config(root: Path) -> Config:
    """nbgrader's configuration for a course folder, by the file in it, or by `configure` where there is none."""
    c = Config()
    if (root / "nbgrader_config.py").is_file():
        c = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    else:
        configure(c, root)
    c.CourseDirectory.root = str(root)
    return c


def _same_file(one: Path, other: Path) -> bool:
    return other.exists() and os.path.samefile(one, other)


def _last_line(done: dict) -> str:
    """What nbgrader says went wrong: our own reason where there is one, else the last line of its traceback."""
    if machines := _machines(f"{done.get('log')} {done.get('error')}"):
        return machines
    ours = re.findall(rf"{NotGraded.__name__}: (.+)", done.get("log") or "")
    return clean((ours or (done.get("error") or done.get("log") or "").strip().split("\n"))[-1], 500)


# -- marks -----------------------------------------------------------------------------------------------------------


class MarksExporter(ExportPlugin):
    """`nbgrader export --exporter=autograder.nbgrader.MarksExporter`: a row for each student and part, as CSV.

    The scores are the gradebook's (a person's mark goes before the judge's), the misconceptions are those that the
    autograded notebook holds. The row "total" has the whole assignment, with the penalty for lateness. What was not
    graded has no score, rather than 0.
    """

    columns = (
        "assignment", "student_id", "last_name", "first_name", "email", "timestamp", "part", "score", "max_score",
        "needs_manual_grade", "late_submission_penalty", "misconception", "misconception_title",
    )  # fmt: skip

    def export(self, gradebook: Gradebook) -> None:
        destination = Path(self.to or "marks.csv")
        rows: list[list] = [list(self.columns)]
        for assignment in gradebook.assignments:
            if self.assignment and assignment.name not in map(str, self.assignment):
                continue
            for submission in sorted(assignment.submissions, key=lambda s: s.student.id):
                if not self.student or submission.student.id in map(str, self.student):
                    rows += self._rows(assignment.name, submission)
        destination.write_text(write_csv(rows), encoding="utf-8")
        self.log.info("Wrote the marks of %d rows to %s", len(rows) - 1, destination)

    def _rows(self, assignment: str, submission: Any) -> list[list]:
        student = submission.student
        who = [assignment, student.id, student.last_name, student.first_name, student.email, submission.timestamp]
        rows, any_mark = [], False
        for notebook in submission.notebooks:
            named = self._misconceptions(assignment, student.id, notebook.name)
            for grade in notebook.grades:
                part = grade.cell.name.removeprefix("test-").removeprefix("task-")
                found = named.get(part) or {}
                marked = grade.auto_score is not None or grade.manual_score is not None  # else nbgrader says 0
                any_mark = any_mark or marked
                rows.append(
                    [*who, part, grade.score if marked else None, grade.max_score, int(grade.needs_manual_grade), None,
                     found.get("id"), found.get("title")]
                )  # fmt: skip
        penalty = submission.late_submission_penalty or 0.0
        total = max(0.0, submission.score - penalty) if any_mark else None
        waiting = int(submission.needs_manual_grade)
        return [*rows, [*who, "total", total, submission.max_score, waiting, penalty, None, None]]

    def _misconceptions(self, assignment: str, student: str, notebook: str) -> dict[str, dict | None]:
        directory = _coursedir(self)
        folder = directory.format_path(directory.autograded_directory, student, assignment)
        try:
            stored = _read(Path(folder, f"{notebook}.ipynb"))["metadata"]["autograder"]["parts"]
        except (OSError, ValueError, KeyError):
            return {}
        return {part["id"]: part.get("misconception") for part in stored}
