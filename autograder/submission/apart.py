"""Makes a notebook with very many values smaller, in another process with limits on memory and time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from autograder.messages import Message
from autograder.submission import slim
from autograder.submission.hand_in import Unreadable

FEW_PIECES = 100_000  # values that are read in this process; they take about 20 MB
MEGABYTES, SECONDS = 3_000, 20  # of the process that reads more


def slimmed(text: str) -> str:
    """A notebook's JSON, without outputs if it holds very many values.

    Raises RecursionError and ValueError as `json.loads` does, and Unreadable where it exceeds the limits.
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
