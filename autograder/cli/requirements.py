"""Checks before a verb starts: walls, device, checkpoint, known assignments. They raise `Usage`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autograder import paths
from autograder.cli.arguments import Usage
from autograder.cli.terminal import err
from autograder.workers import jail
from course.models import CheckpointError, checkpoint
from course.syllabus import Assignment, syllabus

if TYPE_CHECKING:
    from autograder.submission.roster import Roster

GPUS = ("/dev/nvidiactl", "/dev/dxg")  # the second in WSL


def require_checkout() -> None:
    """Check that there are lessons, solutions and source notebooks (in a checkout, a wheel or a course folder)."""
    if not paths.source(paths.ROOT).is_dir():
        raise Usage("this needs the repository itself: run it in a checkout, after `pip install -e '.[all]'`")


def require_walls(isolation: str) -> None:
    """Refuse to grade where students' code could read files or use the network, unless the user allows it."""
    if isolation == "none":
        err.print("[yellow]Students' code runs without walls (--isolation none).[/]")
        return
    standing = jail.survey(syllabus().limits)
    missing = [wall for wall in jail.NEEDED if not standing[wall]]
    if missing:
        raise Usage(
            f"grading refuses to start: on this machine {' and '.join(missing)} would be open to students' code. "
            "`autograder doctor` says more; --isolation none grades without walls."
        )


def gpu_there() -> bool:
    """Whether this machine has the device of an NVIDIA GPU."""
    return any(map(os.path.exists, GPUS))


def require_device(device: str, what_else: str) -> None:
    """Check that there is a GPU for `cuda`; `what_else` says what to do without one."""
    if device == "cuda" and not gpu_there():
        raise Usage(f"there is no NVIDIA GPU on this machine; {what_else}")


def require_checkpoint(name: str) -> None:
    """Check that a checkpoint can be found and used, before anything is graded."""
    try:
        checkpoint(name)
    except CheckpointError as error:
        raise Usage(str(error)) from None


def require_writable(*files: str | Path | None, folder: Path | None = None) -> None:
    """Check that output files and a folder can be written, before a class is graded."""
    for path in [Path(file) for file in files if file]:
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise Usage(f"{path} cannot be written: " + ("it is a folder" if path.is_dir() else "no such folder"))
    if folder and folder.exists() and not folder.is_dir():
        raise Usage(f"--html needs a folder, and {folder} is a file")


def chosen(ids: Sequence[str], by_hand: bool = False) -> list[Assignment]:
    """Assignments by id, or by exercise, or all; those that a person grades too, if `by_hand`.

    Raises UnknownName for an unknown one, and Usage for one that only a person grades.
    """
    known = syllabus().released() if by_hand else syllabus().assignments()
    if not ids:
        return list(known.values())
    by_exercise = [a for a in known.values() if a.exercise.id in ids]
    exercises = {a.exercise.id for a in known.values()}
    named = [syllabus().assignment(i) for i in ids if i not in exercises]
    for assignment in named:
        if assignment.id not in known:
            raise Usage(f"{assignment.id} is graded by hand: there is nothing to verify")
    return list(dict.fromkeys([*by_exercise, *named]))


def taught(tracks: Sequence[str] | None, exercises: Sequence[str] | None) -> list[Assignment]:
    """The assignments of these tracks and exercises, those graded by hand too; all where none is named.

    Raises UnknownName for an unknown track or exercise.
    """
    track_ids = [syllabus().track(t).id for t in tracks or syllabus().tracks]
    known = syllabus().exercises | syllabus().by_hand
    exercise_ids = [e if e in known else syllabus().exercise(e).id for e in exercises or known]
    return [a for a in syllabus().released().values() if a.track.id in track_ids and a.exercise.id in exercise_ids]


def require_roster(path: Path | None) -> Roster | None:
    """The class list in a file; None where there is none. Raises Usage where the file is no class list."""
    from autograder.submission.roster import RosterError, read_roster

    try:
        return read_roster(path) if path else None
    except RosterError as error:
        raise Usage(str(error)) from None
