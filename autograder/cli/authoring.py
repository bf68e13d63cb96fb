"""Verbs for authors: `build`, `translate`, `pretrain`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from autograder.cli.arguments import Usage, Verb, Verbs, verb


def add(verbs: Verbs) -> None:
    """Add the verbs of this file."""
    p = verb(
        verbs,
        "build",
        build,
        "make the source notebooks from lessons, syllabus, solutions and quizzes, and the explorer's pages",
    )
    p.add_argument("assignments", nargs="*", metavar="ASSIGNMENT")
    p.add_argument("--check", action="store_true", help="build nothing; say which notebooks and pages are out of date")
    p.add_argument("--full", action="store_true", help="with --check: also run them again and compare the outputs")
    p.add_argument("--force", action="store_true", help="also build those that are up to date")

    p = verb(
        verbs,
        "translate",
        translate,
        "update the catalogues of translations, and say what is missing",
    )
    p.add_argument("languages", nargs="*", metavar="LANGUAGE", help="a new language gets new catalogues (default: all)")
    p.add_argument(
        "--check", action="store_true", help="change nothing; list what is missing or broken, with file and line"
    )

    p = verb(
        verbs, "pretrain", pretrain, "train bert-mini again, the small pre-trained BERT that comes with the course"
    )
    p.add_argument("--output", type=Path, metavar="DIR", help="where to write it (default: over the committed one)")
    p.later = _add_settings


def build(options: argparse.Namespace) -> int:
    """Make the source notebooks, or check them."""
    from rich.markup import escape

    from autograder.authoring.build import build as build_notebooks
    from autograder.authoring.explorer import build_explorer
    from autograder.cli.requirements import chosen, require_checkout
    from autograder.cli.terminal import err, out
    from autograder.errors import AuthoringError
    from autograder.paths import ROOT
    from autograder.quizzes.notebooks import build_quizzes

    require_checkout()
    quizzes, names = sorted_out(options.assignments)
    try:
        paths = build_quizzes(ROOT, check=options.check)  # all of them: it takes no time
        if not options.assignments:
            paths += build_explorer(ROOT, check=options.check)
        if names or not quizzes:
            ids = [a.id for a in chosen(names, by_hand=True)]
            paths += build_notebooks(ROOT, ids, check=options.check, full=options.full, force=options.force)
    except AuthoringError as error:
        err.print(f"[bold red]autograder:[/] {escape(str(error))}", soft_wrap=True)
        return 1
    for path in paths:
        out.print(("fresh: " if options.check else "built: ") + escape(str(path)), soft_wrap=True)
    return 0


def sorted_out(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The quizzes and the assignments among `names`. Raises Usage for an unknown quiz."""
    from autograder.errors import AuthoringError
    from autograder.paths import ROOT
    from autograder.quizzes.notebooks import PREFIX, named

    try:
        quizzes = named(ROOT, (name for name in names if name.startswith(PREFIX)))
    except AuthoringError as error:
        raise Usage(str(error)) from None
    return quizzes, [name for name in names if name not in quizzes]


def translate(options: argparse.Namespace) -> int:
    """Update the catalogues of languages, or list what is wrong with them."""
    from rich.markup import escape

    from autograder.authoring.translate import problems, update
    from autograder.cli.requirements import require_checkout
    from autograder.cli.terminal import out, table
    from autograder.errors import AuthoringError
    from autograder.paths import ROOT
    from course import i18n

    require_checkout()
    languages = options.languages or i18n.languages()[1:]
    wrong = []
    try:
        for language in languages:
            if not options.check:
                counts = table(language, "translated", "of", "left")
                for name, (done, count) in update(ROOT, language).items():
                    counts.add_row(name, str(done), str(count), f"{count - done or ''}")
                out.print(counts)
            else:
                i18n.known(language)
            wrong += [p for p in problems(ROOT, language) if options.check or p.kind in ("broken", "unfinished")]
    except (AuthoringError, i18n.UnknownLanguage) as error:
        raise Usage(str(error)) from None
    for problem in wrong:
        out.print(escape(str(problem)), soft_wrap=True)
    return 1 if wrong else 0


def pretrain(options: argparse.Namespace) -> int:
    """Train bert-mini again."""
    from rich.markup import escape

    from autograder.authoring.pretrain import Settings, where
    from autograder.authoring.pretrain import pretrain as make
    from autograder.cli.requirements import require_checkout
    from autograder.cli.terminal import out

    require_checkout()
    settings = Settings(**{name: getattr(options, name) for name in vars(Settings())})
    folder = where(options.output)
    summary = make(folder, settings, out)
    out.print(f"wrote {escape(str(folder))} in {summary['seconds']:,} s", soft_wrap=True)
    return 0


def _add_settings(p: Verb) -> None:
    from autograder.authoring.pretrain import Settings

    for name, value in vars(Settings()).items():
        p.add_argument(
            f"--{name.replace('_', '-')}", type=type(value), default=value, metavar="N", help=f"default {value}"
        )
