"""The small BERT that comes with the course, and the way to any other checkpoint.

    >>> from course.models import checkpoint
    >>> checkpoint()                                  # the folder of bert-mini, committed
    >>> checkpoint("my-model")                        # a folder of your own, looked through first
    >>> checkpoint("google-bert/bert-base-uncased")   # fetched from the Hugging Face hub

`pretrain` makes bert-mini, `masked_lm` asks it for words. Importing this module costs nothing: standard library only.
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).parent
COMMITTED = ("bert-mini",)
NEEDED = ("config.json", "model.safetensors", "vocab.txt")
FETCHED = (*NEEDED, "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json")


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message says why and what to do."""


def checkpoint(name: str | Path = "bert-mini") -> str:
    """The folder of a BERT that `transformers` and `keras_hub` load.

    `name` is "bert-mini", the path of a folder, or a name on the Hugging Face hub, from which the files are fetched
    once (package `huggingface_hub`, internet). The folder is looked through: config.json of a BERT, model.safetensors,
    and a vocab.txt of the size that the configuration says. Raises `CheckpointError`.
    """
    if str(name) in COMMITTED:
        folder = HERE / str(name)
    elif Path(name).is_dir():
        folder = Path(name)
    elif Path(name).exists():
        raise CheckpointError(f"{name} is a file; a checkpoint is a folder with {', '.join(NEEDED)}.")
    else:
        folder = fetched(str(name))
    examine(folder)
    return str(folder)


def examine(folder: Path) -> None:
    """Raise `CheckpointError` if the folder lacks a file, is no BERT, or has a vocabulary of another size."""
    missing = [file for file in NEEDED if not (folder / file).is_file()]
    if missing:
        raise CheckpointError(f"The checkpoint {folder} lacks {', '.join(missing)}.")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind, size = config.get("model_type"), config.get("vocab_size")
    except (ValueError, AttributeError) as problem:
        raise CheckpointError(f"config.json in {folder} cannot be read: {problem}") from None
    if kind != "bert":
        raise CheckpointError(f"The checkpoint {folder} is no BERT: config.json gives the model_type {kind!r}.")
    pieces = len((folder / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n"))
    if pieces != size:
        raise CheckpointError(
            f"The vocabulary in {folder} does not fit: vocab.txt has {pieces} pieces, config.json says {size}."
        )


def fetched(name: str) -> Path:
    """The folder of a model from the hub, out of its cache or over the network; only the files that are needed."""
    where = f"There is no folder {name!r}, and as a model on the Hugging Face hub it could not be fetched"
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise CheckpointError(f"{where}: the package huggingface_hub is not installed.") from None
    try:
        return Path(snapshot_download(name, allow_patterns=list(FETCHED)))
    except Exception as problem:  # the client raises its own errors, those of its HTTP library, and OSError
        reason = str(problem).strip().split("\n")[0]
        raise CheckpointError(
            f"{where}: {reason} Check the spelling and the internet connection; offline, "
            'give the path of a folder, or "bert-mini", which comes with the course.'
        ) from problem
