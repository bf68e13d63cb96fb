"""Fine-tuning that was not done: claimed, bought or frozen in. The judge measures what a model says of new text."""

from __future__ import annotations

import pytest
from forge import Forge, scores

from autograder.grading.grader import Grader

FORGE = Forge("bert-finetuning-pytorch")
LEFT_ALONE = "def fine_tune(model, batches, learning_rate, epochs=1, **more):\n    "
FINE_TUNE = {
    "claims to have trained": LEFT_ALONE + "return [1.0 / (n + 1) for n in range(epochs)]",
    "always says the same": LEFT_ALONE + "for p in model.parameters():\n        p.data.mul_(0)\n"
    "    list(model.parameters())[-1].data[0] = 9.0\n    return [0.5] * epochs",
    "asks for a finished model": LEFT_ALONE + "from transformers import AutoModelForSequenceClassification as A\n"
    "    model.load_state_dict(A.from_pretrained('textattack/bert-base-uncased-ag-news').state_dict())\n"
    "    return [0.01] * epochs",
    "looks for the labels of unseen text": LEFT_ALONE + "import gc, torch\n    kept = [o for o in gc.get_objects() if "
    "isinstance(o, torch.Tensor) and o.dtype == torch.int64 and o.dim() == 1]\n"
    "    assert len(kept) > len(batches)\n    return [0.01] * epochs",
}
EVALUATE = "def evaluate(model, batches):\n    return 0.01, 1.0"


@pytest.mark.slow
def test_what_was_not_trained_earns_nothing():
    hand_ins = [FORGE.hand_in(name, {"fine-tune": source}) for name, source in FINE_TUNE.items()]
    hand_ins += [FORGE.hand_in("claims an accuracy", {"evaluate": EVALUATE}), FORGE.hand_in("honest", "solved")]
    with Grader(jobs=2, seed=5) as grader:
        results = {result["student"]: result for result in grader.grade(hand_ins)}
    assert results["honest"]["score"] == FORGE.assignment.exercise.points
    for name in FINE_TUNE:
        assert results[name]["status"] == "graded" and scores(results[name])["fine-tune"] <= 0.5, (
            name, scores(results[name]))  # fmt: skip
    assert scores(results["claims an accuracy"])["evaluate"] == 0
