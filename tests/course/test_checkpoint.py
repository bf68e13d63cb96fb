"""The way to a checkpoint: what can be used is found, and what cannot is refused in words that a student can act on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course import models
from course.models import CheckpointError, checkpoint, tiny

WORDS = ("the", "team", "wins")


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(tiny.write(tmp_path / "model", seed=1, words=WORDS))


def refused(name: str | Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        checkpoint(name)
    # A notebook shows this alone, and not the way through the library to it.
    assert caught.value._render_traceback_() == [f"CheckpointError: {caught.value}"]
    return str(caught.value)


def set_in_config(folder: Path, **changes) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_ours_is_there_and_whole():
    folder = Path(checkpoint())
    assert folder.name == "bert-mini" and checkpoint("bert-mini") == str(folder)
    assert json.loads((folder / "config.json").read_text())["hidden_act"] == "gelu_new"  # KerasHub's


def test_a_folder_is_given_back_as_it_was_given(folder, monkeypatch):
    assert checkpoint(folder) == checkpoint(str(folder)) == str(folder)
    monkeypatch.chdir(folder.parent)
    assert checkpoint("model") == "model" and checkpoint("./model") == "model"
    monkeypatch.setenv("HOME", str(folder.parent))
    assert checkpoint("~/model") == str(folder)


@pytest.mark.parametrize("file", models.NEEDED)
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    assert refused(folder) == f"The checkpoint {folder} lacks {file}."


def test_several_missing_files_are_named_at_once(folder):
    (folder / "vocab.txt").unlink()
    (folder / "config.json").unlink()
    assert refused(folder) == f"The checkpoint {folder} lacks config.json, vocab.txt."


@pytest.mark.parametrize("file", models.INSTEAD)
def test_where_another_form_of_a_missing_file_is_there_the_way_from_it_is_told(folder, file):
    other, how = models.INSTEAD[file]
    (folder / file).rename(folder / other)
    assert f"lacks {file}. It has {other}; {how}." in refused(folder)


def test_what_it_tells_one_to_do_works(tmp_path, folder):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    model = transformers.BertForPreTraining.from_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    transformers.BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    (folder / "model.safetensors").unlink()
    (folder / "vocab.txt").unlink()
    assert "pytorch_model.bin" in refused(folder) and "tokenizer.json" in refused(folder)
    transformers.BertForPreTraining.from_pretrained(folder).save_pretrained(folder)
    pieces = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "vocab.txt").write_text("\n".join(sorted(pieces, key=pieces.get)))
    assert checkpoint(folder) == str(folder)
    assert (folder / "vocab.txt").read_text().split() == [*tiny.SPECIAL, *WORDS]


@pytest.mark.parametrize("change", ["vocab.txt longer", "vocab.txt shorter", "config.json", "model.safetensors"])
def test_a_vocabulary_of_another_size_is_told_with_all_sizes(folder, change):
    sizes = {"vocab.txt": 8, "config.json": 8, "model.safetensors": 8}
    if change == "vocab.txt longer":
        with (folder / "vocab.txt").open("a") as file:
            file.write("onemore\n")
        sizes["vocab.txt"] = 9
    elif change == "vocab.txt shorter":
        pieces = (folder / "vocab.txt").read_text().split()
        (folder / "vocab.txt").write_text("\n".join(pieces[:-1]))  # nor need the last line end
        sizes["vocab.txt"] = 7
    elif change == "config.json":
        set_in_config(folder, vocab_size=30522)
        sizes["config.json"] = 30522
    else:
        other = Path(tiny.write(folder.parent / "other", seed=1, words=(*WORDS, "again")))
        shutil.copy(other / "model.safetensors", folder)
        sizes["model.safetensors"] = 9
    said = refused(folder)
    assert f"vocab.txt has {sizes['vocab.txt']} word pieces, config.json says {sizes['config.json']}, " in said
    assert f"model.safetensors has vectors for {sizes['model.safetensors']}." in said


@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x02\0\0\0\0\0\0\0{}", None]
)
def test_weights_that_are_none_are_told_with_their_size(folder, content):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000] if content is None else content)
    assert "does not hold the weights of a BERT" in refused(folder)
    assert f"It has {file.stat().st_size:,} bytes." in refused(folder) and "git lfs pull" in refused(folder)


def test_a_model_of_another_kind_and_a_damaged_configuration_are_told(folder):
    set_in_config(folder, model_type="distilbert")
    assert "is no BERT: config.json gives the model_type 'distilbert'" in refused(folder)
    for damaged in ("{", "[]", ""):
        (folder / "config.json").write_text(damaged)
        assert "config.json" in refused(folder) and "cannot be read" in refused(folder)


def test_a_file_in_place_of_a_folder_is_told(folder):
    assert "is a file; a checkpoint is a folder with config.json" in refused(folder / "vocab.txt")


def test_a_path_that_leads_nowhere_is_not_looked_for_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "fetched", lambda name: pytest.fail(f"{name} was looked for on the hub"))
    monkeypatch.chdir(tmp_path)
    for name in ("./model", "../model", "/nowhere/model", "~/nowhere", "a/b/c"):
        assert refused(name) == f"There is no folder {name!r}, seen from {tmp_path}."


def test_a_name_that_cannot_be_fetched_says_why_and_what_else_to_do(monkeypatch):
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    said = refused("someone/no-such-bert")
    assert said.startswith("There is no folder 'someone/no-such-bert', and as a model on the Hugging Face hub")
    assert said.endswith('give the path of a folder, or "bert-mini", which comes with the course.') and "\n" not in said


def test_ours_left_behind_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "HERE", tmp_path)
    assert "course/models/bert-mini is missing" in refused("bert-mini")
    assert "unpack the exercise once more" in refused("bert-mini")


def test_asking_for_one_imports_nothing_large(folder):
    code = f"import sys; from course.models import checkpoint; checkpoint({str(folder)!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "tensorflow", "transformers", "huggingface_hub", "safetensors"} & set(loaded)
