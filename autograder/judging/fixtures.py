"""The fixtures of hidden tests: run programs, compare values, fail with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.judging import compare
from autograder.judging.compare import Mismatch
from autograder.judging.program import Answer, Program
from autograder.judging.random_inputs import RandomInputs
from autograder.judging.replies import describe_error
from autograder.messages import Message
from autograder.records import Matrix
from course.i18n import N_

if TYPE_CHECKING:
    from autograder.judging.plugin import Desk, Player

ORDINALS = (N_("first"), N_("second"), N_("third"), N_("fourth"), N_("fifth"), N_("sixth"))


class Given:
    """The judge's fixtures for one test, by name. None of them needs a teardown."""

    def __init__(self, desk: Desk, test: str) -> None:
        self.desk, self.test = desk, test

    def track(self) -> str:
        """The track: "pytorch" or "tensorflow"."""
        return self.desk.track

    def rng(self) -> RandomInputs:
        """Inputs from the run's seed, different for every test."""
        return RandomInputs(self.desk.seed, self.test)

    def student(self) -> AskStudent:
        """The student's code, or the code that is judged in its place."""
        return AskStudent(self.desk)

    def reference(self) -> Player:
        """The reference; `.run(program)` gives its Answer."""
        return self.desk.reference

    def compare(self) -> Callable[..., None]:
        """Compare arrays that a test has computed itself; raises Mismatch where they differ."""
        return _compare

    def fail(self) -> Callable[..., None]:
        """Fail the test with a sentence for the student; `mistake` is a known mistake that the test has recognised."""

        def fail(message: str, mistake: str | None = None) -> None:
            raise Mismatch(message, mistake)

        return fail

    def picture(self) -> Callable[..., None]:
        """Attach two small heat maps of matrices (rows, columns), which the student sees if the test fails."""

        def picture(title: str, rows: str, columns: str, yours: Any, expected: Any) -> None:
            self.desk.running.picture = {
                "kind": "heatmaps", "title": title, "rows": rows, "columns": columns,
                "yours": _small(yours), "expected": _small(expected),
            }  # fmt: skip

        return picture

    def agree(self) -> Callable[..., Answer]:
        """Run a program on both sides and compare the values; gives the student's Answer, raises Mismatch."""
        student = self.student()

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
    """The fixture `student`: runs programs with the student's code, logs them, and turns errors into failures."""

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
        """The answer of the first run, which several tests use, because training takes long."""
        digest = program.digest()
        earlier = self.desk.once.get(digest)
        if earlier is not None and earlier[0] is self.desk.player:
            return earlier[1]
        answer = self.desk.player.run(program)
        self.desk.once[digest] = (self.desk.player, answer)
        return answer


def _compare(got: Any, want: Any, name: str = N_("result"), axes: str | None = None, rtol: float | None = None) -> None:
    want = np.asarray(want)
    if isinstance(got, np.ndarray) and got.dtype.kind == want.dtype.kind == "f":
        rtol = compare.RTOL.get(got.dtype.name) if rtol is None else rtol
        want = want.astype(got.dtype)
    found = compare.difference(got, want, name, axes, rtol)
    if found:
        raise Mismatch(found)


def _same_shapes(got: Any, want: Mapping[str, Any]) -> None:
    """Check that filled parameters have the reference's shapes; otherwise no other value can agree."""
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
    """The gradients that must be there; a parameter's gradient may be missing if the module has another layout."""
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
