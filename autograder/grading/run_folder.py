"""The folder of a run, for its sockets and logs, and the removal of folders of runs that were killed.

A command that is killed with SIGKILL cannot remove its folder, so the next command does: a folder whose lock nobody
holds is no longer used. Students' processes never hold the lock, because they inherit no open file.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX, LOCK = "autograder-", "lock"
LONGEST = 50  # bytes of the folder above: the path of a socket has at most 107, and two more folders are in it


def above() -> Path:
    """The folder in which run folders are made: the one for temporary files, or another one if its path is too long.

    Raises OSError if there is none.
    """
    places = [tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR") or "/tmp", "/tmp", "/var/tmp"]
    for place in places:
        if len(os.fsencode(place)) <= LONGEST and os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
            return Path(place)
    raise OSError(f"there is no folder for temporary files whose name is short enough, and that can be written to: "
                  f"{', '.join(places)}; set TMPDIR to one of at most {LONGEST} characters")  # fmt: skip


class RunFolder:
    """A new folder, which this process keeps until `close`. Raises OSError where none can be made."""

    def __init__(self) -> None:
        sweep()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=above()))
        first = self.path / f"{LOCK}.new"
        self._lock = os.open(first, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        first.rename(self.path / LOCK)  # the lock gets its name after it is locked, so that no sweep removes the folder

    def close(self) -> None:
        """Remove the folder, with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def sweep() -> list[Path]:
    """Remove the folders of this user's runs that ended without doing so; gives these folders."""
    gone = []
    for folder in above().glob(f"{PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # not a run's folder, or being made, or just removed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            gone.append(folder)
        except OSError:
            pass  # its run still holds the lock
        finally:
            os.close(lock)
    return gone
