"""A checkpoint that the reference does not learn from grades nobody, and says so: what else could a mark mean?"""

from __future__ import annotations

from pathlib import Path

from autograder.grading.grader import Grader, solution_source
from autograder.submission.read import of_source
from course.models import checkpoint, tiny
from course.syllabus import syllabus


def test_a_checkpoint_of_zeros_is_named_as_what_is_at_fault(tmp_path):
    from safetensors.numpy import load_file, save_file

    words = Path(checkpoint("bert-mini"), "vocab.txt").read_text(encoding="utf-8").split("\n")[len(tiny.SPECIAL) : -1]
    folder = tiny.write(tmp_path / "zeros", 1, width=64, heads=1, layers=1, max_length=64, words=words)
    weights = Path(folder, "model.safetensors")
    save_file({name: 0 * weight for name, weight in load_file(weights).items()}, weights, {"format": "pt"})
    assignment = syllabus().assignment("bert-finetuning-pytorch")
    with Grader(jobs=1, seed=5, checkpoint=folder) as grader:
        [result] = grader.grade([of_source(assignment, solution_source(assignment))])
    assert result["status"] == "not_graded" and result["score"] is None
    assert "the reference does not pass its own tests (test_learns" in result["message"]
    assert f"This run's checkpoint is {folder}" in result["message"] and "--checkpoint" in result["message"]
