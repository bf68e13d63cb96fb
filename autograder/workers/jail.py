"""The walls around a contestant: namespaces, Landlock, seccomp, limits, no capabilities, no inherited descriptors.

Theory of operation
-------------------
The contestant puts up the walls itself, after the fork and before it runs any of a student's code. No wall can be
removed again. Each wall uses its own kernel feature, so if one is missing, the others still work.

- *Files* (Landlock, Linux 5.13+): the interpreter and its libraries can be read, and one private scratch folder
  written (a small tmpfs where a mount namespace is granted). Everything else, `/proc` of other processes included,
  cannot be opened. No folder of the project can: what answers may import of `course` was imported before the fork.
  Landlock lets the owner of a file change its mode, owner, times and attributes, so seccomp refuses that altogether.
- *Network*: seccomp refuses to make a socket. Where granted, an empty network namespace and Landlock's TCP rules are a
  second wall.
- *Processes*: seccomp refuses fork, exec, ptrace, reading other processes' memory and signals to others. Where granted,
  there is a pid namespace, in which the contestant is process 1: when it dies, everything in it dies.
- *Kernel surface*: seccomp lets through what the frameworks need, by call and by argument, and refuses everything else
  (`seccomp.py` has the lists, each with its reason).
- *Limits*: memory, CPU seconds, file size, open files, no core dumps; threads, where namespaces are granted and the
  grader does not run as root (the kernel does not count root's; then the limit on memory bounds them).

A contestant on a GPU (`device` is "cuda") needs a little more, or CUDA does not start: the driver's devices, a local
socket to listen on (nobody can connect to it), the names of its own threads in `/proc`, and no pid namespace, because
`/proc` would not find the threads in it. Its limit on memory is set when CUDA has started (`limit_memory`), and does
not count what CUDA took.

Not covered: bugs in the kernel, side channels (timing, caches), the GPU driver's own interface when `--device cuda`
opens the devices, and a machine whose owner runs the grader with `--isolation none`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import socket
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

from autograder.workers import seccomp
from autograder.workers.landlock import Doors, landlock_abi, library_paths
from course.syllabus import Limits

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

WALLS = ("files", "network", "processes", "namespaces", "limits")
NEEDED = ("files", "network")  # without these, grading refuses to start


class JailError(OSError):
    """A wall could not be put up."""


def _check(result: int, what: str) -> int:
    """The result of a call of the C library. Raises JailError where it is negative."""
    if result < 0:
        code = ctypes.get_errno()
        raise JailError(code, f"{what}: {os.strerror(code)}")
    return result


# -- prctl and capabilities ------------------------------------------------------------------------------------------

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38


def die_with_parent(signal_number: int = 9) -> None:
    """Have the kernel kill this process when its parent dies."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def first_to_go() -> None:
    """Let the kernel kill this process first if the machine runs out of memory."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _no_new_privileges() -> None:
    _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")


def _drop_capabilities() -> None:
    header = struct.pack("<Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    _check(_libc.capset(header, struct.pack("<6I", *[0] * 6)), "capset")


# -- namespaces ------------------------------------------------------------------------------------------------------

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 0x4000, 1 << 18


def enter_namespaces(device: str = "cpu") -> bool:
    """Enter new user, mount, network, IPC, UTS and (for children) pid namespaces; False where they are not granted."""
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
    if device != "cuda":
        flags |= CLONE_NEWPID
    if _libc.unshare(flags) != 0:
        return False
    # A kernel that grants the namespace and refuses the rights in it (AppArmor on some distributions) fails here.
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        _check(_libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount private")
    except OSError:
        return False
    return True


def namespaces_granted() -> bool:
    """Whether the kernel grants `enter_namespaces`; a forked child tries it, because there is no way back."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if enter_namespaces() else 1)
    return os.waitpid(pid, 0)[1] == 0


def mount_scratch(path: str, size_mb: int) -> bool:
    """Mount a tmpfs of at most `size_mb` MiB and 4096 files at `path`; False where the kernel refuses."""
    options = f"size={size_mb}m,nr_inodes=4096,mode=700".encode()
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    return _libc.mount(b"scratch", path.encode(), b"tmpfs", flags, options) == 0


# -- limits ----------------------------------------------------------------------------------------------------------


def _memory_in_use() -> dict[str, int]:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return {key: int(status[key].split()[0]) << 10 for key in ("VmSize", "VmData")}


def _set_limits(limits: Limits, device: str, in_use: dict[str, int], own_count: bool) -> None:
    """Resource limits; the memory limit comes on top of what the imported framework takes already."""
    mib = 1 << 20
    hard = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.file_mb * mib,
        resource.RLIMIT_NOFILE: 256,
        # A second limit after the judge's own, which gives a reason and does not count the start of CUDA.
        resource.RLIMIT_CPU: int(limits.cpu_seconds) + (10 if device == "cuda" else 2),
        resource.RLIMIT_MEMLOCK: 64 << 10,
    }
    if own_count:  # without its own namespace, the kernel would count all processes of this user
        hard[resource.RLIMIT_NPROC] = limits.threads + limits.processes
    for which, value in hard.items():
        _lower(which, value)
    if device != "cuda":
        limit_memory(limits, device, in_use)


def limit_memory(limits: Limits, device: str, in_use: dict[str, int] | None = None) -> None:
    """Allow `memory_mb` MiB of private memory on top of `in_use` (bytes; by default what is in use now).

    Twice as many addresses are allowed; on a GPU more, for its memory and for the libraries that CUDA maps later.
    """
    in_use = in_use or _memory_in_use()
    addresses = 2 * limits.memory_mb
    if device == "cuda":
        addresses += 2 * limits.gpu_memory_mb + (8 << 10)
    _lower(resource.RLIMIT_DATA, in_use["VmData"] + (limits.memory_mb << 20))
    _lower(resource.RLIMIT_AS, in_use["VmSize"] + (addresses << 20))


def _lower(which: int, value: int) -> None:
    ceiling = resource.getrlimit(which)[1]
    value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
    resource.setrlimit(which, (value, value))


def _close_descriptors(keep: set[int]) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
        if fd > 2 and fd not in keep:
            try:
                os.close(fd)
            except OSError:  # the listing's own descriptor is among them, closed by now
                pass


# -- the whole jail --------------------------------------------------------------------------------------------------


def lock_in(
    doors: Doors, scratch: str, keep: set[int], limits: Limits, device: str, without: frozenset[str]
) -> list[str]:
    """Give up this process's rights for good; returns the walls that stand.

    `doors` are the files that stay open to read, `scratch` the folder that it may write to, `keep` the descriptors that
    stay open. `without` leaves walls out, for tests. Raises OSError where the kernel refuses a wall.
    """
    standing = []
    which = os.environ.get("CUDA_VISIBLE_DEVICES") if device == "cuda" else None
    os.environ.clear()
    os.environ.update({"HOME": scratch, "TMPDIR": scratch, "LANG": "C.UTF-8", "COURSE_CHECKS": "off"})
    if which is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = which
    if device == "cuda":
        os.environ["CUDA_CACHE_DISABLE"] = "1"  # the cache would fill the scratch folder and never be used again
    tempfile.tempdir = None  # forget the zygote's, which Python remembers
    os.chdir(scratch)
    os.umask(0o077)
    in_use = _memory_in_use()
    _close_descriptors(keep | doors.descriptors)
    _drop_capabilities()
    _no_new_privileges()
    if "files" not in without and landlock_abi():
        doors.close_all_but(scratch, device)
        standing.append("files")
    doors.forget()
    if "limits" not in without:
        _set_limits(limits, device, in_use, own_count="namespaces" not in without)
        standing.append("limits")
    filtered = frozenset({"files", "network", "processes", "limits"} - without)
    _check(_libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")
    if seccomp.supported() and filtered - {"limits"}:
        seccomp.install(filtered, device)
        standing += [wall for wall in ("network", "processes") if wall in filtered]
    return standing


# -- what stands here ------------------------------------------------------------------------------------------------

_TRIES: dict[str, Callable[[], object]] = {  # each raises OSError where the wall stands
    "files": lambda: open("/etc/passwd").close(),
    "network": lambda: socket.socket().close(),
    "processes": lambda: os.fork() or os._exit(0),
}


def survey(limits: Limits) -> dict[str, bool]:
    """Which of WALLS work on this machine: a forked child puts them up, and tries to get through them."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read_end)
            _survey_inside(write_end, tempfile.mkdtemp(prefix="autograder-"), limits)
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    standing = json.loads(text or "[]")
    return {wall: wall in standing for wall in WALLS}


def _survey_inside(write_end: int, scratch: str, limits: Limits) -> None:
    namespaces = namespaces_granted() and enter_namespaces()
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        os.rmdir(scratch)
        return
    doors = Doors(library_paths())
    standing = lock_in(doors, scratch, {write_end}, limits, "cpu", frozenset())
    for wall, attempt in _TRIES.items():
        try:
            attempt()
        except OSError:
            continue
        standing = [w for w in standing if w != wall]
    os.write(write_end, json.dumps(["namespaces"] * namespaces + standing).encode())
