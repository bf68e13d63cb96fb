"""All steps with a sample class: release, hand-ins, grading, gradebook, feedback. `autograder demo` runs it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.authoring.init import write_course
from autograder.grading.class_run import ClassRun, Settings
from autograder.paths import ROOT
from autograder.proof.sample_class import sample_class
from autograder.records import Result
from autograder.reporting.html import write_pages
from autograder.reporting.marks import csv_table
from course.syllabus import Assignment


def run_demo(
    folder: Path,
    assignments: list[Assignment],
    jobs: int,
    step: Callable[[str], None],
    progress: Callable[[str, int, int], None],
) -> tuple[list[Result], dict[str, Any]]:
    """Make a course in `folder`, let a sample class hand in, grade it, and put the marks into nbgrader.

    Arguments: the folder, new or of an earlier demo; how many hand-ins are graded at a time; `step` is called with a
    sentence when a step begins, `progress` with what is counted, how many are done, and of how many.
    Returns: the results; and by name the paths of pages and files, times in seconds, and what nbgrader refused.
    Raises FileExistsError for a folder with other files, and RuntimeError where nbgrader cannot release.
    """
    from nbgrader.apps.api import NbGraderAPI
    from traitlets.config.loader import PyFileConfigLoader

    from autograder.nbgrader import hand_over

    started = time.perf_counter()
    if folder.exists():
        if not (folder / ".autograder-demo").exists() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty and was not made by the demo; choose another --output")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / ".autograder-demo").touch()
    write_course(ROOT, folder, assignments)

    step("Releasing the assignments (nbgrader generate_assignment)")
    api = NbGraderAPI(config=PyFileConfigLoader("nbgrader_config.py", str(folder)).load_config())
    for i, assignment in enumerate(assignments):
        done = api.generate_assignment(assignment.id, force=True)
        if not done["success"]:
            raise RuntimeError(f"nbgrader could not release {assignment.id}:\n{done.get('log') or done.get('error')}")
        progress("released", i + 1, len(assignments))

    step("Students hand in")
    submitted = folder / "submitted"
    for assignment in assignments:
        for hand_in in sample_class(folder / "source", assignment):
            file = submitted / hand_in.student / assignment.id / f"{assignment.exercise.id}.ipynb"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(hand_in.data)
    run = ClassRun([submitted], folder / "source", course=folder, settings=Settings(jobs))

    step(f"Grading {len(run.submissions)} notebooks, {jobs} at a time, each in its own sandbox")
    grading = time.perf_counter()
    count = 0

    def graded(_: object) -> None:
        nonlocal count
        count += 1
        progress("graded", count, len(run.submissions))

    results = run.grade(graded)
    grading = time.perf_counter() - grading

    step("Handing the marks to nbgrader: gradebook, autograded notebooks, feedback")
    handed = [r for r in results if r["status"] == "graded"]
    count = 0

    def handed_over(_: object) -> None:
        nonlocal count
        count += 1
        progress("handed over", count, len(handed))

    outcomes = hand_over(folder, handed, progress=handed_over)
    refused = [o for o in outcomes if not o.ok]

    pages = write_pages(results, folder / "pages")
    (folder / "marks.csv").write_text(csv_table(results), encoding="utf-8")
    return results, {
        "class page": pages,
        "feedback of nbgrader": folder / "feedback",
        "gradebook": folder / "gradebook.db",
        "marks": folder / "marks.csv",
        "grading seconds": grading,
        "seconds": time.perf_counter() - started,
        "refused": refused,
    }
