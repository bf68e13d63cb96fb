"""What a test needs that bounds the work of code which a student's text could make slow."""

from __future__ import annotations

import contextlib
import gc
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def cpu_time_below(seconds: float) -> Iterator[None]:
    """Fails when the block takes more CPU seconds. For bounds far above what is needed: CPU seconds differ by machine.

    Python's garbage collector passes over what other tests left in this process, which can take most of the time, so
    what is there already is kept from it.
    """
    gc.collect()
    gc.freeze()
    started = time.process_time()
    try:
        yield
        taken = time.process_time() - started
    finally:
        gc.unfreeze()
    assert taken < seconds, f"{taken:.2f} CPU seconds, over the bound of {seconds}"


def instructions(work: Callable[[], object]) -> int:
    """How many instructions of Python `work` runs: the same number each time, on every machine, under any load."""
    count = 0

    def inside(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "opcode"
        return inside

    def entering(frame: FrameType, event: str, arg: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return inside

    work()  # what is done once, on the first call, is not counted
    before = sys.gettrace()
    sys.settrace(entering)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
