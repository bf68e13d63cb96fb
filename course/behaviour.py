"""What visible checks ask of every answer besides its numbers: that gradients arrive, and that precision is kept.

No worked example shows mistakes of this kind. The grading looks for them, so the notebook does too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from course.answers import Answer, Module
from course.frameworks import Unexpected
from course.i18n import _


def gradient_reaches(
    of: Answer | Module, *arrays: Any, names: Sequence[str] = (), output: int | None = None, weights: bool = True
) -> None:
    """A gradient of the result reaches the first float arrays, as many as have names, and every weight of a module.

    `output` says which of several results is meant. Raises Unexpected where a gradient is zero everywhere.
    """
    found = of.gradients(*arrays, output=output)
    given = sum(isinstance(array, np.ndarray) and array.dtype.kind == "f" for array in arrays)
    wanted = {f"`{name}`": gradient for name, gradient in zip(names, found, strict=False)}
    trained = {f"{_('a trainable weight')} {n}": gradient for n, gradient in enumerate(found[given:], 1)}
    for name, gradient in (wanted | (trained if weights else {})).items():
        if not np.abs(gradient).max(initial=0) > 0:
            raise Unexpected(
                _("No gradient reaches {name}, so nothing can be learned through it.").format(name=name),
                _("`detach()`, `stop_gradient`, `no_grad()`, `float()` and NumPy cut the way back. Stay with tensors."),
            )


def gradient_reaches_weights(module: Module, *arrays: Any, allowed: int = 0, output: int | None = 0) -> None:
    """A gradient of the result reaches the weights. Raises Unexpected where more than `allowed` numbers have none.

    The bias of the keys, for example, never has one: the softmax does not change when all scores grow by the same.
    """
    given = sum(isinstance(array, np.ndarray) and array.dtype.kind == "f" for array in arrays)
    weights = module.gradients(*arrays, output=output)[given:]
    cut = [gradient.size for gradient in weights if not np.abs(gradient).max(initial=0) > 1e-6]
    if sum(cut) > allowed:
        raise Unexpected(
            _("No gradient reaches {count} of the {all} arrays of weights.").format(count=len(cut), all=len(weights)),
            _("`detach()`, `stop_gradient`, `no_grad()`, `float()` and NumPy cut the way back. Stay with tensors."),
        )


def gradient_reaches_keys(module: Module, query: np.ndarray, keys: np.ndarray) -> None:
    """The keys get a gradient even where the scores do not depend on them, because the context is made of the keys.

    Raises Unexpected where they get none.
    """
    if not np.abs(module.gradients(query, keys, output=0)[1]).max() > 0:
        raise Unexpected(
            _("No gradient reaches the keys through the context."),
            _("`detach()`, `stop_gradient`, `no_grad()`, `float()` and NumPy cut the way back. Stay with tensors."),
        )


def gradient_is_finite(of: Answer | Module, *arrays: Any, output: int | None = None) -> None:
    """The gradients of the result are numbers. Raises Unexpected where one is NaN or infinite."""
    if not all(np.isfinite(gradient).all() for gradient in of.gradients(*arrays, output=output)):
        raise Unexpected(
            _("The result is right, but its gradient has values that are no numbers, NaN or infinity."),
            _("Somewhere 0 meets infinity: replace masked scores before `exp`, or use the framework's softmax."),
        )


def keeps_precision(answer: Answer, call: Callable[[], Any], name: str) -> None:
    """In double precision the result of the call, one array, has the type float64. Raises Unexpected otherwise."""
    with answer.framework.float64():
        result = call()
    if isinstance(result, np.ndarray) and result.dtype != np.dtype("float64"):
        raise Unexpected(
            _("In double precision the result ({name}) has the type {got}.").format(name=name, got=result.dtype),
            _("Keep the type of the arguments: no `float32` and no `.float()` inside."),
        )


def exact(answer: Answer, call: Callable[[], Any], expected: Any, name: str) -> None:
    """In double precision the numbers are right to twelve digits. Raises Unexpected otherwise.

    After a detour through float32 only about seven digits are right.
    """
    keeps_precision(answer, call, name)
    with answer.framework.float64():
        result = call()
    expected = np.asarray(expected)
    if np.abs(result - expected).max() > 1e-12 * max(1.0, float(np.abs(expected).max())):
        raise Unexpected(
            _("In double precision the result ({name}) is only as exact as single precision.").format(name=name),
            _("Keep the type of the arguments: no `float32` and no `.float()` inside."),
        )


def follows_device(of: Answer | Module, *arrays: Any) -> None:
    """Where arguments and module are on another device, all tensors that the answer makes are there, too.

    Raises Unexpected where one is made on the processor instead. TensorFlow moves tensors by itself, so there the check
    always passes.
    """
    if isinstance(of, Module):
        of(*arrays)
        said = of.answer.framework.elsewhere(of.thing, arrays, of.thing)
    else:
        said = of.framework.elsewhere(of.thing, arrays)
    if said:
        raise Unexpected(
            _("On another device, such as a graphics card, your code would stop: one tensor stays on the processor."),
            _("Make new tensors where an argument is: `device=x.device`. Keep fixed tables with `register_buffer`."),
        )
