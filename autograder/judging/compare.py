"""Compares values: type, shape, dtype, finite, numbers, in this order, with a sentence on the first difference.

Numbers are compared by relative error: the largest difference over the largest reference value. A message has only what
a student may know: shapes, dtypes, the size of the difference and the share of wrong entries, never a hidden input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.messages import Message, listed
from course.i18n import N_

RTOL = {"float32": 1e-5, "float64": 1e-9}


class Mismatch(AssertionError):
    """A test found that the answer is wrong; the message is a sentence for the student.

    `mistake` is the known mistake, if the test itself recognises it, for example by frequencies of random numbers.
    """

    def __init__(self, message: str, mistake: str | None = None) -> None:
        super().__init__(message)
        self.mistake = mistake


@dataclass(frozen=True)
class Odd:
    """A value that is no tensor, list, tuple, dict, number or None: only the name of its type is known."""

    type_name: str


@dataclass(frozen=True, eq=False)
class NoTensor:
    """A NumPy array in a place where a tensor may be expected."""

    array: np.ndarray


@dataclass(frozen=True)
class Abstract:
    """A tensor without contents: of a shape-only device, or of a dtype that NumPy does not have."""

    dtype: str
    shape: tuple[int, ...]
    device: str


def difference(
    got: Any,
    want: Any,
    name: str = N_("result"),
    axes: dict[str, str] | str | None = None,
    rtol: float | None = None,
    names: tuple[str, ...] = (),
) -> str | None:
    """What is wrong with `got`, as a sentence; None where it agrees with `want`.

    `names` are the names of the items where `want` is a tuple. A key of a dict that is a `Message` is the whole name.
    `axes` names the axes of an array, "query, key" for example, by the item's name or for all of them. `rtol` is the
    largest relative error; by default it depends on the dtype (`RTOL`).
    """
    if isinstance(want, tuple):
        return _tuple_difference(got, want, name, axes, rtol, names)
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return Message("expected a dictionary for the {name}, got {kind}", name=name, kind=describe(got))
        for key in want:
            if want[key] is not None:
                whole = key if isinstance(key, Message) else Message("{name} {key}", name=name, key=key)
                found = difference(got.get(key), want[key], whole, axes, rtol)
                if found:
                    return found
        return None
    if want is None:
        return (
            None if got is None else Message("expected None for the {name}, got {kind}", name=name, kind=describe(got))
        )
    if type(want) is float and type(got) in (float, int):
        return _value_difference(np.asarray(got, float), np.asarray(want, float), name, np.dtype(np.float64), rtol)
    if isinstance(want, (bool, int, float, str)):
        return (
            None
            if type(got) is type(want) and got == want
            else Message(
                "expected {expected} for the {name}, got {kind}", name=name, kind=describe(got), expected=describe(want)
            )
        )
    if isinstance(want, Abstract):
        if not isinstance(got, Abstract):
            return Message("got {kind} for the {name}", name=name, kind=describe(got))
        return None if got.shape == want.shape else _other_shape(got, want, name, None)
    return _array_difference(got, np.asarray(want), name, axes.get(name) if isinstance(axes, dict) else axes, rtol)


def _tuple_difference(
    got: Any,
    want: tuple[Any, ...],
    name: str,
    axes: dict[str, str] | str | None,
    rtol: float | None,
    names: tuple[str, ...],
) -> str | None:
    expected: str = Message("a {kind} of {count}", kind=type(want).__name__, count=len(want))
    if len(names) == len(want):
        expected = Message("{what} ({items})", what=expected, items=listed(*names))
    if not isinstance(got, (tuple, list)):
        return Message(
            "expected {expected} for the {name}, got {kind}", name=name, kind=describe(got), expected=expected
        )
    if len(got) != len(want):
        return Message(
            "expected {expected} for the {name}, got {count} items", name=name, count=len(got), expected=expected
        )
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        item = names[i] if i < len(names) else Message("{name}[{index}]", name=name, index=i)
        found = difference(g, w, item, axes, rtol)
        if found:
            return found
    return None


def _array_difference(got: Any, want: np.ndarray, name: str, axes: str | None, rtol: float | None) -> str | None:
    if isinstance(got, Abstract):
        if got.shape != want.shape:
            return _other_shape(got, want, name, axes)
        return Message(
            "expected dtype {expected} for the {name}, got {dtype}", name=name, dtype=got.dtype, expected=want.dtype
        )
    if want.dtype.kind in "iu":
        got = whole_numbers(got)
    if not isinstance(got, np.ndarray):
        return Message("expected a tensor for the {name}, got {kind}", name=name, kind=describe(got))
    if got.shape != want.shape:
        return _other_shape(got, want, name, axes)
    if got.dtype != want.dtype and not (got.dtype.kind in "iu" and want.dtype.kind in "iu"):
        return Message(
            "expected dtype {expected} for the {name}, got {dtype}", name=name, dtype=got.dtype, expected=want.dtype
        )
    if want.dtype.kind != "f":
        share = float(np.mean(got != want)) if want.size else 0.0
        if share == 1:
            return Message("no entry of the {name} is as expected", name=name)
        return (
            Message("{share} of the entries of the {name} are not as expected", share=_percent(share), name=name)
            if share
            else None
        )
    if not np.isfinite(got).all() and np.isfinite(want).all():
        if np.isnan(got).any():
            return Message("there is NaN in the {name}", name=name)
        return Message("there are infinite values in the {name}", name=name)
    return _value_difference(got.astype(np.float64), want.astype(np.float64), name, want.dtype, rtol)


def whole_numbers(value: Any) -> Any:
    """A table of whole numbers as an array, whether it is a NumPy array or lists; anything else unchanged.

    No gradient flows through ids, and the models take them in any form.
    """
    if isinstance(value, NoTensor):
        table = value.array
    elif isinstance(value, list) and value:
        rows = [np.asarray(row) if isinstance(row, list) else row for row in value]
        if any(getattr(row, "shape", ()) != getattr(rows[0], "shape", ()) for row in rows):
            return value
        table = np.array(rows) if all(isinstance(row, (int, np.ndarray)) for row in rows) else np.zeros(0)
    else:
        return value
    return table if table.dtype.kind in "iu" else value


def _other_shape(got: Abstract | np.ndarray, want: Abstract | np.ndarray, name: str, axes: str | None) -> Message:
    if axes:
        # Axes that are in parentheses already are code, "(B, L)"; the others are words, each of them a message.
        axes = axes.removeprefix("(").removesuffix(")")
        return Message(
            "expected shape {expected} ({axes}) for the {name}, got {shape}",
            name=name,
            shape=got.shape,
            expected=want.shape,
            axes=listed(*axes.split(", ")),
        )
    return Message(
        "expected shape {expected} for the {name}, got {shape}", name=name, shape=got.shape, expected=want.shape
    )


def _value_difference(got: np.ndarray, want: np.ndarray, name: str, dtype: np.dtype, rtol: float | None) -> str | None:
    if not want.size:
        return None
    tolerance = RTOL.get(dtype.name, 1e-5) if rtol is None else rtol
    largest = float(np.abs(want).max())
    scale = largest or 1.0
    if not np.isfinite(got).all() and np.isfinite(want).all():
        return Message("there are numbers in the {name} that are not finite", name=name)
    error = np.abs(got - want)
    worst = float(error.max())
    if worst <= tolerance * scale:
        return None
    if not got.ndim:
        return Message(
            "the {name} is not as expected: it is {share} of the expected value away",
            name=name,
            share=f"{worst / scale:.2g}",
        )
    if largest and not np.abs(got).any():
        if "gradient" in name:
            return Message("the {name} is zero everywhere: is something detached from the graph?", name=name)
        return Message("there are only zeros in the {name}", name=name)
    off = float(np.mean(error > tolerance * scale))
    if off == 1:
        return Message(
            "all entries of the {name} differ from the expected values; the largest difference is {worst}, where the "
            "largest expected value is {largest}",
            name=name,
            worst=f"{worst:.2g}",
            largest=f"{largest:.2g}",
        )
    return Message(
        "{share} of the entries of the {name} differ from the expected values; the largest difference is {worst}, "
        "where the largest expected value is {largest}",
        name=name,
        share=_percent(off),
        worst=f"{worst:.2g}",
        largest=f"{largest:.2g}",
    )


def agree(got: Any, want: Any, rtol: float | None = 1e-4) -> bool:
    """Whether two values agree in structure, shapes and numbers; items of dicts that only one has do not count."""
    if isinstance(want, dict) and isinstance(got, dict):
        keys = {key for key in (*got, *want) if got.get(key) is not None and want.get(key) is not None}
        return all(agree(got[key], want[key], rtol) for key in keys)
    if isinstance(want, (tuple, list)) and isinstance(got, (tuple, list)):
        return len(got) == len(want) and all(agree(g, w, rtol) for g, w in zip(got, want, strict=True))
    if isinstance(want, np.ndarray) and isinstance(got, np.ndarray):
        if want.shape != got.shape or (want.dtype.kind == "f") != (got.dtype.kind == "f"):
            return False
        if want.dtype.kind == "f" and not np.isfinite(want).all():
            same = (np.isnan(want) == np.isnan(got)).all() and (np.isinf(want) == np.isinf(got)).all()
            ok = np.isfinite(want)
            return (
                bool(same)
                and _value_difference(got[ok].astype(float), want[ok].astype(float), "", want.dtype, rtol) is None
            )
    return difference(got, want, rtol=rtol) is None


def describe(value: Any) -> str:
    """The kind of a value, in words for the student."""
    if value is None:
        return "None"
    if isinstance(value, Odd):
        return Message("a {kind}", kind=value.type_name)
    if isinstance(value, NoTensor):
        return Message("an array of NumPy's")
    if isinstance(value, (tuple, list)):
        return Message("a {kind} of {count}", kind=type(value).__name__, count=len(value))
    if isinstance(value, (np.ndarray, Abstract)):
        return Message("a tensor")
    if isinstance(value, (bool, int, float)):
        return Message("the {kind} {value}", kind=type(value).__name__, value=f"{value!r}")
    return Message("a {kind}", kind=type(value).__name__)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else Message("under 1%")
