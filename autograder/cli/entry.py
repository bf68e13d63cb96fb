"""Puts the verbs together, and runs the one that the command line names. `autograder --help` lists them.

Exit status: 0 done (whatever the marks), 1 something could not be graded, written or entered, or a check failed, 2
wrong use.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from autograder.cli.arguments import Usage, Verb, version

# Each of these modules has a function `add(verbs)`, which adds its verbs to the result of `add_subparsers`.
VERBS = (
    "autograder.cli.authoring",
    "autograder.cli.new",
    "autograder.cli.courses",
    "autograder.cli.grading",
    "autograder.cli.settings",
    "autograder.cli.term",
    "autograder.cli.comparing",
    "autograder.cli.collect",
    "autograder.cli.similar",
    "autograder.cli.receipt",
    "autograder.cli.export",
    "autograder.cli.marks",
    "autograder.cli.quiz",
    "autograder.cli.replay",
    "autograder.cli.proof",
    "autograder.cli.demo",
    "autograder.cli.doctor",
)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line. The options that it returns have `run`, the function of the verb."""
    top = argparse.ArgumentParser(
        prog="autograder",
        description="Builds, releases and grades the exercises on attention.",
        allow_abbrev=False,
    )
    top.add_argument(
        "--course",
        type=Path,
        metavar="DIR",
        help="use lessons, solutions and hidden tests from this folder (made by `autograder new course`)",
    )
    top.add_argument("--version", action="version", version=f"autograder {version()}")
    verbs = top.add_subparsers(required=True, metavar="VERB", parser_class=Verb)
    for module in VERBS:
        importlib.import_module(module).add(verbs)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run a command line (by default the process's own), and give its exit status.

    Raises SystemExit where argparse does: wrong arguments, `--help`, `--version`.
    """
    options, unknown = parser().parse_known_args(arguments)
    if unknown:  # reported by the verb's own parser, with the verb's usage; argparse leaves it to the outer one
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    course = options.course or _course_of(options)
    if course is not None:
        return _in_course(course, sys.argv[1:] if arguments is None else arguments)
    _warn_of_namesake()
    if (
        arguments is None
    ):  # `timeout`, or a closed terminal, ends the process as Ctrl-C does: temporary folders are removed
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:  # `nohup` stays in force
                signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        _tell("stopped")
        return 130
    except Exception as error:
        known = _status(error)
        if known is None:
            raise
        _tell(f"autograder: {_explained(error)}")
        return known
    return status


def _course_of(options: argparse.Namespace) -> Path | None:
    """The folder of lessons that the nbgrader course of the hand-ins uses; None for the installed ones."""
    from autograder.paths import COURSE_VARIABLE, course_above, course_around, stated_course

    if COURSE_VARIABLE in os.environ:
        return None
    if hasattr(options, "nbgrader_course"):
        course = course_around(options.nbgrader_course)
    else:
        course = course_above(options.paths) if getattr(options, "paths", None) else None
    return stated_course(course / "nbgrader_config.py") if course else None


def _in_course(course: Path, arguments: list[str]) -> int:
    """Run the same command line with the packages of a course folder: its `course`, its solutions, its hidden tests."""
    from autograder.cli.arguments import COURSE_VARIABLE

    needed = [course / "course" / "syllabus.toml", course / "solutions", course / "autograder" / "exercises"]
    lacking = [str(path) for path in needed if not path.exists()]
    if lacking:
        _tell(
            f"autograder: {course} is no course folder: {lacking[0]} is missing. Make one with `autograder new course`."
        )
        return 2
    folder = str(course.resolve())
    paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {COURSE_VARIABLE: folder, "PYTHONPATH": os.pathsep.join(paths)}
    rest = _without_course(arguments)
    return subprocess.run([sys.executable, "-P", "-m", "autograder.cli", *rest], env=environment).returncode


def _without_course(arguments: list[str]) -> list[str]:
    """The arguments without `--course DIR`, which stands before the verb."""
    for i, argument in enumerate(arguments):
        if argument == "--course":
            return [*arguments[:i], *arguments[i + 2 :]]
        if argument.startswith("--course="):
            return [*arguments[:i], *arguments[i + 1 :]]
    return arguments


def _warn_of_namesake() -> None:
    """Warn if another package called autograder is installed, because its files then mix with those of this package."""
    from importlib import metadata

    try:
        other = metadata.distribution("autograder")
    except metadata.PackageNotFoundError:
        return
    _tell(
        f"autograder: another package called autograder (version {other.version}) is installed here, in the same "
        "folder as this one, and each may have replaced files of the other. Remove it with `pip uninstall autograder`, "
        "then install attention-exercises again with `pip install --force-reinstall --no-deps`."
    )


def _explained(error: Exception) -> str:
    from autograder.errors import how_to_install

    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed here, and this needs it. {how_to_install(error.name or '')}"
    return str(error)


def _status(error: Exception) -> int | None:
    """The exit status of an error that a person can do something about; None for a fault of the program."""
    from autograder.errors import GradingError, how_to_install
    from autograder.settings.reading import CourseSettingsError
    from course.syllabus import SyllabusError, UnknownName

    if isinstance(
        error, Usage | UnknownName | SyllabusError | CourseSettingsError | FileNotFoundError | FileExistsError
    ):
        return 2
    if isinstance(error, ModuleNotFoundError) and how_to_install(error.name or ""):
        return 2
    return 1 if isinstance(error, GradingError | OSError) else None


def _tell(text: str) -> None:
    from autograder.cli.terminal import tell_error

    tell_error(text)
