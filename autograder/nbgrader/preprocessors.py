"""nbgrader preprocessors that run when a notebook is released, repaired or graded.

nbgrader reads a test cell's score from the first output that has one, and gives full marks where none has. So `Judge`
always replaces the outputs of every cell, and every graded cell gets a plain number. Where there is no result it raises
NotGraded, which stops nbgrader for that submission only, and removes the marks of earlier gradings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbgrader import utils
from nbgrader.preprocessors import ClearOutput, ClearSolutions, Execute, NbGraderPreprocessor, SaveAutoGrades
from traitlets import Unicode

from autograder.nbgrader.cells import about_cell, printed_by, remark_outputs, scored_cell
from autograder.nbgrader.course_rules import settings_of
from autograder.nbgrader.errors import NotGraded
from autograder.nbgrader.gradebook import forget
from autograder.nbgrader.harmless import harmless_cells, is_harmless_file, page_ids
from autograder.nbgrader.place import Place, handed_over_results, quiz_of
from autograder.nbgrader.reading import read_hand_in
from autograder.nbgrader.sheets import mark_sheet, released_sheet
from autograder.nbgrader.tasks import await_marks, shown_outputs
from autograder.quizzes.marking import answer_line
from autograder.records import Result
from autograder.reporting import html
from autograder.reporting.text import clean, line
from autograder.settings.apply import counted
from autograder.submission import by_hand, matching
from course import i18n
from course.i18n import _
from course.syllabus import Assignment, UnknownName, syllabus


class Translate(NbGraderPreprocessor):
    """Translates a notebook into the course's language when it is released; feedback is in that language too."""

    language = Unicode("en", help="The language that students are taught in, `da` for example.").tag(config=True)

    def spoken(self) -> str:
        """The language of the course. Raises `course.i18n.UnknownLanguage` where it has no catalogue."""
        return i18n.known(self.language)

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """nbgrader's method: the notebook in the language of the course.

        Raises `course.i18n.UnknownLanguage` where the language has no catalogue.
        """
        if self.spoken() == i18n.SOURCE_LANGUAGE:
            return nb, resources
        from autograder.notebooks.translated import translate_notebook
        from autograder.paths import ROOT
        from autograder.quizzes.notebooks import translate_sheet

        if quiz := quiz_of(nb, resources["nbgrader"]["assignment"]):
            return translate_sheet(ROOT, quiz, nb, self.language), resources
        stated = nb.metadata.get("course", {})
        try:
            assignment = syllabus().assignment(str(stated.get("assignment")) if isinstance(stated, dict) else "")
        except UnknownName:
            return nb, resources  # an assignment of the instructor's own
        return translate_notebook(ROOT, assignment, nb, self.language), resources


class KeepBlanks(ClearSolutions):
    """nbgrader's ClearSolutions, except for a quiz: there each line for an answer stays, emptied."""

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """nbgrader's method: the notebook without solutions."""
        if not quiz_of(nb, resources["nbgrader"]["assignment"]):
            return super().preprocess(nb, resources)
        for cell in nb.cells:
            if utils.is_solution(cell):
                cell.source = answer_line(str(matching.grade_id_of(cell)).removeprefix("answer-"))
        return nb, resources


class Restore(NbGraderPreprocessor):
    """Puts a damaged notebook back in order: every released cell once, as released, with the student's answers.

    What the student wrote is made harmless to look at (`harmless.py`); the file that was handed in stays as it is.
    """

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """nbgrader's method: the notebook with the released cells in their order."""
        place = Place.of(self, resources)
        assignment = place.ours()
        quiz = place.quiz() if assignment is None else None
        if assignment is None and not quiz and not place.beside():
            return nb, resources  # an assignment of the instructor's own
        _drop_active_files(place)
        if assignment is None:
            return (_harmless_sheet(place, nb) if quiz else _harmless_notebook(place, nb)), resources
        released = place.released()
        others = by_hand.in_other_languages(assignment) if assignment.exercise.by_hand else {}
        found = matching.match(list(nb.get("cells") or []), released, assignment.exercise.parts, others)
        if assignment.exercise.by_hand:
            by_hand.look_through(found, place.source().get("cells", []), assignment.exercise.parts, others)
        for remark in found.remarks:
            self.log.warning("%s: %s", line(place.student), line(remark))
        cells = []
        for placed, cell in zip(found.cells, matching.restore(found, released), strict=True):
            # By the label, the output that the sandbox caught is found for the student's own cells.
            cell["metadata"]["autograder"] = {"cell": placed.label}
            attachments = nb.cells[placed.index].get("attachments") if placed.index is not None else None
            if cell["cell_type"] == "markdown" and attachments:
                cell["attachments"] = attachments
            if assignment.exercise.by_hand and cell["cell_type"] == "code" and placed.index is not None:
                cell["outputs"] = shown_outputs(nb.cells[placed.index])
            cells.append(cell)
        cells = harmless_cells(cells, _page_ids(released))
        if assignment.exercise.by_hand and found.remarks:
            with i18n.using(Translate(config=self.config).spoken()):
                cells.insert(0, remark_outputs(found.remarks))
        for number, cell in enumerate(cells):
            cell["id"] = f"cell-{number}"  # ids must be unique and have few letters; those of the file may not
        whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": _released_metadata(place), "cells": cells}
        return nbformat.from_dict(whole), resources


class KeepOutput(ClearOutput):
    """nbgrader's ClearOutput, except for work that a person grades, who must see the outputs."""

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """nbgrader's method: the notebook without outputs, unless a person grades them."""
        place = Place.of(self, resources)
        if place.beside():
            for cell in nb.cells:
                if cell.cell_type == "code":
                    cell.outputs = [nbformat.from_dict(output) for output in shown_outputs(cell)]
            return nb, resources
        assignment = place.ours()
        if assignment is not None and assignment.exercise.by_hand:
            return nb, resources
        return super().preprocess(nb, resources)


class Judge(NbGraderPreprocessor):
    """Writes the judge's result onto the notebook, in place of running it here."""

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """nbgrader's method: the notebook with scores and reports. Raises NotGraded where there is no result."""
        place = Place.of(self, resources)
        assignment = place.ours()
        if assignment is None and (quiz := place.quiz()):
            with i18n.using(Translate(config=self.config).spoken()):
                return mark_sheet(nb, quiz, place), resources
        if assignment is None and place.beside():
            self.log.warning(
                "%s, %s: the notebook %s is the instructor's own and is not run; mark its tests in formgrader.",
                line(place.student), place.assignment, place.notebook,
            )  # fmt: skip
            return nb, resources
        if assignment is None:
            return Execute(parent=self.parent).preprocess(nb, resources)
        _drop_copies(place)
        changed = await_marks(place, nb, {f"task-{part.id}": part.title for part in assignment.exercise.parts})
        for remark in changed:
            self.log.warning("%s: %s", line(place.student), line(remark))
        with i18n.using(Translate(config=self.config).spoken()):
            if not assignment.exercise.by_hand:
                nb, resources = self._judged(nb, resources, place, assignment)
            if changed:
                nb.cells.insert(0, nbformat.from_dict(remark_outputs(changed)))
            return nb, resources

    def _judged(
        self, nb: Any, resources: dict[str, Any], place: Place, assignment: Assignment
    ) -> tuple[Any, dict[str, Any]]:
        try:
            result = self._result(place, assignment)
            if result.get("status") != "graded":
                raise NotGraded(result.get("message") or _("The grader gave no reason."))
        except Exception as error:
            forget(place.db_url, place.notebook, place.assignment, place.student)
            reason = clean(error, 2000)
            raise NotGraded(f"{line(place.student)}, {place.assignment}: could not be graded. {reason}") from error

        outputs = {cell["grade_id"] or cell["label"]: cell for cell in result.get("cells") or []}
        for cell in nb.cells:
            if cell.cell_type != "code":
                continue
            cell.outputs, cell.execution_count = [], None
            if matching.grade_id_of(cell) in _tests(assignment) and utils.is_grade(cell):
                cell.outputs, cell.execution_count = [_verdict(cell, result)], 1
            else:
                ours = cell.metadata.get("nbgrader", {})
                label = ours.get("grade_id") or cell.metadata.get("autograder", {}).get("cell")
                printed = printed_by(outputs.get(label))
                if printed:
                    stream = nbformat.v4.new_output("stream", name="stdout", text=printed)
                    cell.outputs, cell.execution_count = [stream], 1
        _keep(nb, result)
        return nb, resources

    def _result(self, place: Place, assignment: Assignment) -> Result:
        """The finished result for this notebook where there is one; else that of grading it now."""
        finished = handed_over_results.get((place.coursedir.root, place.assignment, place.student))
        if finished is not None:
            return finished
        from autograder.grading import saved_results, seeds, warm_grader  # late import: it starts workers

        root = Path(place.coursedir.root)
        settings = settings_of(place.coursedir)
        rules = seeds.rules_of_run(root, settings, [assignment.id])[assignment.id]
        notebook = read_hand_in(place.submitted())  # as it was handed in: that is what finished results are found by
        notebook["cells"] = [
            {key: value for key, value in cell.items() if key != "outputs"} if isinstance(cell, dict) else cell
            for cell in notebook["cells"]
        ]
        finished = saved_results.lookup(root, assignment.id, place.student, notebook, rules)
        if finished is None:
            sources = place.source_root(assignment)
            finished = warm_grader.grade_one(notebook, assignment.id, place.student, source_root=sources, rules=rules)
        return counted(finished, settings, place.sources())


class SaveMarks(SaveAutoGrades):
    """nbgrader's SaveAutoGrades, except for an instructor's own tests in an assignment that the judge marks.

    The judge does not run these, and nbgrader gives full marks to a test without output. So they wait for a person.
    """

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """nbgrader's method: writes the scores into the gradebook; the notebook stays as it is."""
        place = Place.of(self, resources)
        assignment = place.ours()
        parts = (nb.metadata.get("autograder") or {}).get("parts") or []
        self._bonus = {f"test-{part['id']}": float(part["score"]) for part in parts if part.get("bonus")}
        self._judged: set[str] | None = None  # None: an assignment of the instructor's own, or a quiz
        if assignment is not None:
            self._judged = set() if assignment.exercise.by_hand else _tests(assignment)
        elif place.beside():
            self._judged = set()
        return super().preprocess(nb, resources)

    def _add_score(self, cell: Any, resources: dict[str, Any]) -> None:
        super()._add_score(cell, resources)
        name = cell.metadata.nbgrader["grade_id"]
        if self._judged is None or utils.is_solution(cell) or (name in self._judged and name not in self._bonus):
            return
        grade = self.gradebook.find_grade(name, self.notebook_id, self.assignment_id, self.student_id)
        if name in self._bonus:  # nbgrader ignores the score of a cell without points
            grade.auto_score = self._bonus[name]
        else:
            grade.auto_score, grade.needs_manual_grade = None, True
        self.gradebook.db.commit()


def _tests(assignment: Assignment) -> set[str]:
    """The test cells that the judge marks."""
    return {f"test-{part.id}" for part in assignment.exercise.parts}


def _verdict(cell: Any, result: Result) -> Any:
    """The output of a part's test cell: its score and report."""
    part_id = cell.metadata.nbgrader["grade_id"].removeprefix("test-")
    part = next((p for p in result["parts"] if p["id"] == part_id), None)
    share = float(part["score"]) / float(part["max_score"]) if part is not None and part["max_score"] else 0.0
    return scored_cell(cell, share, html.part_report(result, part_id))


def _keep(nb: Any, result: Result) -> None:
    """Write the result into the notebook: for exports into its metadata, for readers above the first cell."""
    parts = [{**p, "tests": [{**t, "picture": None} for t in p["tests"]]} for p in result["parts"]]
    nb.metadata["autograder"] = nbformat.from_dict({**result, "parts": parts, "cells": []})
    about = html.hand_in_report(result)
    if about:
        nb.cells.insert(0, nbformat.from_dict(about_cell(about)))


def _page_ids(released: list[dict[str, Any]]) -> set[str]:
    return page_ids([name for cell in released if (name := matching.grade_id_of(cell))])


def _released_metadata(place: Place) -> dict[str, Any]:
    """The kernel and language of the notebook as released. The student's file does not count: pages show both."""
    found = place.source().get("metadata")
    stated: dict[str, Any] = found if isinstance(found, dict) else {}
    # The fields that the notebook format requires; a notebook without them would stop nbgrader at its next step.
    needed = {"kernelspec": ("name", "display_name"), "language_info": ("name",)}
    return {
        key: stated[key]
        for key, fields in needed.items()
        if isinstance(stated.get(key), dict) and all(isinstance(stated[key].get(f), str) for f in fields)
    }


def _harmless_sheet(place: Place, nb: Any) -> Any:
    released = place.released()
    sheet = released_sheet(released, nb.get("cells") or [])
    cells = harmless_cells([dict(cell) for cell in sheet.cells], _page_ids(released))
    return nbformat.from_dict({**sheet, "cells": cells})


def _harmless_notebook(place: Place, nb: Any) -> Any:
    """An instructor's own notebook beside the judge's: in the metadata of its cells, only nbgrader's entry stays."""
    cells: list[dict[str, Any]] = []
    for cell in harmless_cells([dict(cell) for cell in nb.cells], _page_ids(nb.cells)):
        ours = cell["metadata"].get("nbgrader")
        cells.append(cell | {"metadata": {"nbgrader": ours} if isinstance(ours, dict) else {}})
    return nbformat.from_dict({**nb, "metadata": _released_metadata(place), "cells": cells})


def _drop_active_files(place: Place) -> None:
    """Remove the student's files that a browser would run from the autograded folder.

    formgrader would serve them with the rights of its own pages. They stay in the submitted folder.
    """
    directory = place.coursedir
    source = Path(directory.format_path(directory.source_directory, ".", place.assignment))
    copies = Path(directory.format_path(directory.autograded_directory, place.student, place.assignment))
    for copy in list(copies.rglob("*")):
        theirs = copy.is_file() and not (source / copy.relative_to(copies)).is_file()
        if theirs and copy.suffix != ".ipynb" and not is_harmless_file(copy.name):
            copy.unlink()


def _drop_copies(place: Place) -> None:
    """Remove the course package from the autograded folder.

    nbgrader copies what lies beside the source notebook to every student's autograded folder, and from there to their
    feedback. The judge does not run notebooks there, and a hundred copies of bert-mini would only fill the disk.
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
