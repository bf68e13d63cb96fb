"""Leaves a note when the framework's own attention runs, in whatever way it is called.

A wrapper under the public name sees only calls by that name. So the function itself is watched. A Python function gets
other code, which holds for each of its aliases and each module that has it. PyTorch's operators are watched in its
dispatcher (`pytorch.py`), below `torch.ops`, `torch._C` and TorchScript, and Keras's layers at the call that all layers
share (`tensorflow.py`). A note says what ran and from which of the student's own lines, also where the code there came
from a string.

All this is in the student's process, so an answer can remove it. The text of the answer is checked in another process
(`autograder/submission/ready_made.py`); the judge uses both.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable
from types import FrameType
from typing import Any, NotRequired, TypedDict

from autograder.workers.namespace import Namespace

MOST_NOTES = 500  # between two calls of `take`


class Used(TypedDict):
    """A note: ready-made attention that ran, and the student's cell and line that it ran for, where there is one."""

    name: str
    label: NotRequired[str]
    line: NotRequired[int]


class Watch:
    """Notes of the ready-made attention that ran since the last call of `take`."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, tuple[str, int] | None]] = set()  # the name in the syllabus; the cell and line

    def note(self, name: str) -> None:
        """Note that `name` runs, with the student's line that called it."""
        if len(self.seen) < MOST_NOTES:
            self.seen.add((name, own_line()))

    def take(self) -> list[Used]:
        """The notes since the last call of `take`, in the order of the names; they are then forgotten."""
        seen, self.seen = self.seen, set()
        return [
            Used(name=name) if place is None else Used(name=name, label=place[0], line=place[1])
            for name, place in sorted(seen, key=lambda note: (note[0], note[1] or ("", 0)))
        ]

    def noting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function that leaves a note and then calls this one."""

        def noted(*args: Any, **kwargs: Any) -> Any:
            self.note(name)
            return function(*args, **kwargs)

        return noted

    def inside(self, name: str, function: Any) -> None:
        """Make a Python function leave a note whenever it is called, under whichever name.

        Its code is replaced in place. `function` is a `types.FunctionType`; a second call does nothing.
        """
        if function.__code__ is _gate.__code__:
            return  # several names for one function
        inner = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        inner.__kwdefaults__ = function.__kwdefaults__
        function.__signature__ = inspect.signature(function)
        function.__defaults__, function.__kwdefaults__ = None, {"_through": self.noting(name, inner)}
        function.__code__ = _gate.__code__


def _gate(*args: Any, _through: Any = None, **kwargs: Any) -> Any:
    return _through(*args, **kwargs)


def own_line() -> tuple[str, int] | None:
    """The innermost line of the student's that is being run: the label of its cell, and its number there, from 1."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename in Namespace.files:
            return Namespace.files[frame.f_code.co_filename], frame.f_lineno
        frame = frame.f_back
    return None
