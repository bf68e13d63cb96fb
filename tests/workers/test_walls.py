"""Code inside a contestant tries to get out, and fails; the very same code succeeds where the wall is left out.

Each attempt names the walls that stop it. Three things are shown of it: with all walls it fails; with every other wall
left out, each of the walls that are named stops it alone; and without those it gets through, so that it is they that
stopped it.
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

from autograder.judging.program import Program
from autograder.paths import ROOT
from autograder.workers import client, jail, seccomp
from autograder.workers.client import Ended
from autograder.workers.landlock import landlock_abi
from autograder.workers.syscall_numbers import NUMBERS
from course.syllabus import syllabus

STANDING = jail.survey(syllabus().limits)
LANDLOCK = landlock_abi()
pytestmark = pytest.mark.skipif(
    not (LANDLOCK and seccomp.supported()), reason="this kernel has no Landlock, or this processor no filter"
)


def test_where_the_kernel_has_the_means_the_walls_stand():
    assert [wall for wall in ("files", "network", "processes", "limits") if not STANDING[wall]] == []


@dataclass(frozen=True)
class Attempt:
    """Code that prints `through` where it gets through. `{victim}` and the like are filled in from the scene."""

    name: str
    code: str
    stopped_by: tuple[str, ...]
    limits: dict = field(default_factory=dict)
    landlock: int = 1  # the version from which on "files" stops it


def steps(*lines: str) -> str:
    """Code that gets through if none of its lines is refused."""
    return "\n".join([*lines, "print('through')"])


SYSCALL = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.syscall.restype = ctypes.c_long\n"
CHECKED = steps("if {call} < 0:", "    raise OSError(ctypes.get_errno(), 'refused')")


def syscall(name: str, *arguments: str) -> str:
    """Code that makes a system call by its number on this machine."""
    number = NUMBERS[name][seccomp.AUDIT_ARCH[os.uname().machine][0]]
    return SYSCALL + CHECKED.format(call=f"libc.syscall({', '.join([str(number), *arguments])})")


def read(path: str) -> str:
    return f"with open({path!r}, 'rb') as file:\n    file.read(1)\nprint('through')"


def listing(path: str) -> str:
    return f"import os\nassert os.listdir({path!r})\nprint('through')"


FILES = [
    Attempt("reads the solution", read(str(ROOT / "solutions/self_attention/pytorch.py")), ("files",)),
    Attempt("imports the solution", steps("import solutions.self_attention.pytorch"), ("files",)),
    Attempt("lists the solutions", listing(str(ROOT / "solutions")), ("files",)),
    Attempt(
        "reads the hidden tests", read(str(ROOT / "autograder/exercises/self_attention/hidden_tests.py")), ("files",)
    ),
    Attempt("imports the judge", steps("import autograder.judging.compare"), ("files",)),
    Attempt(
        "reads the known mistakes", read(str(next((ROOT / "autograder/exercises").glob("*/mistakes.toml")))), ("files",)
    ),
    Attempt(
        "reads the source notebook", read(str(ROOT / "source/self-attention-pytorch/self-attention.ipynb")), ("files",)
    ),
    Attempt("lists the repository", listing(str(ROOT)), ("files",)),
    Attempt("reads the list of users", read("/etc/passwd"), ("files",)),
    Attempt("reads the command line of process 1", read("/proc/1/cmdline"), ("files",)),
    Attempt("reads the command line of the judge", read("/proc/{judge}/cmdline"), ("files",)),
    Attempt("lists the processes", listing("/proc"), ("files",)),
    Attempt("reads its own first environment", read("/proc/self/environ"), ("files",)),
    Attempt(
        "reads its own memory as a file", read("/proc/self/mem").replace("file.read(1)", "file.fileno()"), ("files",)
    ),
    Attempt("lists the folder of temporary files", listing("/tmp"), ("files",)),
    Attempt("lists shared memory", steps("import os", "os.listdir('/dev/shm')"), ("files",)),
    Attempt("lists the folder of the run", listing("{run}"), ("files",)),
    Attempt("reads somebody else's file", read("{other}"), ("files",)),
    Attempt(
        "goes through a link of its own",
        steps("import os", "os.symlink('{other}', 'link')", "open('link').read()"),
        ("files",),
    ),
    Attempt("goes up from its scratch folder", steps("import os", "assert os.listdir('../..')"), ("files",)),
    Attempt("writes somebody else's file", steps("open('{other}', 'w').write('mine')"), ("files",)),
    Attempt("adds to somebody else's file", steps("open('{other}', 'a').write('mine')"), ("files",)),
    Attempt("cuts somebody else's file", steps("import os", "os.truncate('{other}', 0)"), ("files",), landlock=3),
    Attempt("removes somebody else's file", steps("import os", "os.remove('{other}')"), ("files",)),
    Attempt("renames somebody else's file", steps("import os", "os.rename('{other}', '{other}.mine')"), ("files",)),
    Attempt("makes a file beside it", steps("open('{other}.new', 'w').close()"), ("files",)),
    Attempt("makes a folder beside it", steps("import os", "os.mkdir('{other}.folder')"), ("files",)),
    Attempt("locks others out of a file", steps("import os", "os.chmod('{other}', 0)"), ("files",)),
    Attempt("turns back a file's clock", steps("import os", "os.utime('{other}', (1, 1))"), ("files",)),
]

NETWORK = [
    Attempt(
        "connects to a server",
        steps("import socket", "socket.create_connection(('127.0.0.1', {port}), 5)"),
        ("network", "namespaces", "files"),
        landlock=4,
    ),
    Attempt(
        "opens a server",
        steps("import socket", "s = socket.socket()", "s.bind(('127.0.0.1', 0))", "s.listen()"),
        ("network", "files"),
        landlock=4,
    ),
    Attempt(
        "sends a datagram",
        steps(
            "import socket",
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
            "s.sendto(b'marks', ('127.0.0.1', {port}))",
        ),
        ("network", "namespaces"),
    ),
    Attempt(
        "talks to a socket in a folder",
        steps("import socket", "s = socket.socket(socket.AF_UNIX)", "s.connect('{unix}')"),
        ("network",),
    ),
    Attempt(
        "asks the zygote for another process",
        steps("import socket", "s = socket.socket(socket.AF_UNIX)", "s.connect('{zygote}')"),
        ("network",),
    ),
    Attempt(
        "talks to a socket without a folder",
        steps("import socket", "s = socket.socket(socket.AF_UNIX)", "s.connect('\\0{abstract}')"),
        ("network", "namespaces", "files"),
        landlock=6,
    ),
    Attempt(
        "sends a datagram to a socket in a folder",
        steps(
            "import socket",
            "one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
            "one.sendto(b'marks', '{datagrams}')",
        ),
        ("network",),
    ),
    Attempt(
        "asks the kernel for its routes",
        steps("import socket", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)"),
        ("network",),
    ),
]

PROCESSES = [
    Attempt(
        "forks",
        steps("import os", "pid = os.fork()", "if pid == 0:", "    os._exit(0)", "os.waitpid(pid, 0)"),
        ("processes",),
    ),
    Attempt(
        "runs a command",
        steps("import subprocess", "subprocess.run(['/bin/true'], check=True)"),
        ("processes", "files"),
    ),
    Attempt(
        "runs a command in the quick way",
        steps("import os", "os.waitpid(os.posix_spawn('/bin/true', ['true'], {{}}), 0)"),
        ("processes", "files"),
    ),
    Attempt(
        "ends somebody else's process",
        steps("import os", "os.kill({victim}, 15)"),
        ("processes", "namespaces", "files"),
        landlock=6,
    ),
    Attempt(
        "asks whether a process is there",
        steps("import os", "os.kill({victim}, 0)"),
        ("processes", "namespaces", "files"),
        landlock=6,
    ),
    Attempt(
        "asks whether the judge is there",
        steps("import os", "os.kill({judge}, 0)"),
        ("processes", "namespaces", "files"),
        landlock=6,
    ),
    Attempt(
        "asks whether the zygote is there",
        steps("import os", "os.kill({zygote_pid}, 0)"),
        ("processes", "namespaces", "files"),
        landlock=6,
    ),
    Attempt(
        "asks whether its keeper is there",
        steps("import os", "assert os.getppid()", "os.kill(os.getppid(), 0)"),
        ("processes", "namespaces", "files"),
        landlock=6,
    ),
    Attempt("gets hold of a process", syscall("pidfd_open", "{victim}", "0"), ("processes", "namespaces")),
    Attempt("traces a process", syscall("ptrace", "16", "{victim}", "0", "0"), ("processes", "namespaces", "files")),
    Attempt(
        "reads a process's memory",
        SYSCALL
        + "import struct\nroom = ctypes.create_string_buffer(8)\nmine = struct.pack('QQ', ctypes.addressof(room), 8)\n"
        "theirs = struct.pack('QQ', {address}, 8)\n"
        + CHECKED.format(call="libc.process_vm_readv({victim}, mine, 1, theirs, 1, 0)"),
        ("processes", "namespaces", "files"),
    ),
    Attempt(
        "slows somebody else's process",
        steps("import os", "os.setpriority(os.PRIO_PROCESS, {victim}, 19)"),
        ("processes", "namespaces"),
    ),
    Attempt(
        "slows all of its user's processes",
        steps("import os", "os.setpriority(os.PRIO_USER, os.getuid(), os.getpriority(os.PRIO_PROCESS, 0))"),
        ("processes",),
    ),
    Attempt(
        "moves somebody else's process to a processor",
        steps("import os", "os.sched_setaffinity({victim}, {{0}})"),
        ("processes", "namespaces"),
    ),
    Attempt(
        "lets somebody else's process wait for the disk",
        syscall("ioprio_set", "1", "{victim}", "3 << 13"),
        ("processes", "namespaces"),
    ),
    Attempt(
        "means to live on when its keeper is killed",
        SYSCALL + CHECKED.format(call="libc.prctl(1, 0, 0, 0, 0)"),
        ("processes",),
    ),
    Attempt(
        "sets limits for a process",
        syscall("prlimit64", "{victim}", "7", "None", "ctypes.create_string_buffer(16)"),
        ("processes", "namespaces"),
    ),
    Attempt(
        "lowers its limits, for the kernel to kill it",
        steps("import resource", "resource.setrlimit(resource.RLIMIT_CPU, (3, 3))"),
        ("processes",),
    ),
]

KERNEL_WALLS = ("network", "processes", "files")  # each brings the filter of system calls with it
KERNEL = [
    Attempt("opens an io_uring", syscall("io_uring_setup", "4", "ctypes.create_string_buffer(256)"), KERNEL_WALLS),
    Attempt("makes memory that no limit counts", syscall("memfd_create", "b'mine'", "0"), KERNEL_WALLS),
    Attempt(
        "watches somebody else's file",
        SYSCALL + CHECKED.format(call="libc.inotify_add_watch(libc.inotify_init(), b'{other}', 0xFFF)"),
        KERNEL_WALLS,
    ),
    Attempt("has everybody's disks waited for", syscall("syncfs", "os.open('.', os.O_RDONLY)"), KERNEL_WALLS),
    Attempt("makes a user namespace", syscall("unshare", "0x10000000"), KERNEL_WALLS),
    Attempt("makes shared memory of System V", syscall("shmget", "0", "4096", "0o1600"), KERNEL_WALLS),
    Attempt(
        "keeps a key in the kernel",
        syscall("add_key", "b'user'", "b'mine'", "b'x'", "ctypes.c_size_t(1)", "-2"),
        KERNEL_WALLS,
    ),
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
FILL = """
for i in range(8):
    with open(f'file {{i}}', 'wb') as file:
        file.write(bytes(1 << 20))
print('through')
"""
MANY = "for i in range(5000):\n    open(f'file {{i}}', 'wb').close()\nprint('through')"
LIMITS = [
    Attempt("takes more memory than it may", ALLOCATE, ("limits",), {"memory_mb": 300}),
    Attempt("takes more shared memory than it may", MAP, ("limits",), {"memory_mb": 300}),
    Attempt("makes a tensor larger than it may", TENSOR, ("limits",), {"memory_mb": 300}),
    Attempt("starts more threads than fit", THREADS, ("limits",), {"threads": 20, "memory_mb": 150}),
    Attempt(
        "writes a larger file than it may",
        steps("with open('file', 'wb') as file:", "    file.write(bytes(2 << 20))"),
        ("limits",),
        {"file_mb": 1},
    ),
    Attempt("opens more files than it may", steps("files = [open('/dev/null') for _ in range(300)]"), ("limits",)),
    Attempt("fills its scratch folder", FILL, ("namespaces",), {"scratch_mb": 4}),
    Attempt("makes more files than fit", MANY, ("namespaces",)),
]


VICTIM = """
import ctypes, time
from autograder.workers import jail
jail._drop_capabilities()  # the kernel keeps those who have fewer from looking into those who have more
room = ctypes.create_string_buffer(b'my marks')
print(ctypes.addressof(room), flush=True)
time.sleep(600)
"""


@dataclass
class Scene:
    """What an attempt may go for: somebody else's file and process, servers, the processes of the grading itself."""

    values: dict
    victim: subprocess.Popen


@pytest.fixture
def scene(tmp_path, workshop, grader):
    other = tmp_path / "other"
    other.write_text("somebody else's")
    victim = subprocess.Popen([sys.executable, "-c", VICTIM], stdout=subprocess.PIPE, text=True)
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
        datagrams = open_sockets.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagrams.bind(str(folder / "datagrams"))
        yield Scene({
            "datagrams": folder / "datagrams",
            "other": other, "victim": victim.pid, "address": victim.stdout.readline().strip(), "judge": os.getpid(),
            "port": tcp.getsockname()[1], "unix": folder / "socket", "abstract": folder.name, "run": grader.folder,
            "zygote": zygote.path, "zygote_pid": zygote.process.pid,
        }, victim)  # fmt: skip
    victim.kill()
    victim.communicate()
    shutil.rmtree(folder)


# What stands open to a contestant that needs CUDA: `autograder.workers.jail` says why.
OPEN_ON_A_GPU = {(attempt.name, "namespaces") for attempt in PROCESSES} | {
    ("takes more shared memory than it may", "limits")
}


def gets_through(workshop, scene, attempt: Attempt, without: tuple[str, ...], device: str = "") -> bool:
    with workshop.inside(without=without, device=device, **attempt.limits) as inside:
        error, output = inside.cell(attempt.code.format(**scene.values))
        assert (error is None) == output.startswith("through"), (error, output)
        return error is None


EVERYTHING = [*FILES, *NETWORK, *PROCESSES, *KERNEL, *LIMITS]
every_attempt = pytest.mark.parametrize("attempt", EVERYTHING, ids=[a.name for a in EVERYTHING])


def stops(wall: str, attempt: Attempt, device: str) -> bool:
    """Does this wall stop the attempt on this machine?"""
    if device == "cuda" and (attempt.name, wall) in OPEN_ON_A_GPU:
        return False
    return STANDING[wall] and (wall != "files" or LANDLOCK >= attempt.landlock)


@every_attempt
def test_with_all_walls_it_fails(workshop, scene, attempt):
    if not any(stops(wall, attempt, workshop.grader.device) for wall in attempt.stopped_by):
        pytest.skip(f"this machine lacks {' and '.join(attempt.stopped_by)}")
    assert not gets_through(workshop, scene, attempt, ())
    assert scene.victim.poll() is None and scene.values["other"].read_text() == "somebody else's"


@every_attempt
def test_without_its_walls_it_succeeds(workshop, scene, attempt):
    granted(attempt, workshop.grader.device)
    assert gets_through(workshop, scene, attempt, attempt.stopped_by)


def granted(attempt: Attempt, device: str) -> None:
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
    if device == "cuda" and attempt.name == "makes a user namespace":
        pytest.skip("CUDA has started threads, and a process that has some may not")
    if device == "cuda" and attempt.name == "slows all of its user's processes" and os.getuid() == 0:
        pytest.skip("the kernel's threads are root's, too, and some are so slow that this would hasten them")


SINGLY = [(a, w) for a in EVERYTHING if len(a.stopped_by) > 1 for w in a.stopped_by]


@pytest.mark.parametrize(("attempt", "wall"), SINGLY, ids=[f"{a.name}, {w} alone" for a, w in SINGLY])
def test_each_of_several_walls_is_enough(workshop, scene, attempt, wall):
    if not stops(wall, attempt, workshop.grader.device):
        pytest.skip(f"{wall} does not stop this on this machine")
    assert not gets_through(workshop, scene, attempt, tuple(w for w in jail.WALLS if w != wall))


# -- limits that the judge holds from outside -------------------------------------------------------------------------

BURN = "import time\nwhile time.process_time() < {seconds}:\n    pass\nprint('through')"
STUBBORN = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"


def ended(inside, source: str) -> Ended:
    """How a cell brings the contestant down."""
    with pytest.raises(Ended) as caught:
        inside.cell(source)
    return caught.value


def test_a_call_may_not_use_more_computing_time_than_its_limit(workshop):
    burn = (
        "import time\nstart = time.process_time()\nwhile time.process_time() - start < 1.5:\n    pass\nprint('through')"
    )
    with workshop.inside(cpu_seconds_per_call=0.3, wall_factor=200) as inside:
        end = ended(inside, burn)
        assert end.kind == "timeout" and "endless loop" in str(end)
    with workshop.inside(cpu_seconds_per_call=30) as inside:
        assert inside.cell(burn) == (None, "through\n")


DESTRUCTOR = "class Sticky:\n    def __del__(self):\n        while True:\n            pass\nx = Sticky()\ndel x"
DEAF = """
import signal
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
"""
LOOPS = {
    "in except BaseException": STUBBORN,
    "in __del__": DESTRUCTOR,
    "with every signal ignored": DEAF + STUBBORN,
    "in a regular expression": "import re\nre.match('(a+)+$', 'a' * 64 + 'b')",
    "in native code": "sum(iter(int, 1))",
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_no_loop_is_too_stubborn_to_end(workshop, loop):
    with workshop.inside(cpu_seconds_per_call=0.2, wall_factor=300) as inside:
        assert ended(inside, loop).kind == "timeout"


def test_calls_share_the_computing_time_of_a_hand_in(workshop):
    burn = "start = time.process_time()\nwhile time.process_time() - start < 0.8:\n    pass\nprint('through')"
    with workshop.inside(cpu_left=1.2) as inside:
        inside.define("import time")
        assert inside.cell(burn) == (None, "through\n")
        assert ended(inside, burn).kind == "timeout"
    with workshop.inside() as inside:
        inside.define("import time")
        assert [inside.cell(burn) for _ in range(2)] == [(None, "through\n")] * 2


def test_the_kernel_ends_a_contestant_that_the_judge_overlooks(workshop):
    # The judge would let it compute for 30 seconds; the kernel gives 2 + 2, on a GPU 2 + 10.
    with workshop.inside(cpu_seconds=2, cpu_left=60.0) as inside:
        end = ended(inside, BURN.format(seconds=8 if workshop.grader.device == "cpu" else 16))
        assert end.kind == "timeout", end
        assert inside.contestant.report["code"] == -signal.SIGKILL
    with workshop.inside(without=("limits",), cpu_seconds=2, cpu_left=60.0) as inside:
        assert inside.cell(BURN.format(seconds=5)) == (None, "through\n")


def test_an_answer_that_sleeps_is_ended_by_the_clock_on_the_wall(workshop):
    sleep = "import time\ntime.sleep(3)\nprint('through')"
    with workshop.inside(cpu_seconds_per_call=0.5, wall_factor=1) as inside:
        end = ended(inside, sleep)
        assert end.kind == "timeout" and "wait for something" in str(end)
    with workshop.inside() as inside:
        assert inside.cell(sleep) == (None, "through\n")


def test_an_answer_that_stops_itself_is_ended_too(workshop):
    stop = "import signal\nsignal.raise_signal(signal.SIGSTOP)\nprint('through')"
    with workshop.inside(without=("namespaces",), cpu_seconds_per_call=0.5, wall_factor=2) as inside:
        assert ended(inside, stop).kind == "timeout"
    with workshop.inside() as inside:  # process 1 of its namespace cannot even stop itself
        if STANDING["namespaces"] and workshop.grader.device != "cuda":
            assert inside.cell(stop) == (None, "through\n")


def test_an_answer_that_somebody_stops_is_ended_too(workshop):
    with workshop.inside(cpu_seconds_per_call=0.5, wall_factor=2) as inside:
        os.kill(inside.contestant.pid, signal.SIGSTOP)
        assert ended(inside, "print('through')").kind == "timeout"
        assert inside.contestant.report["code"] == -signal.SIGKILL


def test_output_is_kept_up_to_its_size(workshop):
    chatter = "for _ in range(1000):\n    print('x' * 99)"
    with workshop.inside(output_kb=1) as inside:
        error, output = inside.cell(chatter)
        assert error is None and output.endswith("[more output was dropped]") and len(output) < 1100
        assert inside.cell("print('still here')")[1] == "\n[more output was dropped]"
    with workshop.inside(output_kb=256) as inside:
        assert inside.cell(chatter) == (None, ("x" * 99 + "\n") * 1000)


def test_output_past_python_reaches_nobody(workshop, capfd):
    with workshop.inside() as inside:
        assert inside.cell(
            "import os\nos.write(1, b'score: 100')\nos.write(2, b'score: 100')\nos.system('echo hi')"
        ) == (None, "")
    assert "score" not in "".join(capfd.readouterr())


def test_a_reply_is_read_up_to_its_size(workshop):
    large, program = "import torch\ndef large():\n    return torch.ones(1 << 19)", Program.function("large")
    with workshop.inside(reply_mb=1) as inside:
        inside.define(large)
        with pytest.raises(Ended) as end:
            inside.run(program)
        assert end.value.kind == "reply" and "over the limit" in str(end.value)
    with workshop.inside(reply_mb=4) as inside:
        inside.define(large)
        assert inside.run(program).out.shape == (1 << 19,)


# CUDA has a socket of its own, which listens.
FIND_LINE = """
import os, socket, stat
lines = []
for fd in range(3, 4096):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            other = socket.socket(fileno=os.dup(fd))
            if not other.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                lines.append(fd)
            other.close()
    except OSError:
        pass
line, = lines
"""


FRAME = "os.write(line, b'AXW1' + ({head}).to_bytes(4, 'little') + ({body}).to_bytes(8, 'little') + {content})"
FORGERIES = {
    "prose": ("os.write(line, b'passed' * 100)", "reply"),
    "a frame of absurd size": ("os.write(line, b'AXW1' + b'\\xff' * 4096)", "reply"),
    "arrays that are none": (FRAME.format(head=2, body=8, content="b'{}' + b'\\xff' * 8"), "reply"),
    "a header nested a million deep": (FRAME.format(head=1 << 20, body=0, content="b'[' * (1 << 20)"), "reply"),
    "hanging up": ("os.close(line)", "exit"),
}


@pytest.mark.parametrize(("forgery", "kind"), FORGERIES.values(), ids=FORGERIES)
def test_what_is_no_reply_ends_the_contestant(workshop, forgery, kind):
    with workshop.inside() as inside:
        assert ended(inside, FIND_LINE + forgery + "\nwhile True:\n    pass").kind == kind


def test_a_reply_that_trickles_for_ever_comes_to_an_end(workshop):
    trickle = (
        FIND_LINE
        + """
import time
os.write(line, b'AXW1' + (1 << 20).to_bytes(4, 'little') + (0).to_bytes(8, 'little') + b'{"error": null, "output": "')
while True:
    os.write(line, b'x')
    time.sleep(0.01)
"""
    )
    with workshop.inside(cpu_seconds_per_call=0.5, wall_factor=3) as inside:
        assert ended(inside, trickle).kind == "timeout"


# -- what a contestant is born with -----------------------------------------------------------------------------------


def test_the_environment_is_scrubbed(workshop, grader, monkeypatch):
    with workshop.inside() as inside:
        _, output = inside.cell(
            "import os\nprint(sorted(os.environ))\nprint(os.getcwd() == os.environ['HOME'] == os.environ['TMPDIR'])"
        )
    cuda = "'CUDA_CACHE_DISABLE', " if grader.device == "cuda" else ""
    assert output == f"['COURSE_CHECKS', {cuda}'HOME', 'LANG', 'TMPDIR']\nTrue\n"
    zygote = grader.start_zygote("pytorch").process.pid
    assert b"PATH=" in Path(f"/proc/{zygote}/environ").read_bytes()  # where it comes from has more


def test_no_secret_of_the_caller_reaches_a_process_of_ours(tmp_path, monkeypatch):
    from autograder.grading.processes import ServerProcess

    monkeypatch.setenv("GRADEBOOK_PASSWORD", "hunter2")
    service = ServerProcess(
        ["-c", "import os\nprint(dict(os.environ), flush=True)"], tmp_path / "socket", tmp_path / "log"
    )
    service.process.wait()
    said = service.log_tail(10_000)
    service.close()
    assert "PATH" in said and "hunter2" not in said


def test_the_only_descriptor_that_leads_out_is_the_line_to_the_judge(workshop, grader):
    if grader.device == "cuda":
        pytest.skip("CUDA has opened the GPU and a socket that listens")
    code = (
        FIND_LINE
        + """
null = os.stat('/dev/null').st_rdev
rest = []
for fd in range(4096):
    try:
        status = os.fstat(fd)
    except OSError:
        continue
    if fd != line and getattr(status, 'st_rdev', 0) != null:
        rest.append(fd)
print(rest)
"""
    )
    with workshop.inside() as inside:
        assert inside.cell(code) == (None, "[]\n")
    zygote = grader.start_zygote("pytorch").process.pid
    assert len(os.listdir(f"/proc/{zygote}/fd")) > 4  # its listening socket and more, which a fork would inherit


def test_nothing_of_the_judge_is_in_memory(workshop):
    code = """
import gc, sys
ours = ('autograder.judging', 'autograder.grading', 'solutions', '_pytest', 'pytest')
print([name for name in sys.modules if name.startswith(ours)])
print([o for o in gc.get_objects() if isinstance(o, dict) and 'causal_mask' in o and 'padding_mask' in o])
"""
    with workshop.inside() as inside:
        assert inside.cell(code) == (None, "[]\n[]\n")


def test_an_answer_cannot_raise_its_limits_again(workshop):
    code = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)\nprint('through')"
    with workshop.inside() as inside:
        assert inside.cell(code)[0]["types"][0] in ("ValueError", "PermissionError")
    if resource.getrlimit(resource.RLIMIT_AS)[1] == resource.RLIM_INFINITY:
        with workshop.inside(without=("limits", "processes")) as inside:
            assert inside.cell(code) == (None, "through\n")


def test_an_answer_cannot_be_killed_by_its_own_hand(workshop):
    """Who is killed was killed by somebody else, for want of memory say, and is not marked down for it."""
    code = "import signal\nsignal.raise_signal(signal.SIGKILL)\nprint('through')"
    with workshop.inside(without=("namespaces",)) as inside:  # in its own, process 1 hears of no such signal
        assert inside.cell(code)[0]["types"][0] == "PermissionError"
    with workshop.inside(without=("namespaces", "processes")) as inside:
        assert ended(inside, code).kind == "killed"


def test_where_memory_runs_out_a_contestant_is_the_first_to_go(workshop):
    with workshop.inside() as inside:
        assert Path(f"/proc/{inside.contestant.pid}/oom_score_adj").read_text() == "1000\n"
    zygote = next(iter(workshop.grader.zygotes.values())).process.pid
    assert int(Path(f"/proc/{zygote}/oom_score_adj").read_text()) < 1000


def test_a_scratch_folder_is_fresh_and_private(workshop):
    with workshop.inside() as one, workshop.inside() as other:
        one.define("open('mine', 'w').write('secret')")
        assert one.cell("import os\nprint(os.listdir('.'))")[1] == "['mine']\n"
        assert other.cell("import os\nprint(os.listdir('.'))")[1] == "[]\n"
    with workshop.inside() as later:
        assert later.cell("import os\nprint(os.listdir('.'))")[1] == "[]\n"


@pytest.mark.parametrize("without", [(), ("namespaces",)], ids=["in a tmpfs", "in a plain folder"])
def test_a_scratch_folder_goes_with_its_contestant(workshop, grader, without):
    with workshop.inside(without=without) as inside:
        inside.define("import os\nos.makedirs('a/b/c')\nopen('a/b/c/mine', 'w').write('secret')")
    root = grader.start_zygote("pytorch").path.parent / "scratch"
    wait_until(lambda: not os.listdir(root))


# -- namespaces: what a contestant starts dies with it ----------------------------------------------------------------

DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            with open({heart!r} + '.new', 'w') as file:
                file.write(f'{{os.getpid()}} {{time.monotonic_ns()}}')
            os.replace({heart!r} + '.new', {heart!r})
            time.sleep(0.02)
    os._exit(0)
while not os.path.exists({heart!r}):
    time.sleep(0.01)
print(os.getpid())
"""


def wait_until(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def beats(heart: Path, seconds: float = 0.5) -> bool:
    before = heart.read_text()
    time.sleep(seconds)
    return heart.read_text() != before


@pytest.mark.skipif(not STANDING["namespaces"], reason="this machine grants no namespaces")
def test_a_daemon_dies_with_its_contestant(workshop, tmp_path):
    if workshop.grader.device == "cuda":
        pytest.skip("a contestant on a GPU has no pid namespace")
    heart = tmp_path / "heart"
    with workshop.inside(without=("processes", "files")) as inside:
        assert inside.cell(DAEMON.format(heart=str(heart))) == (None, "1\n")  # the first process of its namespace
        wait_until(lambda: beats(heart))
    assert not beats(heart)


def test_a_daemon_without_that_wall_lives_on(workshop, tmp_path):
    heart = tmp_path / "heart"
    with workshop.inside(without=("processes", "files", "namespaces")) as inside:
        error, _ = inside.cell(DAEMON.format(heart=str(heart)))
        assert error is None
    lives_on, pid = beats(heart), int(heart.read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    assert lives_on


def test_when_the_judge_goes_away_the_contestant_goes(workshop):
    with workshop.inside() as inside:
        pid = inside.contestant.pid
        assert Path(f"/proc/{pid}").exists()
        inside.contestant.control.close()
        inside.contestant.report = {}
        wait_until(lambda: not Path(f"/proc/{pid}").exists())
        inside.contestant.sock.close()


# -- the judge's side -------------------------------------------------------------------------------------------------


def test_a_contestant_without_its_walls_is_refused(workshop, monkeypatch):
    monkeypatch.setattr(client.jail, "NEEDED", ("files", "network", "a wall that nobody has"))
    with pytest.raises(client.WorkerFailure, match="a wall that nobody has"), workshop.inside():
        pass


def test_honest_code_notices_none_of_the_walls(workshop):
    honest = """
import asyncio, json, math, os, random, tempfile, threading
from concurrent.futures import ThreadPoolExecutor
import numpy as np, torch
from torch import nn
layer = nn.TransformerEncoderLayer(16, 4, batch_first=True)
layer(torch.randn(2, 5, 16)).sum().backward()
with ThreadPoolExecutor(4) as pool:
    assert sum(pool.map(abs, range(-10, 10))) == 100
with tempfile.TemporaryFile() as file:
    file.write(b'x')
asyncio.run(asyncio.sleep(0))
torch.save(layer.state_dict(), 'weights.pt')
layer.load_state_dict(torch.load('weights.pt'))
import course
import unicodedata, decimal, sqlite3, zoneinfo
print('well')
"""
    with workshop.inside() as inside:
        assert inside.cell(honest) == (None, "well\n")


def test_what_keeps_a_contestant_from_starting_is_said(workshop):
    with pytest.raises(client.WorkerFailure, match="could be started: TypeError"), workshop.inside(file_mb=None):
        pass


# -- what stands open for CUDA, tried without one ---------------------------------------------------------------------

LISTENS = """
import socket
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind('\\0cuda-uvmfd')
listener.listen()
"""
NAMES_A_THREAD = """
import threading
with open(f'/proc/self/task/{threading.get_native_id()}/comm', 'w') as file:
    file.write('cuda')
print(open('/proc/self/status').readline().split()[1])
"""


def test_a_contestant_on_a_gpu_may_do_what_cuda_does(workshop):
    with workshop.inside(device="cuda") as inside:
        assert inside.cell(LISTENS) == (None, "")
        assert inside.cell(NAMES_A_THREAD) == (None, "cuda\n")


def test_another_contestant_may_not_do_what_cuda_does(workshop):
    if workshop.grader.device == "cuda":
        pytest.skip("here all contestants are on the GPU")
    for code in (LISTENS, NAMES_A_THREAD):
        with workshop.inside() as inside:
            assert inside.cell(code)[0]["types"][0] in ("PermissionError", "FileNotFoundError")


ON_A_GPU = [a for a in EVERYTHING if a not in LIMITS]


@pytest.mark.parametrize("attempt", ON_A_GPU, ids=[a.name for a in ON_A_GPU])
def test_the_walls_stand_around_a_contestant_on_a_gpu(workshop, scene, attempt):
    if not any(stops(wall, attempt, "cuda") for wall in attempt.stopped_by):
        pytest.skip(f"this machine lacks {' and '.join(attempt.stopped_by)}")
    assert not gets_through(workshop, scene, attempt, (), "cuda")


CONNECTS = steps(
    "import socket",
    "listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)",
    "listener.bind('\\0here')",
    "listener.listen()",
    "socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect('\\0here')",
)
DATAGRAMS = steps("import socket", "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)")


@pytest.mark.parametrize("code", [CONNECTS, DATAGRAMS], ids=["connects", "has a socket for datagrams"])
def test_the_socket_of_cuda_leads_nowhere(workshop, code):
    with workshop.inside(device="cuda") as inside:
        assert inside.cell(code)[0]["types"][0] == "PermissionError"
    with workshop.inside(device="cuda", without=("network",)) as inside:
        assert inside.cell(code) == (None, "through\n")


# -- TensorFlow: the same walls around the other framework ------------------------------------------------------------

TENSORFLOW = [
    a
    for a in EVERYTHING
    if a.name
    in {
        "reads the solution",
        "imports the judge",
        "writes somebody else's file",
        "locks others out of a file",
        "connects to a server",
        "forks",
        "ends somebody else's process",
        "takes more memory than it may",
        "fills its scratch folder",
    }
]


@pytest.mark.parametrize("attempt", TENSORFLOW, ids=[a.name for a in TENSORFLOW])
def test_the_walls_stand_around_tensorflow(workshop, scene, attempt):
    code = attempt.code.format(**scene.values)
    with workshop.inside("tensorflow", **attempt.limits) as inside:
        error, _ = inside.cell(code)
        assert error is not None
    with workshop.inside("tensorflow", without=attempt.stopped_by, **attempt.limits) as inside:
        assert inside.cell(code) == (None, "through\n")


def test_honest_tensorflow_notices_none_of_the_walls(workshop):
    honest = """
import keras, numpy as np, tensorflow as tf
layer = keras.layers.Dense(3)
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(layer(tf.ones((2, 4))))
assert tape.gradient(loss, layer.kernel).shape == (4, 3)
model = keras.Sequential([layer])
model.compile('sgd', 'mse')
model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
np.save('weights.npy', layer.get_weights()[0])
print('well')
"""
    with workshop.inside("tensorflow") as inside:
        assert inside.cell(honest) == (None, "well\n")


def test_a_tensor_larger_than_it_may_be_is_an_error_in_tensorflow_too(workshop):
    with workshop.inside("tensorflow", memory_mb=600) as inside:
        inside.define("import tensorflow as tf\ndef large():\n    return tf.ones((1 << 28,))")
        answer = inside.run(Program.function("large"))
    assert answer.error is not None and answer.error.kind == "memory"
    with workshop.inside("tensorflow", without=("limits",), memory_mb=600) as inside:
        inside.define("import tensorflow as tf\ndef large():\n    return tf.size(tf.ones((1 << 28,)))")
        assert inside.run(Program.function("large")).out == np.int32(1 << 28)
