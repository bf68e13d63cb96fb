"""Writes BERT checkpoints of a few thousand numbers, in the layout of a Hugging Face folder, from a seed.

Both tracks load such a folder in a few milliseconds, so that tests of fine-tuning can start from weights that nobody
has seen before. The numbers are drawn with NumPy, larger than a fresh BERT's, so that attention is far from uniform and
every weight matters to the result.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def written(spec: dict) -> str:
    """The folder, in this process's place for temporary files, of the checkpoint that `spec` describes.

    `spec`: the fields of `autograder.judging.program.Tiny`. One that is there already is written again: an answer may
    have changed it.
    """
    name = "-".join(f"{key}{value}" for key, value in sorted(spec.items()))
    folder = Path(tempfile.gettempdir(), f"bert-{os.getpid()}-{name}")
    folder.mkdir(exist_ok=True)
    config = {
        "architectures": ["BertForPreTraining"],
        "model_type": "bert",
        "vocab_size": spec["vocab_size"],
        "hidden_size": spec["width"],
        "num_attention_heads": spec["heads"],
        "num_hidden_layers": spec["layers"],
        "intermediate_size": 2 * spec["width"],
        "max_position_embeddings": spec["max_length"],
        "type_vocab_size": 2,
        "hidden_act": "gelu_new",  # KerasHub's, whatever a checkpoint says
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config))
    words = [*SPECIAL, *(f"word{n}" for n in range(len(SPECIAL), spec["vocab_size"]))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": True, "tokenizer_class": "BertTokenizer"})
    )
    save_file(_weights(config, spec["seed"]), folder / "model.safetensors", metadata={"format": "pt"})
    return str(folder)


def _weights(config: dict, seed: int) -> dict[str, np.ndarray]:
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
