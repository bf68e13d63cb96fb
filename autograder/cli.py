"""The command line: a verb a function, no logic. `autograder --help` lists the verbs.

Exit status: 0 done (whatever the marks), 1 something could not be graded, written or entered, or a check failed, 2
wrong use.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from autograder.authoring.pretrain import Settings
from autograder.grading.grader import GradingError
from autograder.paths import ROOT
from autograder.workers import jail
from course import i18n
from course.i18n import UnknownLanguage, _
from course.models import CheckpointError, checkpoint
from course.syllabus import Assignment, SyllabusError, UnknownName, syllabus

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)
LOG_SECONDS = 60.0  # between two words of progress, where nobody sees a bar
GPUS = ("/dev/nvidiactl", "/dev/dxg")  # the second within Windows


DEVICE = {"choices": ("cpu", "cuda"), "default": "cpu"}
CHECKPOINT = {
    "default": "bert-mini",
    "metavar": "NAME",
    "help": "the pre-trained BERT of the exercises that need one: a folder, or a name on the Hugging Face hub",
}


DEMONSTRATED = ("self-attention", "bert-finetuning")  # a quick one and one that trains; all take several minutes


class Usage(Exception):
    """Wrong use: what, and what to do instead."""


def main(arguments: list[str] | None = None) -> int:
    options, unknown = parser().parse_known_args(arguments)
    if unknown:  # said by the verb's own parser, whose usage is of help; argparse leaves it to the outer one
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if arguments is None:  # `timeout`, or a terminal that closes, ends us as Ctrl-C does: with our scratch folders
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:  # `nohup` stays in force
                signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    try:
        return options.run(options)
    except (Usage, UnknownName, SyllabusError, FileNotFoundError, FileExistsError) as error:
        err.print(f"[bold red]autograder:[/] {escape(str(error))}")
        return 2
    except (GradingError, OSError) as error:
        err.print(f"[bold red]autograder:[/] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        err.print("stopped")
        return 130


def _table(*headers: str) -> Table:
    """A table that breaks what is too long for its column, and cuts nothing off."""
    return Table(*(Column(header, overflow="fold") for header in headers))


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="autograder", description="Builds, releases and grades the exercises on attention."
    )
    verbs = top.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, run, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(run=run, parser=added)
        return added

    p = verb("build", build, "make the source notebooks from lessons, syllabus, solutions and quizzes")
    p.add_argument("assignments", nargs="*", metavar="ASSIGNMENT")
    p.add_argument("--check", action="store_true", help="only say whether the committed notebooks are fresh")
    p.add_argument("--full", action="store_true", help="with --check: run them again too, and compare the outputs")
    p.add_argument("--force", action="store_true", help="build the fresh ones as well")

    p = verb("init", init, "make a course folder for nbgrader: configuration, source, gradebook, and what to do next")
    p.add_argument("folder", type=Path, metavar="DIR", help="a new folder, or an empty one")
    p.add_argument("--track", action="append", metavar="TRACK", help="may be said several times (default: all)")
    p.add_argument("--exercise", action="append", metavar="EXERCISE", help="may be said several times (default: all)")
    p.add_argument(
        "--quiz",
        action="append",
        default=[],
        metavar="QUIZ",
        help="quiz-pre or quiz-post, to be handed in and marked (default: none)",
    )
    p.add_argument("--course-id", metavar="ID", help="what nbgrader calls the course (default: the syllabus's id)")
    p.add_argument("--language", default="en", help="of notebooks, checks and feedback (default: en)")

    p = verb("release", release, "make the zip that students get: notebook, course package, requirements")
    p.add_argument("assignments", nargs="+", metavar="ASSIGNMENT")
    p.add_argument(
        "--output", type=Path, metavar="DIR", help="(default: release, and in another language release/LANGUAGE)"
    )
    p.add_argument("--language", default="en", help="of the notebook and its checks (default: en)")

    p = verb(
        "translate", translate, "bring the catalogues of languages in step with the texts, and say what is missing"
    )
    p.add_argument("languages", nargs="*", metavar="LANGUAGE", help="a new one makes its catalogues (default: all)")
    p.add_argument("--check", action="store_true", help="change nothing; list what is not right, with file and line")

    p = verb("grade", grade, "grade notebooks, .py files, folders, zips, or nbgrader's submitted/ tree")
    p.add_argument("paths", nargs="+", metavar="PATH")
    p.add_argument("--assignment", help="which assignment the files are, where they do not say so")
    p.add_argument("--jobs", type=jobs, default=os.cpu_count(), metavar="N")
    p.add_argument("--device", **DEVICE)
    p.add_argument("--seed", type=int, metavar="N", help="grade again with the seed of an earlier run")
    p.add_argument("--checkpoint", **CHECKPOINT)
    p.add_argument(
        "--isolation", choices=("full", "none"), default="full", help="none: run students' code without walls"
    )
    p.add_argument("--json", metavar="F", help="write the results there ('-': to standard output)")
    p.add_argument("--language", help="of the feedback (default: the course's, else en)")
    p.add_argument("--html", type=Path, metavar="DIR", help="write feedback pages and a class page there")
    p.add_argument("--csv", type=Path, metavar="F", help="write a table of marks there")
    p.add_argument("--again", action="store_true", help="grade what the course has a result of as well")
    p.add_argument("--nbgrader", action="store_true", help="enter the marks into the course's gradebook, with feedback")
    p.add_argument(
        "--source", type=Path, metavar="DIR", help="the source notebooks (default: the course's, else our own)"
    )

    p = verb(
        "verify", verify, "prove the grader: solutions, untouched notebooks, known mistakes, accepted alternatives"
    )
    p.add_argument("assignments", nargs="*", metavar="ASSIGNMENT")
    p.add_argument("--jobs", type=jobs, default=os.cpu_count(), metavar="N")
    p.add_argument("--device", **DEVICE)
    p.add_argument("--seed", type=int, metavar="N")
    p.add_argument("--power", action="store_true", help="grade mechanical mutants of the solutions instead")
    p.add_argument("--mutants", type=int, metavar="N", help="with --power: at most so many of an assignment")
    p.add_argument("--checkpoint", **CHECKPOINT)

    p = verb("replay", replay, "grade a hand-in again as its result says, and say what is not the same")
    p.add_argument("result", type=Path, metavar="RESULT", help="a file of `grade --json`, or of .autograder/results")
    p.add_argument("hand_in", type=Path, nargs="?", metavar="HAND_IN", help="where it lies now (default: as then)")
    p.add_argument("--student", metavar="ID", help="whose, where the file holds the results of several")
    p.add_argument("--source", type=Path, metavar="DIR", help="the source notebooks (default: as for `grade`)")

    p = verb("pretrain", pretrain, "make bert-mini, the small pre-trained BERT that the course comes with, again")
    p.add_argument("--output", type=Path, metavar="DIR", help="where to write it (default: over the committed one)")
    for name, value in vars(Settings()).items():
        p.add_argument(
            f"--{name.replace('_', '-')}", type=type(value), default=value, metavar="N", help=f"default {value}"
        )

    verb("doctor", doctor, "say which walls, devices and versions there are")

    p = verb("demo", demo, "the whole way on a sample class")
    p.add_argument("--output", type=Path, default=Path("demo"), metavar="DIR")
    p.add_argument("--track", action="append", metavar="TRACK")
    p.add_argument(
        "--exercise",
        action="append",
        metavar="EXERCISE",
        help=f"'all', or one or more of them (default: {' and '.join(DEMONSTRATED)})",
    )
    p.add_argument("--jobs", type=jobs, default=os.cpu_count(), metavar="N")
    return top


# -- verbs -----------------------------------------------------------------------------------------------------------


def build(options: argparse.Namespace) -> int:
    require_checkout()
    from autograder.authoring.build import build as build_notebooks
    from autograder.errors import AuthoringError
    from autograder.quizzes.notebooks import build_quizzes

    quizzes, names = sorted_out(options.assignments)
    try:
        paths = build_quizzes(ROOT, check=options.check)  # all of them: it takes no time
        if names or not quizzes:
            ids = [a.id for a in chosen(names, by_hand=True)]
            paths += build_notebooks(ROOT, ids, check=options.check, full=options.full, force=options.force)
    except AuthoringError as error:
        err.print(f"[bold red]autograder:[/] {escape(str(error))}", soft_wrap=True)
        return 1
    for path in paths:
        out.print(("fresh: " if options.check else "built: ") + escape(str(path)), soft_wrap=True)
    return 0


def sorted_out(names: list[str]) -> tuple[list[str], list[str]]:
    """What was named, apart: quizzes, and assignments. Raises Usage for a quiz that there is not."""
    from autograder.errors import AuthoringError
    from autograder.quizzes.notebooks import PREFIX, named

    try:
        quizzes = named(ROOT, (name for name in names if name.startswith(PREFIX)))
    except AuthoringError as error:
        raise Usage(str(error)) from None
    return quizzes, [name for name in names if name not in quizzes]


def init(options: argparse.Namespace) -> int:
    assignments = taught(options.track, options.exercise)
    require_checkout()
    from autograder.authoring.init import init as make_course
    from autograder.errors import AuthoringError

    try:
        make_course(ROOT, options.folder, assignments, options.course_id, options.language, options.quiz)
    except (AuthoringError, UnknownLanguage) as error:
        raise Usage(str(error)) from None
    out.print(
        f"{escape(str(options.folder))} holds {', '.join([*(a.id for a in assignments), *options.quiz])}.",
        soft_wrap=True,
    )
    out.print(f"What to do next stands in {escape(str(options.folder / 'README.md'))}.", soft_wrap=True)
    return 0


def release(options: argparse.Namespace) -> int:
    require_checkout()
    from autograder.authoring.release import release as release_zips
    from autograder.authoring.release import release_quizzes
    from autograder.errors import AuthoringError

    quizzes, names = sorted_out(options.assignments)
    language = options.language
    output = options.output or Path("release", "" if language == i18n.SOURCE_LANGUAGE else language)
    try:
        paths = release_quizzes(ROOT, quizzes, output, language) if quizzes else []
        if names:
            paths += release_zips(ROOT, [a.id for a in chosen(names, by_hand=True)], output, language)
    except AuthoringError as error:
        raise Usage(str(error)) from None
    for path in paths:
        out.print(escape(str(path)), soft_wrap=True)
    return 0


def translate(options: argparse.Namespace) -> int:
    require_checkout()
    from autograder.authoring.translate import problems, update
    from autograder.errors import AuthoringError

    languages = options.languages or i18n.languages()[1:]
    wrong = []
    try:
        for language in languages:
            if not options.check:
                table = _table(language, "translated", "of", "left")
                for name, (done, count) in update(ROOT, language).items():
                    table.add_row(name, str(done), str(count), f"{count - done or ''}")
                out.print(table)
            else:
                i18n.known(language)
            wrong += [p for p in problems(ROOT, language) if options.check or p.kind in ("broken", "unfinished")]
    except (AuthoringError, UnknownLanguage) as error:
        raise Usage(str(error)) from None
    for problem in wrong:
        out.print(escape(str(problem)), soft_wrap=True)
    return 1 if wrong else 0


def grade(options: argparse.Namespace) -> int:
    from autograder.grading import saved_results
    from autograder.grading.grader import Grader
    from autograder.reporting.html import write_pages
    from autograder.reporting.marks import csv_table
    from autograder.submission.intake import find, one_each, read

    require_walls(options.isolation)
    root = course_root(options.paths)
    source = options.source or (root / "source" if root else ROOT / "source")
    if options.nbgrader and not root:
        raise Usage("--nbgrader needs the course's submitted/ folder, beside its nbgrader_config.py")
    if options.assignment:
        syllabus().assignment(options.assignment)
    require_device(options.device, "leave out --device cuda to grade on the CPU")
    require_places(options)
    require_checkpoint(options.checkpoint)
    try:
        language = i18n.known(options.language or course_language(root))
    except UnknownLanguage as error:
        raise Usage(str(error)) from None
    quizzes: dict[tuple[str, str], None] = {}  # nbgrader marks them: nothing of them is run
    sheets = quizzes_of(root)

    def exercises() -> Iterator:
        for found in find(options.paths):
            if len(found.parts) > 2 and found.parts[1] in sheets:
                quizzes[found.parts[:2]] = None
            else:
                yield found

    submissions = one_each(read(found, source, options.assignment) for found in exercises())
    if not submissions and not quizzes:
        raise Usage(f"there is no notebook, .py file or zip in {', '.join(options.paths)}")
    done = Attempts()
    how = {
        "seed": options.seed,
        "device": options.device,
        "isolation": options.isolation,
        "checkpoint": options.checkpoint,
    }
    known: list[dict | None] = [None] * len(submissions)
    if root and not options.again:  # a command that was cut short goes on where it was
        known = [saved_results.finished(root, submission, **how) for submission in submissions]
    new = [submission for submission, result in zip(submissions, known, strict=True) if result is None]
    if len(new) < len(submissions):
        err.print(
            f"{len(submissions) - len(new)} of {len(submissions)} were graded before, and their results hold; "
            "--again grades them as well"
        )
    with bar("Grading", len(new)) as advance:

        def finished(result: dict) -> None:
            if root and result["assignment"]:
                done("the course's results", lambda: saved_results.save(root, result))
            advance()

        graded: list[dict] = []
        if new:
            with Grader(source_root=source, jobs=options.jobs, **how) as grader:
                graded = grader.grade(new, finished)
    fresh = iter(graded)
    results = [next(fresh) if result is None else result for result in known]
    if root and (root / "gradebook.db").exists():
        from autograder.nbgrader import GradebookError, with_hand_marks

        try:
            results = [with_hand_marks(root, result) for result in results]
        except GradebookError as error:
            done.problems.append(str(error))
    # Where one of these fails, the others are written all the same.
    if options.json:
        done("the results", lambda: write_json(results, options.json))
    if options.csv:
        done("the table of marks", lambda: options.csv.write_text(csv_table(results), encoding="utf-8"))
    if options.html:
        pages = done("the feedback pages", lambda: in_language(language, write_pages, results, options.html))
        if pages:
            err.print(f"Feedback pages: {escape(str(pages))}", soft_wrap=True)
    if options.nbgrader:
        if results:
            done("the gradebook", lambda: hand_to_nbgrader(root, results, done))
        done("the gradebook", lambda: mark_quizzes(root, list(quizzes), done))
    elif quizzes:
        names = " and ".join(sorted({name for _, name in quizzes}))
        err.print(f"{len(quizzes)} of {names} are for nbgrader to mark: say --nbgrader, or `nbgrader autograde`.")
    if results:
        (err if options.json == "-" else out).print(marks_table(results))
    ours = sum(r["status"] == "not_graded" and not s.problem for s, r in zip(submissions, results, strict=True))
    if ours:
        err.print(
            f"{ours} of {len(results)} could not be graded, and not by their own fault: say the same again, "
            "with fewer --jobs where memory is short."
        )
    for problem in done.problems:
        err.print(f"[red]{escape(problem)}[/]", soft_wrap=True)
    return 0 if not done.problems and all(r["status"] != "not_graded" for r in results) else 1


def verify(options: argparse.Namespace) -> int:
    require_checkout()
    from autograder.grading.grader import Grader
    from autograder.proof.verify import verify as verify_claims

    assignments = chosen(options.assignments)
    require_device(options.device, "leave out --device cuda to verify on the CPU")
    require_checkpoint(options.checkpoint)
    settings = {
        "jobs": options.jobs,
        "seed": options.seed,
        "device": options.device,
        "checkpoint": options.checkpoint,
    }
    if options.power:
        return power_of(assignments, settings, options.mutants)
    with Grader(**settings) as grader, bar("Verifying", 1) as advance:
        findings = verify_claims(assignments, grader, progress=lambda done, of: advance(done, of))
    table = _table("Exercise", "Track", "Solution", "Untouched", "Mistakes caught", "named", "Alternatives accepted")
    for assignment in assignments:
        own = [f for f in findings if f.claim.assignment == assignment]
        mistakes = of_kind(own, "mistake")
        table.add_row(
            assignment.exercise.title,
            assignment.track.title,
            tally(of_kind(own, "solution")),
            tally(of_kind(own, "untouched")),
            tally(mistakes),
            f"{sum(f.named for f in mistakes)}/{len(mistakes)}",
            tally(of_kind(own, "alternative")),
        )
    out.print(table)
    wrong = [f for f in findings if f.problem]
    for f in wrong:
        out.print(
            f"[red]{f.claim.assignment.id}: {f.claim.kind} {escape(f.claim.name)}: {escape(f.problem)}[/]",
            soft_wrap=True,
        )
    for f in findings:
        if f.claim.kind == "mistake" and not f.named and not f.problem:
            out.print(f"{f.claim.assignment.id}: {escape(f.claim.name)} is caught, but not named")
    return 1 if wrong else 0


def power_of(assignments: list, settings: dict, most: int | None) -> int:
    from autograder.grading.grader import Grader
    from autograder.proof.power import fates as fates_of
    from autograder.proof.power import spread, trials

    tried, fates, stopped = trials(assignments, spread(most)), [], False
    try:
        with Grader(**settings) as grader, bar("Mutants", len(tried)) as advance:
            for fate in fates_of(tried, grader):
                fates.append(fate)
                tell_of_mutant(fate)
                advance()
    except KeyboardInterrupt:  # what was found so far took long enough
        stopped = True
    table = _table("Exercise", "Track", "Mutants", "Equivalent", "Caught", "in the right part", "named")
    for assignment in assignments:
        own = [f for f in fates if f.assignment == assignment and (f.caught or not f.equivalent)]
        caught, placed = [f for f in own if f.caught], [f for f in own if f.in_part is not None]
        table.add_row(
            assignment.exercise.title,
            assignment.track.title,
            str(len(own)),
            str(sum(f.assignment == assignment for f in fates) - len(own)),
            f"{len(caught)}/{len(own)} ({len(caught) / max(1, len(own)):.1%})",
            f"{sum(f.in_part for f in placed)}/{len(placed)}",
            f"{sum(f.named for f in caught)}/{len(caught)}",
        )
    out.print(table)
    if stopped:
        err.print(f"stopped: {len(fates)} of {len(tried)} mutants were graded")
        return 130
    return 1 if any(f.survived or (f.caught and f.equivalent) for f in fates) else 0


def tell_of_mutant(fate) -> None:
    """Say at once what ought to be looked at."""
    mutant = fate.mutant
    if fate.survived:
        told = f"{fate.assignment.id}: {mutant.symbol}, line {mutant.line}: {mutant.change} ({mutant.kind})"
        out.print(f"[red]{escape(told)} was not noticed[/]", soft_wrap=True)
    elif fate.caught and fate.equivalent:
        told = f"{fate.assignment.id}: {mutant.symbol}: {mutant.change} is listed as equivalent, and was caught"
        out.print(f"[red]{escape(told)}[/]", soft_wrap=True)


def replay(options: argparse.Namespace) -> int:
    from autograder.grading import replay as again
    from autograder.grading.grader import Grader

    try:
        result = again.choose(options.result, options.student)
        path = options.hand_in or Path(str(result["submission"]).split("!")[0])
        root = course_root([str(path)])
        source = options.source or (root / "source" if root else ROOT / "source")
        submission = again.hand_in_of(result, path, source)
    except again.ReplayError as error:
        raise Usage(str(error)) from None
    settings = again.settings_of(result)
    require_walls(settings["isolation"])
    require_device(settings["device"], "this hand-in was graded on one")
    if result.get("checkpoint"):
        require_checkpoint(settings["checkpoint"])
    for told in again.other_versions(result, submission):
        err.print(f"[yellow]{escape(told)}[/]")
    with Grader(jobs=1, source_root=source, **settings) as grader:
        found = again.replay(result, submission, grader)
    for told in found:
        out.print(escape(told), soft_wrap=True)
    mark = f"{result['score']:g} of {result['max_score']:g} points" if result.get("score") is not None else "no mark"
    if not found:
        out.print(f"The same again, mark and messages: {mark}.")
    return 1 if found else 0


def pretrain(options: argparse.Namespace) -> int:
    require_checkout()
    from autograder.authoring.pretrain import Settings, where
    from autograder.authoring.pretrain import pretrain as make

    settings = Settings(**{name: getattr(options, name) for name in vars(Settings())})
    folder = where(options.output)
    summary = make(folder, settings, out)
    out.print(f"wrote {escape(str(folder))} in {summary['seconds']:,} s", soft_wrap=True)
    return 0


def doctor(options: argparse.Namespace) -> int:
    from autograder.grading.result import versions

    table = _table("Wall", "Stands", "What it does")
    meaning = {
        "files": "students' code reads the libraries and writes one scratch folder, nothing else (Landlock)",
        "network": "no socket can be made (seccomp)",
        "processes": "no new process, no signal to others, no look into them (seccomp)",
        "namespaces": "own process, network, IPC and mount namespaces; a scratch folder of limited size",
        "limits": "CPU seconds, memory, file size, open files",
    }
    standing = jail.survey(vars(syllabus().limits))
    for wall, stands in standing.items():
        table.add_row(wall, "[green]yes[/]" if stands else "[red]no[/]", meaning[wall])
    out.print(table)
    out.print(f"Landlock version {jail.landlock_abi()}; {os.cpu_count()} cores")
    for track in syllabus().tracks.values():
        out.print(
            f"{track.title}: " + ", ".join(f"{name} {version}" for name, version in versions(track.framework).items())
        )
    out.print(f"GPU devices: {', '.join(str(p) for p in sorted(Path('/dev').glob('nvidia[0-9]*'))) or 'none'}")
    if any(map(os.path.exists, GPUS)):
        tell_of_gpu()
    missing = [wall for wall in jail.NEEDED if not standing[wall]]
    if missing:
        out.print(
            f"[red]Grading refuses to start here: {', '.join(missing)} would be open.[/] Use Linux 5.13 or newer "
            "with Landlock switched on, or say --isolation none where you trust every hand-in.",
            soft_wrap=True,
        )
    return 1 if missing else 0


def tell_of_gpu() -> None:
    """Does an answer start on the GPU, behind the walls? That depends on driver, framework and kernel together."""
    from autograder.grading.grader import Grader

    with Grader(jobs=1, device="cuda") as grader:
        for track in syllabus().tracks.values():
            trouble = grader.trouble(track.id)
            said = f"[red]no[/]: {escape(trouble)}" if trouble else "[green]yes[/]"
            out.print(f"{track.title} answers can be graded on the GPU (--device cuda): {said}", soft_wrap=True)


def demo(options: argparse.Namespace) -> int:
    require_checkout()
    from autograder.proof.demo import run

    require_walls("full")
    exercises = None if options.exercise == ["all"] else options.exercise or list(DEMONSTRATED)
    assignments = [a for a in taught(options.track, exercises) if not a.exercise.by_hand]
    if not assignments:
        raise Usage("there is nothing to show: the demo grades by machine, and that is graded by hand")
    with progress_bar() as bars:
        task = bars.add_task("Setting up", total=None)

        def step(text: str) -> None:
            if bars.tasks[task].total:
                bars.print(f"[green]✓[/] {bars.tasks[task].description}")
            bars.update(task, description=text, total=None, completed=0)

        results, seen = run(
            options.output,
            assignments,
            options.jobs,
            step,
            lambda what, done, of: bars.update(task, completed=done, total=of),
        )
    out.print(marks_table(results))
    for outcome in seen["refused"]:
        out.print(
            f"nbgrader did not take {escape(outcome.student)}, {outcome.assignment}: {escape(outcome.message or '')}",
            soft_wrap=True,
        )
    graded = sum(r["status"] == "graded" for r in results)
    out.print(
        f"{graded} of {len(results)} hand-ins graded in {seen['grading seconds']:.1f} s "
        f"({seen['grading seconds'] / len(results):.2f} s each, start of the workers included); "
        f"the whole way took {seen['seconds']:.0f} s.",
        soft_wrap=True,
    )
    for name in ("class page", "feedback of nbgrader", "gradebook", "marks"):
        out.print(f"{name.capitalize()}: {escape(str(seen[name]))}", soft_wrap=True)
    return 0


# -- what verbs share ------------------------------------------------------------------------------------------------


def jobs(text: str) -> int:
    """How many at a time; 0 is as many as there are cores."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of notebooks to grade at a time")
    return int(text) or os.cpu_count() or 1


def chosen(ids: list[str], by_hand: bool = False) -> list[Assignment]:
    """Assignments by id, or by exercise, or all; those that a person grades too, if `by_hand`."""
    known = syllabus().released() if by_hand else syllabus().assignments()
    if not ids:
        return list(known.values())
    by_exercise = [a for a in known.values() if a.exercise.id in ids]
    exercises = {a.exercise.id for a in known.values()}
    named = [syllabus().assignment(i) for i in ids if i not in exercises]
    for assignment in named:
        if assignment.id not in known:
            raise Usage(f"{assignment.id} is graded by hand: there is no judge to prove, nothing to run")
    return list(dict.fromkeys([*by_exercise, *named]))


def taught(tracks: list[str] | None, exercises: list[str] | None) -> list[Assignment]:
    """The assignments of these tracks and exercises, those graded by hand too; all where none is named."""
    track_ids = [syllabus().track(t).id for t in tracks or syllabus().tracks]
    known = syllabus().exercises | syllabus().by_hand
    exercise_ids = [e if e in known else syllabus().exercise(e).id for e in exercises or known]
    return [a for a in syllabus().released().values() if a.track.id in track_ids and a.exercise.id in exercise_ids]


def require_device(device: str, what_else: str) -> None:
    if device == "cuda" and not any(map(os.path.exists, GPUS)):
        raise Usage(f"there is no NVIDIA GPU on this machine; {what_else}")


def require_checkpoint(name: str) -> None:
    """A checkpoint that cannot be had or used is said before anything is graded."""
    try:
        checkpoint(name)
    except CheckpointError as error:
        raise Usage(str(error)) from None


def require_checkout() -> None:
    """Lessons, solutions and source notebooks lie side by side in a checkout only."""
    if not (ROOT / "source").is_dir():
        raise Usage("this needs the repository itself: run it in a checkout, after `pip install -e '.[all]'`")


def require_walls(isolation: str) -> None:
    if isolation == "none":
        err.print("[yellow]Students' code runs without walls (--isolation none).[/]")
        return
    standing = jail.survey(vars(syllabus().limits))
    missing = [wall for wall in jail.NEEDED if not standing[wall]]
    if missing:
        raise Usage(
            f"grading refuses to start: on this machine {' and '.join(missing)} would be open to students' code. "
            "`autograder doctor` says more; --isolation none grades all the same."
        )


def course_root(paths: list[str]) -> Path | None:
    """The nbgrader course that the paths lie in: the folder above `submitted` that has an nbgrader_config.py."""
    roots = set()
    for path in map(Path, paths):
        resolved = path.resolve()
        above = [
            p.parent
            for p in (resolved, *resolved.parents)
            if p.name == "submitted" and (p.parent / "nbgrader_config.py").exists()
        ]
        roots.add(above[0] if above else None)
    return roots.pop() if len(roots) == 1 else None


def quizzes_of(root: Path | None) -> set[str]:
    """The assignments of a course that are quizzes."""
    if root is None:
        return set()
    from autograder.nbgrader import quiz_sheets

    return quiz_sheets(root)


def course_language(root: Path | None) -> str:
    """The language that the course's nbgrader_config.py sets; English where there is none."""
    if root is None:
        return i18n.SOURCE_LANGUAGE
    from autograder.nbgrader import course_language

    return course_language(root)


def in_language(language: str, call: Callable, *arguments: Any) -> Any:
    with i18n.using(language):
        return call(*arguments)


def require_places(options: argparse.Namespace) -> None:
    """Nobody should wait for a class to be graded, to hear then that there is no such folder."""
    for path in filter(None, (options.json if options.json != "-" else None, options.csv)):
        if Path(path).is_dir() or not Path(path).absolute().parent.is_dir():
            raise Usage(f"{path} cannot be written: " + ("it is a folder" if Path(path).is_dir() else "no such folder"))
    if options.html and options.html.exists() and not options.html.is_dir():
        raise Usage(f"--html needs a folder, and {options.html} is a file")


class Attempts:
    """Does what may fail for want of space or permission, and remembers in words what did."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def __call__(self, what: str, write: Callable[[], Any]) -> Any:
        try:
            return write()
        except OSError as error:
            problem = f"Could not write {what}: {error.strerror or error}."
            if problem not in self.problems:
                self.problems.append(problem)
            return None


def write_json(results: list[dict], where: str) -> None:
    text = json.dumps(results, ensure_ascii=False, indent=1)
    print(text) if where == "-" else Path(where).write_text(text + "\n", encoding="utf-8")


def hand_to_nbgrader(root: Path, results: list[dict], done: Attempts) -> None:
    from autograder.nbgrader import hand_over

    # Also those that could not be graded: an older mark must not stand for them.
    known = [r for r in results if r["assignment"]]
    with bar("To nbgrader", len(known)) as advance:
        outcomes = hand_over(root, known, progress=lambda _: advance())
    for outcome, result in zip(outcomes, known, strict=True):
        if not outcome.ok and result["status"] != "not_graded":
            done.problems.append(
                f"nbgrader did not take {printable(outcome.student)}, {outcome.assignment}: {outcome.message or ''}"
            )


def mark_quizzes(root: Path, handed_in: list[tuple[str, str]], done: Attempts) -> None:
    if not handed_in:
        return
    from autograder.nbgrader import mark_quizzes as mark

    with bar("Quizzes", len(handed_in)) as advance:
        outcomes = mark(root, handed_in, progress=lambda _: advance())
    for outcome in outcomes:
        if not outcome.ok:
            done.problems.append(f"{printable(outcome.student)}, {outcome.assignment}: {outcome.message or ''}")
    good = sum(outcome.ok for outcome in outcomes)
    err.print(f"{good} of {len(outcomes)} quizzes were marked; marks are in the gradebook, pages in feedback/.")


def marks_table(results: list[dict]) -> Table:
    """The table at the end of a grading: who, what, how much, and what stood out."""
    table = _table("Student", "Assignment", "Mark", "What stood out")
    for result in sorted(results, key=lambda r: (str(r["assignment"]), r["student"])):
        if result["status"] == "graded":
            mark = f"{result['score']:g} / {result['max_score']:g}"
            notes = [p["misconception"]["title"] for p in result["parts"] if p["misconception"]]
            notes += [flag.replace("-", " ") for flag in result["flags"]]
            note = escape("; ".join(dict.fromkeys(notes)))
        elif result["status"] == "by_hand":
            mark, note = "–", escape("; ".join([_("waits for a person"), *result["remarks"]]))
        else:
            mark, note = "[red]–[/]", f"[red]{escape(result['message'] or '')}[/]"
        table.add_row(escape(printable(result["student"])), str(result["assignment"] or "?"), mark, note)
    return table


def printable(text: str) -> str:
    """A name without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else "�" for c in text)


def of_kind(findings: list, kind: str) -> list:
    return [f for f in findings if f.claim.kind == kind]


def tally(findings: list) -> str:
    good = sum(f.problem is None for f in findings)
    return f"[{'green' if good == len(findings) else 'red'}]{good}/{len(findings)}[/]"


def progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err
    )


@contextmanager
def bar(title: str, total: int) -> Iterator:
    """A progress bar; the function given advances it by one, or sets (done, of). In a log it is a line a minute."""
    told = time.monotonic()
    with progress_bar() as bars:
        task = bars.add_task(title, total=total)

        def advance(done: int | None = None, of: int | None = None) -> None:
            nonlocal told
            if done is None:
                bars.advance(task)
            else:
                bars.update(task, completed=done, total=of)
            if not err.is_terminal and time.monotonic() - told > LOG_SECONDS:
                told, now = time.monotonic(), bars.tasks[task]
                err.print(f"{title}: {now.completed:.0f} of {now.total:.0f}")

        yield advance


if __name__ == "__main__":
    sys.exit(main())
