"""Puts the verbs together, and runs the one that was asked for. `autograder --help` lists them.

Exit status: 0 done (whatever the marks), 1 something could not be graded, written or entered, or a check failed, 2
wrong use.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys

from autograder.cli.arguments import Usage, Verb, version

# Each of these modules has a function `add(verbs)`, which adds its verbs to what `ArgumentParser.add_subparsers` gives.
VERBS = (
    "autograder.cli.authoring",
    "autograder.cli.courses",
    "autograder.cli.grading",
    "autograder.cli.export",
    "autograder.cli.replay",
    "autograder.cli.proof",
    "autograder.cli.demo",
    "autograder.cli.doctor",
)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; what it reads has `run`, the verb's function of the options."""
    top = argparse.ArgumentParser(
        prog="autograder", description="Builds, releases and grades the exercises on attention."
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
    if arguments is None:  # `timeout`, or a terminal that closes, ends us as Ctrl-C does: temporary folders are removed
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
        _tell(f"autograder: {error}")
        return known
    return status


def _status(error: Exception) -> int | None:
    """The exit status of an error that a person can do something about; None for a fault of the program."""
    from autograder.errors import GradingError
    from course.syllabus import SyllabusError, UnknownName

    if isinstance(error, Usage | UnknownName | SyllabusError | FileNotFoundError | FileExistsError):
        return 2
    return 1 if isinstance(error, GradingError | OSError) else None


def _tell(text: str) -> None:
    from autograder.cli.terminal import tell_error

    tell_error(text)
