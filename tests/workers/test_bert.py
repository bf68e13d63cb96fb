"""BERT in the workers: checkpoints, tokenizers and classifiers in both tracks, what a student meets whose fine-tuning
goes wrong. Everything goes through a real contestant in its jail.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autograder.grading.grader import Grader, solution_source
from autograder.judging.program import Checkpoint, Embedding, Generator, Module, Program, Tiny, Tokenizer
from autograder.submission.read import of_source
from course.models import checkpoint
from course.syllabus import syllabus

TRACKS = ("pytorch", "tensorflow")
both_tracks = pytest.mark.parametrize("track", TRACKS)
both_in_time = pytest.mark.parametrize("track", ["pytorch", pytest.param("tensorflow", marks=pytest.mark.slow)])
PACKAGES = {t: tuple(syllabus().exercise("bert-finetuning").packages[t]) for t in TRACKS}
IDS = np.array([[2, 7, 9, 11, 3, 0], [2, 30, 31, 32, 33, 3]])
BATCH = {"input_ids": IDS, "attention_mask": (IDS > 0).astype(np.int64)}

ANSWERS = {
    "pytorch": """
import torch

def look(model):
    return type(model).__name__, model.training, torch.is_grad_enabled()

def draws(generator):
    return torch.rand(3, generator=generator), torch.rand(3, generator=generator)

def twice(embedding, ids):
    return 2 * embedding(ids)

def pieces(tokenizer, text):
    return tokenizer(text)["input_ids"]

def files(folder):
    import os
    return sorted(os.listdir(folder)), open(os.path.join(folder, "vocab.txt")).read(9)

def forward(model, ids, mask):
    model.train()
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask).logits

def bare(folder):
    from transformers import BertModel
    return BertModel.from_pretrained(folder)
""",
    "tensorflow": """
import keras
import tensorflow as tf

def look(model):
    return type(model).__name__

def draws(generator):
    return keras.random.uniform((3,), seed=generator), keras.random.uniform((3,), seed=generator)

def twice(embedding, ids):
    return 2 * embedding(ids)

def pieces(tokenizer, text):
    return [int(i) for i in tokenizer(text)]

def files(folder):
    import os
    return sorted(os.listdir(folder)), open(os.path.join(folder, "vocab.txt")).read(9)

def forward(model, ids, mask):
    return model({"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": mask}, training=True)
""",
}


@pytest.fixture(scope="module")
def places(workshop):
    """Contestants of exercise 8, by track."""

    def inside(track, **limits):
        return workshop.inside(track, packages=PACKAGES[track], memory_mb=3072, **limits)

    return inside


# -- what a program can hold ------------------------------------------------------------------------------------------


@both_tracks
def test_a_classifier_of_ours_is_the_same_in_every_process_and_another_by_another_seed(places, track):
    def logits(seed):
        with places(track) as inside:
            return inside.run(Program.classifier(Checkpoint(Tiny(seed)), 3).logits(BATCH)).out

    first, again, other = logits(4), logits(4), logits(5)
    assert first.shape == (2, 3)
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_both_tracks_read_the_same_checkpoint_alike(places):
    found = []
    for track in TRACKS:
        head = np.random.default_rng(1).normal(size=(16, 3)), np.zeros(3)
        with places(track) as inside:
            program = Program.classifier(Checkpoint(Tiny(4, layers=2)), 3).head(*head).logits(BATCH)
            found.append(inside.run(program.in_dtype("float64")).out)
    assert np.abs(found[0] - found[1]).max() < 1e-5 * np.abs(found[0]).max()
    assert np.abs(found[0]).max() > 0.1


@both_tracks
def test_dropout_can_be_set_in_every_place(places, track):
    with places(track) as inside:
        inside.define(ANSWERS[track])

        def forward(rate):
            program = Program.classifier(Checkpoint(Tiny(4)), 3).dropout(rate)
            return inside.run(program.call("forward", Module(), IDS, BATCH["attention_mask"])).out

        plain = inside.run(Program.classifier(Checkpoint(Tiny(4)), 3).logits(BATCH)).out
        assert np.abs(forward(0.0) - plain).max() < 1e-5
        assert np.abs(forward(0.5) - plain).max() > 1e-2


@both_tracks
def test_a_frozen_classifier_has_its_classification_layer_to_train_and_nothing_else(places, track):
    with places(track) as inside:
        program = Program.classifier(Checkpoint(Tiny(4)), 3, frozen=True).parameters()
        assert inside.run(program).values["parameters"]["trainable"] == 16 * 3 + 3


@both_tracks
def test_the_same_model_without_pre_training_has_other_weights(places, track):
    with places(track) as inside:
        pretrained, scratch = (
            inside.run(Program.classifier(Checkpoint(Tiny(4)), 3, pretrained=p).state()).values["state"]
            for p in (True, False)
        )
        assert pretrained.keys() == scratch.keys()
        word = next(name for name in pretrained if "word_embeddings" in name or "token_embedding" in name)
        assert pretrained[word].std() > 10 * scratch[word].std()


@both_tracks
def test_what_only_a_worker_can_make_arrives_as_an_argument(places, track):
    table = np.arange(12.0).reshape(4, 3)
    with places(track) as inside:
        inside.define(ANSWERS[track])
        (one, two), (again, _), (other, _) = (
            inside.run(Program.function("draws", Generator(seed))).out for seed in (3, 3, 4)
        )
        assert np.array_equal(one, again)
        assert not np.array_equal(one, two)
        assert not np.array_equal(one, other)
        out = inside.run(Program.function("twice", Embedding(table), np.array([[1, 3]]))).out
        assert np.array_equal(out, 2 * table[[1, 3]][None])
        words = Path(checkpoint(), "vocab.txt").read_text().split("\n")
        number = next(i for i, w in enumerate(words) if len(w) > 3 and w.isalpha())
        found = inside.run(Program.function("pieces", Tokenizer(), words[number])).out
        assert number in found
        names, start = inside.run(Program.function("files", Checkpoint())).out
        assert {"config.json", "model.safetensors", "vocab.txt"} <= set(names) and start.startswith("[PAD]")
        assert "Bert" in str(inside.run(Program.classifier(Checkpoint(Tiny(1)), 2).call("look", Module())).out)


def test_an_answer_that_trains_finds_gradients_on_and_its_calls_are_seen(places):
    with places("pytorch") as inside:
        inside.define(ANSWERS["pytorch"])
        program = Program.classifier(Checkpoint(Tiny(1)), 2)
        assert inside.run(program.call("look", Module())).out[1:] == (False, True)
        answer = inside.run(program.call("forward", Module(), IDS, BATCH["attention_mask"]).seen())
        assert answer.values["seen"] == {"training": [True], "gradient": [False], "mode": True, "gradients_left": False}
        assert inside.run(program.logits(BATCH).seen()).values["seen"]["training"] == []  # our own call does not count


def test_a_model_that_gives_no_logits_does_not_blind_the_next_program(places):
    with places("pytorch") as inside:
        inside.define(ANSWERS["pytorch"])
        error = inside.run(Program.module("bare", Checkpoint(Tiny(1))).logits(BATCH)).error
        assert "gives no logits" in error.message
        watched = Program.classifier(Checkpoint(Tiny(1)), 2).call("forward", Module(), IDS, BATCH["attention_mask"])
        assert inside.run(watched.seen()).values["seen"]["training"] == [True]


# -- any checkpoint ---------------------------------------------------------------------------------------------------


def in_hub_layout(folder: Path) -> Path:
    """bert-mini as the hub's cache keeps a model: files under other names, links to them in a snapshot."""
    model, revision = folder / "models--someone--small-bert", "0123456789abcdef0123456789abcdef01234567"
    snapshot = model / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (model / "blobs").mkdir()
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(revision)
    for file in Path(checkpoint()).iterdir():
        shutil.copy(file, model / "blobs" / f"blob-{file.name}")
        (snapshot / file.name).symlink_to(Path("../../blobs") / f"blob-{file.name}")
    return snapshot


@both_in_time
def test_a_checkpoint_in_the_layout_of_the_hubs_cache_is_read_through_its_links(tmp_path, track):
    snapshot = in_hub_layout(tmp_path)
    assignment = syllabus().assignment(f"bert-finetuning-{track}")
    with Grader(jobs=1, seed=3, checkpoint=str(snapshot)) as grader:
        [result] = grader.grade([of_source(assignment, solution_source(assignment))])
    assert (result["status"], result["score"]) == ("graded", result["max_score"]), result
    assert result["checkpoint"] == str(snapshot)


def test_a_name_on_the_hub_is_found_in_its_cache_without_a_network(tmp_path, monkeypatch):
    import huggingface_hub.constants as constants

    snapshot = in_hub_layout(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert Path(checkpoint("someone/small-bert")) == snapshot


@pytest.mark.parametrize(
    "missing, words",
    [
        ("model.safetensors", "lacks model.safetensors"),
        ("vocab.txt", "lacks vocab.txt"),
        ("config.json", "lacks config.json"),
        (None, "vocabulary does not fit"),
    ],
)
def test_a_folder_that_is_no_checkpoint_leaves_ungraded_what_needs_it_and_says_what_it_lacks(tmp_path, missing, words):
    shutil.copytree(checkpoint(), tmp_path / "model")
    if missing:
        (tmp_path / "model" / missing).unlink()
    else:
        with (tmp_path / "model" / "vocab.txt").open("a") as file:
            file.write("onemoreword\n")
    needs, other = (syllabus().assignment(f"{name}-pytorch") for name in ("bert-finetuning", "self-attention"))
    with Grader(jobs=1, checkpoint=str(tmp_path / "model")) as grader:
        results = grader.grade([of_source(a, solution_source(a)) for a in (needs, other)])
    assert [r["status"] for r in results] == ["not_graded", "graded"]
    assert words in results[0]["message"] and results[0]["score"] is None


# -- what can go wrong in a hand-in -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def graded_with(grader):
    """The result of the solution with one text in it changed, as scores by part and the part's messages."""

    def graded_with(track, *changes, **limits):
        assignment = syllabus().assignment(f"bert-finetuning-{track}")
        source = solution_source(assignment)
        for old, new in changes:
            assert source.count(old) == 1, old
            source = source.replace(old, new)
        grader_of = grader
        if limits:
            short = replace(syllabus().limits_of(assignment.exercise), **limits)
            grader_of = Grader(jobs=1, seed=8, limits=short)
        try:
            [result] = (grader_of.__enter__() if limits else grader_of).grade([of_source(assignment, source)])
        finally:
            if limits:
                grader_of.__exit__()
        assert result["status"] == "graded", result["message"]
        lost = {p["id"] for p in result["parts"] if p["score"] < p["max_score"]}
        said = " ".join(t["message"] or "" for p in result["parts"] for t in p["tests"])
        return lost, said

    return graded_with


TRAINING = {
    "pytorch": "loss = F.cross_entropy(logits, labels)\n\n",
    "tensorflow": "loss = tf.reduce_mean(losses)\n",
}


@both_in_time
def test_a_training_that_diverges_costs_its_part_and_says_so(graded_with, track):
    old = TRAINING[track]
    lost, said = graded_with(track, (old, old.replace("loss = ", "loss = float('nan') * ")))
    assert lost == {"fine-tune"}
    assert "not finite" in said


@both_in_time
def test_labels_out_of_range_are_told_in_the_frameworks_words_and_the_rest_is_graded(graded_with, track):
    old = {
        "pytorch": "F.cross_entropy(logits, labels)\n\n",
        "tensorflow": "_with_logits(labels, logits)  # (B,)\n            ",
    }[track]
    lost, said = graded_with(track, (old, old.replace("labels", "labels + 1000", 1)))
    assert lost == {"fine-tune"}
    assert "out of bounds" in said or "valid range" in said or "not finite" in said


@both_in_time
def test_a_training_without_end_costs_its_part_alone(graded_with, track):
    old = "    for _ in range(epochs):\n"
    enough = {"pytorch": 3.0, "tensorflow": 8.0}[track]  # for all else that is called
    lost, said = graded_with(track, (old, "    while True:\n"), cpu_seconds_per_call=enough)
    assert lost == {"fine-tune"}
    assert "computing time" in said


def test_a_model_that_is_none_and_a_checkpoint_that_cannot_be_loaded_say_what_is_the_matter(graded_with):
    old = "BertForSequenceClassification.from_pretrained(checkpoint, num_labels=num_classes)"
    lost, said = graded_with(
        "pytorch",
        (old, "'a model'"),
        (
            "        for parameter in model.bert.parameters():\n            parameter.requires_grad = False\n",
            "        pass\n",
        ),
    )
    assert lost == {"build-classifier"} and "not an nn.Module" in said
    lost, said = graded_with("pytorch", (old, old.replace("checkpoint,", "'bert-base-uncased',")))
    assert lost == {"build-classifier"} and "bert-base-uncased" in said


def test_results_say_which_checkpoint_they_were_graded_with(grader):
    results = []
    for name in ("bert-finetuning-pytorch", "self-attention-pytorch"):
        assignment = syllabus().assignment(name)
        results += grader.grade([of_source(assignment, "")])
    assert [r["checkpoint"] for r in results] == ["bert-mini", None]
    assert json.dumps(results)


def test_the_first_two_batches_of_the_news_differ_in_length():
    """Keras' `fit`, which an answer may use, takes the length of the first two for that of all where it is the same."""
    from autograder.exercises.bert_finetuning import hidden_tests as hidden
    from autograder.judging.random_inputs import RandomInputs
    from benchmarks.learning import Solution

    solution = Solution("bert-finetuning")
    for seed in range(40):
        program, _labels = hidden.news_training(RandomInputs(seed, "news"), solution)
        batches = next(step for step in program.steps if step["do"] == "call")["args"][1]
        first, second = (program.arrays[batch["input_ids"]["array"]].shape for batch in batches[:2])
        assert len(batches) == 16 and first[1] != second[1], seed
