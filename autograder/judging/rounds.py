"""Rounds of tests: against the student's code as it is, and again as if known mistakes were granted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from autograder.judging.catalogue import name_of
from autograder.judging.evidence import same, wording
from autograder.judging.plugin import Desk, JudgeError, Player, Spec, Verdict
from autograder.judging.program import Answer, Program
from autograder.judging.reference import Reference, WithMistakes
from autograder.messages import Message


class Rounds:
    """Runs the hidden tests of an exercise, part by part."""

    def __init__(
        self, desk: Desk, reference: Reference, items: list[pytest.Function], specs: Mapping[str, Spec]
    ) -> None:
        self.desk, self.reference, self.items, self.specs = desk, reference, items, specs
        self.itself: dict[tuple[tuple[str, ...], str], Verdict] = {}  # verdicts of mistakes against themselves

    def part(self, part_id: str) -> list[pytest.Function]:
        """The tests of a part, in the order of the file."""
        return [item for item in self.items if self.specs[item.name].part == part_id]

    def plain(self, items: Sequence[pytest.Function], player: Player) -> dict[str, Verdict]:
        """Run tests in order, and give their verdicts by name. A test that needs one that did not pass is not run."""
        self.desk.player, self.desk.reference = player, self.reference
        verdicts: dict[str, Verdict] = {}
        out_of_time = False
        for item in items:
            spec = self.specs[item.name]
            if out_of_time:
                message: str = Message("Not checked: an earlier check of this part ran out of time.")
            elif waits := _unmet(spec, verdicts):
                message = Message("Not checked yet: it builds on “{title}”.", title=waits.base.rstrip("."))
            else:
                verdicts[spec.name] = verdict = self.desk.judge(item, spec)
                # So an endless loop takes the time limit of one call for each part, not for each test.
                out_of_time = _ran_out_of_time(verdict)
                continue
            verdicts[spec.name] = Verdict(spec, "not_run", message)
        return verdicts

    def granted(
        self, items: Sequence[pytest.Function], player: Player, mistakes: tuple[str, ...], first: Mapping[str, Verdict]
    ) -> dict[str, Verdict]:
        """Run tests with a reference that makes these mistakes: they are granted. Students do not see these verdicts.

        `first`: the verdicts of the plain round, whose answers are used again. A test passes if the answers agree with
        this reference, or if the mistakes alone make it fail in the same way.
        """
        self.desk.player, self.desk.reference = player, WithMistakes(self.reference, mistakes)
        verdicts: dict[str, Verdict] = {}
        out_of_time = False
        try:
            for item in items:
                spec = self.specs[item.name]
                if out_of_time or _unmet(spec, verdicts):
                    verdicts[spec.name] = Verdict(spec, "not_run")
                    continue
                verdict = self._judged(item, spec, first[spec.name].log)
                verdicts[spec.name] = verdict
                out_of_time = _ran_out_of_time(verdict)
                if verdict.outcome == "failed" and self._is_about(item, verdict, mistakes):
                    verdict.outcome = "passed"
                    verdict.unseen = self._stopped(verdict)
        finally:
            self.desk.reference = self.reference
        return verdicts

    def _judged(self, item: pytest.Function, spec: Spec, known: Sequence[tuple[Program, Answer]] = ()) -> Verdict:
        try:
            return self.desk.judge(item, spec, known)
        except JudgeError:  # hidden tests are written for the correct reference, and may raise with another one
            verdict = self.desk.verdict or Verdict(spec, "failed")
            verdict.raised = True
            return verdict

    def _stopped(self, verdict: Verdict) -> bool:
        """Whether the last program of a test ended with an exception that the reference does not raise."""
        if not verdict.log:
            return False
        program, answer = verdict.log[-1]
        return answer.error is not None and self.reference.run(program).error is None

    def _is_about(self, item: pytest.Function, verdict: Verdict, mistakes: tuple[str, ...]) -> bool:
        """Whether a failure comes from the granted mistakes alone."""
        if verdict.misconception:
            return verdict.misconception in map(name_of, mistakes)
        log = verdict.log
        if log and all(same(answer, self.reference.run(program, *mistakes)) for program, answer in log):
            return True
        key = mistakes, verdict.spec.name
        if key not in self.itself:
            player, self.desk.player = self.desk.player, WithMistakes(self.reference, mistakes)
            try:
                self.itself[key] = self._judged(item, verdict.spec)
            finally:
                self.desk.player = player
        own = self.itself[key]
        if own.outcome != "failed" or own.raised or verdict.raised:
            return False
        if own.misconception:
            return own.misconception == verdict.misconception
        return wording(own.message or "") == wording(verdict.message or "")


def _unmet(spec: Spec, verdicts: Mapping[str, Verdict]) -> Spec | None:
    """The first test that this one builds on and that did not pass."""
    return next((v.spec for v in verdicts.values() if v.spec.function in spec.needs and v.outcome != "passed"), None)


def _ran_out_of_time(verdict: Verdict) -> bool:
    return any(answer.error is not None and answer.error.kind in ("timeout", "exhausted") for _, answer in verdict.log)
