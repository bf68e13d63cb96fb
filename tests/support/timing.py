"""Limits for tests of code that a student's text could make slow."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


class TooSlowError(AssertionError):
    """The work took longer than its limit, and was stopped."""


@contextlib.contextmanager
def cpu_time_below(seconds: float) -> Iterator[None]:
    """Stop the block, and fail, after so many CPU seconds. Machines differ: choose limits far above the usual.

    Python's garbage collector would also scan the objects of earlier tests, which can take most of the time. So these
    objects are excluded from it.
    """

    def ring(*_: object) -> None:
        raise TooSlowError(f"more than {seconds} CPU seconds")

    gc.collect()
    gc.freeze()
    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        gc.unfreeze()


def instructions(work: Callable[[], object], limit: float = float("inf")) -> int:
    """The number of Python instructions that `work` runs, which does not depend on machine and load.

    It is stopped, and fails, after `limit` instructions.
    """
    count = 0

    def inside(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "opcode"
        if count > limit:
            raise TooSlowError(f"more than {limit:,.0f} instructions")
        return inside

    def entering(frame: FrameType, event: str, arg: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return inside

    before = sys.gettrace()
    sys.settrace(entering)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
