"""The pytest plug-in: marks and fixtures of hidden tests, and the `Desk` that judges a submission with them.

A warm judge is a pytest session that has collected one exercise's hidden tests and stops before its run loop. The run
loop is `Session.serve` (session.py): it forks a child for each submission, and the child runs the tests at a `Desk`.
Verdicts are made only here. A test has passed only if it ran to its end without an exception. A `Mismatch` is a failure
that the student reads; any other exception is an error of the judge, and the submission cannot be graded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pytest
from _pytest.runner import runtestprotocol

from autograder.judging.compare import Mismatch
from autograder.judging.fixtures import AskStudent, Given
from autograder.judging.program import Answer, Program
from autograder.judging.random_inputs import RandomInputs
from autograder.messages import Message
from autograder.records import Outcome, Picture
from autograder.workers.client import Killed

# Exceptions that a test may raise on an unexpected value. Every other exception is an error of the judge.
TRIPPED = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)


class JudgeError(Exception):
    """An error of the judge: the submission cannot be graded, and that costs the student nothing."""


class Player(Protocol):
    """One side of a test, which runs programs: the student's code, or the reference."""

    def run(self, program: Program, /) -> Answer:
        """The answer to a program."""
        ...


@dataclass(frozen=True)
class Spec:
    """The facts in a hidden test's mark and docstring: its part, its share of the points, the tests that it needs."""

    name: str
    function: str
    base: str  # the title, without the case of a parametrised test
    title: str
    part: str
    share: float
    needs: tuple[str, ...]


@dataclass
class Verdict:
    """The outcome of one test for one submission."""

    spec: Spec
    outcome: Outcome
    message: str | None = None
    picture: Picture | None = None
    misconception: str | None = None
    told: str | None = None  # the mistake that the test itself has recognised
    raised: bool = False  # the test's own code raised an exception on the answer: the instructor should look at it
    unseen: bool = False  # passed only because granted mistakes raise the same error: it shows nothing about the rest
    log: list[tuple[Program, Answer]] = field(default_factory=list)


class Desk:
    """Judges one submission: has both sides, the seed of the inputs, and the test that is running."""

    def __init__(self, seed: int, track: str, reference: Player) -> None:
        self.seed, self.track, self.reference = seed, track, reference
        self.player: Player = reference
        self.once: dict[str, tuple[Player, Answer]] = {}  # a player's answers to programs that are run only once
        self.verdict: Verdict | None = None
        self.error: BaseException | None = None
        self.known: dict[str, list[Answer]] = {}  # answers that the running test need not ask for again, by program

    @property
    def running(self) -> Verdict:
        """The verdict of the test that is running."""
        assert self.verdict is not None, "fixtures are used only while a test runs"
        return self.verdict

    def judge(self, item: pytest.Function, spec: Spec, known: Iterable[tuple[Program, Answer]] = ()) -> Verdict:
        """Run one test against the current player. `known`: the player's earlier answers in this test.

        Raises JudgeError where the test has no verdict, and Killed where something outside ended the student's process.
        """
        self.verdict, self.error = Verdict(spec, "failed"), None
        self.known = {}
        for program, answer in known:
            self.known.setdefault(program.digest(), []).append(answer)
        passed = self._call(item)
        if self.error is not None and self.player is not self.reference and isinstance(self.error, TRIPPED):
            # The reference has passed this test, so the exception comes from what the answer gave.
            self.verdict.raised = True
            self.verdict.message = Message("This check cannot make sense of what the answer gives.")
        elif isinstance(self.error, Killed):
            raise self.error
        elif self.error is not None:
            if not isinstance(self.error, Mismatch):
                raise JudgeError(f"{spec.name}: {type(self.error).__name__}: {self.error}") from self.error
            self.verdict.message = self.error.args[0]
            self.verdict.misconception = self.verdict.told = self.error.mistake
        elif passed:
            self.verdict.outcome = "passed"
            self.verdict.picture = None
        else:
            raise JudgeError(f"{spec.name} has no verdict")
        return self.verdict

    def _call(self, item: pytest.Function) -> bool:
        """Run the item. True if it ended without an exception; else the exception is in `error`.

        The judge's fixtures are plain values that need no teardown. A test that asks for these alone is called
        directly, which takes half the time of pytest's protocol. A test with a fixture of its file goes through it.
        """
        case: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
        given = Given(self, item.name)
        asked = [name for name in inspect.signature(item.obj).parameters if name not in case]
        if all(hasattr(given, name) for name in asked):
            try:
                item.obj(**case, **{name: getattr(given, name)() for name in asked})
            except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:
                self.error = error
                return False
            return True
        item._initrequest()  # new fixtures, because the same test runs for each submission, and to prime the judge
        others = [other for other in item.session.items if other is not item]
        reports = runtestprotocol(item, log=False, nextitem=others[0] if others else None)
        return [r.when for r in reports if r.passed] == ["setup", "call", "teardown"]


# -- hooks -----------------------------------------------------------------------------------------------------------


class Hooks:
    """pytest's hooks: choose the track's tests, remember exceptions, replace the run loop by `serve`."""

    def __init__(
        self, desk: Desk, parts: list[str], serve: Callable[[list[pytest.Function], dict[str, Spec]], None]
    ) -> None:
        """`parts`: the ids of the exercise's parts, in order. `serve` gets the chosen tests and their specs."""
        self.desk, self.parts, self.serve = desk, parts, serve
        self.specs: dict[str, Spec] = {}
        self.broken: str | None = None  # why the file of hidden tests could not be read
        self.chosen: list[pytest.Function] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests of this track, in the order of the parts. Raises UsageError for a test without its mark."""
        chosen: list[pytest.Function] = []
        for item in items:
            if not isinstance(item, pytest.Function):
                raise pytest.UsageError(f"{item.name}: a hidden test is a function")
            mark = item.get_closest_marker("part")
            if mark is None:
                raise pytest.UsageError(f"{item.name}: a hidden test needs @pytest.mark.part(...)")
            if self.desk.track in mark.kwargs.get("tracks", (self.desk.track,)):
                self.specs[item.name] = _spec(item, mark)
                chosen.append(item)
        cases: dict[str, int] = {}
        for spec in self.specs.values():
            cases[spec.function] = cases.get(spec.function, 0) + 1
        self.specs = {name: replace(s, share=s.share / cases[s.function]) for name, s in self.specs.items()}
        self._check_needs()
        # Parts in the syllabus's order; within a part, the order of the file.
        self.chosen = sorted(chosen, key=lambda item: self.parts.index(self.specs[item.name].part))
        items[:] = self.chosen

    def _check_needs(self) -> None:
        part_of = {spec.function: spec.part for spec in self.specs.values()}
        for spec in self.specs.values():
            if spec.part not in self.parts:
                raise pytest.UsageError(f"{spec.name}: the syllabus has no part {spec.part!r} here")
            for need in spec.needs:
                if part_of.get(need) != spec.part:
                    raise pytest.UsageError(f"{spec.name}: needs {need!r}, which is no test of the part {spec.part}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember why the file of hidden tests could not be read."""
        if report.failed:
            self.broken = str(report.longrepr)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
        """Remember the first exception of the running test."""
        if call.excinfo is not None and self.desk.error is None:
            self.desk.error = call.excinfo.value

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Replace pytest's own run loop by `serve`. Raises UsageError if a part has no test."""
        if self.broken:
            raise pytest.UsageError(f"the hidden tests cannot be read: {self.broken[-1000:]}")
        empty = sorted(set(self.parts) - {spec.part for spec in self.specs.values()})
        if empty:
            raise pytest.UsageError(f"no hidden test is there for {', '.join(empty)}")
        self.serve(self.chosen, self.specs)
        return True

    # -- fixtures, for tests that pytest's own protocol runs; the others get the same values from `Given` -------------

    @pytest.fixture
    def given(self, request: pytest.FixtureRequest) -> Given:
        """What the judge gives to this test."""
        return Given(self.desk, request.node.name)

    @pytest.fixture
    def track(self, given: Given) -> str:
        """The track: "pytorch" or "tensorflow"."""
        return given.track()

    @pytest.fixture
    def rng(self, given: Given) -> RandomInputs:
        """Inputs from the run's seed, different for every test."""
        return given.rng()

    @pytest.fixture
    def student(self, given: Given) -> AskStudent:
        """The student's code, or whatever is judged in its place."""
        return given.student()

    @pytest.fixture
    def reference(self, given: Given) -> Player:
        """The reference; `.run(program)` gives its Answer."""
        return given.reference()

    @pytest.fixture
    def compare(self, given: Given) -> Callable[..., None]:
        """Compare arrays that a test has computed itself; raises Mismatch where they differ."""
        return given.compare()

    @pytest.fixture
    def fail(self, given: Given) -> Callable[..., None]:
        """Fail the test with a sentence for the student; `mistake` is a known mistake that the test has recognised."""
        return given.fail()

    @pytest.fixture
    def picture(self, given: Given) -> Callable[..., None]:
        """Attach two small heat maps of matrices (rows, columns), which the student sees if the test fails."""
        return given.picture()

    @pytest.fixture
    def agree(self, given: Given) -> Callable[..., Answer]:
        """Run a program on both sides and compare the values; gives the student's Answer, raises Mismatch."""
        return given.agree()


def _spec(item: pytest.Function, mark: pytest.Mark) -> Spec:
    function = item.originalname
    title = " ".join((item.function.__doc__ or "").split())
    if not title:
        raise pytest.UsageError(f"{item.name}: a hidden test's docstring is its title for the student; it has none")
    base, (_, bracket, case) = title, item.name.partition("[")
    if bracket and case.endswith("]"):
        title = f"{title.rstrip('.')} ({case[:-1].replace('-', ', ')})."
    return Spec(
        item.name,
        function,
        base,
        title,
        mark.args[0],
        float(mark.kwargs.get("share", 1)),
        tuple(mark.kwargs.get("needs", ())),
    )
