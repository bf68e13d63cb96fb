"""The small BERT that comes with the course, and how to use any other checkpoint.

    >>> from course.models import checkpoint
    >>> checkpoint()                                  # the folder of bert-mini, committed
    >>> checkpoint("my-model")                        # a folder of your own, which is examined first
    >>> checkpoint("google-bert/bert-base-uncased")   # fetched from the Hugging Face hub

A checkpoint that cannot be used is refused here, with a message that says what to do, because the libraries' own
messages come late and are hard to read. `masked_lm` asks a checkpoint for words, `attention` asks a model where it
looks. Importing this module is cheap: it needs the standard library only.
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).parent
COMMITTED = ("bert-mini",)
NEEDED = ("config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt")
FETCHED = (*NEEDED, "tokenizer.json", "special_tokens_map.json")
INSTEAD = {  # by missing file: another file that may be there, and how to make the missing one from it
    "model.safetensors": (
        "pytorch_model.bin",
        "make the other of it with transformers: BertForPreTraining.from_pretrained(folder).save_pretrained(folder)",
    ),
    "vocab.txt": (
        "tokenizer.json",
        "write its word pieces into vocab.txt, one a line, in the order of their ids",
    ),
}


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message says why and what to do. IPython shows it as one line."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


def checkpoint(name: str | Path = "bert-mini") -> str:
    """The folder of a BERT that `transformers` and `keras_hub` load.

    `name` is "bert-mini", the path of a folder, or a name on the Hugging Face hub, from which the files are fetched
    once (package `huggingface_hub`, internet). The folder must hold config.json of a BERT, model.safetensors,
    tokenizer_config.json, and a vocab.txt of the size that the configuration says; otherwise it raises
    `CheckpointError`.
    """
    path = Path(name).expanduser()
    if str(name) in COMMITTED:
        folder = HERE / str(name)
        if not folder.is_dir():
            raise CheckpointError(
                f"The folder course/models/{name} is missing. The folder course belongs beside the notebook, whole: "
                "unpack the exercise once more."
            )
    elif path.is_dir():
        folder = path
    elif path.exists():
        raise CheckpointError(f"{name} is a file; a checkpoint is a folder with {', '.join(NEEDED)}.")
    elif path.is_absolute() or str(name).startswith((".", "~")) or str(name).count("/") > 1:
        raise CheckpointError(f"There is no folder {str(name)!r}, seen from {Path.cwd()}.")
    else:
        folder = fetched(str(name))
    examine(folder)
    return str(folder)


def examine(folder: Path) -> None:
    """Raise `CheckpointError` if the folder lacks a file, is no BERT, or has a vocabulary of another size."""
    missing = [file for file in NEEDED if not (folder / file).is_file()]
    if missing:
        advice = [
            f" It has {other}; {how}."
            for file, (other, how) in INSTEAD.items()
            if file in missing and (folder / other).is_file()
        ]
        raise CheckpointError(f"The checkpoint {folder} lacks {', '.join(missing)}.{''.join(advice)}")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind, size = config.get("model_type"), config.get("vocab_size")
    except (ValueError, AttributeError) as problem:
        raise CheckpointError(f"config.json in {folder} cannot be read: {problem}") from None
    if kind != "bert":
        raise CheckpointError(f"The checkpoint {folder} is no BERT: config.json gives the model_type {kind!r}.")
    pieces = len((folder / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n"))
    rows = embedding_rows(folder / "model.safetensors")
    if not pieces == size == rows:
        raise CheckpointError(
            f"In the checkpoint {folder} the vocabulary does not fit: vocab.txt has {pieces} word pieces, config.json "
            f"says {size}, model.safetensors has vectors for {rows}. Take all files from the same model."
        )


def embedding_rows(file: Path) -> int:
    """The number of word pieces that a BERT's weights have vectors for; reads the file's table of contents only.

    A safetensors file begins with the length of that table, eight bytes, and the table, which is JSON. Raises
    `CheckpointError` where the file is something else, or too short.
    """
    try:
        with open(file, "rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if length > file.stat().st_size:
                raise ValueError("it ends too early")
            table = json.loads(opened.read(length))
            shapes = {name: entry["shape"] for name, entry in table.items() if name.endswith("word_embeddings.weight")}
            if not shapes:
                raise ValueError("no word_embeddings.weight in it")
            return min(shapes.values())[0]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise CheckpointError(
            f"{file} does not hold the weights of a BERT ({problem}). Was it fetched whole? It has "
            f"{file.stat().st_size:,} bytes. If it came by git, `git lfs pull` gets the real one."
        ) from None


def fetched(name: str) -> Path:
    """The folder with the needed files of a model on the hub, from the local cache or over the network.

    Raises `CheckpointError` where it cannot be fetched.
    """
    where = f"There is no folder {name!r}, and as a model on the Hugging Face hub it could not be fetched"
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise CheckpointError(f"{where}: the package huggingface_hub is not installed.") from None
    try:
        return Path(snapshot_download(name, allow_patterns=list(FETCHED)))
    except Exception as problem:  # the client raises its own errors, those of its HTTP library, and OSError
        reason = str(problem).strip().split("\n")[0].rstrip(".")
        raise CheckpointError(
            f"{where}: {reason}. Check the spelling and the internet connection; offline, "
            'give the path of a folder, or "bert-mini", which comes with the course.'
        ) from problem
