"""bert-mini at another size, computing almost the same: a checkpoint of any size that has learned something.

    >>> folder = grow("bert-base-like", layers=12, width=768)

A checkpoint of random numbers will not do where grading is measured: the reference fine-tuned from it is no better than
from scratch, so its own hidden tests refuse it. Here every unit of bert-mini is there several times, what leaves it is
divided by that number, and layers that add nothing come after its own (Net2Net: Accelerating Learning via Knowledge
Transfer, Chen, Goodfellow and Shlens, 2016).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from course.models import checkpoint


def grow(folder: str | Path, layers: int, width: int) -> str:
    """Write the checkpoint and return its folder.

    `width` is a multiple of bert-mini's 128 and `layers` at least its 2; heads are 64 wide, as BERT's are, where
    bert-mini's 4 go into them evenly, else its own 32. Raises ValueError for any other size.
    """
    from safetensors.numpy import load_file, save_file

    small = Path(checkpoint("bert-mini"))
    config = json.loads((small / "config.json").read_text(encoding="utf-8"))
    old_width, old_layers, old_heads = (config[k] for k in ("hidden_size", "num_hidden_layers", "num_attention_heads"))
    if width % old_width or layers < old_layers:
        raise ValueError(
            f"a grown checkpoint has a width of a multiple of {old_width} and at least {old_layers} layers, "
            f"not {layers} layers of width {width}"
        )
    size = 64 if width % (64 * old_heads) == 0 else old_width // old_heads
    weights = {k: w for k, w in load_file(small / "model.safetensors").items() if k.startswith("bert.")}
    last = f"bert.encoder.layer.{old_layers - 1}."
    for n in range(old_layers, layers):
        for name in [name for name in weights if name.startswith(last)]:
            weights[name.replace(last, f"bert.encoder.layer.{n}.")] = idle(name, weights[name])

    grown = Unit(width, old_width, old_heads, size)
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    for file in ("vocab.txt", "tokenizer_config.json"):
        shutil.copy(small / file, folder / file)
    config |= {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // size,
        "intermediate_size": config["intermediate_size"] * width // old_width,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    weights = {k: np.ascontiguousarray(grown.weight(k, w)) for k, w in weights.items()}  # as they are written
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return str(folder)


def idle(name: str, weight: np.ndarray) -> np.ndarray:
    """This weight in a layer that adds nothing to what comes in, and hands it on normalized."""
    if "LayerNorm" in name:
        return np.ones_like(weight) if name.endswith("weight") else np.zeros_like(weight)
    return np.zeros_like(weight) if "output.dense" in name else weight


class Unit:
    """Which unit of the small model each unit of the grown one is."""

    def __init__(self, width: int, old_width: int, old_heads: int, size: int) -> None:
        self.times, old_size = width // old_width, old_width // old_heads
        repeated = size // old_size  # how often a head has each of its numbers
        self.scale = repeated**-0.5  # a product over them is as often as large, and is divided by a larger root
        heads = np.arange(old_width).reshape(old_heads, old_size)
        self.attention = np.tile(heads, (self.times // repeated, repeated)).reshape(-1)  # (width,)

    def units(self, name: str, count: int) -> np.ndarray:
        """For an axis of `count` units of the small model: the small model's unit of each of the grown one's."""
        return self.attention if name == "heads" else np.tile(np.arange(count), self.times)

    def weight(self, name: str, weight: np.ndarray) -> np.ndarray:
        """A weight of the small model as the grown one has it. Linear layers are stored as (out, in)."""
        if "embeddings.weight" in name:
            return weight[:, self.units("", weight.shape[1])]
        leaves = "heads" if "attention.self" in name else ""
        weight = weight[self.units(leaves, len(weight))]
        if weight.ndim == 2:
            enters = "heads" if "attention.output.dense" in name else ""
            weight = weight[:, self.units(enters, weight.shape[1])] / np.float32(self.times)
        return weight * np.float32(self.scale) if "self.query" in name else weight
