"""Verbs that prove the grader: `verify`, with `--power` for mechanical mutants."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograder.cli.arguments import CHECKPOINT, DEVICE, JOBS, Usage, Verbs, verb

if TYPE_CHECKING:
    from autograder.proof.power import Fate
    from autograder.proof.verify import Finding
    from course.syllabus import Assignment


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    p = verb(
        verbs,
        "verify",
        verify,
        "test the grader with solutions, untouched notebooks, known mistakes and alternatives",
    )
    p.add_argument("assignments", nargs="*", metavar="ASSIGNMENT")
    p.add_argument("--jobs", **JOBS)
    p.add_argument("--device", **DEVICE)
    p.add_argument("--seed", type=int, metavar="N")
    p.add_argument(
        "--power", action="store_true", help="instead, grade small mechanical changes of the solutions (mutants)"
    )
    p.add_argument("--mutants", type=int, metavar="N", help="with --power: at most N for each assignment")
    p.add_argument("--checkpoint", **CHECKPOINT)


def verify(options: argparse.Namespace) -> int:
    """Grade answers whose marks are known, and print where the grader gives another mark."""
    from rich.markup import escape

    from autograder.authoring.build import require_files
    from autograder.cli.requirements import chosen, require_checkout, require_checkpoint, require_device
    from autograder.cli.terminal import bar, out, table
    from autograder.errors import AuthoringError
    from autograder.grading.grader import Grader
    from autograder.paths import ROOT
    from autograder.proof.verify import verify as verify_claims

    require_checkout()
    assignments = chosen(options.assignments)
    try:
        for assignment in assignments:
            require_files(ROOT, assignment, judged=True)
    except AuthoringError as error:
        raise Usage(str(error)) from None
    require_device(options.device, "leave out --device cuda to verify on the CPU")
    require_checkpoint(options.checkpoint)
    settings = {
        "jobs": options.jobs,
        "seed": options.seed,
        "device": options.device,
        "checkpoint": options.checkpoint,
    }
    if options.power:
        return _power(assignments, settings, options.mutants)
    with Grader(**settings) as grader, bar("Verifying", 1) as advance:
        findings = verify_claims(assignments, grader, progress=lambda done, of: advance(done, of))
    counts = table("Exercise", "Track", "Solution", "Untouched", "Mistakes caught", "named", "Alternatives accepted")
    for assignment in assignments:
        own = [f for f in findings if f.claim.assignment == assignment]
        mistakes = _of_kind(own, "mistake")
        counts.add_row(
            assignment.exercise.title,
            assignment.track.title,
            _tally(_of_kind(own, "solution")),
            _tally(_of_kind(own, "untouched")),
            _tally(mistakes),
            f"{sum(f.named for f in mistakes)}/{len(mistakes)}",
            _tally(_of_kind(own, "alternative")),
        )
    out.print(counts)
    for f in findings:
        if f.problem:
            out.print(
                f"[red]{f.claim.assignment.id}: {f.claim.kind} {escape(f.claim.name)}: {escape(f.problem)}[/]",
                soft_wrap=True,
            )
    for f in findings:
        if f.claim.kind == "mistake" and not f.named and not f.problem:
            out.print(f"{f.claim.assignment.id}: {escape(f.claim.name)} is caught, but not named")
    return 1 if any(f.problem for f in findings) else 0


def _of_kind(findings: Sequence[Finding], kind: str) -> list[Finding]:
    return [f for f in findings if f.claim.kind == kind]


def _tally(findings: Sequence[Finding]) -> str:
    good = sum(f.problem is None for f in findings)
    return f"[{'green' if good == len(findings) else 'red'}]{good}/{len(findings)}[/]"


def _power(assignments: Sequence[Assignment], settings: dict[str, Any], most: int | None) -> int:
    from autograder.cli.terminal import bar, err, out, table
    from autograder.grading.grader import Grader
    from autograder.proof.power import fates as fates_of
    from autograder.proof.power import spread, trials

    fates: list[Fate] = []
    tried, stopped = trials(list(assignments), spread(most)), False
    try:
        with Grader(**settings) as grader, bar("Mutants", len(tried)) as advance:
            for fate in fates_of(tried, grader):
                fates.append(fate)
                _tell_of(fate)
                advance()
    except KeyboardInterrupt:  # print what was found so far, because it took long
        stopped = True
    counts = table("Exercise", "Track", "Mutants", "Equivalent", "Caught", "in the right part", "named")
    for assignment in assignments:
        own = [f for f in fates if f.assignment == assignment and (f.caught or not f.equivalent)]
        caught, placed = [f for f in own if f.caught], [f for f in own if f.in_part is not None]
        counts.add_row(
            assignment.exercise.title,
            assignment.track.title,
            str(len(own)),
            str(sum(f.assignment == assignment for f in fates) - len(own)),
            f"{len(caught)}/{len(own)} ({len(caught) / max(1, len(own)):.1%})",
            f"{sum(bool(f.in_part) for f in placed)}/{len(placed)}",
            f"{sum(f.named for f in caught)}/{len(caught)}",
        )
    out.print(counts)
    if stopped:
        err.print(f"stopped: {len(fates)} of {len(tried)} mutants were graded")
        return 130
    return 1 if any(f.survived or (f.caught and f.equivalent) for f in fates) else 0


def _tell_of(fate: Fate) -> None:
    """Print at once a mutant that survived, or that was caught although it is listed as equivalent."""
    from rich.markup import escape

    from autograder.cli.terminal import out

    mutant = fate.mutant
    if fate.survived:
        told = f"{fate.assignment.id}: {mutant.symbol}, line {mutant.line}: {mutant.change} ({mutant.kind})"
        out.print(f"[red]{escape(told)} was not noticed[/]", soft_wrap=True)
    elif fate.caught and fate.equivalent:
        told = f"{fate.assignment.id}: {mutant.symbol}: {mutant.change} is listed as equivalent, and was caught"
        out.print(f"[red]{escape(told)}[/]", soft_wrap=True)
