"""Code inside a contestant tries to get out, and fails; the very same code succeeds where the wall is left out.

Each attempt names the walls that stop it. Three things are shown of it: with all walls it fails; with every other wall left
out, each of the walls that are named stops it alone; and without those it gets through, so that it is they that stopped it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from autograder.grading.executor import ROOT
from autograder.judging.program import Program
from autograder.workers import jail
from autograder.workers.client import Ended
from course.syllabus import syllabus

STANDING = jail.survey(vars(syllabus().limits))
LANDLOCK = jail.landlock_abi()
pytestmark = pytest.mark.skipif(not all(STANDING[w] for w in jail.NEEDED), reason="this machine has no Landlock or no seccomp")


@dataclass(frozen=True)
class Attempt:
    """Code that prints `through` where it gets through. `{victim}` and the like are filled in from the scene."""

    name: str
    code: str
    stopped_by: tuple[str, ...]
    limits: dict = field(default_factory=dict)
    landlock: int = 1  # the version from which on "files" stops it


SYSCALL = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.syscall.restype = ctypes.c_long\n"
CHECKED = "if {call} < 0:\n    raise OSError(ctypes.get_errno(), 'refused')\nprint('through')"


def syscall(name: str, *arguments: str) -> str:
    """Code that makes a system call by its number on this machine."""
    table = {**jail._NETWORK, **jail._PROCESSES, **jail._KERNEL, **jail._MEMFD, "prlimit": jail._PRLIMIT}
    number = table[name][jail._AUDIT_ARCH[os.uname().machine][0]]
    return SYSCALL + CHECKED.format(call=f"libc.syscall({', '.join([str(number), *arguments])})")


def read(path: str) -> str:
    return f"with open({path!r}, 'rb') as file:\n    file.read(1)\nprint('through')"


def listing(path: str) -> str:
    return f"import os\nassert os.listdir({path!r})\nprint('through')"


FILES = [
    Attempt("reads the solution", read(str(ROOT / "solutions/pytorch/self_attention.py")), ("files",)),
    Attempt("imports the solution", "import solutions.pytorch.self_attention\nprint('through')", ("files",)),
    Attempt("lists the solutions", listing(str(ROOT / "solutions")), ("files",)),
    Attempt("reads the hidden tests", read(str(ROOT / "autograder/judging/hidden/test_self_attention.py")), ("files",)),
    Attempt("imports the judge", "import autograder.judging.compare\nprint('through')", ("files",)),
    Attempt("reads the known mistakes", read(str(next((ROOT / "autograder/judging/catalogue").glob("*.toml")))), ("files",)),
    Attempt("reads the source notebook", read(str(ROOT / "source/self-attention-pytorch/self-attention.ipynb")), ("files",)),
    Attempt("lists the repository", listing(str(ROOT)), ("files",)),
    Attempt("reads the list of users", read("/etc/passwd"), ("files",)),
    Attempt("reads the command line of process 1", read("/proc/1/cmdline"), ("files",)),
    Attempt("reads the command line of the judge", read("/proc/{judge}/cmdline"), ("files",)),
    Attempt("lists the processes", listing("/proc"), ("files",)),
    Attempt("reads its own first environment", read("/proc/self/environ"), ("files",)),
    Attempt("reads its own memory as a file", read("/proc/self/mem").replace("file.read(1)", "file.fileno()"), ("files",)),
    Attempt("lists the folder of temporary files", listing("/tmp"), ("files",)),
    Attempt("lists shared memory", "import os\nos.listdir('/dev/shm')\nprint('through')", ("files",)),
    Attempt("lists the folder of the run", listing("{run}"), ("files",)),
    Attempt("reads somebody else's file", read("{other}"), ("files",)),
    Attempt("goes through a link of its own", "import os\nos.symlink('{other}', 'link')\nopen('link').read()\nprint('through')", ("files",)),
    Attempt("goes up from its scratch folder", "import os\nassert os.listdir('../..')\nprint('through')", ("files",)),
    Attempt("writes somebody else's file", "open('{other}', 'w').write('mine')\nprint('through')", ("files",)),
    Attempt("adds to somebody else's file", "open('{other}', 'a').write('mine')\nprint('through')", ("files",)),
    Attempt("cuts somebody else's file", "import os\nos.truncate('{other}', 0)\nprint('through')", ("files",), landlock=3),
    Attempt("removes somebody else's file", "import os\nos.remove('{other}')\nprint('through')", ("files",)),
    Attempt("renames somebody else's file", "import os\nos.rename('{other}', '{other}.mine')\nprint('through')", ("files",)),
    Attempt("makes a file beside it", "open('{other}.new', 'w').close()\nprint('through')", ("files",)),
    Attempt("makes a folder beside it", "import os\nos.mkdir('{other}.folder')\nprint('through')", ("files",)),
    Attempt("locks others out of a file", "import os\nos.chmod('{other}', 0)\nprint('through')", ("files",)),
    Attempt("turns back a file's clock", "import os\nos.utime('{other}', (1, 1))\nprint('through')", ("files",)),
]

NETWORK = [
    Attempt("connects to a server", "import socket\nsocket.create_connection(('127.0.0.1', {port}), 5)\nprint('through')",
            ("network", "namespaces", "files"), landlock=4),
    Attempt("opens a server", "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\nprint('through')",
            ("network", "files"), landlock=4),
    Attempt("sends a datagram",
            "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.sendto(b'marks', ('127.0.0.1', {port}))\nprint('through')",
            ("network", "namespaces")),
    Attempt("talks to a socket in a folder", "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('{unix}')\nprint('through')",
            ("network",)),
    Attempt("asks the zygote for another process", "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('{zygote}')\nprint('through')",
            ("network",)),
    Attempt("talks to a socket without a folder",
            "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('\\0{abstract}')\nprint('through')",
            ("network", "namespaces", "files"), landlock=6),
    Attempt("asks the kernel for its routes", "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)\nprint('through')",
            ("network",)),
]  # fmt: skip

PROCESSES = [
    Attempt("forks", "import os\npid = os.fork()\nif pid == 0:\n    os._exit(0)\nos.waitpid(pid, 0)\nprint('through')", ("processes",)),
    Attempt("runs a command", "import subprocess\nsubprocess.run(['/bin/true'], check=True)\nprint('through')", ("processes", "files")),
    Attempt("runs a command in the quick way",
            "import os\nos.waitpid(os.posix_spawn('/bin/true', ['true'], {{}}), 0)\nprint('through')", ("processes", "files")),
    Attempt("ends somebody else's process", "import os\nos.kill({victim}, 15)\nprint('through')",
            ("processes", "namespaces", "files"), landlock=6),
    Attempt("asks whether a process is there", "import os\nos.kill({victim}, 0)\nprint('through')",
            ("processes", "namespaces", "files"), landlock=6),
    Attempt("asks whether the judge is there", "import os\nos.kill({judge}, 0)\nprint('through')",
            ("processes", "namespaces", "files"), landlock=6),
    Attempt("asks whether the zygote is there", "import os\nos.kill({zygote_pid}, 0)\nprint('through')",
            ("processes", "namespaces", "files"), landlock=6),
    Attempt("asks whether its keeper is there", "import os\nassert os.getppid()\nos.kill(os.getppid(), 0)\nprint('through')",
            ("processes", "namespaces", "files"), landlock=6),
    Attempt("gets hold of a process", syscall("pidfd_open", "{victim}", "0"), ("processes", "namespaces")),
    Attempt("traces a process", syscall("ptrace", "16", "{victim}", "0", "0"), ("processes", "namespaces", "files")),
    Attempt("reads a process's memory",
            SYSCALL + "import struct\nroom = ctypes.create_string_buffer(8)\nmine = struct.pack('QQ', ctypes.addressof(room), 8)\n"
            "theirs = struct.pack('QQ', {address}, 8)\n" + CHECKED.format(call="libc.process_vm_readv({victim}, mine, 1, theirs, 1, 0)"),
            ("processes", "namespaces", "files")),
    Attempt("sets limits for a process", syscall("prlimit", "{victim}", "7", "None", "ctypes.create_string_buffer(16)"),
            ("processes", "namespaces")),
]  # fmt: skip

KERNEL_WALLS = ("network", "processes", "files")  # each brings the filter of system calls with it
KERNEL = [
    Attempt("opens an io_uring", syscall("io_uring_setup", "4", "ctypes.create_string_buffer(256)"), KERNEL_WALLS),
    Attempt("makes memory that no limit counts", syscall("memfd_create", "b'mine'", "0"), KERNEL_WALLS),
    Attempt("makes a user namespace", syscall("unshare", "0x10000000"), KERNEL_WALLS),
    Attempt("makes shared memory of System V", syscall("shmget", "0", "4096", "0o1600"), KERNEL_WALLS),
    Attempt("keeps a key in the kernel", syscall("add_key", "b'user'", "b'mine'", "b'x'", "ctypes.c_size_t(1)", "-2"), KERNEL_WALLS),
]

ALLOCATE = "data = bytearray(600 << 20)\nprint('through')"
MAP = "import mmap\nshared = mmap.mmap(-1, 700 << 20)\nprint('through')"
TENSOR = "import torch\nx = torch.empty(150 << 20)\nprint('through')"
THREADS = """
import threading
go = threading.Event()
threads = [threading.Thread(target=go.wait, daemon=True) for _ in range(100)]
try:
    for thread in threads:
        thread.start()
    print('through')
finally:
    go.set()
"""
FILL = "for i in range(8):\n    with open(f'file {{i}}', 'wb') as file:\n        file.write(bytes(1 << 20))\nprint('through')"
MANY = "for i in range(5000):\n    open(f'file {{i}}', 'wb').close()\nprint('through')"
LIMITS = [
    Attempt("takes more memory than it may", ALLOCATE, ("limits",), {"memory_mb": 300}),
    Attempt("takes more shared memory than it may", MAP, ("limits",), {"memory_mb": 300}),
    Attempt("makes a tensor larger than it may", TENSOR, ("limits",), {"memory_mb": 300}),
    Attempt("starts more threads than fit", THREADS, ("limits",), {"threads": 20, "memory_mb": 150}),
    Attempt("writes a larger file than it may", "with open('file', 'wb') as file:\n    file.write(bytes(2 << 20))\nprint('through')",
            ("limits",), {"file_mb": 1}),
    Attempt("opens more files than it may", "files = [open('/dev/null') for _ in range(300)]\nprint('through')", ("limits",)),
    Attempt("fills its scratch folder", FILL, ("namespaces",), {"scratch_mb": 4}),
    Attempt("makes more files than fit", MANY, ("namespaces",)),
]  # fmt: skip


@dataclass
class Scene:
    """What an attempt may go for: somebody else's file and process, servers, the processes of the grading itself."""

    values: dict
    victim: subprocess.Popen


@pytest.fixture
def scene(tmp_path, workshop, grader):
    other = tmp_path / "other"
    other.write_text("somebody else's")
    victim = subprocess.Popen(
        [sys.executable, "-c", "import ctypes, time\nfrom autograder.workers import jail\njail._drop_capabilities()\nroom = ctypes.create_string_buffer(b'my marks')\n"
                               "print(ctypes.addressof(room), flush=True)\ntime.sleep(600)"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    folder = Path("/tmp", f"walls-{os.getpid()}")  # the path of a socket must be short
    folder.mkdir()
    workshop.place()
    zygote = grader.start_zygote("pytorch")
    zygote.connect().close()
    with contextlib.ExitStack() as open_sockets:
        tcp = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
        unix = open_sockets.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(folder / "socket"))
        unix.listen()
        abstract = open_sockets.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0{folder.name}")
        abstract.listen()
        yield Scene({
            "other": other, "victim": victim.pid, "address": victim.stdout.readline().strip(), "judge": os.getpid(),
            "port": tcp.getsockname()[1], "unix": folder / "socket", "abstract": folder.name, "run": grader.folder,
            "zygote": zygote.path, "zygote_pid": zygote.process.pid,
        }, victim)  # fmt: skip
    victim.kill()
    victim.communicate()
    shutil.rmtree(folder)


def gets_through(workshop, scene, attempt: Attempt, without: tuple[str, ...]) -> bool:
    with workshop.inside(without=without, **attempt.limits) as inside:
        error, output = inside.cell(attempt.code.format(**scene.values))
        assert (error is None) == output.startswith("through"), (error, output)
        return error is None


EVERYTHING = [*FILES, *NETWORK, *PROCESSES, *KERNEL, *LIMITS]
every_attempt = pytest.mark.parametrize("attempt", EVERYTHING, ids=[a.name for a in EVERYTHING])


def stops(wall: str, attempt: Attempt) -> bool:
    """Does this wall stop the attempt on this machine?"""
    return STANDING[wall] and (wall != "files" or LANDLOCK >= attempt.landlock)


@every_attempt
def test_with_all_walls_it_fails(workshop, scene, attempt):
    if not any(stops(wall, attempt) for wall in attempt.stopped_by):
        pytest.skip(f"this machine lacks {' and '.join(attempt.stopped_by)}")
    assert not gets_through(workshop, scene, attempt, ())
    assert scene.victim.poll() is None and scene.values["other"].read_text() == "somebody else's"


@every_attempt
def test_without_its_walls_it_succeeds(workshop, scene, attempt):
    granted(attempt)
    assert gets_through(workshop, scene, attempt, attempt.stopped_by)


def granted(attempt: Attempt) -> None:
    """Skip where the machine itself refuses, walls or not."""
    settings = {
        "traces a process": ("/proc/sys/kernel/yama/ptrace_scope", "0"),
        "reads a process's memory": ("/proc/sys/kernel/yama/ptrace_scope", "0"),
        "opens an io_uring": ("/proc/sys/kernel/io_uring_disabled", "0"),
    }
    path, open_at = settings.get(attempt.name, ("", ""))
    with contextlib.suppress(OSError):
        if path and Path(path).read_text().strip() != open_at:
            pytest.skip(f"this machine refuses it to everybody ({path})")
    if attempt.name == "makes a user namespace" and not STANDING["namespaces"]:
        pytest.skip("this machine grants no user namespaces")


SINGLY = [(a, w) for a in EVERYTHING if len(a.stopped_by) > 1 for w in a.stopped_by]


@pytest.mark.parametrize(("attempt", "wall"), SINGLY, ids=[f"{a.name}, {w} alone" for a, w in SINGLY])
def test_each_of_several_walls_is_enough(workshop, scene, attempt, wall):
    if not stops(wall, attempt):
        pytest.skip(f"{wall} does not stop this on this machine")
    assert not gets_through(workshop, scene, attempt, tuple(w for w in jail.WALLS if w != wall))
