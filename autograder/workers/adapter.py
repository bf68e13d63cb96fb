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

from autograder.workers import worker_messages
from autograder.workers.harness import StudentMessage

Linear = Callable[[Any], list]  # the linear layers in a module, in their order


def place_weights(
    module: Any, weights: dict[str, np.ndarray], assign: Callable[[Any, str, np.ndarray, str], None], linear: Linear
) -> None:
    """Hand each weight to its place: `assign(owner, leaf, array, key)` for ordinary attributes, or `load_arrays`."""
    if hasattr(module, "load_arrays"):
        module.load_arrays({key: array.copy() for key, array in weights.items()})
        return
    inner: dict[str, dict[str, np.ndarray]] = {}
    for key, array in weights.items():
        attribute, dot, rest = key.partition(".")
        if not dot:
            assign(module, attribute, array, key)
        elif "." in rest or hasattr(owner := attribute_of(module, attribute, linear), "load_arrays"):
            inner.setdefault(attribute, {})[rest] = array
        else:
            assign(owner, rest, array, key)
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
            few = worker_messages.FEW_LINEAR_LAYERS
            raise StudentMessage(few.said(type=type(module).__name__, count=len(layers), expected=int(attribute) + 1))
        return layers[int(attribute)]
    try:
        return getattr(module, attribute)
    except AttributeError:
        lacking = worker_messages.NO_ATTRIBUTE.said(type=type(module).__name__, attribute=attribute)
        raise StudentMessage(lacking) from None


def cannot_load(owner: Any, leaf: str, key: str) -> StudentMessage:
    """What to say where a module has no such parameter in the place that its docstring names."""
    attribute = key.rpartition(".")[0].rpartition(".")[2]
    message = worker_messages.CANNOT_LOAD_INTO if attribute else worker_messages.CANNOT_LOAD
    return StudentMessage(message.said(key=key, attribute=attribute, type=type(owner).__name__, leaf=leaf))


def check_shape(key: str, has: tuple[int, ...], array: np.ndarray, transposed: bool = False) -> None:
    """A weight must have the shape that it was asked for; the message speaks of the mathematical layout.

    `transposed`: the framework keeps it the other way round, so that the message says which axis is which.
    """
    if tuple(has) != array.shape:
        message = worker_messages.SHAPE_INPUT_OUTPUT if transposed else worker_messages.SHAPE
        raise StudentMessage(message.said(key=key, shape=tuple(has), expected=array.shape))
