"""The filter of system calls around a contestant: a list of what is allowed, and nothing else.

Theory of operation
-------------------
The kernel runs the filter at each system call, before the call does anything. A call is let through if it is in
`ALLOWED`, where each group has its reason, and if its arguments suit its rule where it has one (`_rules`). The lists
were measured: all solutions, the accepted alternatives and trainings were traced in both tracks. Everything else is
refused with EPERM, or with ENOSYS where the caller then takes another way (`clone3`) and where the number is newer than
the table.

`WHILE_MISSING` names the calls that are also let through where a wall is left out, for the tests that show what a wall
is for. On a GPU it is not known what CUDA needs. So there everything is let through except `REFUSED_ON_A_GPU` and
`WHILE_MISSING`; the rules on arguments hold there as well, with the exceptions that CUDA is known to need.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from autograder.workers.syscall_numbers import NUMBERS

AUDIT_ARCH = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # a processor's column in NUMBERS, its name here

# -- what is allowed, and why ----------------------------------------------------------------------------------------

ALLOWED: dict[str, tuple[str, ...]] = {
    "opens files: Landlock decides which": (
        "open", "openat", "openat2", "creat", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "mkdir",
        "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
        "symlinkat", "truncate", "chdir", "fchdir", "getcwd", "umask",
    ),
    "tells whether a file is there and how large it is, without its contents": (
        "stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs",
    ),
    "reads and writes what is open": (
        "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2", "lseek",
        "close", "close_range", "dup", "dup2", "dup3", "getdents", "getdents64", "fsync", "fdatasync", "ftruncate",
        "fallocate", "fadvise64", "readahead", "sendfile", "copy_file_range", "fcntl", "ioctl",
    ),
    "its own memory, which limits bound": (
        "mmap", "munmap", "mprotect", "mremap", "brk", "madvise", "msync", "mincore", "membarrier",
    ),
    "its own threads": (
        "clone", "futex", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "sched_yield", "getcpu",
        "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_setparam", "sched_getscheduler",
        "sched_setscheduler", "sched_getattr", "sched_setattr", "sched_get_priority_max", "sched_get_priority_min",
        "sched_rr_get_interval", "exit", "exit_group", "tgkill",
    ),
    "signals to itself, and waiting for them": (
        "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait",
        "sigaltstack", "pause", "restart_syscall", "alarm", "getitimer", "setitimer",
    ),
    "the time": ("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times"),
    "what it is itself": (
        "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups",
        "getpgrp", "getpgid", "getsid", "getrlimit", "prlimit64", "getrusage", "getpriority", "setpriority", "capget",
        "prctl", "arch_prctl", "uname", "sysinfo", "getrandom",
    ),
    "waits for what is open": (
        "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait",
        "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "pipe", "pipe2",
    ),
    "the line to the judge, and connected pairs, which asyncio has": (
        "sendto", "recvfrom", "sendmsg", "recvmsg", "shutdown", "getsockname", "getpeername", "getsockopt",
        "socketpair",
    ),
}  # fmt: skip

# Calls that are also allowed if this wall is left out.
WHILE_MISSING: dict[str, tuple[str, ...]] = {
    "network": (
        "socket", "connect", "accept", "accept4", "bind", "listen", "setsockopt", "sendmmsg", "recvmmsg",
    ),
    "processes": (
        "fork", "vfork", "clone3", "execve", "execveat", "kill", "tkill", "ptrace", "process_vm_readv",
        "process_vm_writev", "kcmp", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "rt_sigqueueinfo",
        "rt_tgsigqueueinfo", "process_madvise", "migrate_pages", "move_pages", "process_mrelease", "setrlimit",
        "ioprio_set", "ioprio_get", "wait4", "waitid", "setsid", "setpgid",
    ),
    # Landlock lets a file's owner do these, although the file cannot be opened: `chmod(solutions, 0)` would end all
    # grading.
    "files": (
        "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime", "utimes",
        "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr",
        "fremovexattr", "removexattrat", "getxattr", "lgetxattr", "fgetxattr", "getxattrat", "listxattr", "llistxattr",
        "flistxattr", "listxattrat", "file_getattr", "file_setattr", "flock",
    ),
}  # fmt: skip

# Refused on a GPU as well, where the rest of the kernel's calls are open.
REFUSED_ON_A_GPU = (
    "personality", "mknod", "mknodat", "pivot_root", "chroot", "mount", "umount2", "swapon", "swapoff", "reboot",
    "sethostname", "setdomainname", "iopl", "ioperm", "init_module", "delete_module", "finit_module", "quotactl",
    "quotactl_fd", "io_setup", "io_submit", "add_key", "request_key", "keyctl", "unshare", "setns", "perf_event_open",
    "fanotify_init", "fanotify_mark", "name_to_handle_at", "open_by_handle_at", "kexec_load", "kexec_file_load", "bpf",
    "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "open_tree", "open_tree_attr", "move_mount",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "statmount", "listmount", "shmget", "shmat", "shmctl",
    "semget", "msgget", "mq_open", "syslog", "memfd_secret", "memfd_create", "sync", "syncfs", "inotify_init",
    "inotify_init1", "inotify_add_watch", "remap_file_pages", "vmsplice", "splice", "tee", "lookup_dcookie",
    "timer_create", "seccomp", "acct", "vhangup", "capset",
)  # fmt: skip

# -- rules on arguments ----------------------------------------------------------------------------------------------

FCNTL = {
    "F_DUPFD": 0, "F_GETFD": 1, "F_SETFD": 2, "F_GETFL": 3, "F_SETFL": 4, "F_GETLK": 5, "F_SETLK": 6, "F_SETLKW": 7,
    "F_DUPFD_CLOEXEC": 1030, "F_GETPIPE_SZ": 1032,
}  # fmt: skip
IOCTL = {
    "TCGETS": 0x5401, "TCGETS2": 0x802C542A, "TIOCGWINSZ": 0x5413, "FIONREAD": 0x541B, "FIONBIO": 0x5421,
    "FIONCLEX": 0x5450, "FIOCLEX": 0x5451,
}  # fmt: skip
NVIDIA_IOCTL_TYPES = (0x00, 0x46)  # the second byte of a command to the driver's devices
PRCTL = {"PR_GET_DUMPABLE": 3, "PR_SET_NAME": 15, "PR_GET_NAME": 16, "PR_CAPBSET_READ": 23, "PR_SET_VMA": 0x53564D41}
MADVISE = {
    "MADV_NORMAL": 0, "MADV_RANDOM": 1, "MADV_SEQUENTIAL": 2, "MADV_WILLNEED": 3, "MADV_DONTNEED": 4, "MADV_FREE": 8,
    "MADV_DONTFORK": 10, "MADV_DOFORK": 11, "MADV_HUGEPAGE": 14, "MADV_NOHUGEPAGE": 15, "MADV_DONTDUMP": 16,
}  # fmt: skip
SOCKET_OPTIONS = {
    "SO_TYPE": 3, "SO_ERROR": 4, "SO_SNDBUF": 7, "SO_RCVBUF": 8, "SO_ACCEPTCONN": 30, "SO_PROTOCOL": 38,
    "SO_DOMAIN": 39,
}  # fmt: skip
O_ASYNC = 0x2000
MAP_SHARED, MAP_ANONYMOUS = 0x1, 0x20
# The allowed flags of mappings. Not MAP_GROWSDOWN, which no limit counts, nor MAP_LOCKED, MAP_HUGETLB or MAP_POPULATE.
MAP_FLAGS = {
    "MAP_SHARED": MAP_SHARED, "MAP_PRIVATE": 0x2, "MAP_FIXED": 0x10, "MAP_ANONYMOUS": MAP_ANONYMOUS,
    "MAP_DENYWRITE": 0x800, "MAP_EXECUTABLE": 0x1000, "MAP_NORESERVE": 0x4000, "MAP_STACK": 0x20000,
    "MAP_FIXED_NOREPLACE": 0x100000,
}  # fmt: skip
MAP_GROWSDOWN = 0x100
MREMAP_MAYMOVE, MREMAP_FIXED = 1, 2
SEND_FLAGS = {"MSG_DONTWAIT": 0x40, "MSG_NOSIGNAL": 0x4000, "MSG_MORE": 0x8000}  # not MSG_OOB
RECEIVE_FLAGS = {
    "MSG_PEEK": 0x2, "MSG_TRUNC": 0x20, "MSG_DONTWAIT": 0x40, "MSG_WAITALL": 0x100, "MSG_NOSIGNAL": 0x4000,
    "MSG_CMSG_CLOEXEC": 0x40000000,
}  # fmt: skip
# The flags with which the C library makes a thread.
CLONE_THREAD = 0x00010000
CLONE_FLAGS = 0x003D0F00 | 0x00400000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 4, 22
# The second argument of `socket` and `socketpair` is a socket's kind, with flags above it. Those that are let through
# reach only the process that they are connected with; a datagram can be sent to any address, also from half a pair.
KIND_MASK = 0xF

WHOLE = 0xFFFFFFFF
Test = tuple[int, int, int]  # which half of which argument (twice its number; one more: the upper half), mask, value


@dataclass(frozen=True)
class Rule:
    """What a call's arguments must be: never all tests of one of `refused`, and all tests of one of `allowed`."""

    allowed: tuple[tuple[Test, ...], ...] = ((),)
    refused: tuple[tuple[Test, ...], ...] = ()


def _is(argument: int, value: int, mask: int = WHOLE) -> Test:
    """The lower half of an argument, counted from 0, is `value` in the bits of `mask`."""
    return 2 * argument, mask, value


def _only(argument: int, flags: Iterable[int]) -> Test:
    """An argument has none but these flags."""
    known = 0
    for flag in flags:
        known |= flag
    return _is(argument, 0, WHOLE & ~known)


def _null(argument: int) -> tuple[Test, Test]:
    return (2 * argument, WHOLE, 0), (2 * argument + 1, WHOLE, 0)


def _one_of(argument: int, values: Iterable[int]) -> Rule:
    return Rule(tuple((_is(argument, value),) for value in values))


def _rules(walls: frozenset[str], device: str) -> dict[str, Rule]:
    """The rules on arguments that hold where these walls stand."""
    cuda = device == "cuda"
    rules: dict[str, Rule] = {"madvise": _one_of(2, MADVISE.values())} if not cuda else {}
    if "files" in walls:
        others = tuple((_is(1, n),) for name, n in FCNTL.items() if name != "F_SETFL")
        rules["fcntl"] = Rule(((_is(1, FCNTL["F_SETFL"]), _is(2, 0, O_ASYNC)), *others))
        driver = tuple((_is(1, kind << 8, 0xFF00),) for kind in NVIDIA_IOCTL_TYPES) if cuda else ()
        rules["ioctl"] = Rule((*_one_of(1, IOCTL.values()).allowed, *driver))
    if "limits" in walls:
        file_backed = tuple(flag for flag in MAP_FLAGS.values() if flag != MAP_ANONYMOUS)
        private = tuple(flag for flag in MAP_FLAGS.values() if flag != MAP_SHARED)
        rules["mmap"] = Rule(((_only(3, private),), (_only(3, file_backed),)))
        if cuda:
            rules["mmap"] = Rule(refused=((_is(3, MAP_GROWSDOWN, MAP_GROWSDOWN),),))
        rules["mremap"] = Rule(((_only(3, (MREMAP_MAYMOVE, MREMAP_FIXED)),),))
    if "network" in walls:
        rules["socketpair"] = Rule(((_is(1, socket.SOCK_STREAM, KIND_MASK),),))
        rules["sendto"] = Rule(((_only(3, SEND_FLAGS.values()), *_null(4)),))
        rules["sendmsg"] = Rule(((_only(2, SEND_FLAGS.values()),),))
        rules["recvfrom"] = Rule(((_only(3, RECEIVE_FLAGS.values()),),))
        rules["recvmsg"] = Rule(((_only(2, RECEIVE_FLAGS.values()),),))
        if cuda:
            local = (_is(0, socket.AF_UNIX), _is(1, socket.SOCK_SEQPACKET, KIND_MASK))
            rules["socket"] = Rule((local,))
        else:
            options = SOCKET_OPTIONS.values()
            rules["getsockopt"] = Rule(tuple((_is(1, socket.SOL_SOCKET), _is(2, option)) for option in options))
    if "processes" in walls:
        thread = _is(0, CLONE_THREAD, CLONE_THREAD)
        rules["clone"] = Rule(((_only(0, (CLONE_FLAGS,)), thread),))  # threads, no processes
        # It cannot kill itself, because one that was killed is tried again and not marked down.
        rules["tgkill"] = Rule(((_is(0, os.getpid()),),), refused=((_is(2, signal.SIGKILL),),))
        # Not the options to live on when its keeper is killed, or to open its memory to others.
        rules["prctl"] = _one_of(0, PRCTL.values())
        if cuda:
            refused = (PR_SET_PDEATHSIG, PR_SET_DUMPABLE)
            rules["prctl"] = Rule(refused=tuple((_is(0, option),) for option in refused))
        # No new limits, or it could make the kernel kill it. On a GPU the limits of memory are set later.
        rules["prlimit64"] = Rule(((_is(0, 0), *_null(2)),))
        if cuda:
            rules["prlimit64"] = Rule(((_is(0, 0),),), refused=((_is(1, resource.RLIMIT_CPU),),))
        for name in ("sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"):
            rules[name] = Rule(((_is(0, 0),),))  # only for the calling process, which is 0
        rules["setpriority"] = Rule(((_is(0, os.PRIO_PROCESS), _is(1, 0)),))
    return rules


def allowed_calls(walls: frozenset[str], device: str = "cpu") -> set[str]:
    """The names of the calls that are let through, if their arguments suit `_rules`, where these walls stand."""
    calls = {name for names in ALLOWED.values() for name in names}
    if device == "cuda":
        refused = {name for names in WHILE_MISSING.values() for name in names} | set(REFUSED_ON_A_GPU)
        calls |= NUMBERS.keys() - refused
        calls |= {"socket", "bind", "listen"}  # it listens on a local socket, or CUDA does not start
    for wall, names in WHILE_MISSING.items():
        if wall not in walls:
            calls |= set(names)
    return calls


# -- the program that the kernel runs --------------------------------------------------------------------------------

_LD, _JEQ, _JGT, _JGE, _AND, _RET = 0x20, 0x15, 0x25, 0x35, 0x54, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
Instruction = tuple[int, int, int, int]  # code, how far to jump where it is true, and where it is not, constant


def supported() -> bool:
    """Is there a filter for this processor?"""
    return platform.machine() in AUDIT_ARCH


def program(walls: frozenset[str], device: str = "cpu", machine: str = "") -> list[Instruction]:
    """The filter for these walls ("files", "network", "processes", "limits") on a processor, this one by default."""
    column, arch = AUDIT_ARCH[machine or platform.machine()]
    rules = _rules(walls, device)
    calls = allowed_calls(walls, device)
    code: list[Instruction] = [(_LD, 0, 0, 4), (_JEQ, 1, 0, arch), (_RET, 0, 0, KILL), (_LD, 0, 0, 0)]
    if column == 0:  # the x32 interface would be a second set of numbers
        code.extend([(_JGE, 0, 1, 0x40000000), (_RET, 0, 0, ERRNO | errno.EPERM)])
    for name in sorted(rules.keys() & calls):
        if (number := NUMBERS[name][column]) is not None:
            code.extend(_ruled(number, rules[name]))
    plain = sorted(n for name in calls - rules.keys() if (n := NUMBERS[name][column]) is not None)
    for first, last in _ranges(plain):
        code.extend([(_JGE, 0, 2, first), (_JGT, 1, 0, last), (_RET, 0, 0, ALLOW)])
    newest = max(number for numbers in NUMBERS.values() if (number := numbers[column]) is not None)
    clone3 = NUMBERS["clone3"][column]
    code.extend([(_JEQ, 1, 0, clone3 or newest), (_JGT, 0, 1, newest), (_RET, 0, 0, ERRNO | errno.ENOSYS)])
    code.append((_RET, 0, 0, ERRNO | errno.EPERM))
    return code


def _ruled(number: int, rule: Rule) -> list[Instruction]:
    """Instructions that decide on one call and are skipped for any other."""
    body: list[Instruction] = []
    for tests, verdict in (*((t, ERRNO | errno.EPERM) for t in rule.refused), *((t, ALLOW) for t in rule.allowed)):
        for left, (half, mask, value) in zip(reversed(range(len(tests))), tests, strict=True):
            body.extend([(_LD, 0, 0, 16 + 4 * half), (_AND, 0, 0, mask), (_JEQ, 0, 3 * left + 1, value)])
        body.append((_RET, 0, 0, verdict))
    body.append((_RET, 0, 0, ERRNO | errno.EPERM))
    return [(_JEQ, 0, len(body), number), *body]


def _ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Sorted numbers as ranges, both ends included."""
    found: list[tuple[int, int]] = []
    for n in numbers:
        if found and n == found[-1][1] + 1:
            found[-1] = (found[-1][0], n)
        else:
            found.append((n, n))
    return found


def install(walls: frozenset[str], device: str) -> None:
    """Put the filter around this thread and all that it starts, for good. Raises OSError where the kernel refuses."""
    data = b"".join(struct.pack("<HBBI", *instruction) for instruction in program(walls, device))
    buffer = ctypes.create_string_buffer(data, len(data))
    header = struct.pack("<HxxxxxxQ", len(data) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, 2, header, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls could not be put up")
