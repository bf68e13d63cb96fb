"""The assignments of a course folder: those that the judge grades, also renamed ones, and the instructor's own.

nbgrader knows an assignment by the name of its folder in `source/`. The metadata of its source notebook tell which
assignment of the syllabus it is; students' files do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autograder.paths import stated_assignment
from course.syllabus import syllabus


@dataclass(frozen=True)
class CourseFolder:
    """The assignments of a course, by the names of their folders.

    `judged` has the syllabus's assignment for each name. `own` are the instructor's own assignments, and
    `own_notebooks` the instructor's notebooks in a judged assignment, as (folder, name without its ending).
    """

    judged: Mapping[str, str] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    own_notebooks: frozenset[tuple[str, str]] = frozenset()

    def is_own(self, folder: str, file: str) -> bool:
        """Whether a file that was handed in for an assignment is not for the judge to grade."""
        return folder in self.own or (folder, Path(file).stem) in self.own_notebooks


NO_COURSE = CourseFolder()


def read_course_folder(sources: Path) -> CourseFolder:
    """The assignments in a course's `source/`; `NO_COURSE` where there is no such folder.

    If an assignment is there twice, the judge grades the one with the syllabus's name, else the first by name. The
    other counts as the instructor's own, because a student has one result for each assignment.
    """
    known = syllabus().released()
    folders = sorted(folder for folder in sources.glob("*") if folder.is_dir())
    judged: dict[str, str] = {}
    own: set[str] = set()
    own_notebooks: set[tuple[str, str]] = set()
    for folder in sorted(folders, key=lambda folder: folder.name not in known):
        notebooks = sorted(folder.glob("*.ipynb"))
        stated = {path.stem: stated_assignment(path) for path in notebooks}
        name = folder.name
        if name in known:
            assignment: str | None = name
        else:
            assignment = next((said for said in stated.values() if said in known), None)
        if assignment is None or assignment in judged.values():
            if notebooks:
                own.add(name)
            continue
        judged[name] = assignment
        usual = known[assignment].exercise.id
        main = usual if usual in stated else next((stem for stem, said in stated.items() if said == assignment), usual)
        own_notebooks |= {(name, stem) for stem in stated if stem != main}
    return CourseFolder(judged, frozenset(own), frozenset(own_notebooks))
