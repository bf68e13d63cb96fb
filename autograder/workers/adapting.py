"""What the adapters of both frameworks share: canonical weights and how they find their place in a student's module.

Weights travel in mathematical layout: a projection's weight (in, out), a bias (out,), an embedding's weight (rows,
D), a norm's weight and bias (D,). A key is `<attribute>.weight` or `<attribute>.bias`, dotted through inner modules; a
parameter that the module keeps itself has its attribute's name alone (`bias`).
The outermost module that defines `load_arrays` gets all keys below it, without its own prefix. A number in a key
counts the linear layers: `feed_forward.0.weight` is the weight of the first one in `feed_forward`, whatever stands
between them.

What is the framework's own (its GRU cell, its attention) has no canonical layout. It is *filled*: every parameter, in
the framework's order, with numbers from a seed, so that two modules of the same shapes get the same weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from autograder.workers.harness import StudentMessage

Linear = Callable[[Any], list]  # the linear layers in a module, in their order


def place_weights(
    module: Any, weights: dict[str, np.ndarray], assign: Callable[[Any, str, np.ndarray, str], None], linear: Linear
) -> None:
    """Hand each weight to its place: `assign(owner, leaf, array, key)` for ordinary attributes, or `load_arrays`."""
    if hasattr(module, "load_arrays"):
        module.load_arrays({key: array.copy() for key, array in weights.items()})
        return
    direct = {key: array for key, array in weights.items() if key.count(".") <= 1}
    for key, array in direct.items():
        attribute, _, leaf = key.rpartition(".")
        assign(attribute_of(module, attribute, linear) if attribute else module, leaf, array, key)
    inner: dict[str, dict[str, np.ndarray]] = {}
    for key, array in weights.items():
        if key not in direct:
            attribute, rest = key.split(".", 1)
            inner.setdefault(attribute, {})[rest] = array
    for attribute, below in inner.items():
        place_weights(attribute_of(module, attribute, linear), below, assign, linear)


def find_parameter(module: Any, key: str, linear: Linear) -> tuple[Any, str] | None:
    """The owner and leaf (`weight` or `bias`) of a canonical key; None where a `load_arrays` hides the layout."""
    *path, leaf = key.split(".")
    for attribute in path:
        if hasattr(module, "load_arrays"):
            return None
        module = attribute_of(module, attribute, linear)
    return None if hasattr(module, "load_arrays") else (module, leaf)


def numbers_for(shapes: Iterable[tuple[bool, tuple[int, ...]]], seed: int, scale: float) -> Iterator[np.ndarray]:
    """Weights from a seed, an array a shape; True beside it where they scale what was normalised: those lie near 1."""
    rng = np.random.default_rng(seed)
    for gain, shape in shapes:
        yield float(gain) + rng.normal(0.0, scale, shape)


def attribute_of(module: Any, attribute: str, linear: Linear) -> Any:
    if attribute.isdecimal():
        layers = linear(module)
        if int(attribute) >= len(layers):
            raise StudentMessage(
                f"the {type(module).__name__} has {len(layers)} linear layers in it, expected {int(attribute) + 1} or "
                "more. A module that keeps its parameters differently defines `load_arrays(self, arrays)`."
            )
        return layers[int(attribute)]
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise StudentMessage(
            f"{type(module).__name__} has no attribute `{attribute}`. Keep each parameter in the attribute that "
            "the docstring names, or define `load_arrays(self, arrays)`."
        ) from None


def cannot_load(owner: Any, leaf: str, key: str) -> StudentMessage:
    """What to say where a module has no such parameter in the place that its docstring names."""
    attribute = key.rpartition(".")[0].rpartition(".")[2]
    where = f"{attribute} is a {type(owner).__name__}" if attribute else f"it is a {type(owner).__name__}"
    return StudentMessage(
        f"`{key}` cannot be loaded: {where} without `{leaf}`. "
        "A module that keeps its parameters differently defines `load_arrays(self, arrays)`."
    )


def check_shape(key: str, has: tuple[int, ...], array: np.ndarray, note: str = "") -> None:
    """A weight must have the shape that it was asked for; the message speaks of the mathematical layout."""
    if tuple(has) != array.shape:
        raise StudentMessage(f"`{key}` has shape {tuple(has)}, expected {array.shape}{note}")
