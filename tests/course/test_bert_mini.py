"""bert-mini, the committed checkpoint: fresh, small, the same in both tracks, and worth starting from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from autograder.authoring.pretrain import Settings, digest
from course.data.news import generate
from course.models import checkpoint, masked_lm

FOLDER = Path(checkpoint())
TEXTS = ["The striker scored two goals in the derby.", "Ballot: mayor wins race", "x"]


@pytest.fixture(scope="module")
def ids() -> tuple[np.ndarray, np.ndarray]:
    """Ids and attention mask (B, L) of stories of different lengths."""
    import transformers

    tokenizer = transformers.BertTokenizer.from_pretrained(FOLDER)
    batch = tokenizer([*TEXTS, *(story.text for story in generate(5, seed=11))], padding=True, return_tensors="np")
    assert not (batch["attention_mask"] == 1).all()
    return batch["input_ids"], batch["attention_mask"]


def test_fresh():
    """If this fails: `autograder pretrain`, then `python -m benchmarks.news` for what it is worth, then commit."""
    summary = json.loads((FOLDER / "training.json").read_text())
    assert summary["digest"] == digest(Settings(**summary["settings"])), "bert-mini is older than what it is made from"
    assert summary["settings"] == vars(Settings())


def test_under_ten_megabytes_and_nothing_but_a_checkpoint():
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert sum(files.values()) < 10e6
    assert set(files) == {
        "README.md", "config.json", "model.safetensors", "tokenizer_config.json", "training.json", "vocab.txt",
    }  # fmt: skip


def test_every_class_of_transformers_finds_all_its_weights():
    import transformers
    from transformers import BertForMaskedLM, BertForSequenceClassification, BertModel

    transformers.logging.set_verbosity_error()
    for kind, missing in (
        (BertModel, set()),
        (BertForMaskedLM, set()),
        (BertForSequenceClassification, {"classifier.weight", "classifier.bias"}),
    ):
        _model, info = kind.from_pretrained(FOLDER, output_loading_info=True)
        assert set(info["missing_keys"]) == missing, kind.__name__
        assert not info["mismatched_keys"]


def test_hidden_states_are_the_same_in_both_tracks(ids):
    import keras_hub
    import torch
    import transformers

    tokens, mask = ids
    with torch.inference_mode():
        theirs = transformers.BertModel.from_pretrained(FOLDER).eval()(
            torch.from_numpy(tokens), attention_mask=torch.from_numpy(mask)
        )
    classifier = keras_hub.models.BertTextClassifier.from_preset(str(FOLDER), num_classes=4, preprocessor=None)
    ours = classifier.backbone(
        {"token_ids": tokens, "segment_ids": np.zeros_like(tokens), "padding_mask": mask}, training=False
    )
    real = mask.astype(bool)
    np.testing.assert_allclose(
        np.asarray(ours["sequence_output"])[real], theirs.last_hidden_state.numpy()[real], atol=2e-5
    )
    np.testing.assert_allclose(np.asarray(ours["pooled_output"]), theirs.pooler_output.numpy(), atol=2e-5)


def test_word_pieces_are_the_same_in_both_tracks():
    import keras_hub
    import transformers

    one = transformers.BertTokenizer.from_pretrained(FOLDER)
    other = keras_hub.tokenizers.BertTokenizer.from_preset(str(FOLDER))
    for story in generate(50, seed=12):
        assert one(story.text, add_special_tokens=False)["input_ids"] == np.asarray(other(story.text)).tolist()


def test_both_tracks_guess_the_same_masked_words():
    texts = [
        "The striker scored two [MASK] in the derby.",
        "The judge ordered a new [MASK] and the jury stayed out.",
        "The [MASK] won in [MASK] sets.",
    ]
    one, other = (masked_lm.guesses(FOLDER, track, texts) for track in ("pytorch", "tensorflow"))
    assert [len(of_text) for of_text in one] == [1, 1, 2]
    for mine, theirs in zip(sum(one, []), sum(other, []), strict=True):
        assert [guess.word for guess in mine[:3]] == [guess.word for guess in theirs[:3]]
        np.testing.assert_allclose(
            [guess.probability for guess in mine], [guess.probability for guess in theirs], atol=1e-4
        )
    assert one[0][0][0].word.startswith("goal")
    assert "trial" in [guess.word for guess in one[1][0]]


@pytest.mark.slow
def test_it_is_worth_starting_from():
    """With 64 labelled stories: at least ten points above the same model from random weights, over several seeds."""
    import torch
    import transformers

    from benchmarks.news import HELD_OUT_SEED, LABELLED_SEED, Reader, Recipe, drawn, fine_tuned

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    pool, held_out = generate(1_000, LABELLED_SEED), Reader(str(FOLDER), generate(400, HELD_OUT_SEED), 64)
    accuracies = {
        pretrained: [
            fine_tuned(str(FOLDER), pretrained, drawn(pool, 64, seed), held_out, Recipe(), seed)[0] for seed in range(3)
        ]
        for pretrained in (True, False)
    }
    assert min(accuracies[True]) > max(accuracies[False]) + 0.1, accuracies
    assert np.mean(accuracies[True]) > np.mean(accuracies[False]) + 0.2, accuracies


@pytest.mark.slow
def test_pre_training_learns_and_writes_a_folder_that_loads(tmp_path):
    """A minute of it, with the verb: losses fall, the folder is whole, and the same seed gives the same vocabulary."""
    import transformers

    from autograder.cli import main

    options = "--steps 200 --stories 4000 --layers 1 --hidden 64 --heads 2 --vocabulary 800".split()
    assert main(["pretrain", "--output", str(tmp_path / "model"), *options]) == 0
    folder = Path(checkpoint(tmp_path / "model"))
    summary = json.loads((folder / "training.json").read_text())
    first, last = summary["history"]["rows"][0], summary["history"]["rows"][-1]
    assert last[1] < first[1] - 0.3 and last[2] < first[2]
    assert "autograder pretrain --stories 4000 --vocabulary 800 --steps 200" in (folder / "README.md").read_text()
    assert transformers.BertForMaskedLM.from_pretrained(folder).config.hidden_size == 64
    assert main(["pretrain", "--output", str(tmp_path / "again"), *options, "--steps", "1"]) == 0
    assert (tmp_path / "again" / "vocab.txt").read_text() == (folder / "vocab.txt").read_text()
