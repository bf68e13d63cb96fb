"""Grading on a GPU: the PyTorch track, contestant and reference both there. Skipped, with a word, where there is none.

    python -m pytest tests/test_gpu.py

On a machine without a GPU, the hidden tests on the meta device catch answers that name a device or make
CPU tensors; here the same answers fail by what a GPU does with them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autograder.grading.grader import Grader, solution_source
from autograder.proof.verify import claims_for
from autograder.submission.read import of_source
from autograder.workers import jail
from course.syllabus import syllabus

pytestmark = pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="no NVIDIA GPU on this machine")

PYTORCH = [a for a in syllabus().assignments().values() if a.track.id == "pytorch"]


@pytest.fixture(scope="module")
def grader():
    standing = jail.survey(syllabus().limits)
    isolation = "full" if all(standing[wall] for wall in jail.NEEDED) else "none"
    with Grader(jobs=min(8, os.cpu_count() or 2), seed=11, device="cuda", isolation=isolation) as grader:
        yield grader


@pytest.mark.parametrize("assignment", PYTORCH, ids=lambda a: a.id)
def test_solutions_mistakes_and_alternatives_fare_on_the_gpu_as_they_should(grader, assignment):
    claims = claims_for(assignment, grader.source_root)
    results = grader.grade([claim.submission for claim in claims])
    assert {result["device"] for result in results} == {"cuda"}
    assert [f"{c.name}: {p}" for c, r in zip(claims, results, strict=True) if (p := c.check(r))] == []


def test_a_mask_made_on_the_cpu_loses_points(grader):
    assignment = syllabus().assignment("self-attention-pytorch")
    wrong = "\n\ndef causal_mask(length, device=None):\n    return torch.ones(length, length).tril().bool()\n"
    [result] = grader.grade([of_source(assignment, solution_source(assignment) + wrong)])
    lost = {part["id"] for part in result["parts"] if part["score"] < part["max_score"]}
    assert lost == {"causal-mask"}


def test_an_answer_cannot_take_more_of_the_gpu_than_its_share(grader):
    assignment = syllabus().assignment("self-attention-pytorch")
    greedy = (
        "\n\ndef combine_masks(*masks):\n    import torch\n"
        "    return torch.empty(64 << 30, dtype=torch.uint8, device='cuda')\n"
    )
    [result] = grader.grade([of_source(assignment, solution_source(assignment) + greedy)])
    part = next(part for part in result["parts"] if part["id"] == "combine-masks")
    assert part["score"] == 0
    assert any("memory" in (test["message"] or "") for test in part["tests"])
