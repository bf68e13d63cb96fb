"""Finds hand-ins: notebooks, `.py` files, folders and zips of such (also nested, as learning platforms pack them).

Nothing is opened through a symbolic link, nothing is unpacked to disk, sizes are capped. What is wrong with one file is
a sentence about that file. Who handed in other things only, or nothing, is among what is found, with the reason.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path, PurePosixPath

import yaml

from autograder.messages import Message
from autograder.submission import hand_in
from autograder.submission.archives import DAMAGED, MAX_DEPTH, MAX_ENTRIES, Entry, entries_of, unpack
from autograder.submission.hand_in import Found, too_large
from autograder.submission.owner import Around, Owner, Person, owner_of, wrappers
from course.syllabus import syllabus

SUFFIXES = (".ipynb", ".py", ".zip")
SKIPPED = {".ipynb_checkpoints", "__pycache__", "__MACOSX", ".git", "site-packages", "node_modules"}
METADATA = "submission_metadata.yml"  # of Gradescope's export
# What platforms and the grader itself put beside hand-ins; nobody handed these in.
NOT_HANDED_IN = {"timestamp.txt", "index.html", METADATA, "desktop.ini", "thumbs.db"}


@dataclass(frozen=True)
class _Place:
    """Where files were given from: how many folders are around all people, and what is known of all files."""

    skip: int
    around: Around

    def owner(self, parts: tuple[str, ...]) -> Owner:
        """Whose the file at a path is."""
        return owner_of(parts[self.skip :] or parts[-1:], self.around)


def find(paths: Iterable[str | Path]) -> Iterator[Found]:
    """All hand-ins at or below the paths, in a stable order. A path that is not there raises FileNotFoundError."""
    for path in map(Path, paths):
        if not path.exists() and not path.is_symlink():
            raise FileNotFoundError(f"there is nothing at {path}")
        if path.is_dir():
            yield from _in_folder(path)
        elif path.suffix.lower() == ".zip" and path.is_file() and not path.is_symlink():
            yield from _given_zip(path)
        else:
            parts = _below(path, path.parent)
            place = _Place(0, Around())
            yield from (replace(found, owner=place.owner(parts)) for found in _from_file(path, parts, str(path)))


def _in_folder(folder: Path) -> Iterator[Found]:
    files = sorted(_walk(folder))
    below = {file: _below(file, folder) for file in files}
    seen = [(*parts, "") if file.is_dir() and not file.is_symlink() else parts for file, parts in below.items()]
    clones = {git.parent.name for git in folder.glob("*/.git")}
    submitters = _submitters((file.name, file.parent, file.read_bytes) for file in files if file.name == METADATA)
    place = _Place(wrappers([parts for parts in seen if parts]), Around("", frozenset(clones), submitters))
    alone = [file for file in files if file.suffix.lower() == ".zip"]
    if len(files) == len(alone) == 1 and place.skip == 0 and len(below[alone[0]]) == 1 and _is_class(alone[0]):
        yield from _given_zip(alone[0])
        return
    for file in files:
        parts = below[file]
        if parts and _may_be_hand_in(parts):
            owner = place.owner(parts)
            found = list(_from_file(file, parts, str(file))) or [Found(str(file), parts, None, _empty_zip())]
            yield from (replace(one, owner=owner) for one in found)
    yield from _without_notebook(seen, str(folder), place)


def _given_zip(path: Path) -> Iterator[Found]:
    parts = _below(path, path.parent)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = entries_of(archive)
            inside = [entry.parts for entry in entries if not entry.leads_out]
            metadata = ((e.path.name, e.path.parent, lambda e=e: unpack(archive, e.info)) for e in entries)
            submitters = _submitters((n, p, r) for n, p, r in metadata if n == METADATA)
    except DAMAGED:
        inside, submitters = [], {}
    around = Around(PurePosixPath(parts[-1]).stem, frozenset(), submitters)
    place = _Place(len(parts) + wrappers(inside) if inside else 0, around)
    found = list(_from_zip(path, parts, str(path), place=place))
    yield from found or [Found(str(path), parts, None, _empty_zip(), place.owner(parts))]


def _is_class(path: Path) -> bool:
    """Whether a zip holds the hand-ins of several people, by a platform's names."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [entry.parts for entry in entries_of(archive)]
    except DAMAGED:
        return False
    skip = wrappers(inside)
    owners = [owner_of(parts[skip:]) for parts in inside if len(parts) > skip]
    return len({o.identity for o in owners if o.rule not in ("folder", "file", "archive")}) > 0


def _submitters(files: Iterable[tuple[str, object, object]]) -> dict[str, tuple[Person, ...]]:
    """Who is behind each `submission_N`, from Gradescope's metadata: several people are a group."""
    found: dict[str, tuple[Person, ...]] = {}
    for _name, _folder, read in files:
        try:
            table = yaml.safe_load(read()[: hand_in.MAX_BYTES])  # type: ignore[operator]
        except (yaml.YAMLError, OSError, ValueError, RecursionError, *DAMAGED):
            continue
        for folder, entry in table.items() if isinstance(table, dict) else ():
            people = entry.get(":submitters") if isinstance(entry, dict) else None
            for person in people if isinstance(people, list) else ():
                if isinstance(person, dict):
                    said = {key: str(person.get(f":{key}") or "").strip() for key in ("name", "sid", "email")}
                    key = said["sid"] or said["email"] or said["name"]
                    one = Person(key, said["name"] or key, said["email"])
                    found[str(folder)] = (*found.get(str(folder), ()), one)
    return found


def _below(file: Path, top: Path) -> tuple[str, ...]:
    """A file's path below what was given, with the folders above that where they are nbgrader's and say whose it is.

    Only folders at or above what was given count for that: below it, a student may have made folders of any name.
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


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder, and the folders that have nothing in them."""
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
    """By its name; not what students got with the notebook, who hand in their whole folder."""
    if PurePosixPath(parts[-1]).suffix.lower() not in SUFFIXES:
        return False
    if SKIPPED & set(parts) or any(part.startswith(".") and part != ".." for part in parts):
        return False
    if "course" not in parts[:-1]:
        return True
    inside = parts[len(parts) - parts[::-1].index("course") :]
    return not resources.files("course").joinpath(*inside).is_file()


def _without_notebook(files: Iterable[tuple[str, ...]], name: str, place: _Place) -> Iterator[Found]:
    """The people who handed in other things only, or nothing: nobody is passed over.

    A folder with nothing in it is among the files as one without a name.
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
            continue  # a file beside the people's folders that nobody is named by
        assignment = next((folder for folder in inside[:-1] if folder in known), None)
        key = (owner.identity, assignment)
        if _may_be_hand_in(parts):
            served.add(key)
        elif parts[-1].casefold() not in NOT_HANDED_IN:
            handed_in.setdefault(key, (parts[: max(place.skip + 1, 1)], owner, []))[2].append(parts[-1])
    for key, (folders, owner, names) in handed_in.items():
        if key not in served and not (key[1] is None and any(who == key[0] for who, _ in served)):
            problem = _only(names) if any(names) else _empty_folder()
            where = (*folders, key[1], "hand-in") if key[1] and key[1] not in folders else (*folders, "hand-in")
            yield Found("/".join((name, *folders)), where, None, problem, owner)


def _from_file(path: Path, parts: tuple[str, ...], name: str) -> Iterator[Found]:
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
            yield from _from_zip(path, parts, name)
        elif status.st_size > hand_in.MAX_BYTES:
            yield Found(name, parts, None, too_large(status.st_size))
        else:
            yield Found(name, parts, path.read_bytes(), modified=status.st_mtime)
    except OSError as error:
        why = error.strerror or error
        yield Found(name, parts, None, Message("The file cannot be read: {why}. Hand it in again.", why=why))


def _from_zip(
    file: Path | io.BytesIO, parts: tuple[str, ...], name: str, depth: int = 0, place: _Place | None = None
) -> Iterator[Found]:
    """The hand-ins in a zip, and in the zips in it; what is wrong with one entry does not touch the others.

    `place`: how to tell whose each is, where this is the archive that was given; else all of it is one person's.
    """

    def of(found: Found, path: tuple[str, ...]) -> Found:
        return found if place is None else replace(found, owner=place.owner(path))

    try:
        with zipfile.ZipFile(file) as archive:
            above = (*parts[:-1], PurePosixPath(parts[-1]).stem)
            entries = entries_of(archive)
            for entry in [e for e in entries if _may_be_hand_in(e.parts)][:MAX_ENTRIES]:
                below = (*above, *entry.parts)
                label = f"{name}!{entry.info.filename}"
                if entry.leads_out:
                    problem = Message(
                        "The zip holds a file whose path leads out of it, which is not opened. Hand in the notebook "
                        "itself."
                    )
                    yield of(Found(label, (*above, entry.path.name), None, problem), (*above, entry.path.name))
                elif entry.info.file_size > hand_in.MAX_BYTES:
                    yield of(Found(label, below, None, too_large(entry.info.file_size)), below)
                else:
                    for found in _from_entry(archive, entry, below, label, depth):
                        yield of(found, below)
            if place is not None:
                yield from _without_notebook(((*above, *entry.parts) for entry in entries), name, place)
            elif entries and not any(_may_be_hand_in(entry.parts) for entry in entries):
                yield Found(name, parts, None, _only(entry.path.name for entry in entries))
    except DAMAGED:
        problem = Message("The zip file is damaged and cannot be opened. Hand in the notebook itself.")
        yield of(Found(name, parts, None, problem), parts)


def _from_entry(
    archive: zipfile.ZipFile, entry: Entry, below: tuple[str, ...], label: str, depth: int
) -> Iterator[Found]:
    try:
        if entry.encrypted:
            problem = Message("The file is locked with a password in the zip. Hand in the notebook itself.")
            yield Found(label, below, None, problem)
            return
        data = unpack(archive, entry.info)
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
        found = list(_from_zip(io.BytesIO(data), below, label, depth + 1))
        yield from found or [Found(label, below, None, _empty_zip())]


def _only(names: Iterable[str]) -> Message:
    names = sorted(filter(None, names))
    only = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return Message("There is no notebook in the hand-in, only {only}. Hand in the file that ends in .ipynb.", only=only)


def _empty_folder() -> Message:
    return Message("The folder is empty. Hand in the notebook, the file that ends in .ipynb.")


def _empty_zip() -> Message:
    return Message("There is no notebook in the zip. Hand in the file that ends in .ipynb.")
