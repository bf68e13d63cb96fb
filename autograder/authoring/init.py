"""Makes a course folder for an instructor, from which nbgrader releases, collects, grades and gives feedback.

The files that students need beside the notebook (the course package, the requirements, a README) are put beside the
*source* notebook, because nbgrader releases every file there. So `nbgrader generate_assignment` gives the same files as
the zips of `autograder release`, and the exchange carries them too. Only the source notebook has answers, and nbgrader
removes them when it releases.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from autograder.authoring.build import build, source_path
from autograder.authoring.release import beside_notebook, refuse_leaks
from autograder.errors import AuthoringError
from autograder.nbgrader import scripts_on_path
from autograder.paths import PACKAGE_ROOT
from autograder.quizzes.notebooks import PREFIX, marked_sheet, named
from autograder.settings.template import course_toml
from autograder.settings.types import NAME
from course import i18n
from course.syllabus import Assignment, syllabus

COURSE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # the name of a folder in the exchange, and part of addresses

CONFIG = '''\
"""nbgrader's configuration of this course, which grades with the judge; `autograder.nbgrader` explains it.

The folder of this file is the course: source/, release/, submitted/, autograded/, feedback/ and gradebook.db are in it.
It may be moved or renamed. Settings below the call of `configure` replace those that `configure` makes.
"""

from pathlib import Path

try:
    from autograder.nbgrader import configure
except ImportError as error:  # without the judge, nbgrader would run students' code on this machine as you
    raise SystemExit(f"{{error}}. Use the environment that attention-exercises is installed in.") from None

c = get_config()  # noqa: F821 (nbgrader puts it here)
configure(c, Path(__file__).parent)

# The course's id in nbgrader: its folder in the exchange, and its name in the students' list. Do not change it after
# students have fetched something: for the exchange and the gradebook, another id is another course.
c.CourseDirectory.course_id = "{course_id}"

# Language, points, due dates, extensions and more are in course.toml, beside this file.

# You may change these; remove the #.
# c.Exchange.root = "/srv/nbgrader/exchange"         # where students fetch and submit, writable for all of them
# c.Exchange.timezone = "Europe/Copenhagen"          # the time zone of submission times
# c.CourseDirectory.db_url = "sqlite:////srv/attention/gradebook.db"     # the gradebook elsewhere, or PostgreSQL
# c.AssignLatePenalties.plugin_class = "mine.Late"   # the late penalty, if [late] in course.toml is not set
# c.ExportApp.plugin_class = "autograder.nbgrader.MarksExporter"         # `nbgrader export` with misconceptions

# Do not set c.Autograde.sanitize_preprocessors, c.Autograde.autograde_preprocessors or c.Autograde.pre_convert_hook:
# the judge is in them, and without it students' code would run on this machine as you.
'''

EXPORTER = "--exporter=autograder.nbgrader.MarksExporter"

OWN_README = """
## Your own lessons

Lessons, solutions and hidden tests of this course are in `{root}`. If you move that folder, correct the line
`use_course(...)` in `nbgrader_config.py`. `autograder --course {root} build` builds them after a change.
"""

# Replaces the import if the lessons and hidden tests are the instructor's own.
IMPORT = "    from autograder.nbgrader import configure\n"
OWN_LESSONS = """\
    from attention_exercises import use_course

    use_course({root!r})  # lessons, solutions and hidden tests; before the import of autograder
"""

README = """\
# {title}

This is a course folder for nbgrader, graded by `autograder`. Run every command in this folder, in the environment where
both are installed. `autograder doctor` says whether this machine can grade. The commands below are for the first
assignment of:

{assignments}

## Release

    nbgrader generate_assignment {first}
    nbgrader release_assignment {first}

The first command removes the answers and writes everything that students get into `release/`. The second copies it into
nbgrader's exchange. Without an exchange, make a zip for a learning platform or a web page:

    python -m zipfile -c {first}.zip release/{first}

## Collect

    nbgrader collect {first}

Without an exchange, put the notebooks into `submitted/STUDENT/ASSIGNMENT/`. `autograder collect hand-ins.zip --into .`
does that for the zip file of a learning platform. You can also grade such a zip file directly, without the gradebook:

    autograder grade hand-ins.zip --assignment {first} --html pages --csv marks.csv

## Grade

    autograder grade submitted --nbgrader --html pages

This grades the class in parallel, enters the marks and writes feedback; `pages/index.html` says which misconception to
teach next. This command grades in the same way, one hand-in after another:

    nbgrader autograde {first}

So does formgrader's button: run `jupyter lab` here, and choose Nbgrader, Formgrader. A mark that you give there
replaces the autograder's.

## Feedback

    nbgrader generate_feedback {first}
    nbgrader release_feedback {first}

After `autograder grade --nbgrader` you need the first command only if you have changed a mark; then add `--force`.

## Export

    nbgrader export --exporter=autograder.nbgrader.MarksExporter --to=marks.csv

This writes a row for each student and part, with the misconception; without `--exporter`, a row for each hand-in.

## What is in this folder

`course.toml` has the settings of the course: points, due dates, extensions, the late penalty, what students see.
`nbgrader_config.py` is nbgrader's configuration. `source/` has the notebooks *with the answers*; keep it secret. To add
an assignment, make another folder with `autograder init` and move the assignment from its `source/` to this one. To
rename an assignment, rename its folder in `source/` before you release it. nbgrader grades your own assignments as
usual: their code runs with your rights. If you add your own tests to an assignment of this course, they are not run:
they wait for you in formgrader, and the feedback waits too.

`--nbgrader` enters the judge's marks first and then reads the gradebook: the table, `--csv`, `--json` and the pages
have your own marks, your points and late penalties. `not in gradebook` beside a mark says that the gradebook has
another one, from an earlier grading.
"""


def init(
    root: Path,
    folder: Path,
    assignments: Iterable[Assignment],
    course_id: str | None = None,
    language: str = i18n.SOURCE_LANGUAGE,
    quizzes: Iterable[str] = (),
) -> None:
    """Make a course in a new or empty folder.

    Arguments: the course's root; the folder to make; its assignments; nbgrader's id for the course, by default the
    syllabus's; the language of notebooks, checks and feedback; quizzes to be marked, "quiz-post" for example.
    Raises UnknownLanguage where there is no such catalogue, FileExistsError for a folder that is not empty, and
    AuthoringError for an id that nbgrader does not allow, an unknown quiz, a source notebook that is out of date, or a
    leak. Then nothing is written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; name a folder, new or empty")
    if folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} is not empty, so nothing was written; name a new folder. To add an assignment to an "
            "existing course, make a new folder with --exercise and move its source/ASSIGNMENT to the course's source/."
        )
    write_course(root, folder, assignments, course_id, language, quizzes)


def write_course(
    root: Path,
    folder: Path,
    assignments: Iterable[Assignment],
    course_id: str | None = None,
    language: str = i18n.SOURCE_LANGUAGE,
    quizzes: Iterable[str] = (),
) -> None:
    """Make a course as `init` does, in a folder that may have other files. Raises what `init` does."""
    assignments = list(assignments)
    course_id = syllabus().id if course_id is None else course_id
    if not COURSE_ID.fullmatch(course_id):
        raise AuthoringError(
            f"{course_id!r} cannot be a course's id; it begins with a letter or digit and has letters of A to Z, "
            f"digits, '.', '_' and '-', for example {syllabus().id}-2"
        )
    i18n.known(language)
    sheets = {name: _sheet(root, name.removeprefix(PREFIX)) for name in named(root, quizzes)}
    build(root, [assignment.id for assignment in assignments], check=True)
    beside = {}
    for assignment in assignments:
        beside[assignment.id] = beside_notebook(root, assignment, language)
        refuse_leaks(root, assignment.id, beside[assignment.id])

    folder.mkdir(parents=True, exist_ok=True)
    for assignment in assignments:
        place = folder / "source" / assignment.id
        for name, content in beside[assignment.id].items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        shutil.copyfile(source_path(root, assignment), place / f"{assignment.exercise.id}.ipynb")
    for name, sheet in sheets.items():
        place = folder / "source" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.ipynb").write_text(nbformat.writes(sheet) + "\n", encoding="utf-8")
    config, readme = CONFIG.format(course_id=course_id), _readme(assignments, sheets)
    if root.resolve() != PACKAGE_ROOT:
        config, readme = _with_own_lessons(root.resolve(), config, readme)
    (folder / "nbgrader_config.py").write_text(config, encoding="utf-8")
    (folder / NAME).write_text(course_toml(assignments, language), encoding="utf-8")
    (folder / "README.md").write_text(readme, encoding="utf-8")
    scripts_on_path()
    with Gradebook(f"sqlite:///{folder.resolve() / 'gradebook.db'}", course_id) as gradebook:
        for name in (*(assignment.id for assignment in assignments), *sheets):
            gradebook.update_or_create_assignment(name)


def _with_own_lessons(root: Path, config: str, readme: str) -> tuple[str, str]:
    """The two files of a course whose lessons and hidden tests are in a folder of `autograder new course`."""
    config = config.replace(IMPORT, OWN_LESSONS.format(root=str(root)) + IMPORT)
    # An exporter on the command line would be imported before use_course has run.
    config = config.replace("# c.ExportApp.plugin_class", "c.ExportApp.plugin_class")
    readme = readme.replace(f"    nbgrader export {EXPORTER} --to", "    nbgrader export --to")
    readme = readme.replace(
        "; without `--exporter`, a row", "; with `--exporter=nbgrader.plugins.CsvExportPlugin`, a row"
    )
    return config, readme + OWN_README.format(root=root)


def _sheet(root: Path, quiz: str) -> NotebookNode:
    """The notebook of a quiz that is handed in and marked; in English, as all source notebooks are."""
    sheet = marked_sheet(root, quiz)
    refuse_leaks(root, f"{PREFIX}{quiz}", {f"{PREFIX}{quiz}.ipynb": nbformat.writes(sheet).encode()})
    return sheet


def _readme(assignments: list[Assignment], sheets: dict[str, NotebookNode]) -> str:
    lines = [f"- `{a.id}`: {a.exercise.title}, {a.track.title}, {a.exercise.points:g} points" for a in assignments]
    for name, sheet in sheets.items():
        points = sum(cell.metadata.nbgrader.get("points", 0) for cell in sheet.cells)
        lines.append(
            f"- `{name}`: a quiz, marked by the letters and numbers that students write into it, {points:g} points"
        )
    first = [*(a.id for a in assignments), *sheets][0]
    return README.format(title=syllabus().title, first=first, assignments="\n".join(lines))
