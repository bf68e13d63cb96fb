"""The masked-language-model head of a checkpoint, in both tracks, and its guesses for [MASK] in a text.

    >>> from course.models import checkpoint
    >>> from course.models.masked_lm import guesses
    # the first text's first mask
    >>> guesses(checkpoint(), "pytorch", ["The striker scored two [MASK] in the derby."])[0][0]
    [Guess(word='goals', probability=0.98), ...]

`transformers` loads the head with `BertForMaskedLM`. KerasHub's converter leaves it out, so for the TensorFlow track
the head is built here from `keras_hub.layers.MaskedLMHead`, and its weights (`cls.predictions.*`) are read from
model.safetensors. Both give the same numbers if the checkpoint's activation is the tanh form of GELU ("gelu_new"), and
nearly the same if not, since KerasHub's backbone always has that form.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course.models import CheckpointError

HEAD = "cls.predictions."
# The keys of `head_weights`, and the names in a file; the first checkpoints (bert-base-uncased, for example) have the
# second name.
NAMES = {
    "kernel": (HEAD + "transform.dense.weight",),
    "kernel_bias": (HEAD + "transform.dense.bias",),
    "gamma": (HEAD + "transform.LayerNorm.weight", HEAD + "transform.LayerNorm.gamma"),
    "beta": (HEAD + "transform.LayerNorm.bias", HEAD + "transform.LayerNorm.beta"),
    "bias": (HEAD + "bias", HEAD + "decoder.bias"),
}


@dataclass(frozen=True)
class Guess:
    """A word piece and its probability at a mask."""

    word: str
    probability: float


def head_weights(folder: str | Path) -> dict[str, np.ndarray]:
    """The head's arrays as PyTorch keeps them: kernel (D, D), kernel_bias, gamma, beta (D,), bias (V,).

    Raises `CheckpointError` if the checkpoint was saved without the head.
    """
    from safetensors import safe_open

    found = {}
    with safe_open(Path(folder) / "model.safetensors", "np") as file:
        there = set(file.keys())
        for name, candidates in NAMES.items():
            for candidate in candidates:
                if candidate in there:
                    found[name] = file.get_tensor(candidate)
                    break
            else:
                raise CheckpointError(
                    f"The checkpoint {folder} has no masked-LM head: model.safetensors lacks {candidates[0]}."
                )
    return found


def torch_masked_lm(folder: str | Path) -> Any:
    """`transformers.BertForMaskedLM` with the checkpoint's head, in evaluation mode.

    It maps `input_ids` (B, L) to logits (B, L, V). Raises `CheckpointError` as `head_weights` does.
    """
    import transformers

    head_weights(folder)  # transformers would make a random head if it is missing
    return transformers.BertForMaskedLM.from_pretrained(str(folder)).eval()


def keras_masked_lm(folder: str | Path) -> Any:
    """A Keras model from KerasHub's inputs and `mask_positions` (B, M) to logits (B, M, V), with the checkpoint's head.

    The inputs are `token_ids`, `padding_mask`, `segment_ids`, each (B, L). It is like `keras_hub.models.BertMaskedLM`,
    except that the head's GELU and the norm's epsilon are the checkpoint's. Raises `CheckpointError` as `head_weights`
    does.
    """
    import keras
    import keras_hub

    weights = head_weights(folder)
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    backbone = keras_hub.models.BertBackbone.from_preset(str(folder))
    exact = config.get("hidden_act") == "gelu"
    head = keras_hub.layers.MaskedLMHead(
        token_embedding=backbone.token_embedding,
        intermediate_activation=lambda x: keras.ops.gelu(x, approximate=not exact),
        layer_norm_epsilon=config.get("layer_norm_eps", 1e-12),
        name="mlm_head",
    )
    positions = keras.Input((None,), dtype="int32", name="mask_positions")
    logits = head(backbone.output["sequence_output"], positions)
    # KerasHub has no public way to a head's variables; in the order in which they are made:
    dense, norm = head._intermediate_dense, head._intermediate_layer_norm
    dense.kernel.assign(weights["kernel"].T)
    dense.bias.assign(weights["kernel_bias"])
    norm.gamma.assign(weights["gamma"])
    norm.beta.assign(weights["beta"])
    head._bias.assign(weights["bias"])
    return keras.Model({**backbone.input, "mask_positions": positions}, logits, name="bert_masked_lm")


def guesses(folder: str | Path, track: str, texts: Sequence[str], top: int = 5) -> list[list[list[Guess]]]:
    """For each text, for each [MASK] in it, the `top` likeliest word pieces, likeliest first.

    `track` is "pytorch" or "tensorflow"; either needs its own libraries only. Raises `ValueError` for another track, a
    text without a mask, or one that is longer than the model reads.
    """
    if track not in ("pytorch", "tensorflow"):
        raise ValueError(f"There is no track {track!r}; it is pytorch or tensorflow.")
    for text in texts:
        if "[MASK]" not in text:
            raise ValueError(f"There is no [MASK] in {text!r}.")
    if not texts:
        return []
    words = (Path(folder) / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    longest = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))["max_position_embeddings"]
    rows = [tokenized(folder, track, text, words) for text in texts]
    for text, row in zip(texts, rows, strict=True):
        if len(row) > longest:
            raise ValueError(f"{text[:40]!r}... has {len(row)} word pieces; the model reads at most {longest}.")
    ids = np.full((len(rows), max(map(len, rows))), words.index("[PAD]"), np.int32)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)], mask[place, : len(row)] = row, 1
    places = [np.flatnonzero(row == words.index("[MASK]")) for row in ids]
    predict = torch_logits if track == "pytorch" else keras_logits
    result = []
    for logits in predict(folder, ids, mask, places):
        logits = logits.astype(np.float64)
        shares = np.exp(logits - logits.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        best = np.argsort(-shares, axis=-1, kind="stable")[:, :top]
        result.append(
            [[Guess(words[i], float(row[i])) for i in order] for row, order in zip(shares, best, strict=True)]
        )
    return result


def tokenized(folder: str | Path, track: str, text: str, words: Sequence[str]) -> list[int]:
    """The ids of "[CLS] text [SEP]" by the track's own tokenizer, which does not have to know [MASK].

    `words` are the pieces of the vocabulary in the order of their ids.
    """
    if track == "pytorch":
        import transformers

        tokenizer = transformers.BertTokenizer.from_pretrained(str(folder))
        pieces = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in text.split("[MASK]")]
    else:
        import keras_hub

        tokenizer = keras_hub.tokenizers.BertTokenizer.from_preset(str(folder))
        pieces = [np.asarray(tokenizer(part)).tolist() for part in text.split("[MASK]")]
    ids = [words.index("[CLS]"), *pieces[0]]
    for part in pieces[1:]:
        ids += [words.index("[MASK]"), *part]
    return [*ids, words.index("[SEP]")]


def torch_logits(
    folder: str | Path, ids: np.ndarray, mask: np.ndarray, places: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Logits (M, V) for each text, where M is the number of its masks. `ids` and `mask` are (B, L), integers."""
    import torch

    with torch.inference_mode():
        logits = torch_masked_lm(folder)(
            input_ids=torch.from_numpy(ids).long(), attention_mask=torch.from_numpy(mask)
        ).logits
    return [row[own].numpy() for row, own in zip(logits, places, strict=True)]


def keras_logits(
    folder: str | Path, ids: np.ndarray, mask: np.ndarray, places: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Logits (M, V) for each text, where M is the number of its masks. `ids` and `mask` are (B, L), integers."""
    positions = np.zeros((len(places), max(map(len, places))), np.int32)
    for row, own in zip(positions, places, strict=True):
        row[: len(own)] = own
    logits = keras_masked_lm(folder)(
        {"token_ids": ids, "padding_mask": mask, "segment_ids": np.zeros_like(ids), "mask_positions": positions},
        training=False,
    )
    return [row[: len(own)] for row, own in zip(np.asarray(logits), places, strict=True)]
