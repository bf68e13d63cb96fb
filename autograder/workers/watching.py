"""The framework's own attention, seen while it runs, by whatever road it was reached.

A wrapper under the public name sees only who comes by that name. So what is watched is the thing itself: a Python
function has its code replaced, which holds for every alias of it, however old, and under every module that has it;
PyTorch's operators are watched in its dispatcher (`pytorch.py`), below `torch.ops`, `torch._C` and TorchScript; Keras's
layers at the call that all layers share (`tensorflow.py`). A note says what was at work and the student's own line
below which it was, also where the code there came out of a string.

All this stands in the student's process, so whoever takes pains can take it down again. What the answer's text names is
read elsewhere (`autograder/submission/ready_made.py`), out of reach; the judge takes both together.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

from autograder.workers.harness import Namespace


class Watch:
    """Notes of what was at work since `take`."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[str, int] | None] = {}  # a name of the syllabus's -> the student's cell and line

    def note(self, name: str) -> None:
        if name not in self.seen:
            self.seen[name] = own_line()

    def take(self) -> list[dict]:
        """{"name", "label", "line"} each, without the last two where no line of the student's led there."""
        seen, self.seen = self.seen, {}
        places = {name: zip(("label", "line"), place or (), strict=False) for name, place in sorted(seen.items())}
        return [{"name": name, **dict(place)} for name, place in places.items()]

    def noting(self, name: str, function: Callable) -> Callable:
        """A function that leaves a note and goes on to this one."""

        def noted(*args: Any, **kwargs: Any) -> Any:
            self.note(name)
            return function(*args, **kwargs)

        return noted

    def inside(self, name: str, function: types.FunctionType) -> None:
        """Have a Python function leave a note whenever it is called, whatever it is called by."""
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
    """The cell and line of the student's that is at work now: the innermost one."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename in Namespace.files:
            return Namespace.files[frame.f_code.co_filename], frame.f_lineno
        frame = frame.f_back
    return None
