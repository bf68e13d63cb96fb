"""A student's answer, as visible checks use it: a function or a module to call with arrays.

Arrays go in and come out as NumPy arrays, whichever the framework. An exception in the student's code becomes a
`StudentError`, and a result that the exercise does not ask for an `Unexpected`; `course.checks` reports both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from course.expectations import StudentError
from course.frameworks import Framework, Unexpected
from course.i18n import _


@dataclass
class Answer:
    """The student's function or module class; arrays go in and come out as NumPy arrays."""

    symbol: str
    thing: Any
    framework: Framework
    namespace: dict[str, Any] = field(repr=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function with arrays; gives its array or arrays.

        Raises Unexpected where the call changed one of its arguments or returned no tensor, StudentError where it
        raised an exception.
        """
        return self._call(self.thing, self.symbol, args, kwargs)

    def plain(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and return the result as it is: a model, a dict, a list of numbers.

        Arrays are given as tensors; every other argument is given as it is. Raises StudentError where the call raised
        an exception.
        """
        given = [self.framework.given(value) for value in (*args, *kwargs.values())]
        positional, keywords = given[: len(args)], dict(zip(kwargs, given[len(args) :], strict=True))
        return self._guard(lambda: self.thing(*positional, **keywords))

    def gradients(self, *arrays: Any, output: int | None = None) -> list[np.ndarray]:
        """The gradients of a result with respect to the float arrays, in their order, each of the array's shape.

        `output` is the number of the result where the function returns several. A gradient is zero where the result
        does not depend on the array.
        """
        return self._guard(lambda: self.framework.gradients(self.thing, arrays, output))

    def pair(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Call the function; gives its two arrays. Raises Unexpected where it does not return two tensors."""
        return _pair(self(*args, **kwargs), self.symbol)

    def module(self, *args: Any, **kwargs: Any) -> Module:
        """Construct the module. Raises StudentError where the student's code raised an exception."""
        return Module(self, self._guard(lambda: self.thing(*args, **kwargs)))

    def _call(self, thing: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = [self.framework.given(value) for value in (*args, *kwargs.values())]
        positional, keywords = given[: len(args)], dict(zip(kwargs, given[len(args) :], strict=True))
        result = self._guard(lambda: thing(*positional, **keywords))
        for before, after in zip((*args, *kwargs.values()), given, strict=True):
            if isinstance(before, np.ndarray) and not np.array_equal(
                self.framework.array(after), self.framework.array(self.framework.given(before))
            ):
                raise Unexpected(
                    _("`{name}` changed one of its arguments.").format(name=name),
                    _("The caller still needs it: make a new tensor instead of writing into the old one."),
                )
        return self.framework.taken(result, name)

    def _guard(self, call: Callable[[], Any]) -> Any:
        """What the call gives; an exception in it is the student's, and becomes a StudentError."""
        try:
            return call()
        except Unexpected:
            raise
        except Exception as error:
            raise StudentError(error) from error


@dataclass
class Module:
    """A module made from the student's class; arrays go in and come out as NumPy arrays."""

    answer: Answer
    thing: Any

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module in evaluation mode; errors as for a function."""
        framework = self.answer.framework
        return self.answer._call(lambda *a, **k: framework.run(self.thing, a, k), self.answer.symbol, args, kwargs)

    def pair(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Call the module; gives its two arrays. Raises Unexpected where it does not return two tensors."""
        return _pair(self(*args, **kwargs), self.answer.symbol)

    def gradients(self, *arrays: Any, output: int | None = None) -> list[np.ndarray]:
        """The gradients of a result with respect to the float arrays, then to the module's trainable weights."""
        self(*arrays)  # lazy layers build their weights
        guard, framework = self.answer._guard, self.answer.framework
        return guard(lambda: framework.gradients(self.thing, arrays, output, self.thing))

    def received(self, name: str, *args: Any, **kwargs: Any) -> list[np.ndarray]:
        """The arrays that a layer of the module was given, one for each of its calls, in one call of the module."""
        layer = self.attribute(name)
        self(*args, **kwargs)
        return self.answer._guard(lambda: self.answer.framework.received(layer, lambda: self(*args, **kwargs)))

    def applied(self, name: str, x: np.ndarray) -> np.ndarray:
        """The result of a layer of the module for x."""
        layer, framework = self.attribute(name), self.answer.framework
        return self.answer._call(lambda *a, **k: framework.run(layer, a, k), name, (x,), {})

    def attended(self, name: str, x: np.ndarray) -> np.ndarray:
        """The self-attention of x (B, L, D) by a layer of the module, the framework's own: (B, L, D)."""
        layer = self.attribute(name)
        return self.answer._guard(lambda: self.answer.framework.attended(layer, x))

    def training(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module in training mode, where dropout acts."""
        run = self.answer.framework.run
        return self.answer._call(lambda *a, **k: run(self.thing, a, k, True), self.answer.symbol, args, kwargs)

    def fit(self, ids: np.ndarray, labels: np.ndarray, steps: int, rate: float) -> np.ndarray:
        """Train a classifier with Adam on token ids (B, L) and labels (B,); the loss of each step (steps,)."""
        return self.answer._guard(lambda: self.answer.framework.fit(self.thing, ids, labels, steps, rate))

    def attribute(self, name: str) -> Any:
        """A layer that the exercise names. Raises Unexpected where the module does not have it."""
        layer = getattr(self.thing, name, None)
        if layer is None:
            raise Unexpected(
                _("The module has no attribute `{path}`.").format(path=name),
                _("Keep the layer in `self.{path}`, as the docstring says.").format(path=name),
            )
        return layer

    def silence(self, *names: str) -> Module:
        """Set all weights of these layers to zero, so that they give zeros."""
        for name in names:
            layer = self.attribute(name)
            self.answer._guard(partial(self.answer.framework.silence, layer))
        return self

    def load(self, weights: dict[str, np.ndarray], *example: np.ndarray) -> Module:
        """Put weights, by dotted name, into the module, after a call with the example, which builds lazy layers."""
        self(*example)
        self.answer._guard(lambda: self.answer.framework.load(self.thing, weights))
        return self

    def trainable(self) -> int:
        """The number of trainable numbers in the module."""
        return self.answer.framework.trainable(self.thing)

    def copied_to(self, other: Module) -> Module:
        """Copy all that this module saves into another one, and give that one."""
        self.answer._guard(lambda: self.answer.framework.copy_state(self.thing, other.thing))
        return other


def _pair(result: Any, name: str) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        count = len(result) if isinstance(result, tuple) else _("nothing") if result is None else 1
        raise Unexpected(
            _("`{name}` should return two tensors, the output and the weights; it returned {count}.").format(
                name=name, count=count
            ),
            _("End with `return output, weights`."),
        )
    return result
