"""Helpers for the parsers of the verbs.

It imports nothing heavy, because every start of the command line imports it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any, TypeAlias

Verbs: TypeAlias = "argparse._SubParsersAction[Verb]"

COURSE_VARIABLE = "AUTOGRADER_COURSE"  # as in autograder.paths, which is not imported here
DEVICE: dict[str, Any] = {"choices": ("cpu", "cuda"), "default": "cpu"}
CHECKPOINT: dict[str, Any] = {
    "default": "bert-mini",
    "metavar": "NAME",
    "help": "the pre-trained BERT of the exercises that need one: a folder, or a name on the Hugging Face hub",
}


class Usage(Exception):
    """Wrong use of the command line; the message says what to do instead. The exit status is 2."""


class Verb(argparse.ArgumentParser):
    """The parser of one verb. `later`, where there is one, adds slow options when the verb is used."""

    later: Callable[[Verb], None] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The arguments as `ArgumentParser` reads them, with the options of `later`."""
        if self.later is not None:
            later, self.later = self.later, None
            later(self)
        return super().parse_known_args(args, namespace)


def verb(verbs: Verbs, name: str, run: Callable[[argparse.Namespace], int], text: str) -> Verb:
    """Add a verb. `run` is called with the options and gives the exit status; `text` says what the verb does."""
    added = verbs.add_parser(name, help=text, description=text)
    added.set_defaults(run=run, parser=added)
    return added


def jobs(text: str) -> int:
    """The value of `--jobs`, which is at least 1; 0 is as many as there are cores.

    Raises ArgumentTypeError for anything but a whole number.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of notebooks to grade at a time")
    return int(text) or os.cpu_count() or 1


JOBS: dict[str, Any] = {
    "type": jobs,
    "default": os.cpu_count(),
    "metavar": "N",
    "help": "hand-ins at a time (default: one for each core)",
}


def version() -> str:
    """The version of the installed package; "unknown" where it is not installed."""
    from importlib import metadata

    try:
        return metadata.version("attention-exercises")
    except metadata.PackageNotFoundError:
        return "unknown"
