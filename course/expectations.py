"""What a visible check can expect of an array (its shape, its type, its numbers), and of a call that must raise.

Each function returns None where all is well, and otherwise raises `Unexpected` with a message and a hint for the
student. A worked example can name its *look-alikes*: the numbers that a common slip would give, each with its own hint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from course.frameworks import Unexpected
from course.i18n import _
from course.report import Comparison

TOLERANCE = 1e-4  # of the largest expected number: a worked example is typed with a few digits


class StudentError(Exception):
    """An exception that came out of the student's code; `original` is that exception."""

    def __init__(self, original: Exception):
        super().__init__(str(original))
        self.original = original


def shape(array: Any, expected: tuple[int, ...], name: str, axes: str, hint: str = "") -> None:
    """The array has this shape; `name` says which array it is, and `axes` names its axes, "(B, L, D)"."""
    if not isinstance(array, np.ndarray):
        got = _("nothing (None)") if array is None else type(array).__name__
        raise Unexpected(
            _("Expected was a tensor ({name}), but there is {got}.").format(name=name, got=got),
            _("Does every way through your code end in a `return`?") if array is None else "",
        )
    if array.shape != expected:
        raise Unexpected(
            _("Wrong shape ({name}): {got}; expected was {axes} = {expected}.").format(
                name=name, got=array.shape, axes=axes, expected=expected
            ),
            hint,
        )


def kind(array: np.ndarray, expected: str, name: str) -> None:
    """The array's elements are of this type, "bool" or "float32" for example."""
    if array.dtype != np.dtype(expected):
        raise Unexpected(
            _("Wrong type of numbers ({name}): {got}; expected was {expected}.").format(
                name=name, got=array.dtype, expected=expected
            ),
            _("A comparison gives booleans; a sum of them does not.") if expected == "bool" else "",
        )


def equal(
    array: Any, expected: Any, name: str, hint: str = "", lookalikes: Mapping[str, Any] | None = None, axes: str = ""
) -> None:
    """The array has these numbers, up to TOLERANCE. `lookalikes` maps a hint to the numbers that its slip gives."""
    expected = np.asarray(expected)
    shape(array, expected.shape, name, axes or _("the shape"), hint)
    if expected.dtype == bool:
        kind(array, "bool", name)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise Unexpected(
            _("There are values that are no numbers, NaN or infinity ({name}).").format(name=name),
            _("A division by zero, or a softmax over nothing but minus infinity, gives NaN."),
            _comparison(array, expected, name),
        )
    if _near(array, expected):
        return
    recognised = False
    for other_hint, slip in (lookalikes or {}).items():
        slip = np.asarray(slip)
        if slip.shape == array.shape and _near(array, slip):
            hint, recognised = other_hint, True
            break
    message = _("Wrong numbers ({name}).").format(name=name)
    raise Unexpected(message, hint, _comparison(array, expected, name), certain=recognised)


def raises(error: type[Exception], call: Callable[[], Any], what: str) -> None:
    """The call raises this type of error; `what` says what is wrong with its arguments: "an odd width"."""
    try:
        call()
    except StudentError as wrapped:
        if isinstance(wrapped.original, error):
            return
        if isinstance(wrapped.original, NotImplementedError):
            raise
        raise Unexpected(
            _("For {what} a {error} is asked for, but your code raises {got}.").format(
                what=what, error=error.__name__, got=type(wrapped.original).__name__
            ),
            _("Look at the arguments first and say what is wrong with them: `raise {error}(...)`.").format(
                error=error.__name__
            ),
        ) from None
    raise Unexpected(
        _("For {what} a {error} is asked for, but nothing is raised.").format(what=what, error=error.__name__),
        _("Look at the arguments first and say what is wrong with them: `raise {error}(...)`.").format(
            error=error.__name__
        ),
    )


def _near(array: np.ndarray, expected: np.ndarray) -> bool:
    return not _differs(array, expected).any()


def _differs(array: np.ndarray, expected: np.ndarray) -> np.ndarray:
    if expected.dtype == bool or array.dtype == bool:
        return array != expected
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-6)
    return ~(np.abs(array.astype("float64") - expected) <= TOLERANCE * scale)


def _comparison(array: np.ndarray, expected: np.ndarray, name: str) -> Comparison:
    return Comparison(name, array, expected, _differs(array, expected))
