"""The source of the references that answers are compared with: the solution, and each known mistake put into it."""

from __future__ import annotations

from autograder import paths
from autograder.judging.catalogue import catalogue
from course.syllabus import Assignment


def solution_source(assignment: Assignment) -> str:
    """The reference implementation of an assignment."""
    return paths.solution(paths.ROOT, assignment).read_text(encoding="utf-8")


def sources_of(assignment: Assignment) -> dict[str, str]:
    """The reference's source under the module's name, and each mistake's under `module/mistake`.

    Raises CatalogueError where the catalogue of mistakes does not fit the solution.
    """
    module = assignment.exercise.module
    source = solution_source(assignment)
    table = {module: source}
    for mistake in catalogue(assignment.exercise.id):
        if assignment.track.id in mistake.changes:
            table[f"{module}/{mistake.id}"] = mistake.changes[assignment.track.id].apply(source)
    return table
