"""Facts about a download as a whole, besides the path of each file: files that the platform added to the hand-ins."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import PurePosixPath

import yaml

from autograder.submission.archives import DAMAGED
from autograder.submission.budget import Exceeded
from autograder.submission.owner import Around, Person, blackboards, layouts, says_an_exercise

METADATA = "submission_metadata.yml"  # of Gradescope's export
MAX_METADATA = 16 << 20  # bytes of it
MAX_TEXT = 64 << 10  # bytes of Blackboard's text on an attempt
OWN_FOLDER = re.compile(r"submission_\d+")  # of a person or group, in Gradescope's export
NAMED = re.compile(r"[^:\n]{1,40}: *(?P<name>[^\n]+?) *\((?P<key>[^()\n]+)\) *")  # "Name: Ann Bo (ann_b)"
NOTEBOOK = (".ipynb", ".py", ".zip")
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

File = tuple[tuple[str, ...], Callable[[], bytes]]  # the names on a path, and what reads the file


def around(files: Collection[File], skip: int, archive: str = "", clones: Iterable[str] = ()) -> Around:
    """The facts that all files together give. `skip` is the number of outer folders, as `wrappers` counts them."""
    paths = [parts[skip:] for parts, _read in files]
    return Around(
        archive=archive,
        clones=frozenset(clones),
        submitters=_submitters(files),
        told=_told((parts[-1], read) for parts, read in files if len(parts) == skip + 1),
        prefixes=frozenset(found for path in paths if len(path) == 1 and (found := blackboards(path[0]))),
        mixed=frozenset(_mixed(paths)),
        confirmed=frozenset(_confirmed([path[0] for path in paths if len(path) == 1])),
    )


def _submitters(files: Iterable[File]) -> dict[str, tuple[Person, ...]]:
    """The people of each folder `submission_N`, from Gradescope's metadata: several people are a group.

    A file of that name in a student's own folder is not read.
    """
    found: dict[str, tuple[Person, ...]] = {}
    for parts, read in files:
        if parts[-1] != METADATA or any(OWN_FOLDER.match(folder) for folder in parts[:-1]):
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


def _person(entry: Mapping[object, object]) -> Person:
    """A submitter of Gradescope's metadata; only plain values are taken."""
    plain = {key: entry.get(f":{key}") for key in ("name", "sid", "email")}
    said = {key: str(value).strip() if isinstance(value, str | int) else "" for key, value in plain.items()}
    key = said["sid"] or said["email"] or said["name"]
    return Person(key, said["name"] or key, said["email"])


def _told(files: Iterable[tuple[str, Callable[[], bytes]]]) -> dict[str, Person]:
    """The people in Blackboard's text files, one for each attempt, by the part of the file name before the attempt.

    A text file of the platform has no file name after the attempt's date, so a student's file cannot look like one. Its
    first line has the full name and the user name, in any language.
    """
    found: dict[str, Person] = {}
    for name, read in files:
        prefix = blackboards(name, own=True)
        if prefix is None or prefix in found:
            continue
        try:
            text = read()[:MAX_TEXT].decode("utf-8-sig", "replace")
        except (OSError, Exceeded, *DAMAGED):
            continue
        said = NAMED.fullmatch((text.splitlines() or [""])[0].strip())
        if said and prefix.endswith(f"_{said['key']}"):
            found[prefix] = Person(said["key"], said["name"])
    return found


def _mixed(paths: Iterable[tuple[str, ...]]) -> Iterable[str]:
    """The folders with hand-ins beside numbered folders: such numbers are not attempts of a platform."""
    for path in paths:
        if len(path) > 1 and not (len(path) > 2 and path[1].isdecimal()) and path[-1].lower().endswith(NOTEBOOK):
            yield path[0]


def _confirmed(files: Collection[str]) -> Iterable[str]:
    """The ambiguous layouts that are certain here: all hand-ins have such names, and one of them names an exercise."""
    hand_ins = [name for name in files if name.lower().endswith(NOTEBOOK)]
    for layout in layouts():
        if not layout.sure and hand_ins:
            found = [layout.match(name) for name in hand_ins]
            if all(found) and any(one and says_an_exercise(PurePosixPath(one["original"]).stem) for one in found):
                yield layout.id
