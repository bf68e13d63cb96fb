"""What a test needs that bounds the work of code which a student's text could make slow."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


class TooSlowError(AssertionError):
    """The work took more than its bound; it was stopped there."""


@contextlib.contextmanager
def cpu_time_below(seconds: float) -> Iterator[None]:
    """Stops the block, and fails, at so many CPU seconds. For bounds far above what is needed: machines differ.

    Python's garbage collector passes over what other tests left in this process, which can take most of the time, so
    what is there already is kept from it.
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
    """How many instructions of Python `work` runs: the same number each time, on every machine, under any load.

    It is stopped, and fails, past `limit`.
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
