"""Limits on reading: a budget for each person's hand-in, within one for all files that were given together.

Bytes, files and seconds are counted while a hand-in is unpacked and read, before any of it is decoded. A hand-in that
uses up its budget gets a row with the reason, and the next one is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from autograder.messages import Message


class Exceeded(Exception):
    """A budget is used up; `args[0]` is the reason, a sentence for the student."""


@dataclass(frozen=True)
class Limits:
    """The size of a budget: bytes that are read or unpacked, files that are opened, CPU seconds, and the bytes of an
    archive's table of contents."""

    size: int
    files: int
    seconds: float
    directory: int


OF_A_PERSON = Limits(size=256 << 20, files=1_000, seconds=20, directory=8 << 20)
OF_ALL = Limits(size=64 << 30, files=200_000, seconds=1_200, directory=64 << 20)


class Budget:
    """A budget that can be used up. Everything taken from it is also taken from the budget `around` it."""

    def __init__(self, limits: Limits = OF_A_PERSON, around: Budget | None = None) -> None:
        self.limits, self.around = limits, around
        self.over = False
        self.size = self.files = 0
        self.seconds = 0.0
        self._since: float | None = None

    def file(self, size: int = 0) -> None:
        """Count a file of `size` bytes that will be opened. Raises Exceeded."""
        self.files += 1
        if self.files > self.limits.files:
            self._end(
                Message(
                    "The hand-in holds more than {most} notebooks, Python files and archives, and is not read. Hand "
                    "in the notebook itself.",
                    most=self.limits.files,
                )
            )
        if self.around is not None:
            self.around.file()
        self.take(size)

    def take(self, size: int) -> None:
        """Count `size` bytes, and check the time. Raises Exceeded."""
        self.size += size
        if self.size > self.limits.size:
            self._end(
                Message(
                    "The hand-in unpacks to more than {most} MB, and is not read. Hand in the notebook itself.",
                    most=self.limits.size >> 20,
                )
            )
        self.check()
        if self.around is not None:
            self.around.take(size)

    def directory(self, size: int) -> None:
        """Check the size of an archive's table of contents, in bytes. Raises Exceeded."""
        if size > self.limits.directory:
            self._end(Message("The zip holds far too many files, and is not read. Hand in the notebook itself."))

    def check(self) -> None:
        """Raise Exceeded if the time is used up."""
        running = 0.0 if self._since is None else time.thread_time() - self._since
        if self.seconds + running > self.limits.seconds:
            self._end(
                Message(
                    "Reading the hand-in took more than {most} seconds and was stopped. Clear the outputs and hand in "
                    "the notebook itself.",
                    most=int(self.limits.seconds),
                )
            )

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Count the CPU seconds of the block. Raises Exceeded where they were used up before."""
        self.check()
        if self.around is not None:
            self.around.check()
        outer, self._since = self._since, self._since if self._since is not None else time.thread_time()
        try:
            yield
        finally:
            if outer is None and self._since is not None:
                spent, self._since = time.thread_time() - self._since, None
                self.seconds += spent
                if self.around is not None:
                    self.around.seconds += spent

    def _end(self, reason: Message) -> None:
        self.over = True
        if self.limits is OF_ALL:
            reason = Message(
                "The files together are too large to be read in one run, so this hand-in was not read. Unpack them, "
                "and grade them in parts."
            )
        raise Exceeded(reason)


class Budgets:
    """The budgets of all people in one folder or archive that was given."""

    def __init__(self) -> None:
        self.whole = Budget(OF_ALL)
        self._people: dict[str, Budget] = {}

    def of(self, identity: str) -> Budget:
        """The budget of a person, by `Owner.identity`."""
        return self._people.setdefault(identity, Budget(OF_A_PERSON, self.whole))
