"""What the assignments of an instructor's course folder are: the judge's under any name, and the instructor's own.

nbgrader knows an assignment by the name of its folder in `source/`. What it is, its source notebook says; what was
handed in has no say in it.
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

    `judged` gives the judge's assignment for each name. `own` are assignments of the instructor's, `own_notebooks` the
    instructor's notebooks in an assignment of the judge's, as (folder, name without its ending).
    """

    judged: Mapping[str, str] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    own_notebooks: frozenset[tuple[str, str]] = frozenset()

    def is_own(self, folder: str, file: str) -> bool:
        """Whether a file that was handed in for an assignment is left to the instructor's own tests or eyes."""
        return folder in self.own or (folder, Path(file).stem) in self.own_notebooks


NO_COURSE = CourseFolder()


def read_course_folder(sources: Path) -> CourseFolder:
    """The assignments in a course's `source/`; `NO_COURSE` where there is no such folder.

    Of two copies of one assignment, the one under the syllabus's name is the judge's, else the first by name. The other
    counts as the instructor's own, because a student has one result for each assignment.
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
        ours = usual if usual in stated else next((stem for stem, said in stated.items() if said == assignment), usual)
        own_notebooks |= {(name, stem) for stem in stated if stem != ours}
    return CourseFolder(judged, frozenset(own), frozenset(own_notebooks))
