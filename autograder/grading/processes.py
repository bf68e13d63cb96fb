"""Processes that serve a Unix socket and end when their standard input is closed: zygotes and judges."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from autograder import paths
from autograder.errors import GradingError
from autograder.workers import forkserver

START_SECONDS = 180.0  # how long a process may take until it serves
PASSED_ON = (
    "PATH",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    paths.COURSE_VARIABLE,
)

# glibc returns freed memory at the end of its heap to the kernel, and asks for it again, page by page, at the next step
# of a training. That takes a fourteenth of a fine-tuning's time. Other C libraries ignore these variables.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(256 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}


class NotStarted(GradingError):
    """Workers did not start, for example because of too little memory."""


class ServerProcess:
    """A process of the grader that serves the Unix socket `path` and writes its output to the file `log`.

    `arguments` are those of the Python interpreter. The process has none of the caller's environment but `PASSED_ON`.
    """

    def __init__(self, arguments: list[str], path: Path, log: Path) -> None:
        self.path, self.log = path, log
        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        environment |= {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONHASHSEED": "0",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            **KEEP_MEMORY,
            "MPLCONFIGDIR": str(path.parent),
        }
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.PIPE,
                stdout=stderr,
                stderr=stderr,
                env=environment,
                cwd=path.parent,
                start_new_session=True,
            )
        assert self.process.stdin is not None
        self._input = self.process.stdin

    def send_line(self, line: str) -> None:
        """Write a line to the process's standard input. Raises NotStarted where the process has ended."""
        try:
            self._input.write(line.encode() + b"\n")
            self._input.flush()
        except OSError:
            raise NotStarted(f"{self.path.stem} ended while starting: {self.explain_end()}") from None

    def connect(self) -> socket.socket:
        """A connection, once the process listens. Raises NotStarted where it ends, or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return forkserver.connect(str(self.path))
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None:
                    raise NotStarted(f"{self.path.stem} ended while starting: {self.explain_end()}") from None
                if time.monotonic() > deadline:
                    raise NotStarted(
                        f"{self.path.stem} did not start within {START_SECONDS:.0f} s:\n{self.log_tail()}"
                    ) from None
                time.sleep(0.02)

    def explain_end(self) -> str:
        """Why a process has ended, or is about to: what killed it, or the last lines of its output."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # the exit status comes a moment after the socket closes
            self.process.wait(0.5)
        if self.process.returncode == -signal.SIGKILL:
            return "it was killed from outside, perhaps because the machine ran out of memory."
        return self.log_tail().strip() or "it said nothing. Did the machine run out of memory?"

    def log_tail(self, size: int = 2000) -> str:
        """The last `size` characters of its output."""
        try:
            return self.log.read_text(errors="replace")[-size:]
        except OSError:
            return ""

    def close(self) -> None:
        """End the process: close its standard input, and kill it where it is still there after 5 s."""
        with contextlib.suppress(OSError):
            self._input.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
