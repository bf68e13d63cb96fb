"""The verb `demo`: from release to feedback with a sample class."""

from __future__ import annotations

import argparse
from pathlib import Path

from autograder.cli.arguments import JOBS, Usage, Verbs, verb

DEMONSTRATED = ("self-attention", "bert-finetuning")  # a quick one and one that trains; all take several minutes


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(verbs, "demo", demo, "release, hand in, grade and give feedback for a sample class")
    p.add_argument(
        "--output", type=Path, default=Path("demo"), metavar="DIR", help="where to write all of it (default: demo)"
    )
    p.add_argument(
        "--track", action="append", metavar="TRACK", help="may be given several times (default: both tracks)"
    )
    p.add_argument(
        "--exercise",
        action="append",
        metavar="EXERCISE",
        help=f"'all', or an exercise; repeat it for more than one (default: {' and '.join(DEMONSTRATED)})",
    )
    p.add_argument("--jobs", **JOBS)


def demo(options: argparse.Namespace) -> int:
    """Release, hand in, grade, enter the marks, and say where to look."""
    from rich.markup import escape

    from autograder.cli.requirements import require_checkout, require_walls, taught
    from autograder.cli.terminal import marks_table, out, progress_bar
    from autograder.proof.demo import run_demo

    require_checkout()
    require_walls("full")
    exercises = None if options.exercise == ["all"] else options.exercise or list(DEMONSTRATED)
    assignments = [a for a in taught(options.track, exercises) if not a.exercise.by_hand]
    if not assignments:
        raise Usage("there is nothing to show: the demo grades by machine, and this exercise is graded by hand")
    with progress_bar() as bars:
        task = bars.add_task("Setting up", total=None)

        def step(text: str) -> None:
            if bars.tasks[task].total:
                bars.print(f"[green]✓[/] {bars.tasks[task].description}")
            bars.update(task, description=text, total=None, completed=0)

        results, seen = run_demo(
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
