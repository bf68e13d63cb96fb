"""What is not on a list is refused: calls with arguments, files of the project, replies that are too much, excuses."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from support.timing import cpu_time_below

from autograder.judging.program import Program
from autograder.paths import ROOT
from autograder.workers import wire
from autograder.workers.client import REPLY
from autograder.workers.zygote import COURSE

LIBRARY = "import fcntl, os, numpy\nfd = os.open(numpy.__file__, os.O_RDONLY)\n"
MAPPING = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
if libc.mmap(None, ctypes.c_size_t(1 << 20), 3, {flags}, -1, ctypes.c_long(0)) in (None, ctypes.c_void_p(-1).value):
    raise OSError(ctypes.get_errno(), 'refused')
"""
PAIR = "import socket\none, other = socket.socketpair()\n"
LISTED = {  # by name: the code, and the wall that refuses it
    "takes a lease on a library": (
        LIBRARY + "import signal\nsignal.signal(signal.SIGIO, signal.SIG_IGN)\n"
        "fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)", "files",
    ),
    "is told of changes in a folder": (
        "import fcntl, os, numpy\nfd = os.open(os.path.dirname(numpy.__file__), os.O_RDONLY)\n"
        "fcntl.fcntl(fd, fcntl.F_NOTIFY, 0x80000001)", "files",
    ),
    "locks a library": (LIBRARY + "fcntl.flock(fd, fcntl.LOCK_EX)", "files"),
    "is sent signals by a pipe": (
        "import fcntl, os\nr, w = os.pipe()\nfcntl.fcntl(r, fcntl.F_SETOWN, os.getpid())", "files",
    ),
    "reads the flags of an inode": (
        "import fcntl, os\nopen('mine', 'w').close()\nfd = os.open('mine', os.O_RDONLY)\n"
        "fcntl.ioctl(fd, 0x80086601, bytes(8))", "files",
    ),
    "sends a byte out of band": (PAIR + "one.send(b'x', socket.MSG_OOB)", "network"),
    "sets an option of a socket": (PAIR + "one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)", "network"),
    "opens its memory to others": (
        "import ctypes\nif ctypes.CDLL(None).prctl(4, 1, 0, 0, 0):\n    raise OSError('refused')", "processes",
    ),
    "maps memory that grows downwards": (MAPPING.format(flags="0x122"), "limits"),
    "maps shared memory": (MAPPING.format(flags="0x21"), "limits"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "wall"), LISTED.values(), ids=LISTED)
def test_with_its_wall_it_is_refused(workshop, code, wall):
    with workshop.inside() as inside:
        error, output = inside.cell(code + "\nprint('through')")
        assert error is not None and output == ""


@pytest.mark.parametrize(("code", "wall"), LISTED.values(), ids=LISTED)
def test_without_its_wall_it_gets_through(workshop, code, wall):
    with workshop.inside(without=(wall,)) as inside:
        assert inside.cell(code + "\nprint('through')") == (None, "through\n")


CLOSED = [
    "course/quizzes/post.toml", "course/quizzes/post.json", "course/syllabus.toml", "course/figures.py",
    "course/locale/da/LC_MESSAGES/quizzes.po", "course/exercises/encoder_decoder/checks.py", "pyproject.toml",
]  # fmt: skip


@pytest.mark.parametrize("path", CLOSED)
def test_no_file_of_the_project_opens(workshop, path):
    with workshop.inside() as inside:
        assert inside.cell(f"open({str(ROOT / path)!r}).read()")[0]["types"][0] == "PermissionError"


@pytest.mark.parametrize("path", CLOSED)
def test_without_the_wall_they_open(workshop, path):
    with workshop.inside(without=("files",)) as inside:
        assert inside.cell(f"open({str(ROOT / path)!r}).read()") == (None, "")


@pytest.mark.parametrize("track", ["pytorch", "tensorflow"])
def test_what_notebooks_import_of_the_course_is_there(workshop, track):
    code = "from course import alignment, figures, lesson, plots, quiet\nfrom course.data import news, numbers"
    with workshop.inside(track) as inside:
        assert inside.cell(code) == (None, "")


def test_all_that_is_released_of_the_course_is_imported_before_the_fork():
    code = f"import sys, importlib\n[importlib.import_module(m) for m in {COURSE!r}]\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    # The checks of exercises, and what draws the figures of lessons, are not for the notebooks' answers to import.
    files = [f for f in (ROOT / "course").rglob("*.py") if not {"exercises", "diagrams"} & set(f.parts)]
    names = {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files}
    assert names - set(done.stdout.split()) == set()


def test_a_byte_out_of_band_does_not_hold_up_the_reader():
    ours, theirs = socket.socketpair()

    class GaveUpError(Exception):
        pass

    started = time.monotonic()

    def tick() -> None:
        if time.monotonic() - started > 0.5:
            raise GaveUpError

    with ours, theirs:
        theirs.send(b"x", socket.MSG_OOB)
        with pytest.raises(GaveUpError):
            wire.receive(ours, tick)
    assert time.monotonic() - started < 2


def safetensors(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


TOO_MUCH = {
    "arrays": (b"{}", safetensors(json.dumps({
        str(i): {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(5000)
    }).encode())),
    "a table of arrays": (b"{}", safetensors(b" " * (2 << 20))),
    "a table that is not there": (b"{}", b"1234"),
    "values": (b'{"values": [' + b"0," * 500_000 + b"0]}", b""),
    "objects": (b'{"values": [' + b"{}," * 500_000 + b"{}]}", b""),
    "depth": (b'{"values": ' + b"[" * 100 + b"]" * 100 + b"}", b""),
    "depth behind texts": (b'{"a": "]]]]]]]]' + b"]" * 200 + b'", "values": ' + b"[" * 100 + b"]" * 100 + b"}", b""),
}  # fmt: skip


@pytest.mark.parametrize(("head", "body"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_reply_is_bounded_before_it_is_decoded(monkeypatch, head, body):
    monkeypatch.setattr(wire.json, "loads", lambda text: pytest.fail("it was decoded"))
    with cpu_time_below(0.5), pytest.raises(wire.WireError):
        wire.decode(head, body, REPLY)


def test_what_an_answer_prints_is_not_over_the_bounds():
    head = json.dumps({"output": "[{" * 30_000, "error": None}).encode()
    assert wire.decode(head, b"", REPLY)[0]["error"] is None


EXCUSES = {
    "raises it": "raise RuntimeError('meta tensor')",
    "raises it in a string": "exec('raise RuntimeError(\\'meta tensor\\')')",
    "raises a class of its own": "raise type('RuntimeError', (RuntimeError,), {})('meta tensor')",
    "has the framework raise its words": "torch._check(False, lambda: 'meta tensor')",
    "looks it up": "{}['meta tensor']",
}


def excuse(workshop, line: str) -> str:
    with workshop.inside() as inside:
        inside.define(f"import torch\ndef f(x):\n    {line}\n    return x")
        error = inside.run(Program.function("f", np.ones(3)).on_device("meta")).error
        assert error is not None
        return error.kind


@pytest.mark.parametrize("line", EXCUSES.values(), ids=EXCUSES)
def test_an_excuse_of_its_own_is_none(workshop, line):
    assert excuse(workshop, line) == "exception"


@pytest.mark.parametrize("line", ["x.sum().item()", "bool(x.sum() > 0)", "x.tolist()"])
def test_an_excuse_of_the_frameworks_counts(workshop, line):
    assert excuse(workshop, line) == "data-dependent"
