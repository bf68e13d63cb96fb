"""The student's side of a test: the hand-in's code in contestants, each replaced by a new one when it ends."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from autograder.judging.program import Answer, Program, StudentError
from autograder.judging.replies import Use, answer_from, describe_error, notes_from, student_error, uses_from
from autograder.messages import Message
from autograder.workers.client import Contestant, Ended, Killed, Place, hand_in_seconds

if TYPE_CHECKING:
    from autograder.submission.hand_in import CodeCell, Reach

SPENT_PROCESSES = 40  # replaced processes that lost their GPU because of an answer; these do not count as restarts
KILLED_RETRIES = 1  # how often a hand-in is tried again after something outside killed its process


class Standins(TypedDict):
    """Neutral versions of symbols: their Python source, and their names."""

    source: str
    names: list[str]


class CellOutcome(TypedDict):
    """The outcome of a cell: its exception, if there was one, what it printed, and notes on what it did not get."""

    error: StudentError | None
    output: str
    notes: list[Message]


@dataclass
class Budget:
    """A hand-in's computing time: CPU and wall seconds that are left or used, and peak memory in KiB."""

    cpu_left: float
    wall_left: float
    cpu_used: float = 0.0
    peak_kb: int = 0

    @property
    def spent(self) -> bool:
        """Whether the time is used up."""
        return self.cpu_left <= 0 or self.wall_left <= 0


class Student:
    """The student's code in a contestant; after a crash in a new one, without the cell that crashed."""

    def __init__(
        self,
        place: Place,
        cells: list[CodeCell],
        symbols: list[str],
        standins: Standins | None = None,
        budget: Budget | None = None,
    ) -> None:
        """`budget`: the hand-in's computing time, where several students share it; a new one by default."""
        self.place, self.cells, self.symbols, self.standins = place, cells, symbols, standins
        self.contestant: Contestant | None = None
        self.budget = budget or Budget(place.limits.cpu_seconds, hand_in_seconds(place.limits))
        self.paused = False  # closed by `close`: the next start is no restart
        self.restarts_left = place.limits.restarts
        self.spent_left = SPENT_PROCESSES
        self.kills = 0
        self.fatal: dict[int, StudentError] = {}  # cells that end the process: they are not run again
        self.outcomes: list[CellOutcome] = []
        self.used: dict[str, Use] = {}  # ready-made attention that ran since `take_used`, by name
        self.used_in_cells: set[Use] = set()  # ready-made attention that ran while cells did

    def load(self) -> list[CellOutcome]:
        """Start a contestant and run the cells; gives their outcomes.

        Raises Ended where the code ends every process that it gets, and Killed where something outside did.
        """
        self._start()
        return self.outcomes

    def _start(self) -> Contestant:
        while True:
            try:
                self.contestant = contestant = Contestant(self.place, self.budget.cpu_left, self.budget.wall_left)
                self.room = (self.place.limits.output_kb << 10) + 100
                self.outcomes = [self._run_cell(contestant, i, cell) for i, cell in enumerate(self.cells)]
                if self.standins:
                    contestant.ask({"op": "standins", **self.standins})
                return contestant
            except Ended as ended:
                if self._forgiven(ended):
                    continue
                if self.restarts_left <= 0 or self.out_of_time:
                    raise
                self.restarts_left -= 1
                label = self.cells[self.current]["label"]
                self.fatal[self.current] = StudentError(ended.kind, (), ended.message, label)

    def _run_cell(self, contestant: Contestant, index: int, cell: CodeCell) -> CellOutcome:
        self.current = index
        if index in self.fatal:
            return {"error": self.fatal[index], "output": "", "notes": []}
        reply, _ = contestant.ask(
            {"op": "cell", "label": cell["label"], "source": cell["source"], "symbols": self.symbols}
        )
        self.used_in_cells.update(uses_from(reply.get("used")))
        error = reply.get("error")
        # The harness keeps to the limit, but an answer may write to the socket itself.
        output = str(reply.get("output", ""))[: self.room]
        self.room -= len(output)
        if self._is_spent(reply):
            raise Ended("crash", student_error(error).message if isinstance(error, dict) else "")
        error = student_error(error) if isinstance(error, dict) else None
        return {"error": error, "output": output, "notes": notes_from(reply.get("notes"))}

    def _is_spent(self, reply: dict[str, Any]) -> bool:
        """Whether the process is of no more use, because an answer has made its GPU fail."""
        return self.place.device == "cuda" and reply.get("spent") is True

    @property
    def out_of_time(self) -> bool:
        """Whether the hand-in has used up its computing time."""
        return self.budget.spent

    def _forgiven(self, ended: Ended) -> bool:
        """Close a contestant that has ended. True if something outside killed it: then its time does not count.

        Raises Killed where that happens too often.
        """
        if ended.kind != "killed":
            self._bury()
            return False
        self._bury(counts=False)
        self.kills += 1
        if self.kills > KILLED_RETRIES:
            raise Killed(ended.message)
        return True

    def _bury(self, counts: bool = True) -> None:
        """Close the contestant and count what it used."""
        if self.contestant is not None:
            report = self.contestant.close()
            if counts:
                self.budget.wall_left = self.contestant.wall_left
                self.budget.cpu_left -= report["cpu"] or 0.0
            self.budget.cpu_used += report["cpu"] or 0.0
            self.budget.peak_kb = max(self.budget.peak_kb, report["rss_kb"] or 0)
            self.contestant = None

    def run(self, program: Program) -> Answer:
        """Run a program with the student's code. If the process ends, that is an error of this program alone.

        Raises Killed where something outside ends the process again and again.
        """
        forgiven = False
        while True:
            try:
                if self.contestant is None:
                    forgiven = forgiven or self.paused
                    self.paused = False
                    if (self.restarts_left <= 0 and not forgiven) or self.out_of_time:
                        return Answer(
                            {},
                            StudentError(
                                "exhausted", (), Message("not run: the hand-in had used up its computing time.")
                            ),
                        )
                    self.restarts_left -= not forgiven
                contestant = self.contestant or self._start()
                header, arrays = contestant.ask({"op": "run", "program": program.header()}, program.arrays)
                self.used = {use.name: use for use in uses_from(header.get("used"))} | self.used
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
        """The answer; where a symbol is missing because its cell stopped, with a message that says so."""
        if answer.error is None or answer.error.kind != "missing":
            return answer
        symbol = program.steps[0].get("symbol", "")
        for cell, outcome in zip(self.cells, self.outcomes, strict=True):
            if outcome["error"] is not None and re.search(rf"\b(def|class)\s+{re.escape(symbol)}\b", cell["source"]):
                message = Message(
                    "`{symbol}` is not defined, because its cell stopped: {error}",
                    symbol=symbol,
                    error=describe_error(outcome["error"]),
                )
                return replace(answer, error=replace(answer.error, message=message))
        return answer

    def take_used(self) -> dict[str, Use]:
        """The ready-made attention that ran since this was called before, by name."""
        used, self.used = self.used, {}
        return used

    def kept(self, reach: Reach) -> dict[str, Use]:
        """The ready-made attention that ran in cells, in lines that a definition can reach, by name."""
        return {
            use.name: use
            for use in sorted(self.used_in_cells, key=lambda use: (use.label or "", use.line or 0), reverse=True)
            if reach["anything"] or any(use.label == c and a <= (use.line or 0) <= z for c, a, z in reach["lines"])
        }

    def close(self) -> None:
        """End the process. A program that is run later starts another one, which does not count as a restart."""
        self.paused = self.paused or self.contestant is not None
        self._bury()
