"""The two players of a test: the student (a contestant, restarted and spoken of in words) and the trusted side.

Both take a `Program` and give an `Answer`. The student's answers are logged for diagnosis; the trusted side's are
remembered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from autograder.judging.compare import Abstract, Odd
from autograder.judging.program import Answer, Program, StudentError
from autograder.messages import Message, cell_name
from autograder.workers import worker_messages
from autograder.workers.client import Contestant, Ended, Killed, Place, ReferenceLine, WorkerFailure, hand_in_seconds
from course.i18n import N_

MAX_ITEMS = 4096  # of one answer; these hold for a reply that no harness of ours has written, too
MAX_TEXT = 2000
MAX_BYTES = 4 << 20  # of an answer's arrays; answers are kept until the diagnosis, and no right one is this large
SPENT_PROCESSES = 40  # that lost their GPU to an answer, and are replaced as if nothing had been
KILLED_RETRIES = 1  # a hand-in whose process somebody else killed gets as many more goes


def decode(value: Any, arrays: dict[str, Any], depth: int = 0, room: list[int] | None = None) -> Any:
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
        if kind in ("tuple", "list") and isinstance(content, list):
            items = [decode(item, arrays, depth + 1, room) for item in content[: MAX_ITEMS + 1]]
            return tuple(items) if kind == "tuple" else items
        if kind == "dict" and isinstance(content, dict):
            items = islice(content.items(), MAX_ITEMS + 1)
            return {key[:200]: decode(item, arrays, depth + 1, room) for key, item in items}
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
            sound = isinstance(shape, list) and len(shape) <= 64 and all(type(n) is int for n in shape)
            return Abstract(
                str(content.get("dtype"))[:40], tuple(shape) if sound else (), str(content.get("device"))[:20]
            )
        if kind == "other":
            return Odd(str(content)[:100])
    return Odd(N_("value that cannot be read"))


def answer_from(header: dict, arrays: dict[str, np.ndarray], names: tuple[str, ...] | None = None) -> Answer:
    """A reply as an Answer. With `names` it has these values, in this order, whatever the reply has."""
    error = header.get("error")
    if isinstance(error, dict):
        return Answer({}, student_error(error))
    values = header.get("values")
    values = values if isinstance(values, dict) else {}
    if names is not None:
        values = {name: values.get(name) for name in names}
    held = arrays
    if sum(a.nbytes for a in arrays.values()) > MAX_BYTES:
        held = {k: Abstract(str(a.dtype), a.shape, "cpu") for k, a in arrays.items()}
    device = header.get("device")
    return Answer(
        {k: decode(v, held) for k, v in values.items()}, None, device[:40] if isinstance(device, str) else None
    )


def student_error(error: dict) -> StudentError:
    """An error as the contestant tells it, with every field made what it should be."""
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


def uses_from(used: Any) -> dict[str, Use]:
    """The ready-made attention that a reply tells of, by name, with every field made what it should be."""
    found: dict[str, Use] = {}
    for use in used[:20] if isinstance(used, list) else []:
        if isinstance(use, dict):
            label, line = use.get("label"), use.get("line")
            place = (label[:200], line) if isinstance(label, str) and type(line) is int else (None, None)
            name = str(use.get("name"))[:100]
            found[name] = Use(name, *place)
    return found


def tell(error: StudentError) -> str:
    """An error as a sentence for the student."""
    name = error.types[0] if error.types else "error"
    if error.kind in ("missing", "timeout", "crash", "exit", "reply", "exhausted"):
        return error.message
    if name == "StudentMessage":
        return error.message
    if error.kind == "memory":
        what: str = Message("it asked for more memory than a hand-in may use")
    elif name == "NotImplementedError":
        what = Message("this is not written yet")
    elif isinstance(error.message, Message):
        what = error.message
    else:
        what = f"{name}: {error.message}" if error.message else name
    if error.cell and error.source:
        return Message(
            "{what} ({cell}, line {line}: `{source}`)",
            what=what,
            cell=cell_name(error.cell),
            line=error.line,
            source=error.source,
        )
    return what


@dataclass(frozen=True)
class Use:
    """A ready-made attention of the framework's, and the student's line that it is used in, where that is known."""

    name: str
    label: str | None = None
    line: int | None = None


class Student:
    """The student's code in contestants: cells run once, and again after a crash, without the one that caused it."""

    def __init__(
        self,
        place: Place,
        cells: list[dict],
        symbols: list[str],
        standins: dict | None = None,
        before: Student | None = None,
    ) -> None:
        """`before`: an earlier go of the same hand-in, whose computing time counts."""
        self.place, self.cells, self.symbols, self.standins = place, cells, symbols, standins
        self.contestant: Contestant | None = None
        self.cpu_left = before.cpu_left if before else place.limits.cpu_seconds
        self.wall_left = before.wall_left if before else hand_in_seconds(place.limits)
        self.restarts_left = place.limits.restarts
        self.spent_left = SPENT_PROCESSES
        self.kills = 0
        self.fatal: dict[int, StudentError] = {}  # cells that end the process: they are not run again
        self.outcomes: list[dict] = []
        self.used: dict[str, Use] = {}  # ready-made attention seen at work since `take_used`, by name
        self.peak_kb = 0
        self.cpu_used = 0.0

    def load(self) -> list[dict]:
        """Run the cells; an outcome each: {"error": StudentError | None, "output": str}."""
        while True:
            try:
                self.contestant = Contestant(self.place, self.cpu_left, self.wall_left)
                self.room = (self.place.limits.output_kb << 10) + 100
                self.outcomes = [self._run_cell(i, cell) for i, cell in enumerate(self.cells)]
                if self.standins:
                    self.contestant.ask({"op": "standins", **self.standins})
                return self.outcomes
            except Ended as ended:
                if self._forgiven(ended):
                    continue
                if self.restarts_left <= 0 or self.out_of_time:
                    raise
                self.restarts_left -= 1
                label = self.cells[self.current]["label"]
                self.fatal[self.current] = StudentError(ended.kind, (), ended.message, label)

    def _run_cell(self, index: int, cell: dict) -> dict:
        self.current = index
        if index in self.fatal:
            return {"error": self.fatal[index], "output": ""}
        reply, _ = self.contestant.ask(
            {"op": "cell", "label": cell["label"], "source": cell["source"], "symbols": self.symbols}
        )
        error = reply.get("error")
        # The harness keeps to the limit; an answer that writes to the line itself might not.
        output = str(reply.get("output", ""))[: self.room]
        self.room -= len(output)
        if self._is_spent(reply):
            raise Ended("crash", student_error(error).message if isinstance(error, dict) else "")
        return {"error": student_error(error) if isinstance(error, dict) else None, "output": output}

    def _is_spent(self, reply: dict) -> bool:
        """Is the process of no more use, because an answer has cost it its GPU?"""
        return self.place.device == "cuda" and reply.get("spent") is True

    @property
    def out_of_time(self) -> bool:
        return self.cpu_left <= 0 or self.wall_left <= 0

    def _forgiven(self, ended: Ended) -> bool:
        """Bury the contestant; was it killed by somebody else? Then nothing of its time counts. Raises Killed."""
        if ended.kind != "killed":
            self._bury()
            return False
        self._bury(counts=False)
        self.kills += 1
        if self.kills > KILLED_RETRIES:
            raise Killed(ended.message)
        return True

    def _bury(self, counts: bool = True) -> None:
        if self.contestant is not None:
            report = self.contestant.close()
            if counts:
                self.wall_left = self.contestant.wall_left
                self.cpu_left -= report["cpu"] or 0.0
            self.cpu_used += report["cpu"] or 0.0
            self.peak_kb = max(self.peak_kb, report["rss_kb"] or 0)
            self.contestant = None

    def run(self, program: Program) -> Answer:
        """Put a program to the answer. Whatever happens to the process is an error of that program alone."""
        forgiven = False
        while True:
            try:
                if self.contestant is None:
                    if (self.restarts_left <= 0 and not forgiven) or self.out_of_time:
                        return Answer(
                            {},
                            StudentError(
                                "exhausted", (), Message("not run: the hand-in had used up its computing time.")
                            ),
                        )
                    self.restarts_left -= not forgiven
                    self.load()
                header, arrays = self.contestant.ask({"op": "run", "program": program.header()}, program.arrays)
                self.used = uses_from(header.get("used")) | self.used
                names = tuple(step["as"] for step in program.steps if "as" in step and step["do"] != "new")
                if self._is_spent(header):
                    self._bury()
                    self.restarts_left += self.spent_left > 0
                    self.spent_left -= 1
                return self._explained(answer_from(header, arrays, names), program)
            except Ended as ended:
                forgiven = self._forgiven(ended)
                if not forgiven:
                    return Answer({}, StudentError(ended.kind, (), ended.message))

    def _explained(self, answer: Answer, program: Program) -> Answer:
        """Where a symbol is missing because its cell stopped, say so: that is what the student has to look at."""
        if answer.error is None or answer.error.kind != "missing":
            return answer
        symbol = program.steps[0].get("symbol", "")
        for cell, outcome in zip(self.cells, self.outcomes, strict=True):
            if outcome["error"] is not None and re.search(rf"\b(def|class)\s+{re.escape(symbol)}\b", cell["source"]):
                message = Message(
                    "`{symbol}` is not defined, because its cell stopped: {error}",
                    symbol=symbol,
                    error=tell(outcome["error"]),
                )
                return replace(answer, error=replace(answer.error, message=message))
        return answer

    def take_used(self) -> dict[str, Use]:
        used, self.used = self.used, {}
        return used

    def close(self) -> None:
        self._bury()


class Trusted:
    """The reference and the catalogue's mistakes. Answers are remembered by content, here and in the server."""

    def __init__(self, line: ReferenceLine, name: str) -> None:
        self.line, self.name = line, name
        self.memory: dict[str, Answer] = {}

    def run(self, program: Program, mistake: str | None = None) -> Answer:
        """The reference's answer, or what a mistake of the catalogue would have given."""
        source = f"{self.name}/{mistake}" if mistake else self.name
        digest = program.digest()
        key = f"{source} {digest}"
        if key not in self.memory:
            header, arrays = self.line.ask(
                {"op": "run", "source": source, "digest": digest, "program": program.header()}, program.arrays
            )
            answer = answer_from(header, arrays)
            if answer.error is not None and mistake is None and answer.error.types[:1] != ("ValueError",):
                raise WorkerFailure(f"the reference failed: {tell(answer.error)}")
            self.memory[key] = answer
        return self.memory[key]

    def teach(self, sources: dict[str, str]) -> None:
        """Give the server the sources of the reference and of the mistakes, by name."""
        self.line.ask({"op": "sources", "sources": sources})
