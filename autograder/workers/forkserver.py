"""A server that forks a child for each connection: how a zygote makes contestants and a warm judge makes judges.

Everything that was imported or computed before `serve` is shared by the children, copy on write.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

HUGE_PAGE = 2 << 20
MADV_COLLAPSE = 25  # since Linux 6.1; Python's mmap module does not know it


def listen(path: str) -> socket.socket:
    """A listening Unix socket at `path`, whose folder is private to this user."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(128)
    return server


def connect(path: str) -> socket.socket:
    """A connection to the server that listens at `path`. Raises OSError where none does."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        client.connect(path)
    except OSError:
        client.close()
        raise
    return client


def serve(server: socket.socket, handle: Callable[[socket.socket], None], lifeline: int = 0) -> None:
    """Fork a child for each connection until the descriptor `lifeline` (standard input) reaches its end.

    The process that started the server holds the other end of the lifeline, so the server ends when that process does.
    """
    collapse_pages()
    signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes select, so that ended children are reaped at once
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    sources: list[socket.socket | int] = [server, lifeline, wake_read]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            _reap()
        if lifeline in ready and not os.read(lifeline, 4096):
            return
        if server not in ready:
            continue
        connection, _ = server.accept()
        if os.fork() == 0:
            run_child(partial(_child, server, connection, handle, (wake_read, wake_write)))
        connection.close()


def _child(
    server: socket.socket, connection: socket.socket, handle: Callable[[socket.socket], None], wake: tuple[int, int]
) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    server.close()
    for fd in wake:
        os.close(fd)
    handle(connection)


def collapse_pages() -> None:
    """Put this process's memory into huge pages where the kernel can: a fork then copies one entry for 512 pages.

    It only saves time, so an error of the kernel is ignored. A child that writes still copies 4 KiB.
    """
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            addresses, rights, _offset, _device, inode, *name = line.split(maxsplit=5)
            if not rights.startswith("rw-p") or inode != "0" or (name and name[0] != "[heap]"):
                continue
            start, end = (int(address, 16) for address in addresses.split("-"))
            first = -(-start // HUGE_PAGE) * HUGE_PAGE
            for address in range(first, end // HUGE_PAGE * HUGE_PAGE, HUGE_PAGE):
                libc.madvise(address, HUGE_PAGE, MADV_COLLAPSE)


def run_child(work: Callable[[], None]) -> NoReturn:
    """Run `work` in a forked child and end the process: status 0, or 1 where it raised. Never returns."""
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - a forked child must not unwind into its parent's frames
        traceback.print_exc()
    finally:
        try:
            sys.stderr.flush()
        finally:
            os._exit(status)


def _reap() -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
