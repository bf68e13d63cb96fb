"""Checks that the grader grades correctly. `autograder verify` and CI run it.

For every assignment: the solution gets full marks and the released notebook none; every known mistake loses points in
its own part, is named, and loses none elsewhere; and every accepted alternative gets full marks. Each claim is a row of
the report.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder import paths
from autograder.grading.grader import Grader, solution_source
from autograder.judging.catalogue import Mistake, catalogue, name_of
from autograder.paths import ROOT
from autograder.proof.sample_class import answered, untouched
from autograder.records import Result
from autograder.submission.hand_in import Submission
from autograder.submission.read import load_notebook, read_notebook, read_script
from course.syllabus import Assignment


def alternatives(assignment: Assignment) -> list[Path]:
    """The files of right answers to an assignment that are written in another way, by name."""
    return sorted(paths.alternatives(ROOT, assignment).glob("*.py"))


@dataclass(frozen=True)
class Claim:
    """One claim about a submission. `check` gives what is wrong with its result, None for nothing."""

    assignment: Assignment
    kind: str  # one of KINDS
    name: str
    submission: Submission
    check: Callable[[Result], str | None]


@dataclass(frozen=True)
class Finding:
    """A claim after grading: what is wrong (None for nothing), and whether the feedback names the claim's mistake."""

    claim: Claim
    problem: str | None
    named: bool = False


def claims_for(assignment: Assignment, source_root: Path) -> list[Claim]:
    """All claims about an assignment."""
    track, exercise = assignment.track.id, assignment.exercise
    solution = solution_source(assignment)

    def notebook(name: str, content: dict[str, Any]) -> Submission:
        submission = Submission(name, name, assignment)
        read_notebook(submission, load_notebook(json.dumps(content)), source_root)
        return submission

    claims = [
        Claim(
            assignment,
            "solution",
            "solution",
            notebook("solution", answered(source_root, assignment, solution)),
            full_marks,
        ),
        Claim(assignment, "untouched", "released", notebook("released", untouched(source_root, assignment)), no_marks),
    ]
    for mistake in catalogue(exercise.id):
        if track in mistake.changes:
            submission = notebook(mistake.id, answered(source_root, assignment, mistake.changes[track].apply(solution)))
            claims.append(Claim(assignment, "mistake", mistake.id, submission, _caught(mistake)))
    for path in alternatives(assignment):
        submission = Submission(path.stem, path.stem, assignment)
        read_script(submission, path.read_text(encoding="utf-8"), path.name, source_root)
        claims.append(Claim(assignment, "alternative", path.stem, submission, full_marks))
    return claims


def full_marks(result: Result) -> str | None:
    """What a result has lost, as a sentence; None for full marks."""
    lost = [
        f"{p['id']}: {t['name']}: {t['message']}"
        for p in result["parts"]
        for t in p["tests"]
        if t["outcome"] != "passed"
    ]
    if result["status"] != "graded":
        return result.get("message")
    return (
        None
        if result["score"] == result["max_score"]
        else f"{result['score']} of {result['max_score']} ({'; '.join(lost[:3])})"
    )


def no_marks(result: Result) -> str | None:
    """What a result has earned, as a sentence; None for nothing."""
    if result["status"] != "graded":
        return result.get("message")
    passed = [t["name"] for p in result["parts"] for t in p["tests"] if t["outcome"] == "passed"]
    return None if result["score"] == 0 and not passed else f"earned {result['score']} ({', '.join(passed[:3])})"


def _caught(mistake: Mistake) -> Callable[[Result], str | None]:
    def check(result: Result) -> str | None:
        if result["status"] != "graded":
            return result.get("message")
        lost = {p["id"] for p in result["parts"] if p["score"] < p["max_score"]}
        if mistake.part not in lost:
            return f"loses nothing in {mistake.part}"
        elsewhere = lost - {mistake.part, *mistake.also}
        return f"also loses points in {', '.join(sorted(elsewhere))}" if elsewhere else None

    return check


def verify(
    assignments: Iterable[Assignment],
    grader: Grader,
    wanted: Callable[[Claim], bool] = lambda claim: True,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Finding]:
    """Grade the submissions of all claims, or of those that are `wanted`, and check the results."""
    every = [claim for assignment in assignments for claim in claims_for(assignment, grader.source_root)]
    claims = [claim for claim in every if wanted(claim)]
    done = 0

    def count(_: Result) -> None:
        nonlocal done
        done += 1
        progress(done, len(claims))

    results = grader.grade([claim.submission for claim in claims], count)
    findings = []
    for claim, result in zip(claims, results, strict=True):
        known = [part.get("misconception") for part in result["parts"]]
        named = any(mistake is not None and mistake["id"] == name_of(claim.name) for mistake in known)
        findings.append(Finding(claim, claim.check(result), named))
    return findings
