"""The processes that a run needs: a zygote and a reference for each workshop, a warm judge for each assignment.

Each is started once, by the thread that asks for it first, and other threads wait for that process only. No lock is
held while a process starts, so a hand-in whose judge is warm never waits for another exercise's workers.
"""

from __future__ import annotations

import importlib.util
import json
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from autograder.errors import GradingError, how_to_install
from autograder.grading import references
from autograder.grading.processes import START_SECONDS, NotStarted, ServerProcess
from autograder.settings.types import Rules
from autograder.workers import wire
from autograder.workers.client import Contestant, Ended, Place, WorkerFailure
from course import models
from course.syllabus import Assignment, Limits, syllabus

Workshop = tuple[str, tuple[str, ...]]  # a track, and what the answers of an exercise import besides its framework
T = TypeVar("T", ServerProcess, socket.socket)


class _StartedOnce(Generic[T]):
    """Objects by name. Each is made once, when it is first asked for, and closed when it is dropped."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._futures: dict[str, Future[T]] = {}

    def get(self, name: str, make: Callable[[], T]) -> T:
        """The object of this name; the first caller makes it, others wait. Raises what `make` raises, in all callers.

        If that fails, the next caller tries again.
        """
        with self._lock:
            future = self._futures.get(name)
            mine = future is None
            if future is None:
                future = self._futures[name] = Future()
        if not mine:
            return future.result()
        try:
            made = make()
        except BaseException as error:
            with self._lock:
                if self._futures.get(name) is future:
                    del self._futures[name]
            future.set_exception(error)
            raise
        with self._lock:
            kept = self._futures.get(name) is future
            if kept:
                future.set_result(made)
        if not kept:  # dropped while it started
            made.close()
            replaced = NotStarted(f"{name} was replaced while it started")
            future.set_exception(replaced)
            raise replaced
        return made

    def started(self) -> dict[str, T]:
        """The objects that have been made."""
        with self._lock:
            futures = self._futures.items()
            return {name: future.result() for name, future in futures if future.done() and not future.exception()}

    def take_out(self, wanted: Callable[[str], bool] = lambda name: True) -> list[T]:
        """Forget the objects whose names are wanted; returns those that have been made, for the caller to close."""
        with self._lock:
            out = {name: thing for name, thing in self.started().items() if wanted(name)}
            for name in [name for name in self._futures if wanted(name)]:
                del self._futures[name]
            return list(out.values())


class WorkerPool:
    """Starts the processes of one run in its private `folder`, and closes them.

    `rules_of` gives the rules of an assignment, its seed among them; `limits` replaces the syllabus's and theirs;
    `without` names the walls that are left out; `checkpoint` is as the Grader has it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rules_of: Callable[[Assignment], Rules],
        device: str,
        without: tuple[str, ...],
        limits: Limits | None,
        checkpoint: str,
    ) -> None:
        self.folder, self.rules_of, self.device = folder, rules_of, device
        self.without, self.limits, self.checkpoint = without, limits, checkpoint
        self._lock = threading.RLock()
        self._zygotes: _StartedOnce[ServerProcess] = _StartedOnce(self._lock)
        self._references: _StartedOnce[socket.socket] = _StartedOnce(self._lock)  # each ends when its line is closed
        self._judges: _StartedOnce[ServerProcess] = _StartedOnce(self._lock)
        self.generations: Counter[Workshop] = Counter()  # how often the workers of a workshop were replaced

    @property
    def zygotes(self) -> dict[str, ServerProcess]:
        """The zygotes that have been started, by workshop."""
        return self._zygotes.started()

    @property
    def judges(self) -> dict[str, ServerProcess]:
        """The judges that have been started, by assignment."""
        return self._judges.started()

    def start_zygote(self, track: str, packages: tuple[str, ...] = ()) -> ServerProcess:
        """The zygote of a track, with what the exercise's answers import besides. It may still be importing them.

        Raises GradingError where something that it imports is not installed, or the checkpoint cannot be had.
        """
        name = name_of((track, packages))

        def make() -> ServerProcess:
            for package in (syllabus().track(track).framework, *packages):
                if importlib.util.find_spec(package) is None:
                    raise GradingError(
                        f"{package} is not installed here, so this exercise cannot be graded. {how_to_install(package)}"
                    )
            folder = Path(tempfile.mkdtemp(prefix=f"{track}-", dir=self.folder))
            checkpoint = str(self._checkpoint_folder()) if packages else ""
            arguments = ["-m", "autograder.workers.zygote", track, str(folder), self.device, checkpoint, *packages]
            return ServerProcess(arguments, folder / "zygote.sock", self.folder / f"{name}.log")

        return self._zygotes.get(name, make)

    def start_reference(self, track: str, packages: tuple[str, ...] = ()) -> Path:
        """The socket of the reference beside a zygote, which serves from now on. Raises GradingError."""
        zygote = self.start_zygote(track, packages)
        path = zygote.path.with_name("reference.sock")

        def make() -> socket.socket:
            line = zygote.connect()
            line.settimeout(START_SECONDS)
            try:
                wire.send(line, {"fork": "reference", "path": str(path)})
                wire.receive(line)
            except (wire.WireError, OSError):
                line.close()
                raise NotStarted(f"the {track} workers did not start: {zygote.explain_end()}") from None
            return line

        self._references.get(name_of((track, packages)), make)
        return path

    def start_judge(self, assignment: Assignment) -> ServerProcess:
        """The warm judge of an assignment. Raises GradingError, or CatalogueError where the catalogue does not fit."""

        def make() -> ServerProcess:
            zygote = self.start_zygote(*workshop_of(assignment))
            path = Path(tempfile.mkdtemp(prefix="judge-", dir=self.folder)) / "judge.sock"
            arguments = ["-m", "autograder.judging.session", assignment.exercise.id, assignment.track.id, str(path)]
            judge = ServerProcess(arguments, path, self.folder / f"{assignment.id}.log")
            try:
                # The judge imports pytest while the zygote imports its framework; then it gets its configuration.
                reference = self.start_reference(*workshop_of(assignment))
                limits = self.limits_of(assignment)
                place = Place(str(zygote.path), str(reference), limits, self.device, self.without)
                sources = references.sources_of(assignment)
                rules = self.rules_of(assignment)
                configuration = {"seed": rules.seed, "place": asdict(place), "sources": sources, "void": rules.void}
                judge.send_line(json.dumps(configuration))
            except BaseException:
                judge.close()
                raise
            return judge

        return self._judges.get(assignment.id, make)

    def limits_of(self, assignment: Assignment) -> Limits:
        """The limits of an assignment's contestants."""
        if self.limits:
            return self.limits
        changed: dict[str, Any] = dict(self.rules_of(assignment).limits)
        return replace(syllabus().limits_of(assignment.exercise), **changed)

    def trouble(self, track: str) -> str | None:
        """Why no contestant starts on this device and behind these walls, in a sentence; None where one does."""
        limits = self.limits or syllabus().limits
        try:
            zygote = self.start_zygote(track)
            zygote.connect().close()
            Contestant(Place(str(zygote.path), "", limits, self.device, self.without), limits.cpu_seconds).close()
        except (GradingError, WorkerFailure, Ended) as error:
            return str(error)
        return None

    def restart(self, workshop: Workshop, generation: int) -> None:
        """Replace the workers of a workshop and its judges, unless another thread has just done so."""
        name = name_of(workshop)
        with self._lock:  # all at once, so that no judge of the old workers gets a request from the new generation
            if generation != self.generations[workshop]:
                return
            self.generations[workshop] += 1
            old: list[ServerProcess | socket.socket] = [
                *self._judges.take_out(lambda judge: workshop_of(syllabus().assignment(judge)) == workshop),
                *self._references.take_out(lambda key: key == name),
                *self._zygotes.take_out(lambda key: key == name),
            ]
        for thing in old:
            thing.close()

    def close(self) -> None:
        """End all processes."""
        for line in self._references.take_out():
            line.close()
        for process in (*self._judges.take_out(), *self._zygotes.take_out()):
            process.close()

    def _checkpoint_folder(self) -> Path:
        try:
            return Path(models.checkpoint(self.checkpoint)).resolve()
        except models.CheckpointError as error:
            raise GradingError(str(error)) from None


def workshop_of(assignment: Assignment) -> Workshop:
    """The workshop of an assignment: its track, and the packages that its answers import besides the framework."""
    return assignment.track.id, tuple(assignment.exercise.packages.get(assignment.track.id, ()))


def name_of(workshop: Workshop) -> str:
    """The name under which a workshop's zygote is kept."""
    track, packages = workshop
    return "-".join([track, *packages])
