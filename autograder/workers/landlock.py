"""The wall around files: Landlock, and which files stay open to read.

Every rule is made from a path descriptor that the zygote opened once. A contestant opens what these lead to, and its
own scratch folder; of the project itself it opens nothing, since the zygote has imported what answers may import.
"""

from __future__ import annotations

import ctypes
import errno
import importlib.util
import os
import stat
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from autograder.paths import SECRET

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


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
            raise OSError(errno.ENOSYS, "this kernel has no Landlock")
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


# The project's own folders, none of which is open: what answers may import of `course` the zygote has imported.
CLOSED = frozenset((*SECRET, "course"))


def library_paths() -> list[Path]:
    """What Python needs to read: the interpreter, the system's libraries, installed packages but the project's own.

    Site-packages are opened entry by entry, so that an installed `solutions` or `course` is not among them.
    """
    hidden = set(CLOSED)
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
    return [path for path in roots if path.exists() and not _holds_secret(path, hidden)]


def _entries(folder: Path, without: set[str]) -> list[Path]:
    try:
        return [p for p in sorted(folder.iterdir()) if p.name not in without and "attention_exercises" not in p.name]
    except OSError:
        return []


def _package_home(name: str) -> Path:
    return Path(importlib.util.find_spec(name).origin).parent.parent


def _holds_secret(path: Path, hidden: set[str]) -> bool:
    """Would opening `path` open the project's own packages (a checkout that lies under /usr/lib, say)?"""
    resolved = path.resolve()
    # An instructor's own course folder has its secrets beside `course`.
    for home in {Path(__file__).resolve().parents[2], _package_home("course").resolve()}:
        if resolved == home or resolved in home.parents:
            return True
        if any((home / name) in (resolved, *resolved.parents) for name in hidden):
            return True
    return False
