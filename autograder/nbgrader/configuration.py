"""nbgrader's configuration for a course whose hand-ins the judge grades; `configure` makes it."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from nbgrader import apps, converters
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties, ClearOutput, ClearSolutions, Execute, SaveAutoGrades
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from autograder.nbgrader.class_converters import FeedbackPage
from autograder.nbgrader.course_rules import CoursePoints, LatePenalties, ShowFeedback, follow
from autograder.nbgrader.gradebook import mark_as_earlier
from autograder.nbgrader.preprocessors import Judge, KeepBlanks, KeepOutput, Restore, SaveMarks, Translate
from autograder.nbgrader.reading import HandIn, find_all, without_links
from autograder.nbgrader.timestamps import get_existing_timestamp
from autograder.nbgrader.told import capture_log
from autograder.settings.reading import CourseSettingsError, read_settings
from course.syllabus import syllabus

STUB = "# Your code here.\nraise NotImplementedError"


def scripts_on_path() -> None:
    """Put the folder of this Python on the path: nbgrader runs `alembic` by name to make a new gradebook.

    Without an activated environment it is not on the path.
    """
    beside = str(Path(sys.executable).parent)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join(filter(None, (os.environ.get("PATH"), beside)))


def configure(c: Config, root: str | Path) -> None:
    """Set up nbgrader for a course in the folder `root`; an instructor may change each setting afterwards."""
    scripts_on_path()
    c.CourseDirectory.root = str(Path(root).resolve())
    c.CourseDirectory.course_id = syllabus().id
    c.GenerateAssignment.preprocessors = releasing_preprocessors()
    c.ClearSolutions.code_stub = {"python": STUB}
    stock = [KeepOutput if p is ClearOutput else p for p in _stock("sanitize_preprocessors")]
    c.Autograde.sanitize_preprocessors = [Restore, *stock]
    ours = {Execute: Judge, SaveAutoGrades: SaveMarks, AssignLatePenalties: LatePenalties}
    c.Autograde.autograde_preprocessors = [ours.get(p, p) for p in _stock("autograde_preprocessors")]

    def begin(assignment: str, student: str, notebooks: list[str]) -> None:
        """Before a submission is graded again, its marks become those of an earlier grading.

        They stay so where nbgrader does not finish. The judge removes them where a hand-in cannot be read.
        The gradebook's points and dates follow the course's settings.
        """
        chosen = c.CourseDirectory.db_url if "db_url" in c.CourseDirectory else None
        url = chosen or f"sqlite:///{Path(c.CourseDirectory.root) / 'gradebook.db'}"
        for notebook in map(Path, notebooks):
            mark_as_earlier(url, notebook.stem, notebook.parent.name, notebook.parent.parent.name)
            follow(CourseDirectory(config=c), notebook.parent.name, notebook.stem)

    c.Autograde.pre_convert_hook = begin
    c.GenerateFeedback.preprocessors = [ShowFeedback, *GenerateFeedback.class_traits()["preprocessors"].default_args[0]]
    c.GenerateFeedback.exporter_class = FeedbackPage
    # A mistake is reported when something is graded. Raising here would make nbgrader go on without the judge.
    with contextlib.suppress(CourseSettingsError):
        if language := read_settings(Path(root)).language:
            c.Translate.language = language
    c.Autograde.exporter_class = HandIn
    # Files that are not copied to the autograded folder, such as an environment that came with a hand-in.
    c.CourseDirectory.ignore = [*CourseDirectory.class_traits()["ignore"].default_args[0], "venv", ".venv", ".git"]
    # These four have no setting.
    apps.api.capture_log = capture_log
    CourseDirectory.get_existing_timestamp = get_existing_timestamp
    Autograde.init_notebooks = find_all
    converters.base.find_all_files = without_links


def course_language(root: Path) -> str:
    """The language that a course's nbgrader_config.py sets."""
    return Translate(config=config_of(root)).language


def releasing_preprocessors() -> list[Any]:
    """The preprocessors of `nbgrader generate_assignment`: the translation, then nbgrader's own."""
    stock = GenerateAssignment.class_traits()["preprocessors"].default_args[0]
    return [Translate, CoursePoints, *(KeepBlanks if p is ClearSolutions else p for p in stock)]


def _stock(name: str) -> list[Any]:
    return list(Autograde.class_traits()[name].default_args[0])


def api_of(root: Path) -> NbGraderAPI:
    """nbgrader's API for a course folder."""
    c = config_of(root)
    return NbGraderAPI(coursedir=CourseDirectory(config=c), config=c)


def config_of(root: Path) -> Config:
    """nbgrader's configuration for a course folder: that of the file in it, or of `configure` where there is none."""
    c = Config()
    if (root / "nbgrader_config.py").is_file():
        c = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    else:
        configure(c, root)
    c.CourseDirectory.root = str(root)
    return c
