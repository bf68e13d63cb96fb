"""The verb `replay`: grade one hand-in again as its result says."""

from __future__ import annotations

import argparse
from pathlib import Path

from autograder.cli.arguments import Usage, Verbs, verb


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(verbs, "replay", replay, "grade a hand-in again with the settings in its result, and show the differences")
    p.add_argument("result", type=Path, metavar="RESULT", help="a file of `grade --json`, or of .autograder/results")
    p.add_argument(
        "hand_in", type=Path, nargs="?", metavar="HAND_IN", help="the file, if it was moved (default: where it was)"
    )
    p.add_argument("--student", metavar="ID", help="the student, if the file has results of several")
    p.add_argument("--source", type=Path, metavar="DIR", help="the source notebooks (default: as for `grade`)")


def replay(options: argparse.Namespace) -> int:
    """Grade one hand-in again, and print where the new result differs."""
    from rich.markup import escape

    from autograder import paths
    from autograder.cli.requirements import require_checkpoint, require_device, require_walls
    from autograder.cli.terminal import err, out
    from autograder.grading.grader import Grader
    from autograder.proof import replay as again

    try:
        result = again.choose(options.result, options.student)
        path = options.hand_in or Path(str(result["submission"]).split("!")[0])
        course = paths.course_above([str(path)])
        source = options.source or paths.sources_of(course)
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
