"""The proof that the grader grades right: what `autograder verify` and CI run.

For every assignment: the solution earns full marks, the released notebook none, every known mistake loses points in
its own part and is named, it loses none elsewhere, and every accepted alternative earns full marks. Each claim is a
row of the report.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder import paths
from autograder.grading.grader import Grader, solution_source
from autograder.judging.catalogue import catalogue
from autograder.paths import ROOT
from autograder.proof.sample_class import answered, untouched
from autograder.submission.hand_in import Submission
from autograder.submission.read import load_notebook, read_notebook, read_script
from course.syllabus import Assignment


def alternatives(assignment: Assignment) -> list[Path]:
    """The right answers to an assignment that are written in another way, by name."""
    return sorted(paths.alternatives(ROOT, assignment).glob("*.py"))


@dataclass(frozen=True)
class Claim:
    """One thing that must hold: a submission, and how its result is read. `check` gives what is wrong, or None."""

    assignment: Assignment
    kind: str  # one of KINDS
    name: str
    submission: Submission
    check: Callable[[dict], str | None]


@dataclass(frozen=True)
class Finding:
    claim: Claim
    problem: str | None
    named: bool = False


def claims_for(assignment: Assignment, source_root: Path) -> list[Claim]:
    """All claims about an assignment."""
    track, exercise = assignment.track.id, assignment.exercise
    solution = solution_source(assignment)

    def notebook(name: str, content: dict) -> Submission:
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


def full_marks(result: dict) -> str | None:
    lost = [
        f"{p['id']}: {t['name']}: {t['message']}"
        for p in result["parts"]
        for t in p["tests"]
        if t["outcome"] != "passed"
    ]
    if result["status"] != "graded":
        return result["message"]
    return (
        None
        if result["score"] == result["max_score"]
        else f"{result['score']} of {result['max_score']} ({'; '.join(lost[:3])})"
    )


def no_marks(result: dict) -> str | None:
    if result["status"] != "graded":
        return result["message"]
    passed = [t["name"] for p in result["parts"] for t in p["tests"] if t["outcome"] == "passed"]
    return None if result["score"] == 0 and not passed else f"earned {result['score']} ({', '.join(passed[:3])})"


def _caught(mistake) -> Callable[[dict], str | None]:
    def check(result: dict) -> str | None:
        if result["status"] != "graded":
            return result["message"]
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
    """Grade everything that is claimed, or those claims that are `wanted`, and hold the results against the claims."""
    every = [claim for assignment in assignments for claim in claims_for(assignment, grader.source_root)]
    claims = [claim for claim in every if wanted(claim)]
    done = 0

    def count(_: dict) -> None:
        nonlocal done
        done += 1
        progress(done, len(claims))

    results = grader.grade([claim.submission for claim in claims], count)
    findings = []
    for claim, result in zip(claims, results, strict=True):
        named = any((part["misconception"] or {}).get("id") == claim.name for part in result["parts"])
        findings.append(Finding(claim, claim.check(result), named))
    return findings
