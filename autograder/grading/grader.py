"""From submissions to results: starts the workers and judges that a run needs, once, and grades in parallel.

    with Grader(jobs=2, seed=7) as grader:
        results = grader.grade(submissions)

A run has a private folder with a zygote and a reference for each track, and a warm judge for each assignment, started
when they are first needed. Every process that is started holds a pipe whose other end is here: when the grader goes,
however it goes, they go.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autograder import paths
from autograder.grading import gpu
from autograder.grading import result as results
from autograder.grading.run_folder import RunFolder
from autograder.judging.catalogue import CatalogueError, catalogue
from autograder.messages import Message
from autograder.paths import ROOT
from autograder.submission.intake import Submission
from autograder.workers import forkserver, wire
from autograder.workers.client import Contestant, Ended, Place, WorkerFailure
from course import models
from course.syllabus import Assignment, Limits, syllabus

START_SECONDS = 180.0
Workshop = tuple[str, tuple[str, ...]]  # a track, and what the answers of an exercise import besides its framework
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "PYTHONPATH", "VIRTUAL_ENV")

# glibc gives what is freed at the end of its heap back to the kernel, and asks for it again at the next step of a
# training, page by page: a fourteenth of a fine-tuning's time. Where the C library is another, these mean nothing.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(256 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}


class GradingError(RuntimeError):
    """The run cannot start or go on; says what to do about it."""


class JudgeEnded(GradingError):
    """The judge of one hand-in ended before its verdict; the judge that it was forked from goes on."""


class NotStarted(GradingError):
    """Workers that do not start, for lack of memory for example."""


class Places:
    """Hand-ins are graded beside one another, or one of them alone: all that the machine has is its own then."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.inside, self.taken = 0, False

    @contextlib.contextmanager
    def beside_others(self) -> Iterator[None]:
        with self.changed:
            self.changed.wait_for(lambda: not self.taken)
            self.inside += 1
        try:
            yield
        finally:
            with self.changed:
                self.inside -= 1
                self.changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        with self.changed:
            self.changed.wait_for(lambda: not self.taken)
            self.taken = True
            self.changed.wait_for(lambda: self.inside == 0)
        try:
            yield
        finally:
            with self.changed:
                self.taken = False
                self.changed.notify_all()


class Service:
    """A process of ours that serves a Unix socket and ends with its standard input."""

    def __init__(self, arguments: list[str], path: Path, log: Path) -> None:
        self.path, self.log = path, log
        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        environment |= {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONHASHSEED": "0",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            **KEEP_MEMORY,
            "MPLCONFIGDIR": str(path.parent),
        }
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.PIPE,
                stdout=stderr,
                stderr=stderr,
                env=environment,
                cwd=path.parent,
                start_new_session=True,
            )

    def tell(self, line: str) -> None:
        """Write a line to the service's standard input."""
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise NotStarted(f"{self.path.stem} ended while starting: {self.fate()}") from None

    def connect(self) -> socket.socket:
        """A connection, once the service listens."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return forkserver.connect(str(self.path))
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None:
                    raise NotStarted(f"{self.path.stem} ended while starting: {self.fate()}") from None
                if time.monotonic() > deadline:
                    raise NotStarted(
                        f"{self.path.stem} did not start within {START_SECONDS:.0f} s:\n{self.tail()}"
                    ) from None
                time.sleep(0.02)

    def fate(self) -> str:
        """What is known of a process that has ended, or is about to: who ended it, or what it said last."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # the operating system's word comes a moment later
            self.process.wait(0.5)
        if self.process.returncode == -signal.SIGKILL:
            return "it was killed from outside, perhaps because the machine ran out of memory."
        return self.tail().strip() or "it said nothing. Did the machine run out of memory?"

    def tail(self, size: int = 2000) -> str:
        try:
            return self.log.read_text(errors="replace")[-size:]
        except OSError:
            return ""

    def close(self) -> None:
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Grader:
    """Grades submissions with one seed, on one device, behind one kind of wall.

    `isolation` is "full", or "none" to run without walls; `without` leaves single walls out (for their tests).
    `limits` replaces the syllabus's for all exercises. `checkpoint` is the pre-trained BERT of the exercises that need
    one, as `course.models.checkpoint` takes it: a folder, a name on the hub, or our own "bert-mini".
    """

    def __init__(
        self,
        *,
        jobs: int = 0,
        seed: int | None = None,
        device: str = "cpu",
        isolation: str = "full",
        source_root: Path | None = None,
        limits: Limits | None = None,
        without: tuple[str, ...] = (),
        checkpoint: str = "bert-mini",
    ) -> None:
        self.jobs = jobs or os.cpu_count() or 1
        if device == "cuda":
            self.jobs = min(self.jobs, gpu.places((limits or syllabus().limits).gpu_memory_mb) or self.jobs)
        self.seed = secrets.randbits(48) if seed is None else seed
        self.device, self.isolation = device, isolation
        self.source_root = source_root or ROOT / "source"
        self.limits = limits
        self.checkpoint = checkpoint
        self.without = ("files", "network", "processes", "namespaces") if isolation == "none" else without
        self.lock = threading.RLock()
        self.places = Places()
        self.zygotes: dict[str, Service] = {}
        self.lifelines: dict[str, socket.socket] = {}
        self.judges: dict[str, Service] = {}
        self.generations: Counter[Workshop] = Counter()  # how often the workers of a workshop were replaced
        self.first: Counter[Workshop] = Counter()  # the same when the stream began
        self.broken: dict[str, str] = {}  # assignments whose judge does not work here, and why
        self.folder: Path | None = None

    def __enter__(self) -> Grader:
        self.run_folder = RunFolder()
        self.folder = self.run_folder.path
        return self

    def __exit__(self, *_: Any) -> None:
        with self.lock:
            for line in self.lifelines.values():
                line.close()
            for service in (*self.judges.values(), *self.zygotes.values()):
                service.close()
            self.judges, self.zygotes, self.lifelines = {}, {}, {}
            self.run_folder.close()

    # -- grading -----------------------------------------------------------------------------------------------------

    def grade(self, submissions: Iterable[Submission], progress: Callable[[dict], None] | None = None) -> list[dict]:
        """Results in the order of the submissions; `progress` is called with each as it is finished."""
        submissions = list(submissions)
        finished: list[dict | None] = [None] * len(submissions)
        for i, result in self.stream(submissions):
            finished[i] = result
            if progress:
                progress(result)
        return finished

    def stream(self, submissions: list[Submission]) -> Iterator[tuple[int, dict]]:
        """(position, result) as they are finished."""
        with ThreadPoolExecutor(self.jobs) as pool:
            self.warm_up(pool, submissions)
            waiting = {pool.submit(self.grade_one, s): i for i, s in enumerate(submissions)}
            try:
                for future in as_completed(waiting):
                    yield waiting[future], future.result()
            finally:  # who interrupts a run waits for those that are being graded, not for the whole class
                pool.shutdown(wait=False, cancel_futures=True)

    def warm_up(self, pool: ThreadPoolExecutor, submissions: list[Submission]) -> None:
        """Start what the run needs before the first hand-in waits for it."""
        self.broken.clear()
        self.first = self.generations.copy()
        assignments = list(
            {s.assignment.id: s.assignment for s in submissions if s.assignment and not s.problem}.values()
        )
        assignments = [a for a in assignments if not a.exercise.by_hand]
        for assignment in assignments:
            with contextlib.suppress(GradingError):  # said with each hand-in that needs what cannot be had
                self.start_zygote(*workshop_of(assignment))  # they import their frameworks side by side
        for assignment in assignments:
            pool.submit(self.start_judge, assignment)

    def grade_one(self, submission: Submission) -> dict:
        """One submission's result; a failure of ours is tried once more with fresh workers, then is "not graded".

        It is no failure of this one that another's replaced the workers under it: then it is tried again, as it was.
        Workers that do not start afresh either, or a judge that does not work with fresh ones, are not asked again in
        the same `stream`. A hand-in whose contestants were killed, as the kernel does where memory runs out, has the
        machine for itself the next time.
        """
        started = time.perf_counter()
        result = results.base(submission, self.seed, self.device, self.isolation, self.checkpoint)
        if submission.problem:
            return results.not_graded(result, submission.problem)
        if submission.assignment.exercise.by_hand:
            return results.by_hand(result)
        assignment, workshop = submission.assignment, workshop_of(submission.assignment)
        judged: dict = {}
        failures, place = 0, self.places.beside_others
        while failures < 2:
            if assignment.id in self.broken:
                judged = {"failure": self.broken[assignment.id]}
                break
            generation = self.generations[workshop]
            try:
                with place():
                    judged = self.ask_judge(submission)
            except (GradingError, CatalogueError, wire.WireError, OSError) as error:
                judged = {
                    "failure": str(error),
                    "not_started": isinstance(error, NotStarted),
                    "alone": isinstance(error, JudgeEnded),
                }
            if "failure" not in judged:
                return results.graded(result, judged, assignment)
            if judged.get("broken") and workshop[1]:
                judged["failure"] += (
                    f". This run's checkpoint is {self.checkpoint}: if the reference does not learn from it, choose "
                    "another with --checkpoint"
                )
            if (judged.get("broken") or judged.get("not_started")) and generation > self.first[workshop]:
                self.broken[assignment.id] = judged["failure"]
            elif generation == self.generations[workshop]:
                failures += 1
                if judged.get("killed") or judged.get("alone"):
                    place = self.places.alone
                elif failures == 1:
                    self.restart(workshop, generation)
        result["seconds"] = round(time.perf_counter() - started, 4)
        why = Message("Could not be graded; this is not your fault. {why}", why=judged["failure"])
        return results.not_graded(result, why)

    def ask_judge(self, submission: Submission) -> dict:
        judge = self.start_judge(submission.assignment)
        with judge.connect() as line:
            job = {"cells": submission.cells, "mentions": submission.mentions, "ready_made": submission.ready_made}
            wire.send(line, job)
            limits = self.limits_of(submission.assignment)
            line.settimeout(START_SECONDS + limits.wall_factor * limits.cpu_seconds * 4)
            try:
                return wire.receive(line, caps=wire.Caps(header=64 << 20))[0]
            except wire.Closed:
                if judge.process.poll() is None:
                    raise JudgeEnded("the judge of this hand-in ended before its verdict.") from None
                raise GradingError(f"the judge ended before its verdict: {judge.fate()}") from None

    def limits_of(self, assignment: Assignment) -> Limits:
        return self.limits or syllabus().limits_of(assignment.exercise)

    # -- workers -----------------------------------------------------------------------------------------------------

    def start_zygote(self, track: str, packages: tuple[str, ...] = ()) -> Service:
        """The zygote of a track, with what the exercise's answers import besides."""
        key = name_of((track, packages))
        with self.lock:
            if key not in self.zygotes:
                for package in (syllabus().track(track).framework, *packages):
                    if importlib.util.find_spec(package) is None:
                        raise GradingError(f"{package} is not installed here, so this exercise cannot be graded.")
                folder = Path(tempfile.mkdtemp(prefix=f"{track}-", dir=self.folder))
                checkpoint = str(self.checkpoint_folder()) if packages else ""
                arguments = ["-m", "autograder.workers.zygote", track, str(folder), self.device, checkpoint, *packages]
                self.zygotes[key] = Service(arguments, folder / "zygote.sock", self.folder / f"{key}.log")
            return self.zygotes[key]

    def trouble(self, track: str) -> str | None:
        """What keeps a contestant from starting on this device and behind these walls; None if nothing does."""
        limits = self.limits or syllabus().limits
        try:
            zygote = self.start_zygote(track)
            zygote.connect().close()
            Contestant(Place(str(zygote.path), "", limits, self.device, self.without), limits.cpu_seconds).close()
        except (GradingError, WorkerFailure, Ended) as error:
            return str(error)
        return None

    def checkpoint_folder(self) -> Path:
        try:
            return Path(models.checkpoint(self.checkpoint)).resolve()
        except models.CheckpointError as error:
            raise GradingError(str(error)) from None

    def start_reference(self, track: str, packages: tuple[str, ...] = ()) -> Path:
        """The socket of the reference beside a zygote, which serves from now on."""
        key = name_of((track, packages))
        with self.lock:
            zygote = self.start_zygote(track, packages)
            path = zygote.path.with_name("reference.sock")
            if key not in self.lifelines:
                line = zygote.connect()
                line.settimeout(START_SECONDS)
                try:
                    wire.send(line, {"fork": "reference", "path": str(path)})
                    wire.receive(line)
                except (wire.WireError, OSError):
                    line.close()
                    raise NotStarted(f"the {track} workers did not start: {zygote.fate()}") from None
                self.lifelines[key] = line
            return path

    def start_judge(self, assignment: Assignment) -> Service:
        with self.lock:
            if assignment.id not in self.judges:
                exercise, track = assignment.exercise, assignment.track
                zygote = self.start_zygote(*workshop_of(assignment))
                path = Path(tempfile.mkdtemp(prefix="judge-", dir=self.folder)) / "judge.sock"
                arguments = ["-m", "autograder.judging.session", exercise.id, track.id, str(path)]
                judge = Service(arguments, path, self.folder / f"{assignment.id}.log")
                # The judge imports pytest while the zygote imports its framework; its configuration comes after that.
                reference = self.start_reference(*workshop_of(assignment))
                place = Place(str(zygote.path), str(reference), self.limits_of(assignment), self.device, self.without)
                judge.tell(json.dumps({"seed": self.seed, "place": asdict(place), "sources": sources_of(assignment)}))
                self.judges[assignment.id] = judge
            return self.judges[assignment.id]

    def restart(self, workshop: Workshop, generation: int) -> None:
        """Replace the workers of a workshop and its judges, unless another thread has just done so."""
        with self.lock:
            if generation != self.generations[workshop]:
                return
            self.generations[workshop] += 1
            for key in [k for k in self.judges if workshop_of(syllabus().assignment(k)) == workshop]:
                self.judges.pop(key).close()
            key = name_of(workshop)
            if key in self.lifelines:
                self.lifelines.pop(key).close()
            if key in self.zygotes:
                self.zygotes.pop(key).close()


def workshop_of(assignment: Assignment) -> Workshop:
    """Which workers an assignment needs: those of its track, with the packages that its answers import besides."""
    return assignment.track.id, tuple(assignment.exercise.packages.get(assignment.track.id, ()))


def name_of(workshop: Workshop) -> str:
    """What its zygote is kept under."""
    track, packages = workshop
    return "-".join([track, *packages])


def sources_of(assignment: Assignment) -> dict[str, str]:
    """The reference's source under the module's name, and each mistake's under `module/mistake`."""
    module = assignment.exercise.module
    source = solution_source(assignment)
    table = {module: source}
    for mistake in catalogue(assignment.exercise.id):
        if assignment.track.id in mistake.changes:
            table[f"{module}/{mistake.id}"] = mistake.changes[assignment.track.id].apply(source)
    return table


def solution_source(assignment: Assignment) -> str:
    return paths.solution(ROOT, assignment).read_text(encoding="utf-8")
