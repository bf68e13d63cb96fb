"""Makes the zips that students get: one for each assignment, with the notebook, the course package and requirements.

nbgrader itself removes the answers, in a temporary course folder with the course's own configuration, so that the zip
has the same notebook that `nbgrader generate_assignment` releases. Then `leaks` searches the whole zip for secrets. The
same input gives the same bytes: members are sorted and carry no real time.

`release_course` makes one zip a track for many assignments: their notebooks beside each other, one course package and
one list of packages for all of them, so that a student makes one environment for the whole course.

Each quiz has another zip, with its notebook, which keeps its output, and the same quiz as a page for any browser.

A zip has only the part of the course package that its notebook needs, found by following imports. So the news, the
small BERT and the libraries that load it come only with the exercises that use them, and the other zips stay small.
"""

from __future__ import annotations

import ast
import io
import json
import logging
import shutil
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from autograder import paths
from autograder.authoring.build import build, chosen, source_path
from autograder.authoring.leaks import find_leaks
from autograder.errors import AuthoringError
from autograder.nbgrader import releasing_preprocessors
from autograder.notebooks.lessons import overview, read_lesson
from autograder.quizzes.notebooks import PREFIX, build_quizzes, named, sealed_quiz, sealed_text
from autograder.quizzes.notebooks import notebook as quiz_notebook
from course import i18n, models
from course.explorer import FILES as EXPLORER_FILES
from course.i18n import N_, _
from course.quizzes import SCRIPT, Quiz
from course.syllabus import Assignment, syllabus

NO_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can store
PROJECT = "attention-exercises"

README = N_("""\
# {number}. {title}

Exercise {number} of "{course}", {track} track.

You need Python 3.11 or newer. In this folder, once:

    python -m venv .venv
    source .venv/bin/activate        # on Windows: .venv\\Scripts\\activate
    pip install -r requirements.txt

Then, each time:

    jupyter lab {notebook}

Work through the notebook from top to bottom. No network is needed once the packages are installed. The folder `course`
belongs to the notebook (checks and figures): keep the two together. Hand in the notebook; nothing else is needed.
""")


COURSE_README = N_("""\
# {course}, {track} track

One folder for all exercises, with one environment. You need Python 3.11 or newer. In this folder, once:

    python -m venv .venv
    source .venv/bin/activate        # on Windows: .venv\\Scripts\\activate
    pip install -r requirements.txt

With [uv](https://docs.astral.sh/uv/) it is faster: `uv venv`, then `uv pip install -r requirements.txt`.

Then, each time:

    jupyter lab

VS Code works, too: open this folder, then a notebook, and choose the environment `.venv`.

{notebooks}

Work through each notebook from top to bottom. No network is needed once the packages are installed. The folder `course`
belongs to the notebooks (checks and figures): keep it beside them. Hand in one notebook for each exercise; nothing else
is needed.
""")
VSCODE = {
    "python.defaultInterpreterPath": "${workspaceFolder}/.venv",
    "jupyter.notebookFileRoot": "${workspaceFolder}",
}

QUIZ_README = N_("""\
# {course}: {title}

Open `{name}.html` in a browser, and answer by clicking. Nothing needs to be installed, and nothing is sent or marked.

The same quiz is in the notebook `{name}.ipynb`, for JupyterLab, VS Code or Colab. To run it you need Python 3.11 or
newer, the packages in `requirements.txt`, and the folder `course` beside it.
""")


def release(root: Path, assignments: Iterable[str], output: Path, language: str = i18n.SOURCE_LANGUAGE) -> list[Path]:
    """Write `<output>/<assignment>.zip` for each assignment.

    Raises AuthoringError for an unknown assignment or language, a source notebook that is out of date, or a leak.
    """
    root, output = Path(root), Path(output)
    wanted = _to_release(root, assignments, output, language)
    return [_release_one(root, assignment, output, language) for assignment in wanted]


def _to_release(root: Path, assignments: Iterable[str], output: Path, language: str) -> list[Assignment]:
    """The assignments, after all that could stand in the way of their release; makes the folder for it."""
    _require_language(language)
    wanted = chosen(assignments)
    build(root, [assignment.id for assignment in wanted], check=True)
    output.mkdir(parents=True, exist_ok=True)
    return wanted


def release_course(
    root: Path, assignments: Iterable[str], output: Path, language: str = i18n.SOURCE_LANGUAGE
) -> list[Path]:
    """Write `<output>/<course>-<track>.zip` for each track of the assignments, with all of them in it.

    Raises AuthoringError as `release` does.
    """
    root, output = Path(root), Path(output)
    wanted = sorted(_to_release(root, assignments, output, language), key=lambda one: one.exercise.number)
    tracks = dict.fromkeys(assignment.track for assignment in wanted)
    return [_release_track(root, [a for a in wanted if a.track is track], output, language) for track in tracks]


def _release_track(root: Path, assignments: list[Assignment], output: Path, language: str) -> Path:
    track = assignments[0].track
    members: dict[str, bytes] = {}
    with i18n.using(language):
        rows = [f"| {_('no.')} | {_('notebook')} | {_('exercise')} |", "|---|---|---|"]
        for assignment in assignments:
            members |= _course_package(root, assignment, language)
            number, title = assignment.exercise.number, _(assignment.exercise.title)
            rows.append(f"| {number} | [{_notebook_name(assignment)}]({_notebook_name(assignment)}) | {title} |")
        readme = _(COURSE_README).format(course=_(syllabus().title), track=track.title, notebooks="\n".join(rows))
    members |= {
        _notebook_name(assignment): released_notebook(root, assignment, language).encode() for assignment in assignments
    }
    members |= {
        "requirements.txt": requirements(root, *assignments).encode(),
        "README.md": "\n".join(filter(None, [readme, overview(root, language)])).encode(),
        ".vscode/settings.json": (json.dumps(VSCODE, indent=2) + "\n").encode(),
    }
    return _write_zip(root, f"{syllabus().id}-{track.id}", members, output)


def _notebook_name(assignment: Assignment) -> str:
    return f"{assignment.exercise.id}.ipynb"


def release_quizzes(root: Path, names: Iterable[str], output: Path, language: str = i18n.SOURCE_LANGUAGE) -> list[Path]:
    """Write `<output>/quiz-<name>.zip` for each quiz, named "quiz-pre" for example, in a language.

    Raises AuthoringError for an unknown quiz or language, a mistake in a quiz, files that are out of date, or a leak.
    """
    root, output = Path(root), Path(output)
    _require_language(language)
    names = named(root, names)
    build_quizzes(root, check=True)
    output.mkdir(parents=True, exist_ok=True)
    return [_release_quiz(root, name.removeprefix(PREFIX), output, language) for name in names]


def _release_quiz(root: Path, name: str, output: Path, language: str) -> Path:
    sealed = sealed_quiz(root, name, language)
    with i18n.using(language):
        notebook, page = nbformat.writes(quiz_notebook(sealed)) + "\n", Quiz(sealed).page()
    home = root / "course" / "quizzes"
    imported = _follow(root, ["from course import quiz"])
    with i18n.using(language):
        readme = _(QUIZ_README).format(title=sealed["title"], course=_(syllabus().title), name=f"{PREFIX}{name}")
    members = {
        f"{PREFIX}{name}.ipynb": notebook.encode(),
        f"{PREFIX}{name}.html": page.encode(),
        "requirements.txt": _pinned(root, ["student"]).encode(),
        "README.md": readme.encode(),
        **_course_files(root, [*imported, home / SCRIPT], language),
        f"course/quizzes/{name}.json": sealed_text(sealed).encode(),
    }
    return _write_zip(root, f"{PREFIX}{name}", members, output)


def released_notebook(root: Path, assignment: Assignment, language: str = i18n.SOURCE_LANGUAGE) -> str:
    """The text of the notebook as nbgrader releases it, in a language, without solutions and outputs.

    Raises AuthoringError, with nbgrader's log, where nbgrader cannot release it.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = source_path(root, assignment)
        shutil.copytree(source.parent, Path(folder, "source", assignment.id))
        log = logging.Logger("nbgrader", level=logging.WARNING)  # a separate logger, so that nothing is printed
        said = io.StringIO()
        log.addHandler(logging.StreamHandler(said))
        config = _nbgrader_config(root)
        course, generate = config.CourseDirectory, config.GenerateAssignment
        course.root, course.assignment_id = folder, assignment.id
        course.source_directory, course.release_directory = "source", "release"
        generate.no_database, generate.force = True, True
        config.SaveCells.enabled = False
        config.Translate.language = language
        config.GenerateAssignment.preprocessors = releasing_preprocessors()
        converter = GenerateAssignment(coursedir=CourseDirectory(config=config, log=log), config=config, log=log)
        try:
            converter.start()
            return Path(folder, "release", assignment.id, source.name).read_text(encoding="utf-8")
        except (Exception, SystemExit) as error:
            raise AuthoringError(
                f"{source}: nbgrader cannot release it: {error}\n{said.getvalue()}".rstrip()
            ) from error


def requirements(root: Path, *assignments: Assignment) -> str:
    """The text of requirements.txt for assignments: the packages that pyproject.toml asks for, pinned.

    The versions are those of constraints.txt.
    """
    extras = [f"student-{assignment.track.id}" for assignment in assignments]
    extras += [f"bert-{one.track.id}" for one in assignments if _checkpoints(root, _imported(root, one))]
    return _pinned(root, dict.fromkeys(extras))


def _pinned(root: Path, extras: Iterable[str]) -> str:
    project = tomllib.loads(paths.beside(root, "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = {}
    for line in paths.beside(root, "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            pin = Requirement(line)
            pins[canonicalize_name(pin.name)] = pin
    core = [Requirement(text) for text in project["dependencies"]]
    found = [need for need in core if need.name == "numpy"]  # `course` imports it, and IPython, which Jupyter brings
    for extra in extras:
        found += _extra(project["optional-dependencies"], extra)
    lines = []
    for need in found:
        exact = any(part.operator == "==" for part in need.specifier)
        lines.append(str(need if exact else pins.get(canonicalize_name(need.name), need)))
    return "".join(f"{line}\n" for line in sorted(set(lines), key=str.lower))


def _extra(extras: dict[str, list[str]], name: str) -> list[Requirement]:
    needs = []
    for need in map(Requirement, extras[name]):
        if canonicalize_name(need.name) == PROJECT:
            for other in sorted(need.extras):
                needs += _extra(extras, other)
        else:
            needs.append(need)
    return needs


def beside_notebook(root: Path, assignment: Assignment, language: str = i18n.SOURCE_LANGUAGE) -> dict[str, bytes]:
    """The files that a student needs beside the notebook, by name: course package, requirements, a README."""
    exercise = assignment.exercise
    with i18n.using(language):
        facts = {"number": exercise.number, "title": _(exercise.title), "course": _(syllabus().title)}
        readme = _(README).format(**facts, track=assignment.track.title, notebook=f"{exercise.id}.ipynb")
    return {
        "requirements.txt": requirements(root, assignment).encode(),
        "README.md": "\n".join(filter(None, [readme, overview(root, language)])).encode(),
        **_course_package(root, assignment, language),
    }


def refuse_leaks(root: Path, name: str, members: dict[str, bytes]) -> None:
    """Raise AuthoringError where a release with these files would give away a secret."""
    if leaks := find_leaks(root, members):
        raise AuthoringError(f"{name} is not released, because it would give away:\n  " + "\n  ".join(leaks))


def _release_one(root: Path, assignment: Assignment, output: Path, language: str) -> Path:
    members = {
        _notebook_name(assignment): released_notebook(root, assignment, language).encode(),
        **beside_notebook(root, assignment, language),
    }
    return _write_zip(root, assignment.id, members, output)


def _write_zip(root: Path, name: str, members: dict[str, bytes], output: Path) -> Path:
    """Write a zip. Raises AuthoringError where `leaks` finds a secret in it."""
    refuse_leaks(root, name, members)
    path = output / f"{name}.zip"
    unfinished = path.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in sorted(members.items()):
            info = zipfile.ZipInfo(f"{name}/{member}", NO_TIME)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, content)
    unfinished.replace(path)
    return path


def _course_package(root: Path, assignment: Assignment, language: str) -> dict[str, bytes]:
    """The files of `course` that a notebook needs: no lessons, only this exercise's checks and this language."""
    imported = _imported(root, assignment)
    files = list(imported)
    for folder in _checkpoints(root, imported):
        try:
            models.examine(folder)
        except models.CheckpointError as error:
            raise AuthoringError(f"{assignment.id} cannot be released. {error}") from None
        files += [path for path in folder.iterdir() if path.is_file()]
    explorer = root / "course" / "explorer"
    if explorer / "__init__.py" in imported:
        files += [explorer / name for name in EXPLORER_FILES]
    return _course_files(root, files, language)


def _course_files(root: Path, files: Iterable[Path], language: str) -> dict[str, bytes]:
    """These files and the part of the course package that every zip has; never the quizzes' catalogue, with answers."""
    course = root / "course"
    files = [*course.glob("*.py"), course / "syllabus.toml", *files]
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
    license_ = paths.beside(root, "LICENSE")
    if license_.is_file():  # a course folder may have no license
        found["course/LICENSE"] = license_.read_bytes()
    return found | _spoken(language)


def _spoken(language: str) -> dict[str, bytes]:
    """The files that translate a released course package: its own messages, compiled, and the language's name."""
    if language == i18n.SOURCE_LANGUAGE:
        return {}
    messages = i18n.LOCALE / language / "LC_MESSAGES" / "course.po"
    return {
        f"course/locale/{language}/LC_MESSAGES/course.mo": i18n.compiled(messages),
        f"course/locale/{i18n.DEFAULT}": f"{language}\n".encode(),
    }


def _require_language(language: str) -> None:
    try:
        i18n.known(language)
    except i18n.UnknownLanguage as error:
        raise AuthoringError(str(error)) from None


def _imported(root: Path, assignment: Assignment) -> set[Path]:
    """The modules of `course` that the notebook and its checks import, and all that these import, also in functions."""
    found: set[Path] = set()
    if not assignment.exercise.by_hand:
        checks = paths.checks(root, assignment.exercise)
        found = {checks.parents[1] / "__init__.py", checks}
    waiting = [path.read_text(encoding="utf-8") for path in found]
    waiting += [cell.source for cell in read_lesson(root, assignment) if cell.role not in (None, "task")]
    return found | _follow(root, waiting)


def _follow(root: Path, sources: Iterable[str]) -> set[Path]:
    """The modules of `course` that these sources import, and all that these import."""
    found: set[Path] = set()
    waiting = list(sources)
    while waiting:
        for name in _names(ast.parse(waiting.pop())):
            place = root.joinpath(*name.split("."))
            for path in {place.with_suffix(".py"), place / "__init__.py"} - found:
                if path.is_file():
                    found.add(path)
                    waiting.append(path.read_text(encoding="utf-8"))
    return found


def _names(tree: ast.Module) -> Iterator[str]:
    """The dotted names within `course` that a module's imports may mean, each with the packages around it."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        for parts in (name.split(".") for name in names):
            if parts[0] == "course":
                yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _checkpoints(root: Path, imported: Iterable[Path]) -> list[Path]:
    """The folders of the checkpoints that are released with these modules."""
    home = root / "course" / "models"
    return [home / name for name in models.COMMITTED] if home / "__init__.py" in imported else []


def _nbgrader_config(root: Path) -> Config:
    """The course's nbgrader_config.py, where there is one."""
    file = paths.beside(root, "nbgrader_config.py")
    if not file.is_file():
        return Config()
    return PyFileConfigLoader(file.name, path=str(file.parent)).load_config()
