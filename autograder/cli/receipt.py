"""The verb `receipt`: what the grader will read of a file, before anything of it is run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli.arguments import Usage, Verbs, verb

if TYPE_CHECKING:
    from course.syllabus import Assignment


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(verbs, "receipt", receipt, "say what will be read of a hand-in, and its hash, without running it")
    p.add_argument("file", type=Path, metavar="FILE", help="a notebook or a .py file")
    p.add_argument("--assignment", metavar="ID", help="which assignment it has to be, where the file does not say so")
    p.add_argument("--html", type=Path, metavar="OUT", help="write the receipt as a page too")
    p.add_argument("--language", default="en", help="of the receipt (default: en)")


def receipt(options: argparse.Namespace) -> int:
    """Print the receipt: the notebook's own (`check.hand_in()`), and what the grader found odd about the notebook."""
    from autograder.cli.terminal import out
    from course import i18n
    from course.receipt import read_receipt
    from course.syllabus import syllabus

    path: Path = options.file
    if path.suffix.lower() not in (".ipynb", ".py"):
        raise Usage(f"{path} is no notebook and no .py file; of an archive, unpack it and name the file in it")
    assignment = syllabus().assignment(options.assignment) if options.assignment else None
    data = path.read_bytes()
    try:
        with i18n.using(i18n.known(options.language)):
            made = read_receipt(data, path.name, path.stat().st_mtime, assignment)
            if not made.problem:
                made = made.with_notes(_remarks(path, assignment))
            text, page = str(made), made.page(options.language)
    except i18n.UnknownLanguage as error:
        raise Usage(str(error)) from None
    if options.html:
        options.html.write_text(page, encoding="utf-8")
    out.print(text, markup=False, highlight=False, soft_wrap=True)
    return 1 if made.problem else 0


def _remarks(path: Path, assignment: Assignment | None) -> list[str]:
    """What the grader remarks on the notebook as a whole, or why it cannot read it, in the language in use."""
    from autograder import paths
    from autograder.messages import Message, again, sentence
    from autograder.submission.find import find
    from autograder.submission.read import read

    found = next(find([path]), None)
    if found is None:
        return []
    submission = read(found, paths.source(paths.ROOT), assignment.id if assignment else None)
    told = filter(None, [submission.problem, *submission.remarks])
    return [sentence(again(said.told() if isinstance(said, Message) else said)) for said in told]
