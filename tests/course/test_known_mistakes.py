"""Every known mistake of the catalogue fails a visible check, or is left to the grading, with a reason.

A student who reads green here and red after the grading trusts neither. So each entry of the judge's catalogue is put
into the solution and shown to the visible checks. What they do not see is listed in `left_to_the_grading.toml`, each
with its reason; an entry there that a check does see is an error, too, so that the list never grows old.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from support.answers import answers, solution
from support.marks import TRAINING

from autograder.judging.catalogue import Mistake, catalogue
from course.checks import run
from course.syllabus import Assignment, syllabus

# Exercises whose checks have not been held against the catalogue in Keras; what is listed may not hold there.
UNREVIEWED_IN_KERAS = TRAINING
LISTED = tomllib.loads((Path(__file__).parent / "left_to_the_grading.toml").read_text(encoding="utf-8"))


def cases() -> list[object]:
    """A case for each mistake and track; those that wait for Keras or for training are slow."""
    found: list[object] = []
    for assignment in syllabus().assignments().values():
        slow = assignment.track.id != "pytorch" or assignment.exercise.id in TRAINING
        for mistake in catalogue(assignment.exercise.id):
            if assignment.track.id in mistake.changes:
                marks = [pytest.mark.slow] if slow else []
                if assignment.track.id == "tensorflow" and assignment.exercise.id in UNREVIEWED_IN_KERAS:
                    marks.append(pytest.mark.skip(reason="not looked through in Keras yet"))
                found.append(pytest.param(assignment, mistake, id=f"{assignment.id}-{mistake.id}", marks=marks))
    return found


def reason(assignment: Assignment, mistake: Mistake) -> str:
    """Why the mistake is left to the grading in this track, or nothing."""
    listed = LISTED.get(assignment.exercise.id, {}).get(mistake.id, "")
    if isinstance(listed, dict):
        listed = listed.get(assignment.track.id, "")
    return str(listed)


def seen(assignment: Assignment, mistake: Mistake) -> bool:
    """Whether a visible check of the mistake's parts fails with it."""
    namespace = answers(
        mistake.changes[assignment.track.id].apply(solution(assignment.exercise.id, assignment.track.id))
    )
    parts = (mistake.part, *mistake.also)
    return any(not run(assignment.exercise.id, assignment.track.id, part, namespace).passed for part in parts)


@pytest.mark.filterwarnings("ignore")  # what a framework thinks of a wrong answer is not the question
@pytest.mark.parametrize(("assignment", "mistake"), cases())
def test_a_known_mistake_fails_a_visible_check_or_is_listed(assignment: Assignment, mistake: Mistake) -> None:
    listed = reason(assignment, mistake)
    if seen(assignment, mistake):
        assert not listed, f"{mistake.id} is seen by a visible check; take it off left_to_the_grading.toml"
    else:
        assert listed, f"{mistake.id} ({mistake.title}) passes every visible check of {mistake.part}"


def test_the_list_names_known_mistakes_and_reasons() -> None:
    for exercise, listed in LISTED.items():
        known = {mistake.id for mistake in catalogue(exercise)}
        assert set(listed) <= known, f"{exercise}: {sorted(set(listed) - known)}"
        for mistake, why in listed.items():
            for text in why.values() if isinstance(why, dict) else [why]:
                assert len(text) > 20, f"{exercise}, {mistake}: a reason is a sentence"
