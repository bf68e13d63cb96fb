"""Fixtures for several test files: one warm grader for each session, and a way to run code inside a contestant."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from typing import Any

import pytest

from autograder.grading.grader import Grader
from autograder.judging.program import Answer, Program
from autograder.workers.client import Contestant, Place
from course.syllabus import syllabus


def pytest_addoption(parser):
    parser.addoption(
        "--device", choices=("cpu", "cuda"), default="cpu", help="where contestants and the reference compute"
    )


# The test files that take longest. With several workers they come first, so that no worker runs one alone at the end.
LONGEST = (
    "test_hidden_tests.py", "test_course.py", "test_nbgrader.py", "test_bert.py", "test_faults.py", "test_init.py",
    "test_attacks.py", "test_grading.py", "test_damage.py", "test_by_hand.py", "test_odd_values.py", "test_release.py",
    "test_authoring.py", "test_walls.py", "test_workers.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def grader(pytestconfig):
    """A grader for both tracks; each framework is imported once, when its track is first needed."""
    with Grader(jobs=2, seed=20, device=pytestconfig.getoption("device")) as the_grader:
        yield the_grader


@dataclass
class Inside:
    """A contestant to run code in."""

    contestant: Contestant

    def cell(self, source: str, label: str = "cell 1") -> tuple[dict | None, str]:
        """Run a cell; returns the error that it ended with, as data, and what it printed."""
        reply, _ = self.contestant.ask({"op": "cell", "label": label, "source": source, "symbols": []})
        return reply["error"], reply["output"]

    def define(self, source: str) -> None:
        error, _ = self.cell(source)
        assert error is None, error

    def run(self, program: Program) -> Answer:
        from autograder.judging.replies import answer_from

        header, arrays = self.contestant.ask({"op": "run", "program": program.header()}, program.arrays)
        return answer_from(header, arrays)


class Workshop:
    """Makes contestants of any track, with walls left out or with other limits than the syllabus's."""

    def __init__(self, grader: Grader) -> None:
        self.grader = grader

    def place(
        self,
        track: str = "pytorch",
        without: tuple[str, ...] = (),
        packages: tuple[str, ...] = (),
        device: str = "",
        **limits: Any,
    ) -> Place:
        reference = self.grader.start_reference(track, packages)
        zygote = self.grader.start_zygote(track, packages)
        roomy = {"cpu_seconds_per_call": 30.0, "wall_factor": 10.0}  # for busy machines
        limits = replace(syllabus().limits, **(roomy | limits))
        return Place(str(zygote.path), str(reference), limits, device or self.grader.device, without)

    @contextlib.contextmanager
    def inside(
        self,
        track: str = "pytorch",
        without: tuple[str, ...] = (),
        packages: tuple[str, ...] = (),
        cpu_left: float | None = None,
        device: str = "",
        **limits: Any,
    ):
        place = self.place(track, without, packages, device, **limits)
        contestant = Contestant(place, place.limits.cpu_seconds if cpu_left is None else cpu_left)
        try:
            yield Inside(contestant)
        finally:
            contestant.close()


@pytest.fixture(scope="session")
def workshop(grader) -> Workshop:
    return Workshop(grader)
