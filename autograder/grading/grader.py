"""Grades hand-ins in parallel, and tries one again if a worker failed and not the hand-in.

    with Grader(jobs=2, seed=7) as grader:
        results = grader.grade(submissions)

A run has a private folder. Its processes (see `worker_pool`) are started when they are first needed. Each of them reads
a pipe whose other end the grader holds, so they end when the grader does, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder import paths
from autograder.errors import GradingError
from autograder.grading import gpu
from autograder.grading import result as results
from autograder.grading.processes import START_SECONDS, NotStarted, ServerProcess
from autograder.grading.readers_writer_lock import ReadersWriterLock
from autograder.grading.references import solution_source as solution_source
from autograder.grading.run_folder import RunFolder
from autograder.grading.worker_pool import WorkerPool, Workshop, workshop_of
from autograder.judging.catalogue import CatalogueError
from autograder.messages import Message
from autograder.records import Result
from autograder.settings.types import Rules
from autograder.submission.hand_in import Submission
from autograder.workers import wire
from course.syllabus import Assignment, Limits, syllabus

# A verdict may take as long as this many contestants that use up their time one after another: a judge starts a new one
# after each that ended, and stops testing an answer that hangs again and again.
CONTESTANTS_IN_A_VERDICT = 4


class JudgeEnded(GradingError):
    """The judge of one hand-in ended before its verdict; the judge that it was forked from still runs."""


class Grader:
    """Grades submissions on one device, behind one kind of wall.

    `rules` are those of a course, by assignment. The other arguments apply where the rules leave something open, and to
    assignments without rules. `isolation` is "full", or "none" to run without walls; `without` leaves single walls out
    (for their tests). `limits` replaces the syllabus's and the rules' for all exercises. `checkpoint` is the
    pre-trained BERT of the exercises that need one, as `course.models.checkpoint` takes it: a folder, a name on the
    hub, or "bert-mini", which comes with the course. `marking` is the rule for all exercises, one of
    `course.syllabus.MARKING`; where it is None, the rules or the syllabus say. Without a `seed`, one is drawn. `jobs`
    hand-ins are graded at a time; 0 is as many as there are cores.
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
        marking: str | None = None,
        rules: Mapping[str, Rules] | None = None,
    ) -> None:
        self.jobs = jobs or os.cpu_count() or 1
        if device == "cuda":
            self.jobs = min(self.jobs, gpu.places((limits or syllabus().limits).gpu_memory_mb) or self.jobs)
        self.seed = secrets.randbits(48) if seed is None else seed
        self.device, self.isolation = device, isolation
        self.source_root = source_root or paths.source(paths.ROOT)
        self.limits = limits
        self.checkpoint = checkpoint
        self.marking = marking
        self.rules = rules or {}
        self.without = ("files", "network", "processes", "namespaces") if isolation == "none" else without
        self.machine = ReadersWriterLock()
        self.first: Counter[Workshop] = Counter()  # the workers' generations when the stream began
        self.broken: dict[str, str] = {}  # assignments whose judge does not work here, and why

    def __enter__(self) -> Grader:
        self.run_folder = RunFolder()
        self.folder = self.run_folder.path
        self.pool = WorkerPool(
            self.folder,
            rules_of=self.rules_of,
            device=self.device,
            without=self.without,
            limits=self.limits,
            checkpoint=self.checkpoint,
        )
        return self

    def __exit__(self, *_: Any) -> None:
        self.pool.close()
        self.run_folder.close()

    # -- the processes of the run ------------------------------------------------------------------------------------

    @property
    def zygotes(self) -> dict[str, ServerProcess]:
        """The zygotes that have been started, by workshop."""
        return self.pool.zygotes

    @property
    def judges(self) -> dict[str, ServerProcess]:
        """The judges that have been started, by assignment."""
        return self.pool.judges

    @property
    def generations(self) -> Counter[Workshop]:
        """How often the workers of a workshop were replaced."""
        return self.pool.generations

    def start_zygote(self, track: str, packages: tuple[str, ...] = ()) -> ServerProcess:
        """The zygote of a track; `packages` is what the answers import besides the framework. Raises GradingError."""
        return self.pool.start_zygote(track, packages)

    def start_reference(self, track: str, packages: tuple[str, ...] = ()) -> Path:
        """The socket of the reference beside a zygote. Raises GradingError."""
        return self.pool.start_reference(track, packages)

    def trouble(self, track: str) -> str | None:
        """Why no contestant starts on this device and behind these walls, in a sentence; None where one does."""
        return self.pool.trouble(track)

    # -- grading -----------------------------------------------------------------------------------------------------

    def grade(
        self, submissions: Iterable[Submission], progress: Callable[[Result], None] | None = None
    ) -> list[Result]:
        """Results in the order of the submissions; `progress` is called with each as it is finished."""
        submissions = list(submissions)
        finished: dict[int, Result] = {}
        for i, result in self.stream(submissions):
            finished[i] = result
            if progress:
                progress(result)
        return [finished[i] for i in range(len(submissions))]

    def stream(self, submissions: list[Submission]) -> Iterator[tuple[int, Result]]:
        """(position, result) of each hand-in, as they are finished; positions count from 0."""
        with ThreadPoolExecutor(self.jobs) as pool:
            self.warm_up(pool, submissions)
            waiting = {pool.submit(self.grade_one, s): i for i, s in enumerate(submissions)}
            try:
                for future in as_completed(waiting):
                    yield waiting[future], future.result()
            finally:  # an interrupted run waits for the hand-ins that are being graded, not for the whole class
                pool.shutdown(wait=False, cancel_futures=True)

    def warm_up(self, pool: ThreadPoolExecutor, submissions: list[Submission]) -> None:
        """Start what the run needs before the first hand-in waits for it."""
        self.broken.clear()
        self.first = self.pool.generations.copy()
        assignments = list(
            {s.assignment.id: s.assignment for s in submissions if s.assignment and not s.problem}.values()
        )
        assignments = [a for a in assignments if not a.exercise.by_hand]
        for assignment in assignments:
            with contextlib.suppress(GradingError):  # the result of each hand-in that needs it says why
                self.pool.start_zygote(*workshop_of(assignment))  # the frameworks are imported at the same time
        for assignment in assignments:
            pool.submit(self.pool.start_judge, assignment)

    def grade_one(self, submission: Submission) -> Result:
        """The result of one hand-in. If the machine fails, it is tried again with new workers, then it is "not graded".

        Where another hand-in's failure replaced the workers meanwhile, this one is tried again, and that does not count
        as a failure. Workers that do not start the second time either, or a judge that does not work with fresh ones,
        are not asked again in the same `stream`. A hand-in whose contestants were killed, as the kernel does where
        memory runs out, has the whole machine for itself the next time.
        """
        started = time.perf_counter()
        rules = self.rules_of(submission.assignment) if submission.assignment else Rules(self.seed)
        result = results.base(submission, rules, self.device, self.isolation, self.checkpoint)
        if submission.problem:
            return results.not_graded(result, submission.problem)
        assignment = submission.assignment
        assert assignment is not None  # `read` says in `problem` where it is not known
        if assignment.exercise.by_hand:
            return results.by_hand(result)
        workshop = workshop_of(assignment)
        judged: dict[str, Any] = {}
        failures, hold = 0, self.machine.shared
        while failures < 2:
            if assignment.id in self.broken:
                judged = {"failure": self.broken[assignment.id]}
                break
            generation = self.pool.generations[workshop]
            try:
                with hold():
                    judged = self.ask_judge(submission, assignment)
            except (GradingError, CatalogueError, wire.WireError, OSError) as error:
                judged = {
                    "failure": str(error),
                    "not_started": isinstance(error, NotStarted),
                    "alone": isinstance(error, JudgeEnded),
                }
            if "failure" not in judged:
                return results.graded(result, judged)
            if judged.get("broken") and workshop[1]:
                judged["failure"] += (
                    f". This run's checkpoint is {self.checkpoint}: if the reference does not learn from it, choose "
                    "another with --checkpoint"
                )
            if (judged.get("broken") or judged.get("not_started")) and generation > self.first[workshop]:
                self.broken[assignment.id] = judged["failure"]
            elif generation == self.pool.generations[workshop]:
                failures += 1
                if judged.get("killed") or judged.get("alone"):
                    hold = self.machine.exclusive
                elif failures == 1:
                    self.pool.restart(workshop, generation)
        result["seconds"] = round(time.perf_counter() - started, 4)
        why = Message("Could not be graded; this is not your fault. {why}", why=judged["failure"])
        return results.not_graded(result, why)

    def rules_of(self, assignment: Assignment) -> Rules:
        """The rules by which this run grades an assignment; none of them is None."""
        rules = self.rules.get(assignment.id, Rules())
        seed = self.seed if rules.seed is None else rules.seed
        return replace(
            rules, seed=seed, marking=self.marking or rules.marking or syllabus().marking_of(assignment.exercise)
        )

    def ask_judge(self, submission: Submission, assignment: Assignment) -> dict[str, Any]:
        """The reply of an assignment's judge to a hand-in: parts and cells, or {"failure": why}.

        Raises GradingError where there is no reply, and CatalogueError where the catalogue does not fit the solution.
        """
        judge = self.pool.start_judge(assignment)
        with judge.connect() as line:
            job = {
                "cells": submission.cells,
                "mentions": submission.mentions,
                "ready_made": submission.ready_made,
                "reach": submission.reach,
                "marking": self.rules_of(assignment).marking,
            }
            wire.send(line, job)
            limits = self.pool.limits_of(assignment)
            line.settimeout(START_SECONDS + CONTESTANTS_IN_A_VERDICT * limits.wall_factor * limits.cpu_seconds)
            try:
                return wire.receive(line, caps=wire.Caps(header=64 << 20))[0]
            except wire.Closed:
                if judge.process.poll() is None:  # only the fork for this hand-in ended
                    raise JudgeEnded("the judge of this hand-in ended before its verdict.") from None
                raise GradingError(f"the judge ended before its verdict: {judge.explain_end()}") from None
