"""Finds hand-ins: notebooks, `.py` files, folders and zips of such (also nested, as learning platforms pack them).

Nothing is opened through a symbolic link, nothing is unpacked to disk, and sizes are limited. A problem with one file
is a sentence about that file. A person who handed in only other files, or nothing, is also found, with the reason.
"""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from pathlib import Path, PurePosixPath

import yaml

from autograder.messages import Message
from autograder.submission import hand_in
from autograder.submission.archives import DAMAGED, MAX_DEPTH, Entry, entries_of, opened, unpack
from autograder.submission.budget import Budget, Budgets, Exceeded
from autograder.submission.course_folder import NO_COURSE, CourseFolder
from autograder.submission.hand_in import Found, too_large
from autograder.submission.owner import Around, Owner, Person, owner_of, wrappers
from course.syllabus import syllabus

SUFFIXES = (".ipynb", ".py", ".zip")
SKIPPED = {".ipynb_checkpoints", "__pycache__", "__MACOSX", ".git", "site-packages", "node_modules"}
METADATA = "submission_metadata.yml"  # of Gradescope's export
MAX_METADATA = 16 << 20  # bytes of it
OWN_FOLDER = re.compile(r"submission_\d+")  # of a person or group, in that export
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Files that platforms and the grader put beside hand-ins; no student handed these in.
NOT_HANDED_IN = {"timestamp.txt", "index.html", METADATA, "desktop.ini", "thumbs.db"}


@dataclass(frozen=True)
class _Place:
    """The folder or archive that was given: how many folders are around all people, and what is known of all files."""

    skip: int
    around: Around
    budgets: Budgets = field(default_factory=Budgets)

    def owner(self, parts: tuple[str, ...]) -> Owner:
        """The student who handed in the file at a path."""
        return owner_of(parts[self.skip :] or parts[-1:], self.around)


def find(paths: Iterable[str | Path], course: CourseFolder = NO_COURSE) -> Iterator[Found]:
    """All hand-ins at or below the paths, in a stable order. Raises FileNotFoundError for a path that does not exist.

    `course` is the course whose `submitted/` has the paths: an assignment that was renamed there is found under the
    syllabus's name, and the instructor's own assignments are left out.
    """
    for path in map(Path, paths):
        if not path.exists() and not path.is_symlink():
            raise FileNotFoundError(f"there is nothing at {path}")
        if path.is_dir():
            yield from _in_folder(path, course)
        elif path.suffix.lower() == ".zip" and path.is_file() and not path.is_symlink():
            yield from _given_zip(path)
        else:
            parts = _in_course(_below(path, path.parent), course)
            if parts is None:
                continue
            place = _Place(0, Around())
            yield from _of_person(place, parts, str(path), partial(_from_file, path, parts, str(path)))


def _in_folder(folder: Path, course: CourseFolder) -> Iterator[Found]:
    named = {file: _in_course(_below(file, folder), course) for file in sorted(_walk(folder))}
    below = {file: parts for file, parts in named.items() if parts is not None}
    files = list(below)
    seen = [(*parts, "") if file.is_dir() and not file.is_symlink() else parts for file, parts in below.items()]
    clones = {git.parent.name for git in folder.glob("*/.git")}
    submitters = _submitters((PurePosixPath(*below[file]), file.read_bytes) for file in files if below[file])
    place = _Place(wrappers([parts for parts in seen if parts]), Around("", frozenset(clones), submitters))
    alone = [file for file in files if file.suffix.lower() == ".zip"]
    if len(files) == len(alone) == 1 and place.skip == 0 and len(below[alone[0]]) == 1 and _is_class(alone[0]):
        yield from _given_zip(alone[0])
        return
    for file in files:
        parts = below[file]
        if parts and _may_be_hand_in(parts):
            yield from _of_person(place, parts, str(file), partial(_from_file, file, parts, str(file)))
    yield from _without_notebook(seen, str(folder), place)


def _given_zip(path: Path) -> Iterator[Found]:
    parts, budgets = _below(path, path.parent), Budgets()
    try:
        with opened(path, budgets.whole) as archive:
            entries = entries_of(archive)
            inside = [entry.parts for entry in entries if not entry.leads_out]
            submitters = _submitters((e.path, partial(unpack, archive, e.info, Budget())) for e in entries)
    except (*DAMAGED, Exceeded):
        inside, submitters = [], {}
    around = Around(PurePosixPath(parts[-1]).stem, frozenset(), submitters)
    place = _Place(len(parts) + wrappers(inside) if inside else 0, around, budgets)
    nothing = True
    try:
        for found in _from_zip(path, parts, str(path), budgets.whole, place=place):
            nothing = False
            yield found
        if nothing:
            yield Found(str(path), parts, None, _empty_zip(), place.owner(parts))
    except Exceeded as reason:
        yield Found(str(path), parts, None, reason.args[0], place.owner(parts))


def _of_person(
    place: _Place, parts: tuple[str, ...], name: str, read: Callable[[Budget], Iterable[Found]]
) -> Iterator[Found]:
    """The hand-ins in a file of one person, within that person's budget; one with the reason where it is used up."""
    owner = place.owner(parts)
    budget = place.budgets.of(owner.identity)
    if budget.over:
        return
    try:
        found = list(read(budget)) or [Found(name, parts, None, _empty_zip())]
    except Exceeded as reason:
        budget.over = True
        found = [Found(name, parts, None, reason.args[0])]
    yield from (replace(one, owner=owner, budget=budget) for one in found)


def _is_class(path: Path) -> bool:
    """Whether a zip holds the hand-ins of several people, by a platform's names."""
    try:
        with opened(path, Budgets().whole) as archive:
            inside = [entry.parts for entry in entries_of(archive)]
    except (*DAMAGED, Exceeded):
        return False
    skip = wrappers(inside)
    owners = [owner_of(parts[skip:]) for parts in inside if len(parts) > skip]
    return len({o.identity for o in owners if o.rule not in ("folder", "file", "archive")}) > 0


def _submitters(files: Iterable[tuple[PurePosixPath, Callable[[], bytes]]]) -> dict[str, tuple[Person, ...]]:
    """The people of each folder `submission_N`, from Gradescope's metadata: several people are a group.

    A file of that name in a student's own folder is not read.
    """
    found: dict[str, tuple[Person, ...]] = {}
    for path, read in files:
        if path.name != METADATA or any(OWN_FOLDER.match(folder) for folder in path.parts[:-1]):
            continue
        try:
            data = read()
            table = yaml.load(data, _YAML) if len(data) <= MAX_METADATA else None
        except (yaml.YAMLError, OSError, ValueError, RecursionError, Exceeded, *DAMAGED):
            continue
        for folder, entry in table.items() if isinstance(table, dict) else ():
            people = entry.get(":submitters") if isinstance(entry, dict) else None
            members = (
                [_person(person) for person in people if isinstance(person, dict)] if isinstance(people, list) else []
            )
            if members and isinstance(folder, str):
                found[folder] = tuple(members)
    return found


def _person(entry: dict[object, object]) -> Person:
    """A submitter of Gradescope's metadata; only plain values are taken."""
    plain = {key: entry.get(f":{key}") for key in ("name", "sid", "email")}
    said = {key: str(value).strip() if isinstance(value, str | int) else "" for key, value in plain.items()}
    key = said["sid"] or said["email"] or said["name"]
    return Person(key, said["name"] or key, said["email"])


def _below(file: Path, top: Path) -> tuple[str, ...]:
    """A file's path below the folder that was given, with nbgrader's folders above that, which name the student.

    Only folders at or above the one that was given count as nbgrader's: below it, students make folders of any name.
    """
    relative = file.relative_to(top).parts
    above = Path(os.path.abspath(top)).parts
    if "submitted" in above:
        return above[len(above) - above[::-1].index("submitted") :] + relative
    if relative and relative[0] == "submitted":
        return relative[1:]
    exercises, whole = syllabus().exercises | syllabus().by_hand, (*above, *relative)
    if len(relative) <= 2 and file.stem in exercises and len(whole) > 3 and whole[-2] in syllabus().released():
        return whole[-3:]
    return relative


def _in_course(parts: tuple[str, ...], course: CourseFolder) -> tuple[str, ...] | None:
    """A path in `submitted/` with the syllabus's name of the assignment; None in an instructor's own assignment."""
    if len(parts) < 2:
        return parts
    if course.is_own(parts[1], parts[2] if len(parts) == 3 else ""):
        return None
    return (parts[0], course.judged.get(parts[1], parts[1]), *parts[2:])


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder, and the empty folders."""
    empty = True
    for entry in folder.iterdir():
        if entry.name in SKIPPED or entry.name.startswith("."):
            continue
        empty = False
        if entry.is_dir() and not entry.is_symlink():
            if not (entry / "pyvenv.cfg").exists():  # a virtual environment
                yield from _walk(entry)
        else:
            yield entry
    if empty:
        yield folder


def _may_be_hand_in(parts: tuple[str, ...]) -> bool:
    """Whether a file may be a hand-in, by its name; files that were released with the notebook are not."""
    if PurePosixPath(parts[-1]).suffix.lower() not in SUFFIXES:
        return False
    if SKIPPED & set(parts) or any(part.startswith(".") and part != ".." for part in parts):
        return False
    if "course" not in parts[:-1]:
        return True
    inside = parts[len(parts) - parts[::-1].index("course") :]
    try:
        return not resources.files("course").joinpath(*inside).is_file()
    except (OSError, ValueError):  # longer than a path can be
        return True


def _without_notebook(files: Iterable[tuple[str, ...]], name: str, place: _Place) -> Iterator[Found]:
    """The people who handed in only other files, or nothing, each with the reason.

    `files` has an empty folder as a file without a name.
    """
    known = syllabus().released()
    handed_in: dict[tuple[str, str | None], tuple[tuple[str, ...], Owner, list[str]]] = {}
    served = set()
    for parts in files:
        inside = parts[place.skip :]
        if not inside or SKIPPED & set(inside) or any(part.startswith(".") for part in inside):
            continue
        owner = place.owner(parts)
        if owner.rule in ("file", "archive"):
            continue  # a file beside the people's folders, which names nobody
        assignment = next((folder for folder in inside[:-1] if folder in known), None)
        key = (owner.identity, assignment)
        if _may_be_hand_in(parts):
            served.add(key)
        else:
            handed_in.setdefault(key, (parts[: max(place.skip + 1, 1)], owner, []))[2].append(parts[-1])
    for key, (folders, owner, names) in handed_in.items():
        if key not in served and not (key[1] is None and any(who == key[0] for who, _ in served)):
            names = [name for name in names if name.casefold() not in NOT_HANDED_IN] or names
            problem = _only(names) if any(names) else _empty_folder()
            where = (*folders, key[1], "hand-in") if key[1] and key[1] not in folders else (*folders, "hand-in")
            yield Found("/".join((name, *folders)), where, None, problem, owner)


def _from_file(path: Path, parts: tuple[str, ...], name: str, budget: Budget) -> Iterator[Found]:
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            problem = Message("The hand-in is a symbolic link, which is not followed; hand in the file itself.")
            yield Found(name, parts, None, problem)
        elif stat.S_ISDIR(status.st_mode):
            problem = Message("What is called like a file is a folder, and empty. Hand in the notebook itself.")
            yield Found(name, parts, None, problem)
        elif not stat.S_ISREG(status.st_mode):
            problem = Message("The hand-in is not a file. Hand in the notebook, the file that ends in .ipynb.")
            yield Found(name, parts, None, problem)
        elif path.suffix.lower() == ".zip":
            yield from _from_zip(path, parts, name, budget)
        elif status.st_size > hand_in.MAX_BYTES:
            yield Found(name, parts, None, too_large(status.st_size))
        else:
            budget.file(status.st_size)
            yield Found(name, parts, path.read_bytes(), modified=status.st_mtime)
    except OSError as error:
        why = error.strerror or error
        yield Found(name, parts, None, Message("The file cannot be read: {why}. Hand it in again.", why=why))


def _from_zip(
    file: Path | io.BytesIO,
    parts: tuple[str, ...],
    name: str,
    budget: Budget,
    depth: int = 0,
    place: _Place | None = None,
) -> Iterator[Found]:
    """The hand-ins in a zip, and in the zips in it; a problem with one entry does not affect the others.

    `place` tells the owners of the entries of an archive that was given; without it, all entries are one person's.
    Raises Exceeded where the budget is used up: that of the whole archive if it was given, else that of the person.
    """
    try:
        with opened(file, budget) as archive:
            above = (*parts[:-1], PurePosixPath(parts[-1]).stem)
            with budget.clock():
                entries = entries_of(archive)
                hand_ins = [entry for entry in entries if _may_be_hand_in(entry.parts)]
            for entry in hand_ins:
                below = (*above, *(entry.parts if not entry.leads_out else (entry.path.name,)))
                label = f"{name}!{entry.info.filename}"
                if place is None:
                    yield from _from_entry(archive, entry, below, label, budget, depth)
                else:
                    yield from _of_person(
                        place,
                        below,
                        label,
                        partial(_from_entry, archive, entry, below, label, depth=depth),
                    )
            if place is not None:
                yield from _without_notebook(((*above, *entry.parts) for entry in entries), name, place)
            elif entries and not hand_ins:
                yield Found(name, parts, None, _only(entry.path.name for entry in entries))
    except DAMAGED:
        problem = Message("The zip file is damaged and cannot be opened. Hand in the notebook itself.")
        yield Found(name, parts, None, problem, place.owner(parts) if place is not None else None)


def _from_entry(
    archive: zipfile.ZipFile, entry: Entry, below: tuple[str, ...], label: str, budget: Budget, depth: int
) -> Iterator[Found]:
    problem = entry.problem
    if entry.leads_out:
        problem = Message(
            "The zip holds a file whose path leads out of it, which is not opened. Hand in the notebook itself."
        )
    if problem is not None:
        budget.file()
        yield Found(label, below, None, problem)
        return
    try:
        data = unpack(archive, entry.info, budget)
    except DAMAGED:
        problem = Message("The file is damaged in the zip and cannot be read. Hand in the notebook itself.")
        yield Found(label, below, None, problem)
        return
    if not below[-1].lower().endswith(".zip"):
        yield Found(label, below, data, modified=entry.modified)
    elif len(data) > hand_in.MAX_BYTES or depth >= MAX_DEPTH:
        problem = Message("The zip is packed into too many others, or too large; hand in the notebook itself.")
        yield Found(label, below, None, problem)
    else:
        found = list(_from_zip(io.BytesIO(data), below, label, budget, depth + 1))
        yield from found or [Found(label, below, None, _empty_zip())]


def _only(names: Iterable[str]) -> Message:
    named = sorted(filter(None, names))
    only = ", ".join(named[:3]) + (", …" if len(named) > 3 else "")
    return Message("There is no notebook in the hand-in, only {only}. Hand in the file that ends in .ipynb.", only=only)


def _empty_folder() -> Message:
    return Message("The folder is empty. Hand in the notebook, the file that ends in .ipynb.")


def _empty_zip() -> Message:
    return Message("There is no notebook in the zip. Hand in the file that ends in .ipynb.")
