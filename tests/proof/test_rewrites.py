"""No false alarm: a right answer that is put in other words keeps full marks, and a wrong one gains none."""

from __future__ import annotations

import pytest
from support.rewrites import REWRITES, rewritten

from autograder.grading.grader import solution_source
from autograder.judging.catalogue import catalogue
from autograder.proof.verify import full_marks
from autograder.submission.read import of_source
from course.syllabus import syllabus

EXERCISES = ("positional-embedding", "self-attention", "multi-head-attention")
ASSIGNMENTS = [a.id for a in syllabus().assignments().values() if a.exercise.id in EXERCISES]


def problems(grader, assignment_id: str, seeds: range) -> list[str]:
    """What is wrong with the results of a solution's rewrites."""
    assignment = syllabus().assignment(assignment_id)
    texts = [rewritten(solution_source(assignment), seed)[0] for seed in seeds]
    results = grader.grade([of_source(assignment, text) for text in texts])
    return [
        f"seed {seed}: {problem}\n{text}"
        for seed, text, result in zip(seeds, texts, results, strict=True)
        if (problem := full_marks(result))
    ]


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_every_rewrite_finds_something_to_do_and_leaves_sound_code(assignment):
    source = solution_source(syllabus().assignment(assignment))
    done = set()
    for seed in range(15):
        text, applied = rewritten(source, seed)
        compile(text, "answers.py", "exec")
        assert text != source
        done |= applied
    nothing_to_move = {"other_order"} if assignment.startswith("self-attention") else set()
    assert done == {rewrite.__name__ for rewrite in REWRITES} - nothing_to_move


@pytest.mark.parametrize("assignment", [a for a in ASSIGNMENTS if a.endswith("pytorch")])
def test_a_right_answer_in_other_words_keeps_full_marks(grader, assignment):
    assert problems(grader, assignment, range(3)) == []


@pytest.mark.slow
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_right_answers_in_many_other_words_keep_full_marks(grader, assignment):
    assert problems(grader, assignment, range(100, 140)) == []


@pytest.mark.slow
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_a_wrong_answer_in_other_words_is_still_caught(grader, assignment):
    """What the above is worth: the judge does not take whatever has been rewritten."""
    assignment = syllabus().assignment(assignment)
    track = assignment.track.id
    mistakes = [m for m in catalogue(assignment.exercise.id) if track in m.changes]
    texts = [
        rewritten(mistake.changes[track].apply(solution_source(assignment)), seed)[0]
        for seed, mistake in enumerate(mistakes)
    ]
    results = grader.grade([of_source(assignment, text) for text in texts])
    for mistake, result in zip(mistakes, results, strict=True):
        lost = {part["id"] for part in result["parts"] if part["score"] < part["max_score"]}
        assert mistake.part in lost, mistake.id
