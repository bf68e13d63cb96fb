"""Makes a notebook of very many values small, in a process of its own that has limits of memory and time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from autograder.messages import Message
from autograder.submission import slim
from autograder.submission.hand_in import Unreadable

FEW_PIECES = 100_000  # values that are read here: they take some twenty megabytes
MEGABYTES, SECONDS = 3_000, 20  # of the process that reads more


def slimmed(text: str) -> str:
    """A notebook's JSON without outputs where it holds very many values, else as it is.

    Raises RecursionError and ValueError as `json.loads` does, and Unreadable where the limits do not suffice.
    """
    if sum(map(text.count, "{[,")) <= FEW_PIECES:
        return text
    command = [sys.executable, "-I", "-S", str(Path(slim.__file__)), str(MEGABYTES), str(SECONDS)]
    data = text.encode("utf-8", "surrogatepass")
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=2 * SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise _too_much() from None
    if done.returncode == slim.TOO_DEEP:
        raise RecursionError
    if done.returncode == slim.NOT_JSON:
        raise ValueError
    smaller = done.stdout.decode("ascii", "replace")
    if done.returncode != 0 or sum(map(smaller.count, "{[,")) > 10 * FEW_PIECES:
        raise _too_much()
    return smaller


def _too_much() -> Unreadable:
    return Unreadable(Message("The file holds far more than a notebook needs. Clear the outputs and hand it in again."))
