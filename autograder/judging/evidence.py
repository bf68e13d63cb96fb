"""Evidence: does an answer look like a known mistake, like the reference, or like neither?

Three answers to one program are compared, value by value: the student's, the mistake's, the reference's. Where mistake
and reference differ by more than rounding, the student's value

- speaks for the mistake, if it is much nearer to the mistake's value than to the reference's,
- speaks against it, if it is the reference's,
- is "other", if it is neither.

Where mistake and reference do not differ, the student's value says nothing if it equals theirs; otherwise it is
"other".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

import numpy as np

from autograder.judging.compare import RTOL, agree
from autograder.judging.program import Answer, StudentError
from autograder.messages import Message
from autograder.workers.worker_messages import OUT_OF_RANGE_ON_A_GPU, TELLING

LOOSE = 1e-4  # the largest relative difference between two correct ways to compute a value
CLEAR = 20.0  # the factor by which an answer must be nearer to one of two
NO_EVIDENCE = ("timeout", "exhausted", "missing")  # errors that say nothing about what was computed
NOT_WRITTEN = "NotImplementedError"  # a stub, which says nothing either


class Stance(Enum):
    """What an answer to one program says of a mistake."""

    FOR = "for"
    NOTHING = "nothing"
    OTHER = "other"  # neither the mistake's nor the reference's
    AGAINST = "against"


def says_nothing(answer: Answer) -> bool:
    """Whether an answer is no evidence: there is none, or it is a stub's."""
    return answer.error is not None and (answer.error.kind in NO_EVIDENCE or answer.error.is_a(NOT_WRITTEN))


def stances(answer: Answer, mistaken: Answer, right: Answer) -> set[Stance]:
    """What the values of an answer say of a mistake that gives `mistaken`, where the reference gives `right`."""
    if says_nothing(answer):
        return {Stance.OTHER}
    if answer.error is not None or mistaken.error is not None:
        return {_stance_of_errors(answer, mistaken, right)}
    if right.error is not None:  # the mistake is to accept a call that should raise
        return {Stance.FOR if _same(answer, mistaken) else Stance.OTHER}
    found = {_exact(answer.device, mistaken.device, right.device)}
    for name in {
        *answer.values,
        *mistaken.values,
        *right.values,
    }:  # here None is an answer, inside gradients it is none
        found.update(_stances(answer.values.get(name), mistaken.values.get(name), right.values.get(name)))
    return found


def stance(answer: Answer, mistaken: Answer, right: Answer) -> Stance:
    """What an answer as a whole says of a mistake: the worst stance of its values."""
    return worst(stances(answer, mistaken, right))


def worst(found: set[Stance]) -> Stance:
    """The worst of several stances, from AGAINST over OTHER and FOR to NOTHING."""
    return next((one for one in (Stance.AGAINST, Stance.OTHER, Stance.FOR) if one in found), Stance.NOTHING)


def same(answer: Answer, other: Answer) -> bool:
    """Whether two answers are the same apart from rounding, or stopped with the same exception."""
    if answer.error is not None or other.error is not None:
        return answer.error is not None and other.error is not None and _alike(answer.error, other.error)
    return _same(answer, other)


def _same(one: Answer, other: Answer) -> bool:
    names = {*one.values, *other.values}  # by name: inside gradients None means "not available", here it is an answer
    return one.device == other.device and all(
        agree(one.values.get(n), other.values.get(n), LOOSE) and not _far(one.values.get(n), other.values.get(n))
        for n in names
    )


# -- values -----------------------------------------------------------------------------------------------------------


def _stances(answer: Any, mistaken: Any, right: Any) -> Iterator[Stance]:
    """The stances of all values in a structure; where the structures differ, they are one value."""
    if isinstance(answer, dict) and isinstance(mistaken, dict) and isinstance(right, dict):
        for key in {*answer, *mistaken, *right}:
            mine, wrong = answer.get(key), mistaken.get(key)
            if mine is not None and wrong is not None:  # a gradient that one of them has not is not available there
                yield from _stances(mine, wrong, right.get(key))
    elif all(isinstance(value, (tuple, list)) for value in (answer, mistaken, right)) and (
        len(answer) == len(mistaken) == len(right)
    ):
        for mine, wrong, good in zip(answer, mistaken, right, strict=True):
            yield from _stances(mine, wrong, good)
    elif _comparable(answer, mistaken, right):
        yield _numeric(answer, mistaken, right)
    else:
        yield _structural(answer, mistaken, right)


def _comparable(*arrays: Any) -> bool:
    """Whether all are arrays of floating-point numbers, of one shape and dtype."""
    return all(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in arrays) and (
        len({a.shape for a in arrays}) == len({a.dtype for a in arrays}) == 1
    )


def _numeric(answer: np.ndarray, mistaken: np.ndarray, right: np.ndarray) -> Stance:
    tolerance = RTOL.get(answer.dtype.name, 1e-5)
    to_mistake, scale_of_mistake = distance(answer, mistaken)
    to_right, scale = distance(answer, right)
    apart, _ = distance(mistaken, right)
    if apart <= tolerance * scale:
        return Stance.NOTHING if to_right <= 10 * tolerance * scale else Stance.OTHER
    if to_mistake <= LOOSE * scale_of_mistake and to_mistake * CLEAR <= to_right:
        return Stance.FOR
    if to_right <= LOOSE * scale and to_right * CLEAR <= to_mistake:
        return Stance.AGAINST
    if max(to_mistake, to_right, apart) <= 10 * tolerance * scale:
        return Stance.NOTHING  # all three lie so close together that rounding may be the reason
    return Stance.OTHER


def distance(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The largest difference of two arrays of one shape, and the largest finite value of the second (1 for none).

    The difference is infinite where one has NaN or an infinity and the other does not have the same there.
    """
    one, other = one.astype(np.float64), other.astype(np.float64)
    odd = ~np.isfinite(one) | ~np.isfinite(other)
    largest = float(np.abs(other[np.isfinite(other)]).max(initial=0.0)) or 1.0
    if odd.any() and not np.array_equal(one[odd], other[odd], equal_nan=True):
        return np.inf, largest
    return float(np.abs(one[~odd] - other[~odd]).max(initial=0.0)), largest


def _structural(answer: Any, mistaken: Any, right: Any) -> Stance:
    """The stance of values that differ in kind, shape or dtype, and of integers, which agree or do not."""
    apart = not agree(mistaken, right, None)
    if agree(answer, mistaken, LOOSE) and not _far(answer, mistaken):
        return Stance.FOR if apart else Stance.NOTHING
    if agree(answer, right, LOOSE) and not _far(answer, right):
        return Stance.AGAINST if apart else Stance.NOTHING
    return Stance.OTHER


def _far(one: Any, other: Any) -> bool:
    """Whether two arrays of float64 differ by more than rounding in float64 explains."""
    if not _comparable(one, other) or one.dtype != np.float64 or one.shape != other.shape:
        return False
    apart, scale = distance(one, other)
    return apart > 1e-7 * scale


def _exact(answer: str | None, mistaken: str | None, right: str | None) -> Stance:
    if mistaken == right:
        return Stance.NOTHING if answer == right else Stance.OTHER
    if answer == mistaken:
        return Stance.FOR
    return Stance.AGAINST if answer == right else Stance.OTHER


# -- exceptions -------------------------------------------------------------------------------------------------------


def _stance_of_errors(answer: Answer, mistaken: Answer, right: Answer) -> Stance:
    if right.error is not None:  # the call must raise; the message does not matter
        refused = [a.error is not None and a.error.types[:1] == right.error.types[:1] for a in (answer, mistaken)]
        if all(refused):
            return Stance.NOTHING
        if refused[0] and mistaken.error is None:
            return Stance.AGAINST
        return Stance.FOR if same(answer, mistaken) else Stance.OTHER
    if answer.error is None:
        return Stance.AGAINST if _same(answer, right) else Stance.OTHER
    if mistaken.error is None:
        return Stance.OTHER
    return Stance.FOR if _alike(answer.error, mistaken.error) else Stance.OTHER


def _alike(one: StudentError, other: StudentError) -> bool:
    """Whether two exceptions have the same class, and the same message apart from names and numbers."""
    if one.types[:1] != other.types[:1]:
        return False
    said = [e.message.message if isinstance(e.message, Message) else None for e in (one, other)]
    if OUT_OF_RANGE_ON_A_GPU in said:  # the reference raises it on the CPU, with another message
        return True
    if said[0] is not None or said[1] is not None:
        return said[0] == said[1] and (said[0] not in TELLING or str(one.message) == str(other.message))
    if all((error.source or "").startswith("raise ") for error in (one, other)):
        return True  # both messages were written by their authors, and may differ
    return wording(one.message) == wording(other.message)


def wording(message: str) -> str:
    """A library's message without numbers, shapes, names of variables, and what Keras adds before and after it."""
    text = message.partition("Arguments received by")[0]
    text = re.sub(r"^Exception encountered when calling .*?\n+", "", text, flags=re.S)
    text = re.sub(r"\x1b\[[0-9;]*m|\{\{[^{}\n]{0,300}\}\}", " ", text)
    text = re.sub(r"\b(name|variable) (['\"`])\w+\2", r"\1 _", text)
    text = re.sub(r"\b[\w.<>]{1,80}\(\)", "_()", text)
    text = re.sub(r"-?\d+(\.\d*)?(e[-+]?\d+)?", "0", text)
    text = re.sub(r"0(\s*,\s*0)*,?", "0", text)
    return " ".join(text.split()).casefold()
