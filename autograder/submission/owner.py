"""The student who handed in a file, read from its path by a table of platforms, `platforms.toml`.

The path is read downwards from the folder or archive that was given. The first name that belongs to a person decides;
names below it, in the person's own folder or archive, do not count. Folders around all people, such as `class/` or the
single top folder of an archive, are left out first (`wrappers`).

Two people of the same name stay two people, because the platform's own key tells them apart.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import PurePosixPath

from course.syllabus import syllabus

DEEPEST = 40  # folders around all people
LONGEST = 300  # characters of a name that a pattern is tried on; file systems end at 255
WRAPPERS = frozenset(
    "class submitted submissions hand-ins handins assignments downloads download export archive students".split()
)
GENERIC = frozenset(("answers", "notebook", "submission", "untitled"))
COPIES = (  # what browsers, Colab, Drive and Jupyter make of a file's name
    re.compile(r"(?:Copy of |Kopi af )(.+)", re.IGNORECASE),
    re.compile(r"(.+?) ?\(\d{1,3}\)"),
    re.compile(r"(.+?)-Copy\d{0,3}"),
)


@dataclass(frozen=True)
class Person:
    """A student. `key` is the platform's id for them; `email` is empty where it is not known."""

    key: str
    name: str
    email: str = ""


@dataclass(frozen=True)
class Owner:
    """The person or group who handed in a file, and how that is known.

    `identity` is the same for all files of one person or group in one download. `rule` is the platform's id, or
    "folder", "file" or "archive". `attempt` sorts the hand-ins of one person, later ones higher; `tried` says the same
    to people. `original` is the file's name before the platform changed it. `members` are the people of a group, or the
    one person. `sure` is False where no name in the path is a person's.
    """

    identity: str
    key: str
    name: str
    rule: str
    attempt: tuple[int | str, ...] = ()
    tried: str = ""
    late: bool = False
    original: str = ""
    members: tuple[Person, ...] = ()
    sure: bool = True


@dataclass(frozen=True)
class Layout:
    """A row of `platforms.toml`."""

    id: str
    on: str
    pattern: str
    key: str
    levels: int = 1
    date: str = ""
    nobody: str = ""
    sure: bool = True

    def match(self, name: str) -> re.Match[str] | None:
        """The groups of the pattern where it matches the whole name; None where it does not."""
        return re.fullmatch(self.pattern, name[:LONGEST], re.DOTALL)


@dataclass(frozen=True)
class Around:
    """What is known of all files that were given together, beyond their paths."""

    archive: str = ""  # the name of the archive that was given, without its ending
    clones: frozenset[str] = frozenset()  # folders that are clones of a repository
    submitters: Mapping[str, tuple[Person, ...]] = field(default_factory=dict)  # of Gradescope's metadata, by folder


NOTHING_KNOWN = Around()


@cache
def layouts() -> tuple[Layout, ...]:
    """The rows of `platforms.toml`."""
    text = (resources.files("autograder.submission") / "platforms.toml").read_text(encoding="utf-8")
    return tuple(Layout(**row) for row in tomllib.loads(text)["platform"])


@cache
def platforms() -> frozenset[str]:
    """The rules whose keys are a platform's own; nbgrader's is the folder's name."""
    return frozenset(layout.id for layout in layouts()) - {"nbgrader"}


def owner_of(parts: tuple[str, ...], around: Around = NOTHING_KNOWN) -> Owner:
    """The owner of the file at a path; `parts` are the names on the path, below the wrappers."""
    parts = tuple(unicodedata.normalize("NFC", part) for part in parts)
    known = syllabus().released()
    while len(parts) > 1 and parts[0] in known:  # a folder for each assignment, with people below it
        parts = parts[1:]
    *folders, file = parts
    for layout in layouts():
        if layout.on == "folder" and len(folders) >= layout.levels:
            if found := layout.match("/".join(folders[: layout.levels])):
                return _of_platform(layout, found, folders[0], around)
        elif layout.on == "file" and not folders and (found := layout.match(file)):
            if layout.sure or _generic(PurePosixPath(found["original"]).stem):
                return _of_platform(layout, found, file, around)
    if folders:
        name = folders[0]
        if name in around.clones:
            user = name.removeprefix(_clone_prefix(around.clones))
            return Owner(f"github/{name}", user, user, "github", members=(Person(user, user),))
        return Owner(f"folder/{name}", name, name, "folder", members=(Person(name, name),))
    return _of_file(file, around)


def assignment_in(parts: Iterable[str]) -> str | None:
    """The assignment that a folder in the path is named after, or that the file's name ends in; None for neither."""
    *folders, file = parts
    known = syllabus().released()
    for folder in folders:
        if folder in known:
            return folder
    stem = plain_stem(file)
    ending = next((name for name in sorted(known, key=len, reverse=True) if _ends_in(stem, name)), None)
    return stem if stem in known else ending


def whose(parts: tuple[str, ...]) -> tuple[str, str | None]:
    """The name of a single file's owner, and the assignment where the path says it."""
    return owner_of(parts[wrappers([parts]) :]).name, assignment_in(parts)


def wrappers(paths: Collection[tuple[str, ...]]) -> int:
    """How many of the outermost folders hold all people of these paths, and name none of them."""
    depth, known = 0, syllabus().released()
    while depth < DEEPEST:
        heads = {path[depth] for path in paths if len(path) > depth}
        if len(heads) != 1 or not all(len(path) > depth + 1 for path in paths):
            return depth
        (head,) = heads
        folders = {path[depth + 1] for path in paths if len(path) > depth + 2}
        files = {path[depth + 1] for path in paths if len(path) == depth + 2}
        names_somebody = _is_platforms((head,)) or any(path[depth + 1] in known for path in paths)
        holds_people = any(_is_platforms((name, "")) for name in folders) or any(
            _is_platforms((name,)) for name in files
        )
        attempts = all(name.isdecimal() for name in folders)  # Submitty's
        if head.casefold() in WRAPPERS or (
            not names_somebody and (holds_people or (len(folders) > 1 and not attempts))
        ):
            depth += 1
            continue
        return depth
    return depth


def _is_platforms(path: tuple[str, ...]) -> bool:
    """Whether a folder (a path that ends in "") or a file has a platform's name; only patterns that are sure count."""
    on, name = (
        ("folder", path[0]) if path[-1] == "" or len(path) == 1 and "." not in path[0][-7:] else ("file", path[0])
    )
    return any(row.sure and row.levels == 1 and row.on == on and row.match(name) for row in layouts())


def plain_stem(file: str) -> str:
    """A file's name without its ending, and without what programs add to a copy's name."""
    stem = PurePosixPath(file).stem.strip()
    for _ in range(3):
        shorter = next((found[1].strip() for copy in COPIES if (found := copy.fullmatch(stem[:LONGEST]))), stem)
        if shorter == stem:
            break
        stem = shorter
    return stem


def distinct_names(owners: Iterable[Owner]) -> dict[str, str]:
    """A different name for each identity; where two people have the same name, their keys are added.

    Names also count as the same if they differ only in halves of characters, which no file can hold.
    """
    first = {owner.identity: owner for owner in owners}
    nobody = {row.nobody for row in layouts() if row.nobody}
    counts = Counter(_writable(owner.name).casefold() for owner in first.values())
    names: dict[str, str] = {}
    taken: set[str] = set()
    for identity, owner in first.items():
        name = owner.name
        if name in nobody:
            name = f"{name} {owner.key}"
        elif counts[_writable(name).casefold()] > 1:
            name = f"{name} ({owner.key})" if owner.key != name else f"{name} ({identity.partition('/')[2]})"
        number, wanted = 1, name
        while _writable(name) in taken:
            number += 1
            name = f"{wanted} #{number}"
        taken.add(_writable(name))
        names[identity] = name
    return names


def _writable(text: str) -> str:
    """A text without halves of characters, which no file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _of_platform(layout: Layout, found: re.Match[str], whole: str, around: Around) -> Owner:
    groups = {name: value or "" for name, value in found.groupdict().items()}
    if "prefix" in groups:  # Blackboard: assignment_username; either may have a "_" in it
        groups["key"] = groups["prefix"].rpartition("_")[2]
    name, key = groups.get("name") or groups["key"], groups.get("key") or groups["name"]
    members = around.submitters.get(whole, ()) if layout.id == "gradescope" else ()
    if members:
        name, key = " & ".join(person.name for person in members), ", ".join(person.key for person in members)
    attempt, tried = _attempt(layout, groups, groups.get("original", ""))
    return Owner(
        identity=f"{layout.id}/{groups.get('prefix') or (whole if members else key)}",
        key=key, name=name.strip(), rule=layout.id, attempt=attempt, tried=tried, late=bool(groups.get("late")),
        original=groups.get("original", ""), members=members or (Person(key, name.strip()),),
    )  # fmt: skip


def _attempt(layout: Layout, groups: Mapping[str, str], original: str) -> tuple[tuple[int | str, ...], str]:
    text = groups.get("attempt", "")
    if layout.id == "canvas":  # a second upload adds -1, -2 to the file's name; then the higher file id
        again = re.fullmatch(r".*-(\d{1,3})", PurePosixPath(original[:LONGEST]).stem)
        return (int(again[1]) if again else 0, int(text or 0)), f"file {text}" if text else ""
    if layout.date and text:
        hour = re.sub(r"(\d{4}) (\d{3} )", r"\1 0\2", text.replace(":", ""))
        for form in (layout.date, layout.date.replace("%b", "%B")):
            try:
                return (datetime.strptime(hour, form).isoformat(),), text
            except ValueError:
                continue
        return ("",), text
    if text.isdecimal():
        return (int(text[:18]),), text
    return ((text,), text) if text else ((), "")


def _of_file(file: str, around: Around) -> Owner:
    """A file without a folder: its name is the person's, unless it is an exercise's."""
    stem, exercises = plain_stem(file), [*syllabus().released(), *syllabus().exercises, *syllabus().by_hand]
    for name in sorted(exercises, key=len, reverse=True):
        if _ends_in(stem, name):  # ann_self-attention.ipynb
            stem = stem[: -len(name) - 1]
            return Owner(f"file/{stem}", stem, stem, "file", members=(Person(stem, stem),))
    if _generic(stem):
        if around.archive:
            name = around.archive
            return Owner(f"archive/{name}", name, name, "archive", members=(Person(name, name),))
        whole = PurePosixPath(file).stem
        return Owner(f"file/{file}", whole, whole, "file", members=(Person(whole, whole),), sure=False)
    whole = PurePosixPath(file).stem
    return Owner(f"file/{whole}", whole, whole, "file", members=(Person(whole, whole),))


def _ends_in(stem: str, name: str) -> bool:
    return len(stem) > len(name) + 1 and stem.endswith(name) and stem[-len(name) - 1] in "_- ."


def _generic(stem: str) -> bool:
    """Whether a file's name says nothing of a person: an exercise's or an assignment's name, `notebook`, ..."""
    stem = plain_stem(f"{stem}.x").casefold()
    return stem in GENERIC or stem in syllabus().released() or stem in syllabus().exercises | syllabus().by_hand


@cache
def _clone_prefix(clones: frozenset[str]) -> str:
    """What the folders of clones have before the user's name: `hw3-` of `hw3-ann` and `hw3-bo`."""
    if len(clones) > 1:
        first, last = min(clones), max(clones)
        same = next(
            (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
        )
        return first[:same][: first[:same].rfind("-") + 1]
    (name,) = clones
    known = [*syllabus().released(), *syllabus().exercises]
    return next((f"{k}-" for k in sorted(known, key=len, reverse=True) if name.startswith(f"{k}-")), "")


def with_name(owner: Owner, name: str) -> Owner:
    """The owner under another name for people."""
    return replace(owner, name=name)
