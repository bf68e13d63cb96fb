"""Writes BERT checkpoints of a few thousand numbers, in the layout of a Hugging Face folder, from a seed.

    >>> folder = write("tiny", seed=1, words=["the", "team", "wins"])      # pieces 5, 6 and 7 of its vocabulary

Both frameworks load such a folder in a few milliseconds, so that checks and tests need neither a network nor a trained
model. The model is not trained: its weights are random numbers from NumPy, larger than those of a new BERT, so that
attention is far from uniform and every weight changes the result.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write(
    folder: str | Path,
    seed: int,
    vocab_size: int = 40,
    width: int = 16,
    heads: int = 2,
    layers: int = 2,
    max_length: int = 24,
    words: Sequence[str] = (),
) -> str:
    """Write the checkpoint, over one that may be there, and return the folder.

    `width` must be divisible by `heads`. The vocabulary is the five special pieces and `word5`, `word6`, ..., so that
    it has `vocab_size` pieces; where `words` are given, the special pieces and these, however many there are.
    """
    pieces = [*SPECIAL, *(words or (f"word{n}" for n in range(len(SPECIAL), vocab_size)))]
    config = {
        "architectures": ["BertForPreTraining"],
        "model_type": "bert",
        "vocab_size": len(pieces),
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "intermediate_size": 2 * width,
        "max_position_embeddings": max_length,
        "type_vocab_size": 2,
        "hidden_act": "gelu_new",  # KerasHub's, whatever a checkpoint says
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    from safetensors.numpy import save_file

    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": True, "tokenizer_class": "BertTokenizer"})
    )
    save_file(_weights(config, seed), folder / "model.safetensors", metadata={"format": "pt"})
    return str(folder)


def _weights(config: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    width, inner = config["hidden_size"], config["intermediate_size"]
    weights: dict[str, np.ndarray] = {}

    def normal(scale: float, *shape: int) -> np.ndarray:
        return rng.normal(0.0, scale, shape).astype(np.float32)

    def linear(name: str, rows: int, columns: int) -> None:
        weights[f"{name}.weight"] = normal(1.2 / columns**0.5, rows, columns)  # (out, in)
        weights[f"{name}.bias"] = normal(0.1, rows)

    def norm(name: str) -> None:
        weights[f"{name}.weight"] = 1 + normal(0.1, width)
        weights[f"{name}.bias"] = normal(0.1, width)

    embeddings = "bert.embeddings"
    for table, rows in (
        ("word", config["vocab_size"]),
        ("position", config["max_position_embeddings"]),
        ("token_type", 2),
    ):
        weights[f"{embeddings}.{table}_embeddings.weight"] = normal(0.5, rows, width)
    norm(f"{embeddings}.LayerNorm")
    for n in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{n}"
        for name in ("query", "key", "value"):
            linear(f"{layer}.attention.self.{name}", width, width)
        linear(f"{layer}.attention.output.dense", width, width)
        norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.intermediate.dense", inner, width)
        linear(f"{layer}.output.dense", width, inner)
        norm(f"{layer}.output.LayerNorm")
    linear("bert.pooler.dense", width, width)
    return weights
