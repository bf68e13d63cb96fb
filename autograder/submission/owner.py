"""The student who handed in a file, read from its path by a table of platforms, `platforms.toml`.

The path is read downwards from the folder or archive that was given. The first name that belongs to a person decides;
names below it, in the person's own folder or archive, do not count. Folders around all people, such as `class/` or the
single top folder of an archive, are left out first (`wrappers`).

Two people of the same name are kept apart by the platform's key.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
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
MONTHS = [{word[:3] for word in pair.split("/")} for pair in  # English and Danish
          "jan feb mar apr may/maj jun jul aug sep oct/okt nov dec".split()]  # fmt: skip
COPIES = (  # what browsers, Colab, Drive and Jupyter add to the name of a copy
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
    date: bool = False
    nobody: str = ""
    sure: bool = True

    def match(self, name: str) -> re.Match[str] | None:
        """The groups of the pattern where it matches the whole name; None where it does not."""
        return re.fullmatch(self.pattern, name[:LONGEST], re.DOTALL)


@dataclass(frozen=True)
class Around:
    """Facts about all files that were given together, besides their paths."""

    archive: str = ""  # the name of the archive that was given, without its ending
    clones: frozenset[str] = frozenset()  # folders that are clones of a repository
    submitters: Mapping[str, tuple[Person, ...]] = field(default_factory=dict)  # of Gradescope's metadata, by folder
    told: Mapping[str, Person] = field(default_factory=dict)  # of Blackboard's texts, by the name before the attempt
    prefixes: frozenset[str] = frozenset()  # of Blackboard's files: the names before the attempt
    mixed: frozenset[str] = frozenset()  # folders with hand-ins beside numbered folders
    confirmed: frozenset[str] = frozenset()  # layouts that are sure here, because all files have their names


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
            if layout.levels > 1 and folders[0] in around.mixed:
                continue
            if found := layout.match("/".join(folders[: layout.levels])):
                return _of_platform(layout, found, folders[0], around)
        elif layout.on == "file" and not folders and (found := layout.match(file)):
            sure = layout.sure or layout.id in around.confirmed
            if sure or says_an_exercise(PurePosixPath(found["original"]).stem):
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
    depth = 0
    while depth < DEEPEST and (level := _level(paths, depth)) is not None:
        if level.head.casefold() in WRAPPERS or level.holds_people:
            depth += 1
            continue
        chain = 1  # folders in one another, the last of which holds the people
        while level is not None and level.single and (level := _level(paths, depth + chain)) is not None:
            if level.holds_people and not level.files:
                break
            chain += 1
        else:
            return depth
        depth += chain + 1
    return depth


@dataclass(frozen=True)
class _Level:
    """A folder on all paths, with the names of the folders and files in it."""

    head: str
    folders: frozenset[str]
    files: frozenset[str]

    @property
    def holds_people(self) -> bool:
        """Whether the folders or files in it are several people's, or have a platform's names."""
        if self._names_somebody:
            return False
        if any(_is_platforms((name, "")) for name in self.folders) or any(_is_platforms((f,)) for f in self.files):
            return True
        return len(self.folders) > 1 and not all(name.isdecimal() for name in self.folders)  # Submitty's attempts

    @property
    def single(self) -> bool:
        """Whether it holds one folder and nothing else, and has nobody's name by a platform's rule."""
        return len(self.folders) == 1 and not self.files and not self._names_somebody

    @property
    def _names_somebody(self) -> bool:
        known = syllabus().released()
        return _is_platforms((self.head,)) or any(name in known for name in (*self.folders, *self.files))


def _level(paths: Collection[tuple[str, ...]], depth: int) -> _Level | None:
    """The only folder at a depth, where everything lies in it; else None."""
    heads = {path[depth] for path in paths if len(path) > depth}
    if len(heads) != 1 or not all(len(path) > depth + 1 for path in paths):
        return None
    folders = frozenset(path[depth + 1] for path in paths if len(path) > depth + 2)
    return _Level(heads.pop(), folders, frozenset(path[depth + 1] for path in paths if len(path) == depth + 2))


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
    members = around.submitters.get(whole, ()) if layout.id == "gradescope" else ()
    if "prefix" in groups:  # Blackboard: assignment_username; either may have a "_" in it
        groups["key"] = _username(groups["prefix"], around.prefixes)
        members = (around.told[groups["prefix"]],) if groups["prefix"] in around.told else ()
    elif layout.id == "gradescope" and not members:
        groups["name"] = whole  # without the metadata, only its number is known
    name, key = groups.get("name") or groups["key"], groups.get("key") or groups["name"]
    if members:
        name, key = " & ".join(person.name for person in members), ", ".join(person.key for person in members)
    attempt, tried = _attempt(layout, groups, groups.get("original", ""))
    group = "folder" if layout.levels > 1 else layout.id  # files beside the attempts belong to the same person
    return Owner(
        identity=f"{group}/{groups.get('prefix') or (whole if members else key)}",
        key=key, name=name.strip(), rule=layout.id, attempt=attempt, tried=tried, late=bool(groups.get("late")),
        original=groups.get("original", ""), members=members or (Person(key, name.strip()),),
        sure=layout.id != "gradescope" or bool(members),
    )  # fmt: skip


def blackboards(file: str, own: bool = False) -> str | None:
    """The part of a Blackboard file's name before the attempt; None for other files.

    With `own`, only for the text that Blackboard itself writes on an attempt.
    """
    layout = next(row for row in layouts() if row.id == "blackboard")
    found = layout.match(unicodedata.normalize("NFC", file))
    return found["prefix"] if found and not (own and found["original"]) else None


def _username(prefix: str, prefixes: Collection[str]) -> str:
    """The user name in `assignment_username`: the last word, or more if another user name ends in the same word."""
    last = prefix.rpartition("_")[2]
    if sum(other.rpartition("_")[2] == last for other in prefixes) > 1:
        return prefix[len(_alike(prefixes, "_")) :]
    return last


def _alike(names: Collection[str], end: str) -> str:
    """The common beginning of all names, up to a separator."""
    first, last = min(names), max(names)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:same][: first[:same].rfind(end) + 1]


def _attempt(layout: Layout, groups: Mapping[str, str], original: str) -> tuple[tuple[int | str, ...], str]:
    text = groups.get("attempt", "")
    if layout.id == "canvas":  # a second upload adds -1, -2 to the file's name; then the higher file id
        again = re.fullmatch(r".*-(\d{1,3})", PurePosixPath(original[:LONGEST]).stem)
        return (int(again[1]) if again else 0, int(text or 0)), f"file {text}" if text else ""
    if layout.date and text:
        return (_moment(text),), text
    if text.isdecimal():
        return (int(text[:18]),), text
    return ((text,), text) if text else ((), "")


def _moment(text: str) -> str:
    """A date in words as text that sorts, "2026-09-12 09:30"; empty where it is not read.

    The day comes before or after the month, which is in English or Danish. The clock has 12 or 24 hours.
    """
    found = re.search(r"\b\d{4}\b", text)
    year, before, after = (found[0], text[: found.start()], text[found.end() :]) if found else ("", "", "")
    words, days = re.findall(r"[^\W\d_]{3,}", before.casefold()), re.findall(r"\b\d{1,2}\b", before)
    month = next((n for word in words for n, names in enumerate(MONTHS, 1) if word[:3] in names), 0)
    digits = "".join(re.findall(r"\d", after)).zfill(4)
    if not (month and len(days) == 1 and len(digits) == 4):
        return ""
    hour, minute = int(digits[:2]), digits[2:]
    if half := re.search(r"\b([AP])M\b", after, re.IGNORECASE):
        hour = hour % 12 + (12 if half[1] in "Pp" else 0)
    return f"{year}-{month:02}-{int(days[0]):02} {hour:02}:{minute}"


def _of_file(file: str, around: Around) -> Owner:
    """A file without a folder: its name is the person's, unless it is an exercise's."""
    stem, exercises = plain_stem(file), [*syllabus().released(), *syllabus().exercises, *syllabus().by_hand]
    for name in sorted(exercises, key=len, reverse=True):
        if _ends_in(stem, name):  # ann_self-attention.ipynb
            stem = stem[: -len(name) - 1].rstrip("_-–. ") or stem
            return Owner(f"file/{stem}", stem, stem, "file", members=(Person(stem, stem),))
    if says_an_exercise(stem):
        if around.archive:
            name = around.archive
            return Owner(f"archive/{name}", name, name, "archive", members=(Person(name, name),))
        whole = PurePosixPath(file).stem
        return Owner(f"file/{file}", whole, whole, "file", members=(Person(whole, whole),), sure=False)
    whole = PurePosixPath(file).stem
    return Owner(f"file/{whole}", whole, whole, "file", members=(Person(whole, whole),))


def _ends_in(stem: str, name: str) -> bool:
    return len(stem) > len(name) + 1 and stem.endswith(name) and stem[-len(name) - 1] in "_- ."


def says_an_exercise(stem: str) -> bool:
    """Whether a file's name says nothing of a person: an exercise's or an assignment's name, `notebook`, ..."""
    stem = plain_stem(f"{stem}.x").casefold()
    return stem in GENERIC or stem in syllabus().released() or stem in syllabus().exercises | syllabus().by_hand


@cache
def _clone_prefix(clones: frozenset[str]) -> str:
    """The common prefix of the folders of clones: `hw3-` for `hw3-ann` and `hw3-bo`."""
    if len(clones) > 1:
        return _alike(clones, "-")
    (name,) = clones
    known = [*syllabus().released(), *syllabus().exercises]
    return next((f"{k}-" for k in sorted(known, key=len, reverse=True) if name.startswith(f"{k}-")), "")


def with_name(owner: Owner, name: str) -> Owner:
    """The owner under another name for people."""
    return replace(owner, name=name)
