"""Diagnosis: which known mistake would have given the answers that the student gave?

Every program that a failing part put to the answer is put to the reference with each of the part's mistakes in it. A
mistake explains the part if all its answers are the student's, and at least one is not the reference's. Where none
explains the whole part, a mistake may still explain a single failing test.
"""

from __future__ import annotations

from collections.abc import Iterable

from autograder.judging.compare import agree
from autograder.judging.players import Trusted
from autograder.judging.plugin import Verdict
from autograder.judging.program import Answer, Program, StudentError
from autograder.messages import Message
from autograder.workers.worker_messages import OUT_OF_RANGE_ON_A_GPU

NO_EVIDENCE = ("timeout", "exhausted", "missing")  # such an answer says nothing about what was computed
NOT_WRITTEN = "NotImplementedError"  # nor does a stub, which no known mistake looks like


def diagnose(verdicts: list[Verdict], mistakes: Iterable[str], trusted: Trusted) -> str | None:
    """Name the mistake behind a part's failures, on the verdicts and for the whole part (None: not a known one)."""
    failed = [v for v in verdicts if v.outcome == "failed"]
    told = [v.misconception for v in failed if v.misconception]  # by the test itself
    if told:
        return told[0]
    # What failed tells mistakes apart, so it is held against them first: most are ruled out by one program.
    everything = [pair for v in sorted(verdicts, key=lambda v: v.outcome != "failed") for pair in reversed(v.log)]
    if not failed or not everything:
        return None
    mistakes = list(mistakes)
    for mistake in mistakes:
        if _explains(everything, mistake, trusted):
            for verdict in failed:
                verdict.misconception = mistake
            return mistake
    for verdict in failed:
        verdict.misconception = next((m for m in mistakes if _explains(verdict.log, m, trusted)), None)
    named = [v.misconception for v in failed if v.misconception]
    return named[0] if named else None


def _explains(log: list[tuple[Program, Answer]], mistake: str, trusted: Trusted) -> bool:
    told_apart = False
    for program, answer in log:
        if answer.error is not None and (answer.error.kind in NO_EVIDENCE or answer.error.is_a(NOT_WRITTEN)):
            return False
        would = trusted.run(program, mistake)
        if not _same(answer, would):
            return False
        told_apart = told_apart or not _same(would, trusted.run(program), rtol=None)
    return told_apart


def _same(one: Answer, other: Answer, rtol: float | None = 1e-4) -> bool:
    """Are two answers the same? `rtol` is loose for a mistake, None (the comparator's) for the reference."""
    if one.error is not None or other.error is not None:
        return one.error is not None and other.error is not None and _kind(one.error) == _kind(other.error)
    names = {*one.values, *other.values}  # by name: inside gradients None means "not available", here it is an answer
    alike = all(agree(one.values.get(n), other.values.get(n), rtol) for n in names)
    return alike and one.device == other.device


def _kind(error: StudentError) -> tuple[tuple[str, ...], str | None]:
    """What an exception is: its class, and which of the worker's own sentences it says, whatever values are in that.

    Not the sentence for an index out of range on a GPU: the reference meets it on the CPU, which says it otherwise.
    """
    sentence = error.message.message if isinstance(error.message, Message) else None
    return error.types[:1], None if sentence == OUT_OF_RANGE_ON_A_GPU else sentence
