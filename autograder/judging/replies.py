"""Turns workers' replies into answers, errors and sentences.

A student's code may have written a reply, so each field is checked and converted to the right type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from autograder.judging.compare import Abstract, NoTensor, Odd
from autograder.judging.program import Answer, StudentError
from autograder.messages import Message, cell_name
from autograder.workers import worker_messages
from course.i18n import N_

MAX_ITEMS = 4096  # of one answer; the limits also hold for a reply that the student's code has written
MAX_TEXT = 2000
MAX_BYTES = 4 << 20  # of an answer's arrays; answers are kept until the diagnosis, and no right one is this large


@dataclass(frozen=True)
class Use:
    """Ready-made attention of the framework that ran, and the cell and line that used it, where these are known."""

    name: str
    label: str | None = None
    line: int | None = None


def decode(value: Any, arrays: Mapping[str, Any], depth: int = 0, room: list[int] | None = None) -> Any:
    """A reply's value as Python and NumPy; anything that is not in the vocabulary is an `Odd`."""
    room = [MAX_ITEMS] if room is None else room
    room[0] -= 1
    if depth > 10:
        return Odd(N_("structure that is too deep"))
    if room[0] < 0:
        return Odd(N_("structure that is too large"))
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, dict) and len(value) == 1:
        kind, content = next(iter(value.items()))
        if kind == "array" and isinstance(content, str) and content in arrays:
            return arrays[content]
        if kind == "numpy" and isinstance(content, str) and isinstance(arrays.get(content), np.ndarray):
            return NoTensor(arrays[content])
        if kind in ("tuple", "list") and isinstance(content, list):
            items = [decode(item, arrays, depth + 1, room) for item in content[: MAX_ITEMS + 1]]
            return tuple(items) if kind == "tuple" else items
        if kind == "dict" and isinstance(content, dict):
            pairs = islice(content.items(), MAX_ITEMS + 1)
            return {key[:200]: decode(item, arrays, depth + 1, room) for key, item in pairs}
        if kind == "float" and isinstance(content, str):
            try:
                return float(content)
            except ValueError:
                return Odd(N_("number that cannot be read"))
        if kind == "str" and isinstance(content, str):
            return content[:MAX_TEXT]
        if kind == "unavailable":
            return None
        if kind == "abstract" and isinstance(content, dict):
            shape = content.get("shape")
            if not isinstance(shape, list) or len(shape) > 64 or not all(type(n) is int for n in shape):
                shape = []
            return Abstract(str(content.get("dtype"))[:40], tuple(shape), str(content.get("device"))[:20])
        if kind == "other":
            return Odd(str(content)[:100])
    return Odd(N_("value that cannot be read"))


def answer_from(header: dict[str, Any], arrays: dict[str, np.ndarray], names: tuple[str, ...] | None = None) -> Answer:
    """A reply as an Answer. With `names` it has the values of these names, in this order, None where one is missing."""
    error = header.get("error")
    if isinstance(error, dict):
        return Answer({}, student_error(error))
    values = header.get("values")
    values = values if isinstance(values, dict) else {}
    if names is not None:
        values = {name: values.get(name) for name in names}
    held: Mapping[str, np.ndarray | Abstract] = arrays
    if sum(a.nbytes for a in arrays.values()) > MAX_BYTES:
        held = {k: Abstract(str(a.dtype), a.shape, "cpu") for k, a in arrays.items()}
    device = header.get("device")
    return Answer(
        {k: decode(v, held) for k, v in values.items()}, None, device[:40] if isinstance(device, str) else None
    )


def student_error(error: dict[str, Any]) -> StudentError:
    """An error of a contestant's reply."""
    types = error.get("types")
    line, said = error.get("line"), worker_messages.read(error)
    return StudentError(
        kind=str(error.get("kind"))[:40],
        types=tuple(str(t)[:100] for t in types[:20]) if isinstance(types, list) else (),
        message=Message(said[0], **said[1]) if said else str(error.get("message"))[:2000],
        cell=str(error["cell"])[:200] if error.get("cell") else None,
        line=line if isinstance(line, int) else None,
        source=str(error["source"])[:200] if error.get("source") else None,
    )


def uses_from(used: Any) -> list[Use]:
    """The ready-made attention in a reply; at most 500 uses are read."""
    found = []
    for use in used[:500] if isinstance(used, list) else []:
        if isinstance(use, dict):
            label, line = use.get("label"), use.get("line")
            place = (label[:200], line) if isinstance(label, str) and type(line) is int else (None, None)
            found.append(Use(str(use.get("name"))[:100], *place))
    return found


def notes_from(notes: Any) -> list[Message]:
    """A cell's notes as sentences; notes that the grader's harness did not write are left out."""
    told = [worker_messages.read(note) for note in notes[:20] if isinstance(note, dict)] if type(notes) is list else []
    return [Message(said[0], **said[1]) for said in told if said]


# Python's message if a function is called with other arguments than it takes.
OTHER_ARGUMENTS = re.compile(
    r"missing .*required|unexpected keyword argument|too many positional|positional arguments? but"
)


def describe_error(error: StudentError) -> str:
    """An error as a sentence for the student."""
    name = error.types[0] if error.types else "error"
    if error.kind in ("missing", "timeout", "crash", "exit", "reply", "exhausted"):
        return error.message
    if name == "StudentMessage":
        return error.message
    if error.kind == "memory":
        what: str = Message("it asked for more memory than a hand-in may use")
    elif isinstance(error.message, Message):
        what = error.message
    else:
        what = f"{name}: {error.message}" if error.message else name
        if name == "TypeError" and not error.source and OTHER_ARGUMENTS.search(error.message):
            what = Message(
                "{what}. Are names, order and defaults of the arguments as the notebook has them?", what=what
            )
    if error.cell and error.source:
        return Message(
            "{what} ({cell}, line {line}: `{source}`)",
            what=what,
            cell=cell_name(error.cell),
            line=error.line,
            source=error.source,
        )
    return what
