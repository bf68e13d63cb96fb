"""The wall around files: Landlock, and which files can still be read.

Every rule is made from a path descriptor that the zygote opened once. A contestant can open what these lead to, and its
own scratch folder. It can open nothing of the project, because the zygote has imported what answers may import.
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
    """The files and devices that can be opened behind the wall, as path descriptors of the zygote's.

    Paths that do not exist are left out.
    """

    def __init__(self, paths: Iterable[str | Path], devices: Iterable[str] = ()) -> None:
        self.read = [fd for path in paths if (fd := _open_path(path)) is not None]
        self.devices = [fd for path in devices if (fd := _open_path(path)) is not None]

    @property
    def descriptors(self) -> set[int]:
        """All path descriptors that are open."""
        return {*self.read, *self.devices}

    def forget(self) -> None:
        """Close the path descriptors; the rules made from them stay."""
        for fd in self.descriptors:
            os.close(fd)

    def close_all_but(self, scratch: str, device: str) -> None:
        """Put up the wall: from now on this process can open `scratch` and these paths, and nothing else.

        Raises OSError where the kernel has no Landlock, or refuses.
        """
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
            opened = _open_path(path)
            if opened is not None:
                _allow(ruleset, opened, access)
                os.close(opened)
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


# The project's own folders stay closed: the zygote has already imported the modules of `course` that answers may use.
CLOSED = frozenset((*SECRET, "course"))


def library_paths(without: Iterable[str] = ()) -> list[Path]:
    """The paths that Python must read: the interpreter, the system's libraries, and installed packages.

    The project's own packages, and those called `without`, are left out: site-packages are listed entry by entry.
    """
    hidden = {*CLOSED, *without}
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
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ImportError(f"the package {name} is not there")
    return Path(spec.origin).parent.parent


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
