"""The interface of the adapters to the frameworks, and what both share: how canonical weights are put into a module.

`Adapter` is the interface; `pytorch.py` and `tensorflow.py` have one each. A "tensor" is the framework's own. A
"handle" is the object in which an adapter keeps a module; only the adapter looks into it.

Weights travel in mathematical layout: a projection's weight (in, out), a bias (out,), an embedding's weight (rows,
D), a norm's weight and bias (D,). A key is `<attribute>.weight` or `<attribute>.bias`, dotted through inner modules; a
parameter that the module keeps itself has its attribute's name alone (`bias`).
The outermost module that defines `load_arrays` gets all keys below it, without its own prefix. A number in a key
counts the linear layers: `feed_forward.0.weight` is the weight of the first one in `feed_forward`, whatever is between
them.

The framework's own layers (its GRU cell, its attention) have no canonical layout. They are *filled*: every parameter,
in the framework's order, gets numbers from a seed, so that two modules of the same shapes get the same weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from autograder.workers import worker_messages
from autograder.workers.namespace import StudentMessage
from autograder.workers.watching import Watch

Trained = Callable[[], "list[np.ndarray] | None"]  # the contents of the trainable parameters, where these have any
Linear = Callable[[Any], list[Any]]  # the linear layers in a module, in their order


class Classifiers(Protocol):
    """BERT classifiers of a track, made from a checkpoint's folder."""

    def folder(self, tiny: dict[str, Any] | None) -> str:
        """The folder of the run's checkpoint, or of a tiny one with these fields, written to the scratch."""
        ...

    def tokenizer(self) -> Any:
        """The library's tokenizer for the run's checkpoint."""
        ...

    def classifier(self, folder: str, num_classes: int, frozen: bool, pretrained: bool) -> Any:
        """A handle on the library's classifier, in evaluation mode.

        `frozen`: only the classification layer is trained. Without `pretrained` all weights are random, always the
        same ones.
        """
        ...

    def load_head(self, handle: Any, weight: np.ndarray, bias: np.ndarray) -> None:
        """Give the classification layer this weight (D, C) and bias (C,).

        Raises StudentMessage where the answer's model has no such layer.
        """
        ...

    def set_dropout(self, handle: Any, rate: float) -> None:
        """Give every dropout in the model this rate, 0 to 1."""
        ...

    def logits(self, handle: Any, batch: dict[str, Any]) -> Any:
        """A tensor of logits (B, C) for tensors `input_ids` and `attention_mask`, each (B, L), in evaluation mode.

        Raises StudentMessage where the answer's model gives none.
        """
        ...

    def state(self, handle: Any) -> dict[str, Any]:
        """The model's weights by the library's names, as tensors."""
        ...

    def seen(self, handle: Any) -> dict[str, Any]:
        """How the answer used the model, as far as that is known.

        `training` and `gradient` say for each call whether the model was in training mode and gradients were recorded;
        `mode` is whether it was left in training mode, `gradients_left` whether it still holds gradients.
        """
        ...


class Adapter(Protocol):
    """One framework, as the function server needs it. It raises StudentMessage for what a student should read."""

    name: str  # the track
    home: str  # the device of the run: "cpu" or "cuda"
    watch: Watch  # notes of the framework's own attention
    bert: Classifiers  # only where the exercise's answers import the library that loads them

    def start(self, gpu_memory_mb: int = 0) -> None:
        """Prepare a contestant after the fork; on a GPU with at most `gpu_memory_mb` MiB of its memory.

        Raises RuntimeError where the device cannot be used.
        """
        ...

    def warm_up(self) -> None:
        """Do, before contestants are forked, what the first use of the framework costs. Starts no thread."""
        ...

    def finish(self) -> None:
        """Wait for the device, so that its errors are raised within the program that caused them."""
        ...

    def is_spent(self) -> bool:
        """Whether this process has lost its device for good."""
        ...

    def tensor(self, array: np.ndarray, gradient: bool = False) -> Any:
        """A tensor with the array's shape and numbers, on the program's device; floats in the program's dtype.

        With `gradient`, gradients with respect to it can be asked for.
        """
        ...

    def integers(self, tensor: Any, dtype: str) -> Any:
        """The tensor in this type of integers, where it has integers; any other tensor as it is."""
        ...

    def duplicate(self, tensor: Any) -> Any:
        """A copy of the tensor, which may be written into where tensors can be; gradients pass through it."""
        ...

    def flows(self, result: Any, sources: dict[str, Any]) -> bool:
        """Whether the result depends on any of the sources, so that a gradient can be asked for."""
        ...

    def array(self, value: Any) -> np.ndarray | dict[str, Any] | None:
        """An array with the tensor's shape, dtype and numbers; None for a value that is not a tensor.

        {"dtype", "shape", "device"} for a tensor without contents, or of a dtype that NumPy does not have.
        """
        ...

    def device_of(self, values: dict[str, Any]) -> str | None:
        """The device of the value `out`, or of its first item: "cpu", "cuda" or "meta"; None where it is not known."""
        ...

    def generator(self, seed: int) -> Any:
        """A source of random numbers with this seed."""
        ...

    def running(
        self, dtype: str, device: str | None, gradient: bool, training: bool = False
    ) -> AbstractContextManager[None]:
        """A context for one program: its dtype, "float32" or "float64", its device (None: the run's), and a fixed seed.

        `gradient`: the program asks for gradients; `training`: the answer may ask for them.
        """
        ...

    def leave_layers_alone(self) -> None:
        """Until the program ends, make new layers in the framework's usual dtype."""
        ...

    def leave_uncompiled(self) -> None:
        """Until the program ends, compile nothing, and give gradients of embedding tables as whole tensors."""
        ...

    def is_data_dependent(self, message: str) -> bool:
        """Whether an error's message is what the framework says where a tensor without contents cannot be used."""
        ...

    def module(self, symbol: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """A handle on `symbol(*args, **kwargs)`, in evaluation mode. Raises StudentMessage where that is no module."""
        ...

    def embedding(self, weight: np.ndarray) -> Any:
        """A handle on the framework's embedding with these weights (rows, D)."""
        ...

    def writer(self, follows: Any, asked: Any, place: Any) -> Any:
        """The module that `Program.writer` describes, from tensors (V, V), (source's V, V) and (longest, V)."""
        ...

    def handle(self, module: Any) -> Any:
        """A handle on a module that the answer did not make."""
        ...

    def inside(self, handle: Any) -> Any:
        """The module behind a handle, for an answer that takes one as an argument."""
        ...

    def load(self, handle: Any, weights: dict[str, np.ndarray]) -> None:
        """Load canonical weights, now or after the module's first call.

        Raises StudentMessage where the module has no such weight, or one of another shape.
        """
        ...

    def fill(self, handle: Any, names: list[str], seed: int, scale: float) -> dict[str, Any]:
        """Fill the parameters of these attributes with normal numbers of standard deviation `scale`, from the seed.

        Gives a dict that gets the shapes, by attribute, once they are known. Raises StudentMessage for an attribute
        that is no module.
        """
        ...

    def apply(self, handle: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Call the module with these arguments, in the mode that was set, and give its result."""
        ...

    def trace(self, handle: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Compile a call of the module, for arguments of these shapes, where the framework's training does so."""
        ...

    def set_mode(self, handle: Any, training: bool) -> None:
        """Put the module into training or evaluation mode."""
        ...

    def train(self, handle: Any, batches: list[Any], steps: int, rate: float) -> tuple[Any, int]:
        """Train with Adam on the mean cross-entropy, in nats, of one batch [[inputs, ...], labels] in each step.

        A label of -1 does not count. Gives the losses (steps,), and how many trainable numbers got no gradient. Raises
        StudentMessage where the module cannot be trained.
        """
        ...

    def copy(self, handle: Any) -> Any:
        """A handle on a new module from the same class and arguments, with the saved state of this one."""
        ...

    def parameters(self, handle: Any) -> list[tuple[int, ...]]:
        """The shapes of the trainable parameters."""
        ...

    def parameter(self, handle: Any, key: str) -> Any:
        """A parameter, to be a source of `gradients`; NotAvailable where a `load_arrays` hides its layout.

        Raises StudentMessage where the module has no such parameter.
        """
        ...

    def gradients(self, result: Any, cotangent: np.ndarray, sources: dict[str, Any]) -> dict[str, Any]:
        """Vector-Jacobian products of a result with a cotangent of its shape, by source, in canonical layout.

        Zero where no gradient flows. Raises StudentMessage where the result is no tensor, or has another shape.
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
    """Put weights, by canonical key, into a module.

    Calls `assign(owner, leaf, array, key)` for each weight of an ordinary attribute, and `load_arrays` of each
    outermost module that has one, with arrays in `dtype`, the module's: an answer may make its parameters from them as
    they are. `trained` gives the contents of all trainable parameters, in which these arrays must then be. Raises
    StudentMessage for an attribute that is missing, or where they are not.
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

    They are found there unchanged, transposed or side by side. If a module keeps them in another form (scaled, for
    example), then as many numbers must change when it loads other weights.
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
    """One array of normal numbers for each shape, from a seed; around 1 where True is beside the shape, else around 0.

    `scale` is the standard deviation. True marks the weights of a normalisation.
    """
    rng = np.random.default_rng(seed)
    for gain, shape in shapes:
        yield float(gain) + rng.normal(0.0, scale, shape)


def attribute_of(module: Any, attribute: str, linear: Linear) -> Any:
    """The value of a module's attribute; a number counts the linear layers in it, from 0.

    Raises StudentMessage where there is none.
    """
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
    """The error for a module that has no such parameter in the attribute that the docstring names."""
    attribute = key.rpartition(".")[0].rpartition(".")[2]
    message = worker_messages.CANNOT_LOAD_INTO if attribute else worker_messages.CANNOT_LOAD
    return StudentMessage(message.said(key=key, attribute=attribute, type=type(owner).__name__, leaf=leaf))


def check_shape(key: str, has: tuple[int, ...], array: np.ndarray, transposed: bool = False) -> None:
    """Raise StudentMessage where the module's weight has another shape, in mathematical layout, than the array.

    `transposed`: the framework keeps the weight transposed, so the message says which axis is which.
    """
    if tuple(has) != array.shape:
        message = worker_messages.SHAPE_INPUT_OUTPUT if transposed else worker_messages.SHAPE
        raise StudentMessage(message.said(key=key, shape=tuple(has), expected=array.shape))
