"""A warm judge: a pytest session over one exercise's hidden tests, paused before its run loop, forked for each hand-in.

    python -m autograder.judging.session EXERCISE TRACK SOCKET

The first line on standard input is its configuration as JSON (the seed, the place of the workers, the sources of the
reference and of the mistakes); then standard input is its lifeline. Before it serves, the judge primes itself: it
judges the reference as if it were a student, which proves that the tests can be passed and fills the memory of
reference answers that every forked judge inherits. It imports NumPy and pytest, never a framework, never a student's
code.

A job is a frame {"cells": [...], "mentions": {...}, "ready_made": {...}}; the reply is
{"cells": [...], "parts": [...]} or {"failure": "..."}.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import resource
import signal
import socket
import sys
import time
from dataclasses import dataclass

import pytest

from autograder import paths
from autograder.judging import diagnosis
from autograder.judging.catalogue import catalogue
from autograder.judging.players import Student, Trusted, Use, tell
from autograder.judging.plugin import Desk, Hooks, JudgeError, Spec, Verdict
from autograder.messages import Message, cell_name, sentence, table
from autograder.paths import ROOT
from autograder.workers import forkserver, wire
from autograder.workers.client import Ended, Killed, Place, ReferenceLine, WorkerFailure, hand_in_seconds
from course.syllabus import Exercise, Limits, Part, syllabus

JUDGE_MB = 3072  # private memory of a judge, with what it has remembered of the reference


@dataclass(frozen=True)
class Configuration:
    seed: int
    place: Place
    sources: dict[str, str]

    @classmethod
    def read(cls, line: str) -> Configuration:
        raw = json.loads(line)
        place = raw["place"]
        place = Place(**{**place, "limits": Limits(**place["limits"]), "without": tuple(place["without"])})
        return cls(raw["seed"], place, raw["sources"])


class Session:
    """The judge of one exercise in one track."""

    def __init__(self, exercise: Exercise, track: str, path: str, configuration: Configuration) -> None:
        self.exercise, self.track = exercise, track
        self.server = forkserver.listen(path)
        self.place = configuration.place
        self.line = ReferenceLine(configuration.place.reference)
        self.trusted = Trusted(self.line, exercise.module)
        self.sources = configuration.sources
        self.desk = Desk(configuration.seed, track, self.trusted)
        self.symbols = sorted({part.symbol for part in exercise.parts})
        self.mistakes = {
            p.id: [m for m in catalogue(exercise.id) if m.part == p.id and track in m.changes] for p in exercise.parts
        }
        self.failure: str | None = None

    def run(self) -> int:
        hooks = Hooks(self.desk, [part.id for part in self.exercise.parts], self.serve)
        file = paths.hidden_tests(ROOT, self.exercise)
        options = [
            "-s",
            "-p",
            "no:terminal",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:logging",
            "-p",
            "no:warnings",
            "-p",
            "no:faulthandler",
            "-c",
            os.devnull,
            "--rootdir",
            str(file.parents[1]),
            "--noconftest",
            "--import-mode=importlib",
        ]
        return pytest.main([*options, str(file)], plugins=[hooks, MarkName()])

    # -- the run loop ------------------------------------------------------------------------------------------------

    def serve(self, session: pytest.Session, specs: dict[str, Spec]) -> None:
        self.items, self.specs = session.items, specs
        try:
            self.trusted.teach(self.sources)
            self.prime()
        except (JudgeError, WorkerFailure) as error:
            self.failure = f"the judge of {self.exercise.id} ({self.track}) does not work here: {error}"
        self.line.close()  # each forked judge has a line of its own
        gc.collect()
        gc.freeze()
        forkserver.serve(self.server, self.handle)

    def prime(self) -> None:
        """Judge the reference as a student: it must pass everything, and its answers are remembered."""
        self.desk.player = self.trusted
        verdicts = self.judge_items(self.items)
        wrong = [f"{v.spec.name}: {v.message or v.outcome}" for v in verdicts.values() if v.outcome != "passed"]
        if wrong or not verdicts:
            raise JudgeError(f"the reference does not pass its own tests ({'; '.join(wrong[:3]) or 'there are none'})")

    def handle(self, connection: socket.socket) -> None:
        self.limit_itself()
        job, _ = wire.receive(connection, caps=wire.Caps(header=64 << 20))
        started = time.perf_counter()
        try:
            if self.failure:
                result = {"failure": self.failure, "broken": True}
            else:
                result = self.judge(job)
                result["seconds"] = round(time.perf_counter() - started, 4)
        except (JudgeError, WorkerFailure) as error:
            result = {"failure": str(error), "killed": isinstance(error, Killed)}
        except MemoryError:
            result = {"failure": "the judge would have needed more memory than it may use", "alone": True}
        wire.send(connection, result)

    def limit_itself(self) -> None:
        """Bound the time and memory of this forked judge, so that no answer can have it take the machine's.

        These are far above what judging takes. Where one is met, this judge ends, and with it this hand-in alone.
        """
        seconds = self.place.limits.cpu_seconds
        resource.setrlimit(resource.RLIMIT_CPU, (int(2 * seconds) + 60,) * 2)
        signal.alarm(int(3 * hand_in_seconds(self.place.limits)) + 240)  # on the clock: it waits for others
        memory = (JUDGE_MB + 4 * self.place.limits.reply_mb) << 20
        resource.setrlimit(resource.RLIMIT_DATA, (memory,) * 2)

    # -- one submission ----------------------------------------------------------------------------------------------

    def judge(self, job: dict) -> dict:
        student = Student(self.place, job["cells"], self.symbols)
        try:
            outcomes = student.load()
        except Ended as ended:
            return self.without_verdicts(Message("None of it could be run: {ended}", ended=ended.message))
        self.desk.player = student
        used: dict[str, dict[str, Use]] = {}
        verdicts: dict[str, Verdict] = {}
        for part in self.exercise.parts:
            student.take_used()
            verdicts |= self.judge_items([i for i in self.items if self.specs[i.name].part == part.id])
            used[part.id] = student.take_used()
        student.close()
        self.judge_with_standins(job, verdicts, used, student)
        read = job.get("ready_made", {})
        parts = [self.part_result(part, verdicts, used[part.id], read.get(part.symbol)) for part in self.exercise.parts]
        errors = [tell(outcome["error"]) if outcome["error"] is not None else None for outcome in outcomes]
        cells = [
            {
                **{k: cell.get(k) for k in ("grade_id", "label", "index")},
                "output": outcome["output"],
                "error": sentence(error),
            }
            for cell, outcome, error in zip(job["cells"], outcomes, errors, strict=True)
        ]
        return {
            "cells": cells,
            "words": table(*errors),
            "parts": parts,
            "cpu_seconds": round(student.cpu_used, 3),
            "peak_mb": student.peak_kb >> 10,
        }

    def judge_items(self, items: list[pytest.Item]) -> dict[str, Verdict]:
        """Run items in order; one whose needs have not all passed is not run."""
        verdicts: dict[str, Verdict] = {}
        out_of_time = False
        for item in items:
            spec = self.specs[item.name]
            if out_of_time:
                verdicts[spec.name] = Verdict(
                    spec, "not_run", Message("Not checked: an earlier check of this part ran out of time.")
                )
                continue
            unmet = [v.spec for v in verdicts.values() if v.spec.function in spec.needs and v.outcome != "passed"]
            if unmet:
                verdicts[spec.name] = Verdict(
                    spec,
                    "not_run",
                    Message("Not checked yet: it builds on “{title}”.", title=unmet[0].base.rstrip(".")),
                )
            else:
                verdicts[spec.name] = verdict = self.desk.judge(item, spec)
                # One endless loop costs the class one call's limit a part, not one a test.
                out_of_time = any(
                    a.error is not None and a.error.kind in ("timeout", "exhausted") for _, a in verdict.log
                )
        return verdicts

    def judge_with_standins(
        self, job: dict, verdicts: dict[str, Verdict], used: dict[str, dict[str, Use]], first: Student
    ) -> None:
        """Parts are independent: an answer that uses another part's wrong symbol gets a go with a neutral one."""
        broken = {
            part.symbol: part.id
            for part in self.exercise.parts
            if any(v.outcome != "passed" for v in verdicts.values() if v.spec.part == part.id)
        }
        standins = _standins(self.exercise, self.track)
        for part in self.exercise.parts:
            own = [v for v in verdicts.values() if v.spec.part == part.id]
            names = [
                s
                for s in broken
                if s != part.symbol and s in standins and s in job.get("mentions", {}).get(part.symbol, [])
            ]
            if not names or all(v.outcome == "passed" for v in own) or first.out_of_time:
                continue
            source = "\n\n".join([standins[""], *(standins[name] for name in names)])
            student = Student(self.place, job["cells"], self.symbols, {"source": source, "names": names}, first)
            try:
                student.load()
            except Ended:
                first.cpu_left, first.wall_left = student.cpu_left, student.wall_left
                continue
            self.desk.player = student
            again = self.judge_items([i for i in self.items if self.specs[i.name].part == part.id])
            student.close()
            first.cpu_left, first.wall_left = student.cpu_left, student.wall_left
            used[part.id] = student.take_used() | used[part.id]
            if sum(v.outcome == "passed" for v in again.values()) > sum(v.outcome == "passed" for v in own):
                verdicts.update(again)

    def part_result(
        self, part: Part, verdicts: dict[str, Verdict], used: dict[str, Use], read: list[dict] | None = None
    ) -> dict:
        """`used`: the ready-made attention that was seen at work; `read`: where the answer's text names it."""
        own = [v for v in verdicts.values() if v.spec.part == part.id]
        uses = used | {use["name"]: Use(**use) for use in reversed(read or [])}  # what was read is the more exact
        rules = {name: self.exercise.rule(part, name, syllabus().ready_made_layers) for name in uses}
        forbidden = [name for name in [*(use["name"] for use in read or []), *sorted(uses)] if rules[name] == "forbid"]
        if forbidden:
            use = uses[forbidden[0]]
            place = (cell_name(use.label), use.line) if use.label else ()
            for verdict in own:
                verdict.outcome, verdict.picture = "failed", None
                verdict.message = _at_work(use.name, *place)
            named = None
        else:
            named = diagnosis.diagnose(own, [m.id for m in self.mistakes[part.id]], self.trusted)
        total = sum(v.spec.share for v in own)
        earned = sum(v.spec.share for v in own if v.outcome == "passed")
        entry = next((m for m in self.mistakes[part.id] if m.id == named), None)
        return {
            "id": part.id, "symbol": part.symbol, "title": part.title,
            "score": round(part.points * earned / total, 2), "max_score": float(part.points),
            "misconception": {"id": entry.id, "title": entry.title, "hint": entry.hint} if entry else None,
            "ready_made": any(rule != "allow" for rule in rules.values()),
            "raised": any(v.raised for v in own),
            "words": table(*(v.message for v in own)),
            "tests": [
                {"name": v.spec.name, "title": v.spec.title, "outcome": v.outcome, "message": sentence(v.message),
                 "misconception": v.misconception, "share": v.spec.share, "picture": v.picture}
                for v in own
            ],
        }  # fmt: skip

    def without_verdicts(self, message: str) -> dict:
        """The result of a hand-in that could not even be loaded: every test failed, with the reason."""
        verdicts = {s.name: Verdict(s, "failed", message) for s in self.specs.values()}
        return {"cells": [], "parts": [self.part_result(part, verdicts, {}) for part in self.exercise.parts]}


def _at_work(name: str, cell: str | None = None, line: int | None = None) -> Message:
    """That a ready-made attention does the work, and where the answer's text names it, if it does."""
    if cell is None:
        return Message(
            "The framework's own {name} is at work here; this exercise asks you to write it yourself.", name=name
        )
    return Message(
        "The framework's own {name} ({cell}, line {line}) is at work here; this exercise asks you to write it "
        "yourself.",
        name=name,
        cell=cell,
        line=line,
    )


class MarkName:
    """Registers the mark `part`, since hidden tests are run without any configuration file."""

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "part(id, share, needs, tracks): the part that a hidden test belongs to")


def _standins(exercise: Exercise, track: str) -> dict[str, str]:
    """The stand-ins of an exercise by name; the imports under the empty name. Where there are none, none."""
    path, table = paths.standins(ROOT, exercise, track), {"": ""}
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    for node in ast.parse(source).body:
        text = ast.get_source_segment(source, node)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            table[node.name] = text
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            table[""] += text + "\n"
    return table


def main(exercise_id: str, track: str, path: str) -> int:
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(0, 1 << 20)
        if not chunk:
            return 1
        line += chunk
    return Session(syllabus().exercise(exercise_id), track, path, Configuration.read(line.decode())).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
