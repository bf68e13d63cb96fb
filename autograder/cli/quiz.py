"""The verb `quiz`: a quiz in the forms that learning platforms import."""

from __future__ import annotations

import argparse
from pathlib import Path

from autograder.cli.arguments import Usage, Verbs, verb

FORMATS = ("moodle", "gift", "qti")


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(verbs, "quiz", quiz, "write a quiz, with answers and explanations, as Moodle XML, GIFT or QTI")
    p.add_argument("quiz", metavar="QUIZ", help="for example quiz-pre")
    p.add_argument("--format", required=True, choices=FORMATS)
    p.add_argument("--language", default="en", help="the language of the quiz (default: en)")
    p.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where to write it (default: here)")


def quiz(options: argparse.Namespace) -> int:
    """Write a quiz into a file that a platform imports."""
    from autograder.cli.terminal import out
    from autograder.errors import AuthoringError
    from autograder.paths import ROOT
    from autograder.platforms.quiz_files import FORMATS as WRITERS
    from autograder.quizzes.notebooks import PREFIX, named, read_quiz
    from course import i18n

    write, ending = WRITERS[options.format]
    try:
        (name,) = named(ROOT, [PREFIX + options.quiz.removeprefix(PREFIX)])
        with i18n.using(i18n.known(options.language)):
            data = write(read_quiz(ROOT / "course" / "quizzes" / f"{name.removeprefix(PREFIX)}.toml"), name)
    except (AuthoringError, i18n.UnknownLanguage) as error:
        raise Usage(str(error)) from None
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"{name}-{options.language}{ending}"
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(data)
    unfinished.replace(path)
    out.print(f"{path} has the right answers: import it, and do not give it to students.", markup=False, soft_wrap=True)
    return 0
