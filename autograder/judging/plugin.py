"""The pytest plug-in: marks and fixtures of hidden tests, and the `Desk` that judges a submission with them.

A warm judge is a pytest session that has collected one exercise's hidden tests and stops before its run loop. The run
loop is `Session.serve` (session.py): it forks a child for each submission, and the child runs the tests at a `Desk`.
Verdicts are made only here. A test has passed only if it ran to its end without an exception. A `Mismatch` is a failure
that the student reads; any other exception is an error of the judge, and the submission cannot be graded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pytest
from _pytest.runner import runtestprotocol

from autograder.judging import compare
from autograder.judging.compare import Mismatch
from autograder.judging.program import Answer, Program
from autograder.judging.random_inputs import RandomInputs
from autograder.judging.replies import describe_error
from autograder.messages import Message
from autograder.records import Matrix, Outcome, Picture
from autograder.workers.client import Killed
from course.i18n import N_

ORDINALS = (N_("first"), N_("second"), N_("third"), N_("fourth"), N_("fifth"), N_("sixth"))


# What a test may raise over a value that it did not expect. Every other exception is an error of the judge.
TRIPPED = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)


class JudgeError(Exception):
    """An error of the judge: the submission cannot be graded, and that costs the student nothing."""


class Player(Protocol):
    """A side of a test that programs are put to: the student's code, or the reference."""

    def run(self, program: Program, /) -> Answer:
        """The answer to a program."""
        ...


@dataclass(frozen=True)
class Spec:
    """What a hidden test's mark and docstring say: its part, its share of the points, the tests that it builds on."""

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
    raised: bool = False  # the test itself raised an exception over the answer: for the instructor to look at
    unseen: bool = False  # passed only because granted mistakes stop it in the same way: it shows nothing of the rest
    log: list[tuple[Program, Answer]] = field(default_factory=list)


class Desk:
    """Judges one submission: has both sides, the seed of the inputs, and the test that is running."""

    def __init__(self, seed: int, track: str, reference: Player) -> None:
        self.seed, self.track, self.reference = seed, track, reference
        self.player: Player = reference
        self.once: dict[str, tuple[Player, Answer]] = {}  # a player's answers to programs that are put only once
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
        item._initrequest()  # new fixtures, because the same test runs for each submission, and to prime the judge
        others = [other for other in item.session.items if other is not item]
        reports = runtestprotocol(item, log=False, nextitem=others[0] if others else None)
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
        elif [r.when for r in reports if r.passed] == ["setup", "call", "teardown"]:
            self.verdict.outcome = "passed"
            self.verdict.picture = None
        else:
            raise JudgeError(f"{spec.name} has no verdict")
        return self.verdict


# -- hooks -----------------------------------------------------------------------------------------------------------


class Hooks:
    """Hooks that pytest calls: choose the track's tests, remember exceptions, leave the run loop to `serve`."""

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
        """Serve in the place of pytest's own loop. Raises UsageError where a part has no test."""
        if self.broken:
            raise pytest.UsageError(f"the hidden tests cannot be read: {self.broken[-1000:]}")
        empty = sorted(set(self.parts) - {spec.part for spec in self.specs.values()})
        if empty:
            raise pytest.UsageError(f"no hidden test is there for {', '.join(empty)}")
        self.serve(self.chosen, self.specs)
        return True

    # -- fixtures ----------------------------------------------------------------------------------------------------

    @pytest.fixture
    def track(self) -> str:
        """The track: "pytorch" or "tensorflow"."""
        return self.desk.track

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> RandomInputs:
        """Inputs from the run's seed, different for every test."""
        return RandomInputs(self.desk.seed, request.node.name)

    @pytest.fixture
    def student(self) -> AskStudent:
        """The student's code, or whatever is judged in its place."""
        return AskStudent(self.desk)

    @pytest.fixture
    def reference(self) -> Player:
        """The reference; `.run(program)` gives its Answer."""
        return self.desk.reference

    @pytest.fixture
    def compare(self) -> Callable[..., None]:
        """Compare arrays that a test has computed itself; raises Mismatch where they differ."""
        return _compare

    @pytest.fixture
    def fail(self) -> Callable[..., None]:
        """Fail the test with a sentence for the student; `mistake` is a known mistake that the test has recognised."""

        def fail(message: str, mistake: str | None = None) -> None:
            raise Mismatch(message, mistake)

        return fail

    @pytest.fixture
    def picture(self) -> Callable[..., None]:
        """Attach two small heat maps of matrices (rows, columns), which the student sees if the test fails."""

        def picture(title: str, rows: str, columns: str, yours: Any, expected: Any) -> None:
            self.desk.running.picture = {
                "kind": "heatmaps", "title": title, "rows": rows, "columns": columns,
                "yours": _small(yours), "expected": _small(expected),
            }  # fmt: skip

        return picture

    @pytest.fixture
    def agree(self, student: AskStudent) -> Callable[..., Answer]:
        """Run a program on both sides and compare the values; gives the student's Answer, raises Mismatch."""

        def agree(
            program: Program,
            names: tuple[str, ...] = (),
            axes: Any = None,
            rtol: float | None = None,
            what: tuple[str, ...] | None = None,
        ) -> Answer:
            expected = self.desk.reference.run(program)
            answer = student.run(program)
            if answer.error is not None:  # an inconclusive one: `student.run` raises for all others
                return answer
            if not names and isinstance(expected.out, tuple) and len(expected.out) == 2:
                names = (N_("output"), N_("weights"))  # as every attention of the course returns them
            if expected.error is not None:  # a reference with a mistake in it, which stops here
                raise Mismatch(describe_error(expected.error))
            tolerance = rtol if rtol is not None else compare.RTOL[program.dtype]
            filled = ("filled",) if "filled" in expected.values else ()
            for key in (*filled, *what) if what else expected.values:
                want, got = expected.values[key], answer.values.get(key)
                if key == "filled":
                    _same_shapes(got, want)
                    continue
                if key == "grad":
                    want = _asked_for(program, want, got)
                    want, got = _named_gradients(program, want), _named_gradients(program, got)
                found = compare.difference(got, want, _name(key, names), axes, tolerance, names)
                if found:
                    raise Mismatch(found)
            return answer

        return agree


class AskStudent:
    """The fixture `student`: puts programs to the student's code, logs them for diagnosis, makes errors failures."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def run(self, program: Program, expect_error: str | None = None) -> Answer:
        """The Answer of the student's code. Raises Mismatch where it is an error.

        With `expect_error`, the name of a built-in exception, raises Mismatch unless one of that class is raised.
        """
        known = self.desk.known.get(program.digest()) if self.desk.known else None
        if known:
            answer = known.pop(0)
        else:
            answer = self._once(program) if program.once else self.desk.player.run(program)
        self.desk.running.log.append((program, answer))
        error = answer.error
        if expect_error is not None:
            if error is None:
                raise Mismatch(Message("no {expect_error} was raised", expect_error=expect_error))
            if not error.is_a(expect_error) or error.is_a("NotImplementedError"):
                raise Mismatch(
                    Message(
                        "{expect_error} was expected, and something else came: {error}",
                        expect_error=expect_error,
                        error=describe_error(error),
                    )
                )
            return answer
        if error is not None and not (error.kind == "data-dependent" and program.device == "meta"):
            raise Mismatch(describe_error(error))
        return answer

    def _once(self, program: Program) -> Answer:
        """The answer of the first time: training takes long, and several tests look at its result."""
        digest = program.digest()
        earlier = self.desk.once.get(digest)
        if earlier is not None and earlier[0] is self.desk.player:
            return earlier[1]
        answer = self.desk.player.run(program)
        self.desk.once[digest] = (self.desk.player, answer)
        return answer


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


def _compare(got: Any, want: Any, name: str = N_("result"), axes: str | None = None, rtol: float | None = None) -> None:
    want = np.asarray(want)
    if isinstance(got, np.ndarray) and got.dtype.kind == want.dtype.kind == "f":
        rtol = compare.RTOL.get(got.dtype.name) if rtol is None else rtol
        want = want.astype(got.dtype)
    found = compare.difference(got, want, name, axes, rtol)
    if found:
        raise Mismatch(found)


def _same_shapes(got: Any, want: Mapping[str, Any]) -> None:
    """Check that filled parameters have the reference's shapes, without which no other value can agree."""
    for name, shapes in want.items():
        has = got.get(name) if isinstance(got, dict) else None
        if has != shapes:
            told = [", ".join(map(str, s)) if isinstance(s, list) else Message("none") for s in (has, shapes)]
            raise Mismatch(
                Message(
                    "`{name}` has parameters of shapes {shapes}, expected {expected}: is it the framework's own layer?",
                    name=name,
                    shapes=told[0],
                    expected=told[1],
                )
            )


def _name(key: str, names: tuple[str, ...]) -> str:
    if key == "grad":
        return Message("gradient")
    if key == "after":
        return Message("inputs after the call:")
    if len(names) == 1:
        return names[0]
    if key == "out":
        return Message("result")
    return Message("result of call {n}", n=key[3:]) if key[3:].isdigit() else key


def _asked_for(program: Program, want: Mapping[str, Any], got: Any) -> dict[str, Any]:
    """The gradients that have to be there; a parameter's may be missing, where a module has another layout."""
    given = got if isinstance(got, dict) else {}
    return {name: value for name, value in want.items() if name in program.arrays or given.get(name) is not None}


def _named_gradients(program: Program, gradients: Any) -> Any:
    """Gradients under names that a student knows: arguments by position or keyword, parameters by attribute."""
    if not isinstance(gradients, dict):
        return gradients
    labels: dict[str, str] = {}
    for step in program.steps:
        for i, value in enumerate(step.get("args", [])):
            if isinstance(value, dict) and isinstance(array := value.get("array"), str):
                label = Message("gradient with respect to the {ordinal} argument", ordinal=ORDINALS[i])
                labels.setdefault(array, label)
        for key, value in (step.get("kwargs") or {}).items():
            if isinstance(value, dict) and isinstance(array := value.get("array"), str):
                labels.setdefault(array, _gradient_of(key))
    return {labels.get(name) or _gradient_of(name): value for name, value in gradients.items()}


def _gradient_of(name: str) -> Message:
    return Message("gradient with respect to `{name}`", name=name)


def _small(matrix: Any, most: int = 12) -> Matrix | None:
    """The top left corner of a matrix, to three decimals; None for what is no matrix of finite numbers."""
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or not np.isfinite(matrix).all():
        return None
    return [[round(float(v), 3) for v in row[:most]] for row in matrix[:most]]
