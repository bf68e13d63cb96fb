"""The student's side of a test: the hand-in's code in contestants, which are started again when they end."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from autograder.judging.program import Answer, Program, StudentError
from autograder.judging.replies import Use, answer_from, describe_error, student_error, uses_from
from autograder.messages import Message
from autograder.workers.client import Contestant, Ended, Killed, Place, hand_in_seconds

SPENT_PROCESSES = 40  # that lost their GPU to an answer, and are replaced as if nothing had been
KILLED_RETRIES = 1  # a hand-in whose process somebody else killed gets as many more goes


@dataclass
class Budget:
    """What is left of a hand-in's computing time, and what it has used: CPU and wall seconds, peak memory in KiB."""

    cpu_left: float
    wall_left: float
    cpu_used: float = 0.0
    peak_kb: int = 0

    @property
    def spent(self) -> bool:
        """Whether nothing of it may run any more."""
        return self.cpu_left <= 0 or self.wall_left <= 0


class Student:
    """The student's code in contestants: cells run once, and again after a crash, without the one that caused it."""

    def __init__(
        self,
        place: Place,
        cells: list[dict],
        symbols: list[str],
        standins: dict | None = None,
        budget: Budget | None = None,
    ) -> None:
        """`budget`: the hand-in's computing time, where more than one of these runs its code."""
        self.place, self.cells, self.symbols, self.standins = place, cells, symbols, standins
        self.contestant: Contestant | None = None
        self.budget = budget or Budget(place.limits.cpu_seconds, hand_in_seconds(place.limits))
        self.paused = False  # closed by us: the next start is no restart
        self.restarts_left = place.limits.restarts
        self.spent_left = SPENT_PROCESSES
        self.kills = 0
        self.fatal: dict[int, StudentError] = {}  # cells that end the process: they are not run again
        self.outcomes: list[dict] = []
        self.used: dict[str, Use] = {}  # ready-made attention seen at work since `take_used`, by name

    def load(self) -> list[dict]:
        """Run the cells; an outcome each: {"error": StudentError | None, "output": str}."""
        while True:
            try:
                self.contestant = Contestant(self.place, self.budget.cpu_left, self.budget.wall_left)
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
        return self.budget.spent

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
                self.budget.wall_left = self.contestant.wall_left
                self.budget.cpu_left -= report["cpu"] or 0.0
            self.budget.cpu_used += report["cpu"] or 0.0
            self.budget.peak_kb = max(self.budget.peak_kb, report["rss_kb"] or 0)
            self.contestant = None

    def run(self, program: Program) -> Answer:
        """Put a program to the answer. Whatever happens to the process is an error of that program alone."""
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
                    error=describe_error(outcome["error"]),
                )
                return replace(answer, error=replace(answer.error, message=message))
        return answer

    def take_used(self) -> dict[str, Use]:
        used, self.used = self.used, {}
        return used

    def close(self) -> None:
        """End the process; a program that is put later starts another one, which is not counted as a restart."""
        self.paused = self.paused or self.contestant is not None
        self._bury()
