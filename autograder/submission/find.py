"""Finds hand-ins: notebooks, `.py` files, and folders and zips of these (also nested, as learning platforms make them).

Nothing is opened through a symbolic link, nothing is unpacked to disk, and sizes are limited. A problem with one file
becomes a sentence about that file. People who handed in only other files, or nothing, are also listed, with the reason.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from pathlib import Path, PurePosixPath

from autograder.messages import Message
from autograder.submission import hand_in
from autograder.submission.archives import DAMAGED, MAX_DEPTH, Entry, entries_of, opened, unpack
from autograder.submission.budget import Budget, Budgets, Exceeded
from autograder.submission.course_folder import NO_COURSE, CourseFolder
from autograder.submission.download import METADATA, around
from autograder.submission.hand_in import Found, too_large
from autograder.submission.owner import Around, Owner, blackboards, owner_of, wrappers
from course.syllabus import syllabus

SUFFIXES = (".ipynb", ".py", ".zip")
SKIPPED = {".ipynb_checkpoints", "__pycache__", "__MACOSX", ".git", "site-packages", "node_modules"}
WHOLE_ATTEMPTS = ("blackboard", "brightspace", "submitty")  # they keep the files of an attempt together
# Files that students hand in by mistake instead of the notebook.
WRONG_FORMS = (".rar", ".7z", ".tar", ".gz", ".html", ".htm", ".pdf", ".docx", ".odt", ".ipynb.txt", ".ipynb.json")
# Files that platforms and the grader put beside hand-ins; no student handed these in.
NOT_HANDED_IN = {"timestamp.txt", "index.html", METADATA, "desktop.ini", "thumbs.db"}


@dataclass(frozen=True)
class _Place:
    """The given folder or archive: the number of its outer folders, and facts about all its files."""

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
    skip = wrappers([parts for parts in seen if parts])
    clones = (git.parent.name for git in folder.glob("*/.git"))
    given = [(parts, file.read_bytes) for file, parts in below.items() if parts and not file.is_symlink()]
    place = _Place(skip, around(given, skip, clones=clones))
    alone = [file for file in files if file.suffix.lower() == ".zip"]
    if len(files) == len(alone) == 1 and place.skip == 0 and len(below[alone[0]]) == 1 and _is_class(alone[0]):
        yield from _given_zip(alone[0])
        return
    for file in files:
        parts = below[file]
        if parts and _may_be_hand_in(parts):
            yield from _of_person(place, parts, str(file), partial(_from_file, file, parts, str(file)))
    labels = [f"{file}/" if parts and parts[-1] == "" else str(file) for file, parts in zip(files, seen, strict=True)]
    yield from _without_notebook(zip(seen, labels, strict=True), place)


def _given_zip(path: Path) -> Iterator[Found]:
    parts, budgets = _below(path, path.parent), Budgets()
    place = _Place(0, Around(PurePosixPath(parts[-1]).stem), budgets)
    try:
        with opened(path, budgets.whole) as archive:
            entries = [entry for entry in entries_of(archive) if not entry.leads_out]
            inside = _shown(archive)
            if inside:
                skip = wrappers(inside)
                given = [(e.parts, partial(unpack, archive, e.info, Budget())) for e in entries]
                place = _Place(len(parts) + skip, around(given, skip, place.around.archive), budgets)
    except (*DAMAGED, Exceeded):
        pass
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
            inside = _shown(archive)
    except (*DAMAGED, Exceeded):
        return False
    skip = wrappers(inside)
    owners = [owner_of(parts[skip:]) for parts in inside if len(parts) > skip]
    return len({o.identity for o in owners if o.rule not in ("folder", "file", "archive")}) > 0


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
        if _is_hidden(entry.name):
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
    except (OSError, ValueError):  # too long for a path
        return True


_Key = tuple[str, str | None]  # who it is, and the assignment that a folder is named after


def _without_notebook(files: Iterable[tuple[tuple[str, ...], str]], place: _Place) -> Iterator[Found]:
    """The people who handed in only other files, or nothing, each with the reason; also where the latest attempt is so.

    `files` are paths, each with its label; an empty folder is a file without a name.
    """
    served, others = _by_person(files, place)
    files_are_people = any(owner.rule in ("file", "archive") for owners in served.values() for owner in owners)
    for (identity, assignment), found in others.items():
        last = max(other.owner.attempt for other in found)
        theirs = [other for other in found if other.owner.attempt == last]
        if theirs[0].owner.rule == "file" and not files_are_people:
            continue
        before = served.get((identity, assignment), [])
        if assignment is None:
            before = [owner for (who, _), owners in served.items() if who == identity for owner in owners]
        handed_in = [other for other in theirs if other.name and other.name.casefold() not in NOT_HANDED_IN]
        if not before:
            yield _passed_over(theirs, handed_in, assignment, place.skip)
        elif handed_in and theirs[0].owner.rule in WHOLE_ATTEMPTS and last > max(one.attempt for one in before):
            yield replace(_passed_over(theirs, handed_in, assignment, place.skip), name=handed_in[0].label)


def _by_person(
    files: Iterable[tuple[tuple[str, ...], str]], place: _Place
) -> tuple[dict[_Key, list[Owner]], dict[_Key, list[_Other]]]:
    """The owners of what may be hand-ins, and all other files that are somebody's."""
    known = syllabus().released()
    served: dict[_Key, list[Owner]] = {}
    others: dict[_Key, list[_Other]] = {}
    for parts, label in files:
        inside = parts[place.skip :]
        if not inside or any(map(_is_hidden, inside)):
            continue
        owner, assignment = place.owner(parts), next((folder for folder in inside[:-1] if folder in known), None)
        if _may_be_hand_in(parts):
            served.setdefault((owner.identity, assignment), []).append(owner)
            continue
        if owner.rule in ("file", "archive"):
            stem = _wrong_form(parts[-1])
            owner = place.owner((*parts[:-1], f"{stem}.ipynb"))
            if not stem or owner.rule != "file" or not owner.sure:
                continue  # a file that names nobody
        others.setdefault((owner.identity, assignment), []).append(_Other(parts, label, owner))
    return served, others


def _passed_over(theirs: list[_Other], handed_in: list[_Other], assignment: str | None, skip: int) -> Found:
    """What a person handed in, or an empty folder, with the reason why it is not graded."""
    parts, names = theirs[0].parts, [other.name for other in handed_in]
    folders = parts[: max(skip + 1, 1)]
    label = "/".join(theirs[0].label.split("/")[: len(folders) - len(parts) or None])
    problem = _only(names or parts[-1:]) if any(names or parts[-1:]) else _empty_folder()
    below = () if assignment is None or assignment in folders else (assignment,)
    return Found(label, (*folders, *below, "hand-in"), None, problem, theirs[0].owner)


@dataclass(frozen=True)
class _Other:
    """A file that is not a notebook, or an empty folder. `label` says where it is."""

    parts: tuple[str, ...]
    label: str
    owner: Owner

    @property
    def name(self) -> str:
        """The name that the student gave it; empty for a folder, and for a text that Blackboard wrote."""
        return self.owner.original or ("" if blackboards(self.parts[-1], own=True) else self.parts[-1])


def _wrong_form(file: str) -> str:
    """The name of a file that may have been handed in by mistake, without its ending; empty for other files."""
    if file.casefold() in NOT_HANDED_IN:
        return ""
    ending = next((one for one in sorted(WRONG_FORMS, key=len) if file.lower().endswith(one)), "")
    return file[: -len(ending)].removesuffix(".ipynb") if ending else ""


def _from_file(path: Path, parts: tuple[str, ...], name: str, budget: Budget) -> Iterator[Found]:
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            problem = Message("The hand-in is a symbolic link, which is not followed; hand in the file itself.")
            yield Found(name, parts, None, problem)
        elif stat.S_ISDIR(status.st_mode):
            problem = Message("This has the name of a file, but it is an empty folder. Hand in the notebook itself.")
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
                below_it = _shown(archive)
                labels = [f"{name}!{'/'.join(inner)}" for inner in below_it]
                yield from _without_notebook(zip([(*above, *p) for p in below_it], labels, strict=True), place)
            elif entries and not hand_ins:
                names = [entry.path.name for entry in entries if not any(map(_is_hidden, entry.parts))]
                yield Found(name, parts, None, _only(names) if names else _empty_zip())
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
        problem = Message("The zip is inside too many other zips, or is too large; hand in the notebook itself.")
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


def _shown(archive: zipfile.ZipFile) -> list[tuple[str, ...]]:
    """The paths in an archive, as `_walk` has those on a disk; an empty folder is a file without a name."""
    files: dict[tuple[str, ...], None] = {}
    folders: set[tuple[str, ...]] = set()
    for entry in entries_of(archive, folders=True):
        parts, hidden = entry.parts, next((n for n, part in enumerate(entry.parts) if _is_hidden(part)), None)
        if entry.leads_out or hidden == 0:
            continue
        if hidden is None and not entry.info.is_dir():
            files[parts] = None
        else:
            folders.add(parts[:hidden])
    above = {path[:n] for path in [*files, *folders] for n in range(1, len(path))}
    return [*files, *sorted((*folder, "") for folder in folders if folder not in above)]


def _is_hidden(name: str) -> bool:
    return name in SKIPPED or name.startswith(".")


def _empty_zip() -> Message:
    return Message("There is no notebook in the zip. Hand in the file that ends in .ipynb.")
