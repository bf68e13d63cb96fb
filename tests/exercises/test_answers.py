"""Answers as students write them, right and wrong, and what a fair teacher would say to each.

`answers.toml` of an exercise has an answer an entry: a change of the solution (`replace` or `code`, as in the catalogue
of mistakes), why it is there, and what has to come out:

- `loses`: the parts that lose points, all of them; none where it is missing. `may`: parts that may lose some too.
  `open = true`: whether something is lost is left open.
- `keeps`: what the first of these parts keeps, as two shares of its points.
- `name`: the mistake that is named, "any" for whichever, "none" for none; `never`: mistakes that must not be named.
- `said`, `unsaid`: regular expressions that a message, title or hint must match, or none may.
- `waits`: what is missing in the autograder for it to come out so; the test fails when it is there.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from support.marks import TRAINING

from autograder.grading.grader import solution_source
from autograder.judging.catalogue import Change, catalogue
from autograder.paths import ROOT
from autograder.submission.hand_in import Submission
from autograder.submission.read import read_script
from course.syllabus import Assignment, syllabus


@dataclass(frozen=True)
class Answer:
    assignment: Assignment
    id: str
    why: str
    replace: list[list[str]] = field(default_factory=list)
    code: str = ""
    loses: list[str] = field(default_factory=list)
    may: list[str] = field(default_factory=list)
    open: bool = False
    keeps: list[float] | None = None
    name: str | None = None
    never: list[str] = field(default_factory=list)
    said: str | None = None
    unsaid: str | None = None
    waits: str | None = None

    @property
    def source(self) -> str:
        """The whole module: the solution with this answer in it."""
        change = Change(self.id, tuple((old, new) for old, new in self.replace), self.code)
        return change.apply(solution_source(self.assignment))


def answers() -> list[Answer]:
    """All answers, in the order of the syllabus."""
    found = []
    for assignment in syllabus().assignments().values():
        path = ROOT / "tests" / "exercises" / assignment.exercise.module / "answers.toml"
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["answer"] if path.is_file() else []
        for entry in entries:
            if entry.pop("track") == assignment.track.id:
                found.append(Answer(assignment, **entry))
    return found


ANSWERS = answers()


def _param(answer: Answer):
    quick = answer.assignment.track.id == "pytorch" and answer.assignment.exercise.id not in TRAINING
    marks = [] if quick else [pytest.mark.slow]
    if answer.waits:
        marks.append(pytest.mark.xfail(reason=answer.waits, strict=True))
    return pytest.param(answer, id=f"{answer.assignment.id}-{answer.id}", marks=marks)


@pytest.fixture(scope="session")
def graded(request, grader):
    """The result of an answer; with the first of an assignment, all of it that are asked for are graded."""
    asked, results = defaultdict(list), {}
    for item in request.session.items:
        if item.module.__name__ == __name__ and "graded" in item.fixturenames:
            answer = item.callspec.params["answer"]
            asked[answer.assignment.id].append(answer)

    def of(answer):
        key = answer.assignment.id
        if key not in results:
            submissions = []
            for one in asked[key]:
                submission = Submission(one.id, one.id, one.assignment)
                read_script(submission, one.source, f"{one.id}.py", grader.source_root)
                submissions.append(submission)
            results[key] = {r["submission"]: r for r in grader.grade(submissions)}
        return results[key][answer.id]

    return of


@pytest.mark.parametrize("answer", [_param(answer) for answer in ANSWERS])
def test_an_answer_gets_the_mark_and_the_words_of_a_fair_teacher(graded, answer):
    result = graded(answer)
    assert result["status"] == "graded", result["message"]
    lost = {p["id"]: p for p in result["parts"] if p["score"] < p["max_score"]}
    if not answer.open:
        assert set(answer.loses) <= set(lost) <= {*answer.loses, *answer.may}, _told(lost)
    if answer.keeps:
        low, high = answer.keeps
        part = lost[answer.loses[0]]
        assert low <= part["score"] / part["max_score"] <= high
    heads = [part["misconception"]["id"] for part in lost.values() if part["misconception"]]
    if answer.name == "any":
        assert heads, "no mistake is named"
    elif answer.name == "none":
        assert not heads
    elif answer.name:
        assert answer.name in heads
    assert not set(answer.never) & set(heads)
    words = _told(lost)
    if answer.said:
        assert any(re.search(answer.said, text, re.IGNORECASE) for text in words), words
    if answer.unsaid:
        assert not [text for text in words if re.search(answer.unsaid, text, re.IGNORECASE)]


def _told(parts: dict[str, dict]) -> list[str]:
    """All that is said of parts that lost points."""
    named = [
        text
        for p in parts.values()
        if p["misconception"]
        for text in (p["misconception"][k] for k in ("title", "hint"))
    ]
    return named + [t["message"] for p in parts.values() for t in p["tests"] if t["outcome"] == "failed"]


def test_the_answers_speak_of_what_there_is():
    """Ids, parts and names of mistakes are those of the syllabus and the catalogue."""
    for answer in ANSWERS:
        exercise = answer.assignment.exercise
        assert {*answer.loses, *answer.may} <= {part.id for part in exercise.parts}, answer.id
        names = {mistake.name for mistake in catalogue(exercise.id)}
        assert {*answer.never, answer.name} <= {*names, "any", "none", None}, answer.id
        assert len(answer.why) > 20, answer.id
        assert answer.source != solution_source(answer.assignment), answer.id
    ids = [(answer.assignment.id, answer.id) for answer in ANSWERS]
    assert len(ids) == len(set(ids))
