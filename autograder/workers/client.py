"""The judge's side of the connections: a contestant that can be restarted, and the reference.

The contestant's CPU time is read from outside, as the kernel counts it. Wall time has a limit too, for a process that
sleeps or stops itself. Whatever ends a contestant becomes an `Ended` with a kind and a sentence for the student.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from autograder.messages import Message
from autograder.workers import forkserver, jail, wire
from course.syllabus import Limits

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 120.0  # for a zygote that is still importing its framework
# The caps of a contestant's reply. A cell's output may have many commas and brackets; there are at most 4096 values and
# arrays.
REPLY = wire.Caps(header=4 << 20, marks=400_000, depth=64, arrays=4096, table=1 << 20)


class Ended(Exception):
    """The contestant ended before it answered.

    `kind` is "timeout", "memory", "crash", "exit", "killed", "reply" or "exhausted"; `message` is for the student.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


class WorkerFailure(Exception):
    """A failure of the machine, not of the student: no worker could be started, or a wall is missing."""


class Killed(WorkerFailure):
    """Contestants were killed from outside several times: a failure of the machine, so there is no mark."""


@dataclass(frozen=True)
class Place:
    """Where a track's workers listen (paths of sockets), and how contestants are run.

    `device` is "cpu" or "cuda"; `without` names walls that are left out.
    """

    zygote: str
    reference: str
    limits: Limits
    device: str = "cpu"
    without: tuple[str, ...] = ()


def hand_in_seconds(limits: Limits) -> float:
    """How many seconds of wall time a hand-in may take altogether."""
    return limits.wall_factor * limits.cpu_seconds


class Contestant:
    """One process in the jail, from its fork to its end.

    `cpu_left` and `wall_left` are the seconds that the hand-in has left. Making one raises WorkerFailure where no
    process could be started or a wall is missing, and Ended where somebody killed it meanwhile.
    """

    def __init__(self, place: Place, cpu_left: float, wall_left: float | None = None) -> None:
        self.place, self.limits, self.cpu_left = place, place.limits, cpu_left
        self.wall_left = hand_in_seconds(place.limits) if wall_left is None else wall_left
        self.report: dict[str, Any] | None = None
        self.cpu_to_start = 0.0  # seconds to start, with CUDA; they do not count for the answer
        self._killed_for: tuple[str, str] | None = None
        self.sock: socket.socket | None = None
        self.pid = 0
        try:
            self.control = forkserver.connect(place.zygote)
            request = {
                "fork": "contestant",
                "limits": asdict(place.limits),
                "device": place.device,
                "without": list(place.without),
            }
            wire.send(self.control, request)
            self.control.settimeout(START_SECONDS)
            _, descriptors, _, _ = socket.recv_fds(self.control, 1, 1)
            if not descriptors:
                raise WorkerFailure("the zygote forked no contestant")
            self.sock = socket.socket(fileno=descriptors[0])
            self.pid = wire.receive(self.control)[0]["pid"]
            self.sock.settimeout(START_SECONDS)
            hello = wire.receive(self.sock)[0]
            self.sock.settimeout(None)
        except (OSError, wire.WireError) as error:
            if self.sock and isinstance(error, wire.Closed) and (ended := self._ended()).kind == "killed":
                raise ended from None
            raise WorkerFailure(f"no contestant could be started: {error}") from error
        if "failed" in hello:
            self.close()
            raise WorkerFailure(f"no contestant could be started: {hello['failed']}")
        self.walls, self.cpu_to_start = hello["walls"], self.cpu_seconds()
        missing = [wall for wall in jail.NEEDED if wall not in self.walls and wall not in place.without]
        if missing:
            self.close()
            raise WorkerFailure(
                f"these walls do not stand on this machine: {', '.join(missing)} (see `autograder doctor`)"
            )

    def ask(self, header: wire.Header, arrays: wire.Arrays | None = None) -> tuple[wire.Header, wire.Arrays]:
        """One request and its reply, each a header and arrays, within the limits of a call.

        Raises Ended where the contestant ended instead: over a limit, by a crash, or with a reply that is no frame.
        """
        started, cpu_before = time.monotonic(), self.cpu_seconds()
        allowed = min(self.limits.cpu_seconds_per_call, max(self.cpu_left - cpu_before, 0.0))
        patience = min(self.limits.wall_factor * self.limits.cpu_seconds_per_call, self.wall_left)

        def tick() -> None:
            used = self.cpu_seconds() - cpu_before
            waited = time.monotonic() - started
            if used > allowed:
                self._kill(
                    "timeout",
                    Message(
                        "it used more than {seconds} seconds of computing time. Is there an endless loop?",
                        seconds=f"{allowed:.0f}",
                    ),
                )
            elif waited > patience:
                self._kill(
                    "timeout",
                    Message(
                        "it gave no answer within {seconds} seconds. Does it wait for something?",
                        seconds=f"{waited:.0f}",
                    ),
                )

        assert self.sock is not None  # it has started
        try:
            wire.send(self.sock, header, arrays, tick)
            return wire.receive(self.sock, tick, caps=replace(REPLY, body=self.limits.reply_mb << 20))
        except wire.Closed:
            raise self._ended() from None
        except wire.WireError as error:
            self._killed_for = ("reply", Message("its result could not be read: {error}", error=error))
            self._tell_keeper()
            raise self._ended() from None
        finally:
            self.wall_left -= time.monotonic() - started

    def cpu_seconds(self) -> float:
        """CPU seconds of the whole process since it was ready, as the kernel counts them; 0 when it is gone."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / TICKS - self.cpu_to_start

    def close(self) -> dict[str, Any]:
        """End the contestant, whatever it is doing, and give the keeper's report, the same one at each call.

        {"code": exit code, "cpu": seconds, "rss_kb": KiB}; the code is None where the keeper is gone, too.
        """
        if self.report is None:
            self._tell_keeper()
            try:
                self.report = wire.receive(self.control)[0]
                self.report["cpu"] = max(0.0, self.report["cpu"] - self.cpu_to_start)
            except (OSError, wire.WireError):
                self.report = {"code": None, "cpu": 0.0, "rss_kb": 0}
            if self.sock is not None:
                self.sock.close()
            self.control.close()
        return self.report

    def _kill(self, kind: str, message: str) -> NoReturn:
        self._killed_for = (kind, message)
        self._tell_keeper()
        raise wire.Closed(message)

    def _tell_keeper(self) -> None:
        try:
            self.control.sendall(b"x")
        except OSError:
            pass

    def _ended(self) -> Ended:
        """The reason why the process ended, for the student."""
        if self._killed_for is None:  # a dying process closes its socket a moment before it ends
            patience = time.monotonic() + 1.0
            while not _exited(self.pid) and time.monotonic() < patience:
                time.sleep(0.01)
            if not _exited(self.pid):
                self._killed_for = ("exit", Message("it closed the connection on which its results are sent."))
        report = self.close()
        if self._killed_for:
            return Ended(*self._killed_for)
        code = report["code"]
        if code == -signal.SIGXCPU or (code == -signal.SIGKILL and report["cpu"] >= self.limits.cpu_seconds):
            used = f"{self.limits.cpu_seconds:.0f}"
            return Ended("timeout", Message("it used more than {seconds} seconds of computing time.", seconds=used))
        if code == -signal.SIGKILL:
            return Ended(
                "killed", Message("its process was killed from outside, perhaps because the machine ran out of memory.")
            )
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return Ended("crash", Message("it brought the Python process down ({signal}).", signal=name))
        if code is None:
            return Ended("killed", Message("its process was lost."))
        return Ended(
            "exit",
            Message(
                "it ended the Python process (exit code {code}). Leave out exit(), quit() and the like.", code=code
            ),
        )


def _exited(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


class ReferenceLine:
    """A connection to the reference server of a track."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.sock: socket.socket | None = None

    def ask(self, header: wire.Header, arrays: wire.Arrays | None = None) -> tuple[wire.Header, wire.Arrays]:
        """One request and its reply, each a header and arrays. Raises WorkerFailure where no reply comes."""
        try:
            if self.sock is None:
                self.sock = forkserver.connect(self.path)
                self.sock.settimeout(600.0)
            wire.send(self.sock, header, arrays)
            return wire.receive(self.sock)
        except (OSError, wire.WireError) as error:
            self.close()
            raise WorkerFailure(f"the reference did not answer: {error}") from error

    def close(self) -> None:
        """Close the connection; after a fork, parent and child must not share one."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None
