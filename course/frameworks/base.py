"""What the adapters to both frameworks share, and what each of them defines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from course.i18n import _
from course.report import Comparison


class Unexpected(Exception):
    """The student's code gave something that the exercise does not ask for; message and hint are for the student.

    `certain` is true where the hint is about what was seen. It is false for the usual hint of a comparison, because
    numbers can be wrong for many reasons.
    """

    def __init__(self, message: str, hint: str = "", comparison: Comparison | None = None, certain: bool = True):
        super().__init__(message)
        self.message, self.hint, self.comparison, self.certain = message, hint, comparison, certain


class Framework(ABC):
    """A framework, as the visible checks use it: arrays go in, arrays come out.

    `title` is its name for readers, `module_type` the base class of its modules, and `dtype` the float type that
    arrays are given in, "float32" or "float64". `other_device` is a device that every machine has beside the usual
    one; a check uses it to see where a tensor is made.
    """

    title: str
    module_type: type[Any]
    other_device: str | None = None

    def __init__(self) -> None:
        self.dtype = "float32"

    def given(self, value: Any) -> Any:
        """NumPy arrays as tensors, also in dicts and lists; floats become `dtype`, and all else stays as it is."""
        if isinstance(value, np.ndarray):
            return self.tensor(value.astype(self.dtype) if value.dtype.kind == "f" else value.copy())
        if isinstance(value, dict):
            return {name: self.given(item) for name, item in value.items()}
        return [self.given(item) for item in value] if isinstance(value, list) else value

    def taken(self, value: Any, what: str) -> Any:
        """Tensors as NumPy arrays; a tuple or list of tensors becomes a tuple of arrays, and None stays None.

        `what` is the name of what returned the value. Raises Unexpected where something else than a tensor is there.
        """
        if value is None:
            return None
        if isinstance(value, (tuple, list)):
            return tuple(self.taken(item, what) for item in value)
        if not self.is_tensor(value):
            raise Unexpected(
                _("`{what}` returned a {kind}; a {framework} tensor was expected.").format(
                    what=what, kind=type(value).__name__, framework=self.title
                )
            )
        return self.array(value)

    def load(self, module: Any, weights: dict[str, np.ndarray]) -> None:
        """Put weights, by dotted name, into a module: through the outermost `load_arrays` on the way, else directly.

        Raises Unexpected where an attribute is missing, or does not hold a weight of that shape.
        """
        layers: dict[str, dict[str, np.ndarray]] = {}
        by_keeper: dict[str, dict[str, np.ndarray]] = {}
        for name, array in weights.items():
            path, _dot, kind = name.rpartition(".")
            keeper = self.keeper(module, path)
            if keeper is None:
                layers.setdefault(path, {})[kind] = array.astype(self.dtype)
            else:
                below = name.removeprefix(f"{keeper}.") if keeper else name
                by_keeper.setdefault(keeper, {})[below] = array.astype(self.dtype)
        for path, arrays in by_keeper.items():
            self.find(module, path).load_arrays(arrays)
        for path, arrays in layers.items():
            layer = self.find(module, path)  # without a path: parameters of the module itself
            missing = path if layer is None else "" if path else next((n for n in arrays if not hasattr(module, n)), "")
            if missing:
                raise Unexpected(
                    _("The module has no attribute `{path}`.").format(path=missing),
                    _(
                        "Weights are loaded by the names that the docstring lists; keep the layer in `self.{path}`."
                    ).format(path=missing),
                )
            self.load_layer(layer, path, arrays)

    def keeper(self, module: Any, path: str) -> str | None:
        """The path of the outermost module on the way to `path` that has a method `load_arrays`; None without one."""
        names = path.split(".") if path else []
        ways = (".".join(names[:length]) for length in range(len(names) + 1))
        return next((way for way in ways if callable(getattr(self.find(module, way), "load_arrays", None))), None)

    def find(self, module: Any, path: str) -> Any:
        """What a dotted path leads to, or None; a number counts the linear layers: `feed_forward.1` is the second."""
        for name in path.split(".") if path else ():
            layers = self.linear_layers(module) if name.isdecimal() else None
            module = getattr(module, name, None) if layers is None else dict(enumerate(layers)).get(int(name))
        return module

    def cannot_load(self, layer: Any, path: str, arrays: dict[str, np.ndarray]) -> Unexpected:
        """The error to raise where a layer has no weights of these kinds and shapes."""
        shapes = ", ".join(f"`{kind}` {array.shape}" for kind, array in arrays.items())
        return Unexpected(
            _("`{path}` is a {kind} that does not hold {shapes}.").format(
                path=path or "module", kind=type(layer).__name__, shapes=shapes
            ),
            _("Use the layer that the docstring names, or define `load_arrays` as the text above describes."),
        )

    # -- what each framework defines ----------------------------------------------------------------------------------

    @abstractmethod
    def tensor(self, array: np.ndarray) -> Any:
        """A tensor with the array's shape, dtype and numbers."""

    @abstractmethod
    def array(self, tensor: Any) -> np.ndarray:
        """A NumPy array with the tensor's shape, dtype and numbers."""

    @abstractmethod
    def is_tensor(self, value: Any) -> bool:
        """Whether the value is a tensor of this framework; a trainable variable is one too."""

    @abstractmethod
    def run(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool = False) -> Any:
        """Call the module, in training mode or in evaluation mode, without recording gradients where that is usual."""

    @abstractmethod
    def linear_layers(self, owner: Any) -> list[Any]:
        """The linear layers in a module or in a list of modules, in their order; [] for anything else."""

    @abstractmethod
    def silence(self, layer: Any) -> None:
        """Set all weights of a layer to zero."""

    @abstractmethod
    def attended(self, layer: Any, x: np.ndarray) -> np.ndarray:
        """The self-attention of x (B, L, D) by the framework's own multi-head attention layer: (B, L, D)."""

    @abstractmethod
    def fit(self, module: Any, ids: np.ndarray, labels: np.ndarray, steps: int, rate: float) -> np.ndarray:
        """Train a classifier with Adam on token ids (B, L) and labels (B,), all of them in each step.

        `rate` is the learning rate. Gives the mean cross-entropy before each step (steps,), in nats.
        """

    @abstractmethod
    def gradients(
        self, call: Callable[..., Any], arrays: tuple[Any, ...], output: int | None, module: Any = None
    ) -> list[np.ndarray]:
        """Gradients of a weighted sum of the result: for each float array, then for each trainable weight of a module.

        `output` is the number of the result that is asked about, None where the call gives one only. Each gradient has
        the shape of what it belongs to; it is zero where the result does not depend on that.
        """

    @abstractmethod
    def elsewhere(self, call: Callable[..., Any], arrays: tuple[Any, ...], module: Any = None) -> str:
        """What goes wrong where the arguments, and the module, are on another device; "" where nothing does."""

    @abstractmethod
    def received(self, layer: Any, call: Callable[[], Any]) -> list[np.ndarray]:
        """The first argument of each call of a layer, as an array, while `call()` runs."""

    @abstractmethod
    def load_layer(self, layer: Any, path: str, arrays: dict[str, np.ndarray]) -> None:
        """Put arrays, by kind (`weight`, `bias`), into one layer; a linear layer's weight is (in, out).

        Raises Unexpected where the layer has no weight of that kind and shape.
        """

    @abstractmethod
    def generator(self, seed: int) -> Any:
        """A source of random numbers with this seed."""

    @abstractmethod
    def embedding(self, weight: np.ndarray) -> Any:
        """The framework's own embedding layer, trainable, with this weight (V, D)."""

    @abstractmethod
    def trainable(self, module: Any) -> int:
        """The number of trainable numbers in a module."""

    @abstractmethod
    def copy_state(self, source: Any, target: Any) -> None:
        """Copy all that a module saves (weights, buffers) into another module of the same structure."""

    @abstractmethod
    def float64(self) -> AbstractContextManager[None]:
        """Inside, arrays are given in float64, and new layers have float64 weights."""

    # -- for the exercises with BERT: a model is the library's own classifier -----------------------------------------

    ids: str  # the dtype of token ids

    @abstractmethod
    def bert_tokenizer(self, folder: str) -> Any:
        """The library's tokenizer for a checkpoint's folder."""

    @abstractmethod
    def bert(self, folder: str, num_classes: int, dropout: float = 0.0, frozen: bool = False) -> Any:
        """A classifier from a checkpoint's folder; `dropout` is the rate, and `frozen` trains the last layer only."""

    @abstractmethod
    def is_bert(self, value: Any) -> bool:
        """Whether the value is the library's BERT classifier."""

    @abstractmethod
    def bert_logits(self, model: Any, batch: dict[str, np.ndarray]) -> np.ndarray:
        """The logits (B, C) for `input_ids` and `attention_mask`, each (B, L), in evaluation mode."""

    @abstractmethod
    def bert_weights(self, model: Any) -> dict[str, np.ndarray]:
        """Copies of all weights, by the library's names."""

    @abstractmethod
    def bert_head(self, model: Any) -> tuple[np.ndarray, np.ndarray]:
        """Copies of the classification layer's weight (D, C) and bias (C,)."""

    @abstractmethod
    def set_bert_head(self, model: Any, weight: np.ndarray, bias: np.ndarray) -> None:
        """Give the classification layer this weight (D, C) and bias (C,)."""
