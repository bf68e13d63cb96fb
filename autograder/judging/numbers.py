"""A hash of the numbers that a wrong answer gave. Two answers with the same hash gave the same bits.

`autograder similar` compares the hashes. On new inputs, two independent answers that are wrong in different ways do not
give the same bits. Answers with the same mistake may, so answers with a known mistake are not compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograder.judging.program import Answer, Program

TELLING = 8  # the smallest number of different values: many wrong answers give zeros, ones or masks


def numbers_of(log: Iterable[tuple[Program, Answer]]) -> str | None:
    """The hash of some programs and their answers; None where one ended with an error, or they say too little."""
    h = hashlib.sha256()
    telling = False
    for program, answer in log:
        if answer.error is not None:
            return None
        h.update(program.digest().encode())
        telling |= _take(h, answer.values)
    return h.hexdigest()[:32] if telling else None


def _take(h: hashlib._Hash, value: Any) -> bool:
    """Take a value into a hash. True if it, or something in it, has enough different floating-point numbers."""
    if isinstance(value, np.ndarray):
        h.update(f"{value.dtype.str}{value.shape}".encode())
        h.update(np.ascontiguousarray(value).tobytes())
        return value.dtype.kind == "f" and len(np.unique(value[np.isfinite(value)])) >= TELLING
    if isinstance(value, dict):
        return any([_take(h, f"{key}:") | _take(h, value[key]) for key in sorted(value, key=str)])
    if isinstance(value, (list, tuple)):
        h.update(f"{type(value).__name__}{len(value)}".encode())
        return any([_take(h, item) for item in value])
    h.update(f"{value!r};".encode("utf-8", "surrogatepass"))
    return False
