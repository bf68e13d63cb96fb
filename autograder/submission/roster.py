"""A class list: reads it from a platform's CSV file, and finds the rows of the people who handed in.

The columns are recognised by their heads, as the platforms spell them. A hand-in is joined to a row by a key, else by
e-mail, else by a name that only one row has. Where several rows fit, it is joined to none.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.submission.owner import Person

# The kinds of columns by their heads; only letters and digits of a head count. Tables show the first "id" of a list.
HEADS: dict[str, tuple[str, ...]] = {
    "id": (
        "id", "sis user id", "sis login id", "student id", "sid", "student number", "id number",
        "identifier", "participant number", "orgdefinedid", "username", "login", "login id", "user id",
        "github username", "key", "id-nummer", "studienummer", "studienr", "studie-id", "brugernavn", "brugerid",
    ),
    "name": (
        "name", "full name", "student", "student name", "display name", "navn", "fulde navn", "studerende",
    ),
    "first": ("first name", "first", "given name", "given names", "fornavn", "fornavne"),
    "last": ("last name", "last", "surname", "family name", "efternavn"),
    "email": ("email", "email address", "mail", "e-mailadresse", "mailadresse"),
    "section": ("section", "sections", "class", "team", "groups", "hold", "grupper"),
    "group": ("group", "group name", "gruppe", "gruppenavn"),
}  # fmt: skip

NUMBERED = re.compile(
    r"[^\W\d]+ (\d+)"
)  # a key of Moodle's worksheet, "Participant 4711", the word in Moodle's language


class RosterError(ValueError):
    """A class list that cannot be used; says which heads or lines are wrong."""


@dataclass(frozen=True)
class Member:
    """A row of a class list. `keys` are all its ids; `line` is its line in the file.

    `first` and `last` come from their columns, else from the name: split at its comma, else before its last word.
    """

    keys: tuple[str, ...]
    name: str
    email: str = ""
    section: str = ""
    group: str = ""
    line: int = 0
    first: str = ""
    last: str = ""

    @property
    def key(self) -> str:
        """The id that tables show: the first one, else the e-mail, else the name."""
        return next(iter(self.keys), self.email or self.name)


@dataclass(frozen=True)
class Roster:
    """A class list."""

    members: tuple[Member, ...]

    def find(self, person: Person) -> Member | None:
        """The row of a person: by key, then e-mail, then name; None where no row fits, or several do."""
        for wanted, of in (
            (person.key, lambda m: m.keys),
            (person.email, lambda m: (m.email,)),
            (person.key, lambda m: (m.email, m.email.partition("@")[0])),
            (person.name, lambda m: spellings(m.name)),
        ):
            if wanted:
                ways = {same(way) for way in (wanted, _turned(wanted))}
                found = [m for m in self.members if ways & set(map(same, filter(None, of(m))))]
                if len(found) == 1:
                    return found[0]
        return None

    def group_of(self, member: Member) -> list[Member]:
        """The rows of a member's group, with the member's own."""
        return [m for m in self.members if m.group and m.group == member.group] or [member]


def read_roster(path: Path) -> Roster:
    """A class list from a CSV file (comma, semicolon or tab; UTF-8, UTF-16 or Latin-1).

    Raises OSError, and RosterError where the heads name nobody, or where two rows have the same key.
    """
    text, line = _decoded(path.read_bytes()), 1
    if text[:4].casefold() == "sep=":  # Excel's own first line, which names the delimiter
        text, line = text.partition("\n")[2], 2
    head, *_rest = text.splitlines() or [""]
    delimiter = max(",;\t", key=head.count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    columns = _columns(rows, path)
    members = []
    for row in rows[1:]:
        line += 1
        member = _member(row, columns, line)
        if member is not None:
            members.append(member)
    _refuse_doubles(members, path)
    return Roster(tuple(members))


def _columns(rows: Sequence[Sequence[str]], path: Path) -> dict[str, list[int]]:
    heads = rows[0] if rows else []
    letters = [head_letters(head) for head in heads]
    known = {kind: [head_letters(name) for name in names] for kind, names in HEADS.items()}
    columns = {kind: [n for n, head in enumerate(letters) if head in names] for kind, names in known.items()}
    columns["id"].sort(key=lambda n: known["id"].index(letters[n]))
    if 0 not in columns["id"] and rows[1:] and all(row and NUMBERED.fullmatch(row[0].strip()) for row in rows[1:]):
        columns["id"].append(0)
    if not columns["id"] and not columns["email"] and not columns["name"] and not columns["last"]:
        listed = "; ".join(f"{kind}: {', '.join(names[:6])}" for kind, names in HEADS.items())
        raise RosterError(
            f"{path} has no column that says who somebody is. Its heads are {', '.join(heads) or 'empty'}. "
            f"Known heads are, among others, {listed}."
        )
    return columns


def _member(row: Sequence[str], columns: dict[str, list[int]], line: int) -> Member | None:
    def values(kind: str) -> list[str]:
        found = (row[n].strip() for n in columns[kind] if n < len(row))
        return [unicodedata.normalize("NFC", value) for value in found if value]

    first, last, whole = (next(iter(values(kind)), "") for kind in ("first", "last", "name"))
    name = whole or " ".join(filter(None, (first, last)))
    numbers = (NUMBERED.fullmatch(value) for value in values("id"))
    ids = (found[1] if found else value.removeprefix("#") for found, value in zip(numbers, values("id"), strict=True))
    keys = tuple(dict.fromkeys(ids))
    email, section, group = (next(iter(values(kind)), "") for kind in ("email", "section", "group"))
    if not (keys or name or email) or name.casefold() in ("points possible", "student, test"):
        return None
    if whole and not (first or last):
        last, comma, first = (piece.strip() for piece in whole.partition(","))
        if not comma:
            first, _space, last = whole.rpartition(" ")
    return Member(keys, name or email or keys[0], email, section, group, line, first, last)


def _refuse_doubles(members: Iterable[Member], path: Path) -> None:
    seen: dict[str, Member] = {}
    for member in members:
        for key in member.keys[:1] or ((member.email,) if member.email else ()):
            if key in seen:
                raise RosterError(f"{path}, lines {seen[key].line} and {member.line}: both have the key {key}.")
            seen[key] = member


def spellings(name: str) -> tuple[str, ...]:
    """A name as it is, with "Last, First" turned round, and as Canvas puts it into file names."""
    turned = _turned(name)
    words = turned.split()
    sortable = "".join([words[-1], *words[:-1]]) if words else ""
    return (name, turned, sortable)


def _turned(name: str) -> str:
    last, comma, first = name.partition(",")
    return f"{first.strip()} {last.strip()}" if comma else name


def head_letters(head: str) -> str:
    """The letters and digits of a head, for comparing: "E-mail address" and "email address" are the same."""
    return "".join(letter for letter in unicodedata.normalize("NFC", head).casefold() if letter.isalnum())


def same(text: str) -> str:
    """A name, key or e-mail address for comparing: in lower case, with single spaces, and in Unicode's form NFC."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
