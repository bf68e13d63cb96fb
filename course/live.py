"""Watches the cells of a live kernel: did the newest version of an answer's cell run, and if not, where did it stop?

When a cell is changed and then fails, the kernel still has the old function. Checks that test the old function would
say "passed" about broken code. So the notebook's first cell, by calling `lesson`, lets IPython report every cell that
ran (its event `post_run_cell`, https://ipython.readthedocs.io/en/stable/config/callbacks.html), and `check` asks here
before it tests anything. Outside of IPython nothing is noted and nothing is asked.
"""

from __future__ import annotations

import builtins
import difflib
import dis
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodType
from typing import Any

DEFINITION = re.compile(r"^(?:async\s+def|def|class)\s+(\w+)|^(\w+)\s*(?::[^=\n]+)?=(?!=)", re.MULTILINE)


@dataclass(frozen=True)
class Stopped:
    """A cell that did not run to its end, and whose definition of a name is therefore missing in the kernel."""

    name: str  # what the cell would have defined
    count: int | None  # the number in the brackets before the cell: In [count]
    error: BaseException
    line: int | None  # in the cell, from 1
    source: str  # that line, as it is written

    @property
    def compiled(self) -> bool:
        """Whether Python could read the cell at all."""
        return not isinstance(self.error, SyntaxError)


class Kernel:
    """The cells that a kernel ran since the first call of `lesson`."""

    def __init__(self) -> None:
        self.stopped: dict[str, Stopped] = {}  # by name: the newest cell that defines it stopped before it did
        self.before: dict[str, int] = {}  # by name: the id of the object that it had after the last cell
        self.shell: Any = None

    def watch(self) -> None:
        """Begin to note cells, where there is an IPython shell; a second call does nothing."""
        ipython = sys.modules.get("IPython")
        shell = None if ipython is None else ipython.get_ipython()
        if shell is None or shell is self.shell:
            return
        self.shell = shell
        shell.events.register("post_run_cell", self.note)

    def note(self, result: Any) -> None:
        """Note one cell. `result` is IPython's ExecutionResult. Never raises: a cell must not fail because of this."""
        try:
            self._note(result)
        except Exception:  # an unknown form of result: then nothing is known, as outside of IPython
            self.stopped.clear()

    def _note(self, result: Any) -> None:
        cell = result.info.raw_cell if result.info is not None else ""
        error = result.error_before_exec or result.error_in_exec
        namespace = self.shell.user_ns
        for name in defined(cell):
            new = name in namespace and id(namespace[name]) != self.before.get(name)
            if error is None or (new and not isinstance(error, SyntaxError)):
                self.stopped.pop(name, None)
            else:
                line, source = _place(error, cell, namespace)
                self.stopped[name] = Stopped(name, result.execution_count, error, line, source)
        self.before = {name: id(value) for name, value in namespace.items() if callable(value)}

    def problem(self, symbol: str, namespace: Mapping[str, Any]) -> Stopped | None:
        """The cell that should have defined a symbol, or something that it uses, and did not; None if all is well."""
        if self.shell is None or namespace is not self.shell.user_ns or not self.stopped:
            return None
        if symbol in self.stopped:
            return self.stopped[symbol]
        return next((self.stopped[name] for name in used(symbol, namespace) if name in self.stopped), None)


KERNEL = Kernel()


def defined(cell: str) -> list[str]:
    """The names that a cell defines at its outermost level, also where Python cannot read the cell.

    >>> defined("def f(x:\\n    return x\\nsize = 3")
    ['f', 'size']
    """
    return list(dict.fromkeys(function or variable for function, variable in DEFINITION.findall(cell)))


def used(symbol: str, namespace: Mapping[str, Any]) -> list[str]:
    """The names of the notebook that a function or class uses, directly or through others, without its own name."""
    found: dict[str, None] = {}
    waiting = [symbol]
    while waiting:
        for name in _names(namespace.get(waiting.pop())):
            if name not in found and name != symbol and not hasattr(builtins, name):
                found[name] = None
                thing = namespace.get(name)
                if isinstance(thing, (FunctionType, type)) and getattr(thing, "__module__", "") == "__main__":
                    waiting.append(name)
    return list(found)


def similar(symbol: str, namespace: Mapping[str, Any]) -> str:
    """The name of a function or class in the notebook that looks like a missing symbol; "" where there is none."""
    own = [name for name, thing in namespace.items() if isinstance(thing, (FunctionType, type)) and name[:1] != "_"]
    return next(iter(difflib.get_close_matches(symbol, own, n=1, cutoff=0.8)), "")


def _names(thing: Any) -> Iterator[str]:
    if isinstance(thing, type):
        for member in vars(thing).values():
            yield from _names(getattr(member, "__func__", member))
    elif isinstance(thing, (FunctionType, MethodType)):
        yield from _of_code(thing.__code__)


def _of_code(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):  # and not an attribute that happens to have the same name
            yield str(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _of_code(constant)


def _place(error: BaseException, cell: str, namespace: Mapping[str, Any]) -> tuple[int | None, str]:
    """The line of the cell that an error is about, and its text."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    if line is None:
        for frame, number in traceback.walk_tb(error.__traceback__):
            if frame.f_globals is namespace and frame.f_code.co_name == "<module>":
                line = number
    lines = cell.splitlines()
    source = lines[line - 1].strip() if line is not None and 0 < line <= len(lines) else ""
    return line, source
