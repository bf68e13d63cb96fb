"""What an adapter is, and what those of both frameworks share: how canonical weights find their place in a module.

`Adapter` is the interface of a framework: `pytorch.py` and `tensorflow.py` have one each. "Tensor" is the framework's
own; a "handle" is whatever the adapter keeps a module in, and nobody else looks into it.

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
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from autograder.workers import worker_messages
from autograder.workers.harness import StudentMessage

Trained = Callable[[], "list[np.ndarray] | None"]  # the contents of the trainable parameters, where these have any
Linear = Callable[[Any], list[Any]]  # the linear layers in a module, in their order


class Notes(Protocol):
    """Notes of ready-made attention that was at work."""

    def take(self) -> list[dict[str, Any]]:
        """What was noted since the last time: {"name", "label", "line"} each, the last two where they are known."""
        ...


class Adapter(Protocol):
    """One framework, as the function server needs it. StudentMessage is raised for what a student should read."""

    name: str  # the track
    home: str  # the device of the run: "cpu" or "cuda"
    bert: Any  # BERT classifiers, where the exercise's answers import what loads them

    @property
    def watch(self) -> Notes:
        """Notes of the framework's own attention."""
        ...

    def start(self, gpu_memory_mb: int = 0) -> None:
        """Prepare a contestant after the fork; on a GPU with at most this much of its memory (MiB).

        Raises RuntimeError where the device is not to be had.
        """
        ...

    def warm_up(self) -> None:
        """Pay once, before contestants are forked, what the first use of the framework costs. Starts no thread."""
        ...

    def finish(self) -> None:
        """Wait for the device, so that its errors are raised within the program that caused them."""
        ...

    def is_spent(self) -> bool:
        """Has this process lost its device for good?"""
        ...

    def tensor(self, array: np.ndarray, gradient: bool = False) -> Any:
        """A tensor of the array's shape, on the program's device: floats in its dtype, others as the framework has
        them. With `gradient`, one that gradients are asked for."""
        ...

    def integers(self, tensor: Any, dtype: str) -> Any:
        """The tensor, if it is one of integers in this type of integers."""
        ...

    def duplicate(self, tensor: Any) -> Any:
        """A copy of the tensor that may be written into, where tensors may; gradients pass through it."""
        ...

    def flows(self, result: Any, sources: dict[str, Any]) -> bool:
        """Whether a gradient of the result by any of the sources can be asked for: not of a constant."""
        ...

    def array(self, value: Any) -> np.ndarray | dict[str, Any] | None:
        """A tensor's contents, of its shape and dtype; None for what is no tensor.

        {"dtype", "shape", "device"} for a tensor without contents, or of a dtype that NumPy has not.
        """
        ...

    def device_of(self, values: dict[str, Any]) -> str | None:
        """Where the value `out`, or the first item of it, lies: "cpu", "cuda", "meta"; None where that is not told."""
        ...

    def generator(self, seed: int) -> Any:
        """A source of random numbers with this seed."""
        ...

    def running(
        self, dtype: str, device: str | None, gradient: bool, training: bool = False
    ) -> AbstractContextManager[None]:
        """The surroundings of one program: dtype "float32" or "float64", the device (None: that of the run), and the
        same random numbers each time. `gradient`: it asks for gradients itself; `training`: an answer may, inside."""
        ...

    def leave_layers_alone(self) -> None:
        """From now to the end of the program, layers that are made have the framework's usual type."""
        ...

    def leave_uncompiled(self) -> None:
        """From now to the end of the program nothing is compiled, and gradients of tables come whole."""
        ...

    def is_data_dependent(self, message: str) -> bool:
        """Does the framework say so where a tensor without contents cannot do what any other can?"""
        ...

    def module(self, symbol: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """A handle on `symbol(*args, **kwargs)`, in evaluation mode. Raises StudentMessage where that is no module."""
        ...

    def embedding(self, weight: np.ndarray) -> Any:
        """A handle on the framework's embedding with these weights (rows, D)."""
        ...

    def writer(self, follows: Any, asked: Any, place: Any) -> Any:
        """The module of `Program.writer`, of tensors (V, V), (source's V, V) and (longest, V)."""
        ...

    def handle(self, module: Any) -> Any:
        """A handle on a module that no class of the answer made."""
        ...

    def inside(self, handle: Any) -> Any:
        """The module itself, for an answer that takes one."""
        ...

    def load(self, handle: Any, weights: dict[str, np.ndarray]) -> None:
        """Load canonical weights, now or after the module's first call. Raises StudentMessage where one has no place
        or another shape."""
        ...

    def fill(self, handle: Any, names: list[str], seed: int, scale: float) -> dict[str, Any]:
        """Fill the parameters of these attributes with normal numbers of this deviation, drawn from the seed.

        Gives their shapes by attribute, once they are known. Raises StudentMessage for an attribute that is no module.
        """
        ...

    def apply(self, handle: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """What the module gives for these arguments."""
        ...

    def trace(self, handle: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Compile a call of the module, for arguments of these shapes, where the framework's training does so."""
        ...

    def set_mode(self, handle: Any, training: bool) -> None:
        """Put the module into training or evaluation mode."""
        ...

    def train(self, handle: Any, batches: list[Any], steps: int, rate: float) -> tuple[Any, int]:
        """Adam on the mean cross-entropy of batches [[inputs, ...], labels], one a step: the losses (steps,), and how
        many trainable numbers no gradient reached. Raises StudentMessage where the module cannot be trained."""
        ...

    def copy(self, handle: Any) -> Any:
        """A handle on the module made anew, with the state that was saved of this one."""
        ...

    def parameters(self, handle: Any) -> list[tuple[int, ...]]:
        """The shapes of the trainable parameters."""
        ...

    def parameter(self, handle: Any, key: str) -> Any:
        """What gradients of a canonical parameter are asked of; NotAvailable where a `load_arrays` hides the layout.

        Raises StudentMessage where the module has no such parameter.
        """
        ...

    def gradients(self, result: Any, cotangent: np.ndarray, sources: dict[str, Any]) -> dict[str, Any]:
        """Vector-Jacobian products of a result with a cotangent of its shape, by source, in canonical layout.

        Zero where no gradient flows. Raises StudentMessage where the result is no tensor, or of another shape.
        """
        ...


def place_weights(
    module: Any,
    weights: dict[str, np.ndarray],
    assign: Callable[[Any, str, np.ndarray, str], None],
    linear: Linear,
    dtype: str,
    trained: Trained,
) -> None:
    """Hand each weight to its place: `assign(owner, leaf, array, key)` for ordinary attributes, or `load_arrays`.

    `load_arrays` gets its arrays in `dtype`, the module's: an answer may make its parameters of them as they come.
    `trained` gives the contents of all trainable parameters: what `load_arrays` is given must lie in these.
    """
    if hasattr(module, "load_arrays"):
        arrays = {key: array.astype(dtype) for key, array in weights.items()}
        module.load_arrays({key: array.copy() for key, array in arrays.items()})
        _check_trained(module, arrays, trained)
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
        place_weights(attribute_of(module, attribute, linear), below, assign, linear, dtype, trained)


def _check_trained(module: Any, weights: dict[str, np.ndarray], trained: Trained) -> None:
    """Weights that `load_arrays` took must be in parameters that can be trained, in whatever layout.

    They are found there as they are, transposed or side by side; or, where a module keeps them otherwise (scaled, say),
    as many numbers must change as it is given other weights.
    """
    asked = np.concatenate([array.ravel() for array in weights.values()] or [np.zeros(0)]).astype(np.float32)
    kept = trained()
    if kept is None:
        return
    numbers = np.concatenate([array.ravel() for array in kept] or [np.zeros(0)]).astype(np.float32)
    found = int(np.isin(asked, numbers).sum())
    if numbers.size >= asked.size == found:
        return
    module.load_arrays({key: array + 1 for key, array in weights.items()})
    others = trained() or []
    module.load_arrays({key: array.copy() for key, array in weights.items()})
    if [a.shape for a in others] == [a.shape for a in kept]:
        found = max(found, sum(int((a != b).sum()) for a, b in zip(kept, others, strict=True)))
    if found < asked.size or numbers.size < asked.size:
        told = worker_messages.NOT_TRAINED
        raise StudentMessage(told.said(type=type(module).__name__, found=min(found, numbers.size), expected=asked.size))


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
