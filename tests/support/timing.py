"""What a test that counts CPU seconds needs."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def nothing_else_in_memory() -> Iterator[None]:
    """Python's garbage collector passes over what other tests left in this process, which can take most of the time."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
