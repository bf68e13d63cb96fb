"""A lock that many threads hold together, or one thread holds alone."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class ReadersWriterLock:
    """Many hand-ins are graded at the same time (`shared`), or one alone (`exclusive`).

    A thread that waits for `exclusive` comes before those that ask for `shared` after it, so it is never starved.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._shared, self._exclusive = 0, False

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock together with others."""
        with self._changed:
            self._changed.wait_for(lambda: not self._exclusive)
            self._shared += 1
        try:
            yield
        finally:
            with self._changed:
                self._shared -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock alone: the whole machine is free for one hand-in."""
        with self._changed:
            self._changed.wait_for(lambda: not self._exclusive)
            self._exclusive = True
            self._changed.wait_for(lambda: self._shared == 0)
        try:
            yield
        finally:
            with self._changed:
                self._exclusive = False
                self._changed.notify_all()
