"""The namespace in which an answer's cells run, what they print, and how their exceptions are described as data."""

from __future__ import annotations
import __future__

import ast
import asyncio
import builtins
import dis
import inspect
import io
import linecache
import re
import traceback
import types
from types import CodeType
from typing import Any

from autograder.workers import worker_messages
from autograder.workers.explaining import explained as in_words
from autograder.workers.notebook_shell import value_and_rest
from autograder.workers.worker_messages import Said

MAX_TEXT = 2000
OPERATION = (
    *("CALL", "BINARY", "UNARY", "COMPARE", "CONTAINS", "LOAD_ATTR", "LOAD_METHOD", "STORE_", "FORMAT", "POP_JUMP"),
    *("JUMP_IF", "TO_BOOL", "FOR_ITER", "GET_ITER", "UNPACK", "INPLACE", "LIST_EXTEND"),
)  # the beginnings of the names of Python's instructions that may call an operation of the framework
# The descriptor itself, because a student's class may define another attribute of that name.
TRACEBACK: Any = vars(BaseException)["__traceback__"]
WRAPPED = re.compile(
    r"Exception encountered when calling [^\n]*\n\n(?:\x1b\[1m)?(.*?)(?:\x1b\[0m)?(?:\n\nArguments received by .*)?",
    re.S,
)
PLACE = re.compile(r" \((?:/|unknown location)[^()]*\)$")  # the path of a package, which students need not see
TERMINAL = re.compile(r"\x1b\[[0-9;]*m")  # colours
OPERATION_NODE = re.compile(r"\{\{[^{}\n]{0,300}\}\} ?| \[Op:\w+\](?= name: $|$)")
MEMORY_PHRASES = (
    "can't allocate memory",
    "out of memory",
    "OOM when allocating",
    "cannot allocate memory",
    "std::bad_alloc",
)


class StudentMessage(Exception):
    """An error of the answer, in words for the student; `kind` is as in `autograder.judging.student.StudentError`."""

    def __init__(self, message: str, kind: str = "exception") -> None:
        """`message` is one of `worker_messages` with its values, or any text, which is then not translated."""
        super().__init__(message)
        self.kind = kind
        self.said = message.header() if isinstance(message, Said) else {}


class Output(io.TextIOBase):
    """Standard output of an answer, at most `size` characters of it; the rest is dropped, and a line says so."""

    def __init__(self, size: int) -> None:
        self.left, self.cut = size, False
        self.parts: list[str] = []

    def writable(self) -> bool:
        """True: the answer prints to it."""
        return True

    def write(self, text: str) -> int:
        """Keep as much of the text as there is room for; gives the length of the whole text."""
        text = str(text)
        if self.left > 0:
            self.parts.append(text[: self.left])
        self.cut = self.cut or len(text) > self.left
        self.left -= len(text)
        return len(text)

    def take(self) -> str:
        """What was kept since the last call of `take`; it is then forgotten. The size is for all calls together."""
        text = "".join(self.parts) + ("\n[more output was dropped]" if self.cut else "")
        self.parts.clear()
        self.cut = False
        return text


# -- running cells ---------------------------------------------------------------------------------------------------


FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # `await` in a cell, which notebooks allow


class Namespace:
    """The notebook's namespace: cells run in it as in `__main__`, and errors are described by cell and line.

    `from __future__ import ...` in a cell also holds in the cells after it, as in a notebook.
    """

    files: dict[str, str] = {}  # by file name in tracebacks: the label of the cell, of all namespaces of the process

    def __init__(self) -> None:
        self.module = types.ModuleType("__main__")
        self.variables = self.module.__dict__
        self.future = 0  # flags for the compiler

    def run(self, label: str, source: str) -> Any:
        """Run the text of a cell; `label` is its name for readers. Raises whatever the cell raises.

        The value is that of the expression that the cell ends with, or None.
        """
        filename, n = f"<{label}>", 1
        while filename in self.files:  # a script comes in several pieces, which have one name
            n += 1
            filename = f"<{label} {n}>"
        self.files[filename] = label
        return self.run_text(source, filename)

    def run_text(self, source: str, filename: str = "<text>") -> Any:
        """Run a text that is not a cell: its errors are reported at the line that ran it."""
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        try:
            tree = compile(source, filename, "exec", AWAIT | ast.PyCF_ONLY_AST | self.future, dont_inherit=True)
        except ValueError as error:  # a zero byte, before Python 3.11.4
            raise SyntaxError(str(error)) from None
        rest, last = value_and_rest(tree)
        code = compile(rest, filename, "exec", AWAIT | self.future, dont_inherit=True)
        self.future |= code.co_flags & FUTURE
        value = None if last is None else compile(last, filename, "eval", AWAIT | self.future, dont_inherit=True)
        self._evaluate(code)
        return None if value is None else self._evaluate(value)

    def _evaluate(self, code: CodeType) -> Any:
        result = eval(code, self.variables)  # noqa: S307 - running the answer is the purpose
        return asyncio.run(result) if code.co_flags & inspect.CO_COROUTINE else result

    def describe(self, error: BaseException) -> dict[str, Any]:
        """An exception as JSON data, in the words of `explained`.

        `kind`, `types` (the names of its class and of Python's base classes) and `message`; `cell`, `line` (from 1) and
        `source` of the innermost line of the student's own, each None where there is none.
        """
        where: dict[str, Any] = {"cell": None, "line": None, "source": None}
        said = None
        try:
            if isinstance(error, SyntaxError) and error.filename in self.files:
                frames = [(error.filename, error.lineno)]
            else:
                walked = traceback.walk_tb(TRACEBACK.__get__(error))  # unlike `extract_tb`, it reads no file
                frames = [(frame.f_code.co_filename, line) for frame, line in walked]
            own = [(name, line) for name, line in frames if name in self.files]
            if own:
                name, line = own[-1]
                where = {
                    "cell": self.files[name],
                    "line": line,
                    "source": linecache.getline(name, line or 0).strip()[:200],
                }
            if type(error) is not StudentMessage and _kind_of(error) == "exception":
                raised_here = where["source"] if own and frames[-1] == own[-1] else ""
                said = in_words(error, _text(error), self.variables, raised_here, called=not own)
        except BaseException:  # noqa: BLE001 - an exception object of the student's may do anything when looked at
            pass
        told = {"kind": _kind_of(error), "types": _types_of(error), "message": _text(error), **where}
        if said is not None:
            return told | {"message": str(said), **said.header()}
        return explained(told | (error.said if type(error) is StudentMessage else {}))


def explained(error: dict[str, Any]) -> dict[str, Any]:
    """A described error in a worker's own words where only a GPU raises it; all others unchanged.

    An index out of range, which costs the process its GPU, becomes an IndexError, as on the CPU.
    """
    if "device-side assert" in error["message"]:
        said = worker_messages.OUT_OF_RANGE_ON_A_GPU.said()
        return {**error, "types": ["IndexError", *error["types"]], "message": said, **said.header()}
    if error["types"][:1] == ["RuntimeError"] and "on the same device" in error["message"]:
        said = worker_messages.ON_THE_CPU.said()
        return {**error, "message": said, **said.header()}
    return error


def _types_of(error: BaseException) -> list[str]:
    names = [c.__name__ for c in type(error).__mro__ if getattr(builtins, c.__name__, None) is c and c is not object]
    own = type.__getattribute__(type(error), "__name__")
    return [*([own[:100]] if own not in names else []), *names]


def _text(error: BaseException) -> str:
    try:
        if isinstance(error, SyntaxError):
            return str(error.msg)[:MAX_TEXT]
        text = _bare(str(error)[: 4 * MAX_TEXT])[:MAX_TEXT]
        return PLACE.sub("", text) if isinstance(error, ImportError) else text
    except BaseException:  # noqa: BLE001 - __str__ is the student's
        return "(the exception has no readable message)"


def _bare(text: str) -> str:
    """An exception's text without what Keras and TensorFlow put around it."""
    while found := WRAPPED.fullmatch(text):
        text = found[1]
    return TERMINAL.sub("", OPERATION_NODE.sub("", text)).removesuffix(" name: ").strip() if text else text


def _of_answer(code: CodeType) -> bool:
    """Is the code a cell's, or text that was made into code?"""
    return code.co_filename in Namespace.files or code.co_filename.startswith("<")


def raised_outside(error: BaseException) -> bool:
    """Whether the framework raised this error: one of Python's own classes, raised by no statement of the answer's.

    An operation of the framework that is not written in Python has no frame. Its error comes from the line that called
    it, and so does the error of a `raise` in that line; they differ in the instruction that was being run.
    """
    if type(error) not in (RuntimeError, NotImplementedError, TypeError, ValueError) or error.__cause__ is not None:
        return isinstance(error, StudentMessage)
    last = TRACEBACK.__get__(error)
    if last is None:
        return False
    frames = [last]
    while last.tb_next is not None:
        last = last.tb_next
        frames.append(last)
    code = last.tb_frame.f_code
    if not _of_answer(code):
        # The framework's `_check(condition, message)` raises for its caller, which may be the answer.
        callers = [f.tb_frame.f_code for f in frames if not f.tb_frame.f_code.co_name.startswith(("_check", "_assert"))]
        return bool(callers) and not _of_answer(callers[-1])
    return dis.opname[code.co_code[last.tb_lasti]].startswith(OPERATION)


def _kind_of(error: BaseException) -> str:
    if isinstance(error, StudentMessage):
        return error.kind
    if isinstance(error, MemoryError) or any(phrase in _text(error) for phrase in MEMORY_PHRASES):
        return "memory"
    return "exception"
