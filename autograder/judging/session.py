"""A warm judge: a pytest session over one exercise's hidden tests, paused before its run loop, forked for each hand-in.

    python -m autograder.judging.session EXERCISE TRACK SOCKET

The first line on standard input is its configuration as JSON (the seed, the place of the workers, the sources of the
reference and of the mistakes); when standard input is closed, the judge ends. Before it serves, the judge primes
itself: it judges the reference as if it were a student's code. That proves that the tests can be passed, and fills the
memory of reference answers that every forked judge inherits. It imports NumPy and pytest, never a framework, never a
student's code.

A frame on the socket is a `Job`; the reply is a `Judgement` or a `Failure` (see job.py).
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
import sys
import time
from dataclasses import dataclass, replace
from typing import cast

import pytest

from autograder import paths
from autograder.judging.catalogue import catalogue
from autograder.judging.hand_in import HandIn
from autograder.judging.job import Failure, Job, Judgement
from autograder.judging.plugin import Desk, Hooks, JudgeError, Spec
from autograder.judging.reference import Reference
from autograder.judging.rounds import Rounds
from autograder.judging.standins import standins
from autograder.paths import ROOT
from autograder.workers import forkserver, wire
from autograder.workers.client import Killed, Place, ReferenceLine, WorkerFailure, hand_in_seconds
from course.syllabus import Exercise, Limits, syllabus

JUDGE_MB = 3072  # private memory of a judge, with what it has remembered of the reference


@dataclass(frozen=True)
class Configuration:
    """What a judge is started with: the run's seed, the workers' place, and sources by name (see `Reference.teach`).

    `void` names the tests that count nothing in this course.
    """

    seed: int
    place: Place
    sources: dict[str, str]
    void: tuple[str, ...] = ()

    @classmethod
    def read(cls, line: str) -> Configuration:
        """The configuration from its line of JSON."""
        raw = json.loads(line)
        place = raw["place"]
        place = Place(**{**place, "limits": Limits(**place["limits"]), "without": tuple(place["without"])})
        return cls(raw["seed"], place, raw["sources"], tuple(raw.get("void", ())))


class Session:
    """The judge of one exercise in one track."""

    def __init__(self, exercise: Exercise, track: str, path: str, configuration: Configuration) -> None:
        self.exercise, self.track = exercise, track
        self.server = forkserver.listen(path)
        self.place = configuration.place
        self.line = ReferenceLine(configuration.place.reference)
        known = [mistake for mistake in catalogue(exercise.id) if track in mistake.changes]
        self.mistakes = {part.id: [m for m in known if m.part == part.id] for part in exercise.parts}
        self.reference = Reference(self.line, exercise.module, {m.id: m.changes[track] for m in known})
        self.sources = configuration.sources
        self.void = configuration.void
        self.desk = Desk(configuration.seed, track, self.reference)
        self.failure: str | None = None

    def run(self) -> int:
        """Collect the hidden tests and serve until the socket is closed. Returns pytest's exit status."""
        return _collected(self.exercise, Hooks(self.desk, [part.id for part in self.exercise.parts], self.serve))

    # -- the run loop ------------------------------------------------------------------------------------------------

    def serve(self, items: list[pytest.Function], specs: dict[str, Spec]) -> None:
        """Prime the judge, then fork one for each hand-in."""
        # A void test is not run at all, not even with the reference: it may be the reason why the judge does not work.
        counted = [item for item in items if item.name not in self.void]
        self.voided = [replace(spec, share=0.0) for name, spec in specs.items() if name in self.void]
        kept = {name: spec for name, spec in specs.items() if name not in self.void}
        self.rounds = Rounds(self.desk, self.reference, counted, kept)
        try:
            self.reference.teach(self.sources)
            self.prime()
            standins(self.exercise, self.track)  # read once: forked judges inherit them
        except (JudgeError, WorkerFailure) as error:
            self.failure = f"the judge of {self.exercise.id} ({self.track}) does not work here: {error}"
        self.line.close()  # each forked judge has a line of its own
        gc.collect()
        gc.freeze()
        forkserver.serve(self.server, self.handle)

    def prime(self) -> None:
        """Judge the reference as if it were a student's code; its answers are remembered.

        Raises JudgeError where it does not pass every test.
        """
        verdicts = self.rounds.plain(self.rounds.items, self.reference)
        wrong = [f"{v.spec.name}: {v.message or v.outcome}" for v in verdicts.values() if v.outcome != "passed"]
        if wrong or not verdicts:
            raise JudgeError(f"the reference does not pass its own tests ({'; '.join(wrong[:3]) or 'there are none'})")

    def handle(self, connection: socket.socket) -> None:
        """Judge the hand-in of one job, in a forked judge, and send the reply."""
        self.limit_itself()
        header, _ = wire.receive(connection, caps=wire.Caps(header=64 << 20))
        job = cast(Job, header)  # from the grader, which is trusted
        started = time.perf_counter()
        result: Judgement | Failure
        try:
            if self.failure:
                result = {"failure": self.failure, "broken": True}
            else:
                hand_in = HandIn(
                    job, self.exercise, self.track, self.place, self.rounds, self.reference, self.mistakes, self.voided
                )
                result = {**hand_in.judge(), "seconds": round(time.perf_counter() - started, 4)}
        except (JudgeError, WorkerFailure) as error:
            result = {"failure": str(error), "killed": isinstance(error, Killed)}
        except MemoryError:
            result = {"failure": "the judge would have needed more memory than it may use", "alone": True}
        wire.send(connection, dict(result))

    def limit_itself(self) -> None:
        """Limit the time and memory of this forked judge, so that no answer can make it use up the machine.

        The limits are far above what judging takes. At a limit this judge ends, and only this hand-in is not graded.
        """
        seconds = self.place.limits.cpu_seconds
        resource.setrlimit(resource.RLIMIT_CPU, (int(2 * seconds) + 60,) * 2)
        signal.alarm(int(3 * hand_in_seconds(self.place.limits)) + 240)  # wall time: it waits for workers
        memory = (JUDGE_MB + 4 * self.place.limits.reply_mb) << 20
        resource.setrlimit(resource.RLIMIT_DATA, (memory,) * 2)


def collect(exercise: Exercise, track: str) -> list[Spec]:
    """The specs of the hidden tests of an exercise in a track, part by part; nothing is run.

    Raises JudgeError where they cannot be read.
    """
    found: list[Spec] = []

    def take(items: list[pytest.Function], specs: dict[str, Spec]) -> None:
        found.extend(specs[item.name] for item in items)

    nobody = cast(Reference, None)  # nothing is run
    hooks = Hooks(Desk(0, track, nobody), [part.id for part in exercise.parts], take)
    _collected(exercise, hooks)
    if not found:
        raise JudgeError(f"the hidden tests of {exercise.id} cannot be read: {hooks.broken or 'there are none'}")
    return found


def _collected(exercise: Exercise, hooks: Hooks) -> int:
    """Run pytest on an exercise's hidden tests, with no configuration of its own; `hooks` has the run loop."""
    file = paths.hidden_tests(ROOT, exercise)
    without = [f"no:{name}" for name in ("terminal", "cacheprovider", "logging", "warnings", "faulthandler")]
    options = ["-s", *(option for name in without for option in ("-p", name)), "-c", os.devnull]
    options += ["--rootdir", str(file.parents[1]), "--noconftest", "--import-mode=importlib"]
    return pytest.main([*options, str(file)], plugins=[hooks, MarkName()])


class MarkName:
    """Registers the mark `part`, since hidden tests are run without any configuration file."""

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the mark; pytest calls this."""
        config.addinivalue_line("markers", "part(id, share, needs, tracks): the part that a hidden test belongs to")


def main(exercise_id: str, track: str, path: str) -> int:
    """Run the judge of an exercise and a track at a socket's path; 1 where no configuration came."""
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(0, 1 << 20)
        if not chunk:
            return 1
        line += chunk
    return Session(syllabus().exercise(exercise_id), track, path, Configuration.read(line.decode())).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
