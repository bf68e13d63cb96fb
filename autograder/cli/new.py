"""The verb `new`: the skeleton of an exercise, or an instructor's own course folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from autograder.cli.arguments import Usage, Verbs, verb


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(verbs, "new", new, "start an exercise of your own, or a course folder for it")
    p.add_argument("what", choices=("exercise", "course"), help="exercise: a skeleton that builds and verifies; "
                   "course: a folder with all lessons, solutions and hidden tests, to be changed")  # fmt: skip
    p.add_argument("name", metavar="NAME", help="the exercise, for example local-attention; or the folder")


def new(options: argparse.Namespace) -> int:
    """Write the skeleton, and say what to do next."""
    from rich.markup import escape

    from autograder import paths
    from autograder.authoring.scaffold import new_course, new_exercise
    from autograder.cli.terminal import out
    from autograder.errors import AuthoringError

    if options.what == "course":
        new_course(paths.ROOT, Path(options.name))
        folder = escape(options.name)
        out.print(f"{folder} is a course folder. Use it like this: autograder --course {folder} build", soft_wrap=True)
        return 0
    if (paths.ROOT / "autograder" / "_data").is_dir():
        raise Usage(
            "an exercise is not written into the installed package; make a course folder with `autograder new course "
            "DIR`, then run `autograder --course DIR new exercise NAME`"
        )
    try:
        written = new_exercise(paths.ROOT, options.name)
    except AuthoringError as error:
        raise Usage(str(error)) from None
    for path in written:
        out.print(escape(str(path)), soft_wrap=True)
    program = f"autograder --course {paths.ROOT}" if paths.ROOT != paths.PACKAGE_ROOT else "autograder"
    out.print(
        f"Change these files, then run: {program} build {options.name}; {program} verify {options.name}",
        markup=False,
        soft_wrap=True,
    )
    return 0
