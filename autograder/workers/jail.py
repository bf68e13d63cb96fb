"""The walls around a contestant: namespaces, Landlock, seccomp, limits, no capabilities, no inherited descriptors.

Theory of operation
-------------------
All walls are put up by the process that they will hold, after the fork and before the first byte of a student's code,
and none can be taken down again. Each stands on its own kernel feature, so that one that is missing leaves the others.

- *Files* (Landlock, Linux 5.13+): read-only to the interpreter, its libraries and the students' `course` package;
  write to one private scratch folder (a small tmpfs where a mount namespace is granted). Everything else, `/proc` of
  other processes included, does not open. `solutions/` and `autograder/` are among the things that do not open.
  Landlock lets the owner of a file change its mode, owner, times and attributes, so seccomp refuses that altogether.
- *Network*: seccomp refuses to make a socket; where granted, an empty network namespace and Landlock's TCP rules
  stand behind it.
- *Processes*: seccomp refuses fork, exec, ptrace, reading other processes' memory and signals to others; a pid
  namespace where granted, in which the contestant is process 1, takes everything with it when it dies.
- *Kernel surface*: io_uring, bpf, keyrings, mounts, namespaces, System V IPC, memfd and the like are refused.
- *Limits*: memory, CPU seconds, file size, open files, no core dumps; threads, where namespaces are granted and the
  grader does not run as root (the kernel exempts root from that count; then the limit on memory bounds them).

A contestant on a GPU (`device` is "cuda") needs a little more, or CUDA does not start: the driver's devices, a local
socket to listen on (it listens; there is no connecting to it, nor to any other), the names of its own threads in
`/proc`, and no pid namespace, in which `/proc` would not find those. Its limit on memory is put up when CUDA has
started (`limit_memory`), and does not count what CUDA took.

Not covered: bugs in the kernel, side channels (timing, caches), the GPU driver's own interface when `--device cuda`
opens the devices, and a machine whose owner runs the grader with `--isolation none`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib.util
import json
import os
import platform
import resource
import signal
import socket
import stat
import struct
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

WALLS = ("files", "network", "processes", "namespaces", "limits")
NEEDED = ("files", "network")  # without these, grading refuses to start


class JailError(OSError):
    """A wall could not be put up."""


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise JailError(code, f"{what}: {os.strerror(code)}")
    return result


# -- prctl and capabilities ------------------------------------------------------------------------------------------

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38


def die_with_parent(signal_number: int = 9) -> None:
    """Have the kernel kill this process when its parent dies."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def first_to_go() -> None:
    """Where the machine runs out of memory, let the kernel end this process before any that is not a contestant."""
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
    """New user, mount, network, IPC, UTS and (for children) pid namespaces; False where they are not granted."""
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
    """Tried in a forked child: a namespace that is granted by half is worse than none, and cannot be left again."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if enter_namespaces() else 1)
    return os.waitpid(pid, 0)[1] == 0


def mount_scratch(path: str, size_mb: int) -> bool:
    """A private tmpfs with a limited size and number of files at `path`, seen in this mount namespace alone."""
    options = f"size={size_mb}m,nr_inodes=4096,mode=700".encode()
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    return _libc.mount(b"scratch", path.encode(), b"tmpfs", flags, options) == 0


# -- Landlock --------------------------------------------------------------------------------------------------------

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_ALL_FS_1 = (1 << 13) - 1
_READ = _EXECUTE | _READ_FILE | _READ_DIR
OWN_PROC_FILES = (
    "cmdline",
    "maps",
    "stat",
    "status",
)  # TensorFlow stops the process if it cannot read its command line


def landlock_abi() -> int:
    """The kernel's Landlock version, 0 where there is none."""
    return max(0, _libc.syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def _handled(abi: int) -> int:
    handled = _ALL_FS_1
    if abi >= 2:
        handled |= _REFER
    if abi >= 3:
        handled |= _TRUNCATE
    if abi >= 5:
        handled |= _IOCTL_DEV
    return handled


class Doors:
    """The files that stay open to read, as path descriptors, opened once in the zygote and used by each child."""

    def __init__(self, paths: Iterable[str | Path], devices: Iterable[str] = ()) -> None:
        self.read = [fd for path in paths if (fd := _open_path(path)) is not None]
        self.devices = [fd for path in devices if (fd := _open_path(path)) is not None]

    @property
    def descriptors(self) -> set[int]:
        return {*self.read, *self.devices}

    def forget(self) -> None:
        """Close the path descriptors; the rules made from them stay."""
        for fd in self.descriptors:
            os.close(fd)

    def close_all_but(self, scratch: str, device: str) -> None:
        """Put up the wall: from here on this process opens `scratch` and what the doors name, and nothing else."""
        abi = landlock_abi()
        if abi == 0:
            raise JailError(errno.ENOSYS, "this kernel has no Landlock")
        handled = _handled(abi)
        attributes = struct.pack("<QQQ", handled, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
        size = 8 if abi < 4 else 16 if abi < 6 else 24
        ruleset = _check(_libc.syscall(444, attributes, ctypes.c_size_t(size), 0), "landlock_create_ruleset")
        for fd in self.read:
            _allow(ruleset, fd, _READ)
        for fd in self.devices:
            _allow(ruleset, fd, handled & (_READ | _WRITE_FILE | _IOCTL_DEV))
        own = [(scratch, handled & ~_EXECUTE), *((f"/proc/self/{name}", _READ) for name in OWN_PROC_FILES)]
        if device == "cuda":  # to name its threads, without which CUDA gives up
            own.append(("/proc/self/task", handled & (_WRITE_FILE | _TRUNCATE)))
        for path, access in own:
            fd = _open_path(path)
            if fd is not None:
                _allow(ruleset, fd, access)
                os.close(fd)
        _check(_libc.syscall(446, ruleset, 0), "landlock_restrict_self")
        os.close(ruleset)


def _open_path(path: str | Path) -> int | None:
    try:
        return os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None


def _allow(ruleset: int, fd: int, access: int) -> None:
    if not stat.S_ISDIR(os.fstat(fd).st_mode):
        access &= _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
    _check(_libc.syscall(445, ruleset, 1, struct.pack("<Qi", access, fd), 0), "landlock_add_rule")


def library_paths(secret: Iterable[str] = ("autograder", "solutions", "tests")) -> list[Path]:
    """What Python needs to read: the interpreter, the system's libraries, installed packages but the judge's own.

    Site-packages are opened entry by entry, so that an installed `solutions` or `autograder` is not among them.
    """
    hidden = set(secret)
    roots: list[Path] = []
    for name in ("stdlib", "platstdlib"):
        roots += _entries(Path(sysconfig.get_path(name)), {"site-packages", "dist-packages"})
    site = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    site |= {Path(p) for p in sys.path if Path(p).name in ("site-packages", "dist-packages")}
    for folder in site:
        roots += _entries(folder, hidden)
    roots += [
        Path(sys.prefix, "pyvenv.cfg"),
        Path(sys.base_prefix, "lib").joinpath(sysconfig.get_config_var("LDLIBRARY") or ""),
    ]
    roots += [Path(p) for p in ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")]
    roots += [
        Path(p)
        for p in (
            "/etc/ld.so.cache",
            "/etc/localtime",
            "/usr/share/zoneinfo",
            "/proc/cpuinfo",
            "/proc/meminfo",
            "/sys/devices/system",
        )
    ]
    roots.append(_package_home("course") / "course")
    return [path for path in roots if path.exists() and not _holds_secret(path, hidden)]


def _entries(folder: Path, without: set[str]) -> list[Path]:
    try:
        return [p for p in sorted(folder.iterdir()) if p.name not in without and "attention_exercises" not in p.name]
    except OSError:
        return []


def _package_home(name: str) -> Path:
    return Path(importlib.util.find_spec(name).origin).parent.parent


def _holds_secret(path: Path, hidden: set[str]) -> bool:
    """Would opening `path` open the judge's own packages (a checkout that lies under /usr/lib, say)?"""
    resolved = path.resolve()
    return any(  # an instructor's own course folder has its secrets beside `course`
        resolved == home
        or resolved in home.parents
        or any((home / name) in (resolved, *resolved.parents) for name in hidden)
        for home in (Path(__file__).resolve().parents[2], _package_home("course").resolve())
    )


# -- seccomp ---------------------------------------------------------------------------------------------------------

# name: (x86_64, aarch64); None where the architecture has no such call.
_NETWORK = {
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "bind": (49, 200), "listen": (50, 201),
    "accept4": (288, 242), "socketpair": (53, 199),
}  # fmt: skip
_PROCESSES = {
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281), "kill": (62, 129),
    "tkill": (200, 130), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "process_madvise": (440, 440),
    "migrate_pages": (256, 238), "move_pages": (279, 239), "process_mrelease": (448, 448),
    "setrlimit": (160, 164),
}  # fmt: skip
_KERNEL = {
    "personality": (135, 92), "mknod": (133, None), "mknodat": (259, 33), "pivot_root": (155, 41), "chroot": (161, 51),
    "mount": (165, 40), "umount2": (166, 39), "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142),
    "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None),
    "init_module": (175, 105), "delete_module": (176, 106), "finit_module": (313, 273), "quotactl": (179, 60),
    "io_setup": (206, 0), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "unshare": (272, 97),
    "setns": (308, 268), "perf_event_open": (298, 241), "fanotify_init": (300, 262), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "bpf": (321, 280),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "msgget": (68, 186),
    "mq_open": (240, 180), "syslog": (103, 116), "memfd_secret": (447, 447),
    "memfd_create": (319, 279),  # memory that no limit of ours counts
    "sync": (162, 81), "syncfs": (306, 267),  # everybody's disks are waited for
    "inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),  # past Landlock
}  # fmt: skip
# What Landlock leaves open to a file's owner, though the file is shut: `chmod(solutions, 0)` would end all grading.
_ATTRIBUTES = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "file_setattr": (469, 469),
}  # fmt: skip
# The second word of `socket` and `socketpair` is a socket's kind, with flags above it. Those that are let through reach
# nobody but whom they are connected with; a datagram goes to any address, from half a pair, too.
_KIND_MASK = 0xF
_CUDA_LISTENS = ("bind", "listen")
_CLONE, _CLONE3, _TGKILL, _PRCTL = (56, 220), (435, 435), (234, 131), (157, 167)
# Those that a process may ask for itself, which is process 0 in the first word.
_OWN = {
    "prlimit": (302, 261), "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274),
}  # fmt: skip
# The same with 0 in the second word, and in the first whether it is about a process, a group or a user.
_PRIORITY = {"setpriority": (141, 140, 0), "ioprio_set": (251, 30, 1)}
_AUDIT_ARCH = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_CLONE_THREAD = 0x00010000

_LD, _JEQ, _JGE, _AND, _RET = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


def seccomp_supported() -> bool:
    return platform.machine() in _AUDIT_ARCH


def _filter(files: bool, network: bool, processes: bool, device: str) -> bytes:
    column, arch = _AUDIT_ARCH[platform.machine()]
    code: list[tuple[int, int, int, int]] = []

    def deny(number: int | None, error: int = errno.EPERM) -> None:
        if number is not None:
            code.extend([(_JEQ, 0, 1, number), (_RET, 0, 0, _ERRNO | error)])

    def only_if(number: int, *tests: tuple[int, int, int]) -> None:
        """Allow the call only if its argument word at each `offset` is `value` in the bits of `mask`."""
        code.append((_JEQ, 0, 3 * len(tests) + 2, number))
        for left, (offset, mask, value) in zip(reversed(range(len(tests))), tests, strict=True):
            code.extend([(_LD, 0, 0, offset), (_AND, 0, 0, mask), (_JEQ, 0, 3 * left + 1, value)])
        code.extend([(_RET, 0, 0, _ALLOW), (_RET, 0, 0, _ERRNO | errno.EPERM)])

    def never_if(number: int, offset: int, value: int) -> None:
        """Refuse the call if its argument word at `offset` is `value`."""
        code.extend([(_JEQ, 0, 4, number), (_LD, 0, 0, offset), (_JEQ, 0, 1, value)])
        code.extend([(_RET, 0, 0, _ERRNO | errno.EPERM), (_LD, 0, 0, 0)])

    code.extend([(_LD, 0, 0, 4), (_JEQ, 1, 0, arch), (_RET, 0, 0, _KILL), (_LD, 0, 0, 0)])
    if column == 0:  # the x32 interface would be a second set of numbers
        code.extend([(_JGE, 0, 1, 0x40000000), (_RET, 0, 0, _ERRNO | errno.EPERM)])
    tables = [_KERNEL] + [_ATTRIBUTES] * files
    first, second, third, whole = 16, 24, 32, 0xFFFFFFFF
    if network:
        only_if(_NETWORK["socketpair"][column], (second, _KIND_MASK, socket.SOCK_STREAM))  # asyncio has one
        tables.append(_NETWORK)
        if device == "cuda":
            local = (first, whole, socket.AF_UNIX)
            only_if(_NETWORK["socket"][column], local, (second, _KIND_MASK, socket.SOCK_SEQPACKET))
            tables[-1] = {name: numbers for name, numbers in _NETWORK.items() if name not in _CUDA_LISTENS}
    if processes:
        tables.append(_PROCESSES)
        only_if(_CLONE[column], (first, _CLONE_THREAD, _CLONE_THREAD))  # threads, no processes
        deny(_CLONE3[column], errno.ENOSYS)  # its flags lie in memory; the C library falls back to clone
        never_if(_TGKILL[column], third, signal.SIGKILL)  # who is killed was killed by somebody else
        only_if(_TGKILL[column], (first, whole, os.getpid()))
        never_if(_PRCTL[column], first, PR_SET_PDEATHSIG)  # or it would live on when its keeper is killed
        if device == "cuda":
            never_if(_OWN["prlimit"][column], second, resource.RLIMIT_CPU)
        for name, numbers in _OWN.items():
            # No new limits, or it could have the kernel kill it. On a GPU those of memory are still to come.
            as_is = [(third, whole, 0), (third + 4, whole, 0)] if name == "prlimit" and device != "cuda" else []
            only_if(numbers[column], (first, whole, 0), *as_is)
        for numbers in _PRIORITY.values():
            only_if(numbers[column], (first, whole, numbers[2]), (second, whole, 0))
    for table in tables:
        for numbers in table.values():
            deny(numbers[column])
    code.append((_RET, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


def _install_filter(files: bool, network: bool, processes: bool, device: str) -> None:
    program = _filter(files, network, processes, device)
    buffer = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    _check(_libc.prctl(PR_SET_SECCOMP, 2, fprog, 0, 0), "seccomp")


# -- limits ----------------------------------------------------------------------------------------------------------


def _memory_in_use() -> dict[str, int]:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return {key: int(status[key].split()[0]) << 10 for key in ("VmSize", "VmData")}


def _set_limits(limits: dict, device: str, in_use: dict[str, int], own_count: bool) -> None:
    """Resource limits; the memory limit comes on top of what the imported framework takes already."""
    mib = 1 << 20
    hard = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits["file_mb"] * mib,
        resource.RLIMIT_NOFILE: 256,
        # Behind the judge's own count, which kills with a reason, and does not count what it takes CUDA to start.
        resource.RLIMIT_CPU: int(limits["cpu_seconds"]) + (10 if device == "cuda" else 2),
        resource.RLIMIT_MEMLOCK: 64 << 10,
    }
    if own_count:  # outside a namespace of its own the kernel would count all that this user runs on the machine
        hard[resource.RLIMIT_NPROC] = limits["threads"] + limits["processes"]
    for which, value in hard.items():
        _lower(which, value)
    if device != "cuda":
        limit_memory(limits, device, in_use)


def limit_memory(limits: dict, device: str, in_use: dict[str, int] | None = None) -> None:
    """`memory_mb` of private memory on top of what is in use (now, unless said), and of addresses twice as many.

    On a GPU there are addresses for its memory as well, and for the libraries that CUDA maps when it first needs them.
    """
    in_use = in_use or _memory_in_use()
    addresses = 2 * limits["memory_mb"]
    if device == "cuda":
        addresses += 2 * limits["gpu_memory_mb"] + (8 << 10)
    _lower(resource.RLIMIT_DATA, in_use["VmData"] + (limits["memory_mb"] << 20))
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
    doors: Doors, scratch: str, keep: set[int], limits: dict, device: str, without: frozenset[str]
) -> list[str]:
    """Give up this process's rights for good; returns the walls that stand. `without` leaves some out, for tests."""
    standing = []
    which = os.environ.get("CUDA_VISIBLE_DEVICES") if device == "cuda" else None
    os.environ.clear()
    os.environ.update({"HOME": scratch, "TMPDIR": scratch, "LANG": "C.UTF-8", "COURSE_CHECKS": "off"})
    if which is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = which
    if device == "cuda":
        os.environ["CUDA_CACHE_DISABLE"] = "1"  # else it makes a folder in the scratch, which nobody comes back to
    tempfile.tempdir = None  # the zygote's, remembered by whoever asked for it first
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
    files, network, processes = (wall not in without for wall in ("files", "network", "processes"))
    _check(_libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")
    if seccomp_supported() and (files or network or processes):
        _install_filter(files, network, processes, device)
        standing += ["network"] * network + ["processes"] * processes
    return standing


# -- what stands here ------------------------------------------------------------------------------------------------

_TRIES = {
    "files": ("read a file of the machine", lambda: open("/etc/passwd").close()),
    "network": ("make a network socket", lambda: __import__("socket").socket().close()),
    "processes": ("start a process", lambda: os.fork() or os._exit(0)),
}


def survey(limits: dict) -> dict[str, bool]:
    """Which walls stand here: put them up in a forked child, and try to get through those that can be tried."""
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


def _survey_inside(write_end: int, scratch: str, limits: dict) -> None:
    namespaces = namespaces_granted() and enter_namespaces()
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        os.rmdir(scratch)
        return
    doors = Doors(library_paths())
    standing = lock_in(doors, scratch, {write_end}, limits, "cpu", frozenset())
    for wall, (_, attempt) in _TRIES.items():
        try:
            attempt()
        except OSError:
            continue
        standing = [w for w in standing if w != wall]
    os.write(write_end, json.dumps(["namespaces"] * namespaces + standing).encode())
