"""Finds the row of each result's student in a platform's file: by key, then e-mail, then name, if only one row fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from autograder.platforms.layouts import PLATFORMS, Entry
from autograder.records import OwnerRecord, Result
from autograder.submission.roster import same, spellings

GRADEBOOK = "gradebook"  # the rule of an owner who is known only from nbgrader's gradebook


@dataclass
class Matches:
    """Results with their rows, results without a row, each with the reason, and rows without a result."""

    pairs: list[tuple[Result, Entry]] = field(default_factory=list)
    lost: list[tuple[Result, str]] = field(default_factory=list)
    unclaimed: list[Entry] = field(default_factory=list)


class People:
    """The rows of a file by keys, e-mail addresses and names."""

    def __init__(self, platform: str, entries: Sequence[Entry]) -> None:
        self.platform, self.entries = platform, entries
        self.keys = _index(entries, lambda entry: entry.keys)
        self.emails = _index(entries, lambda entry: (entry.email,))
        self.logins = _index(entries, lambda entry: (entry.email.partition("@")[0],))
        self.names = _index(entries, lambda entry: spellings(entry.name))

    def find(self, result: Result) -> Entry | str:
        """The row of a result's student, or the reason why no row is certain."""
        owner = result.get("owner") or _bare(result)
        by_key, by_email = self._by_key(owner), self.emails.get(same(owner["email"]), [])
        by_name = [row for spelling in spellings(owner["name"]) for row in self.names.get(same(spelling), [])]
        by_name = list({id(row): row for row in by_name}.values())
        if by_key and by_email and not _common(by_key, by_email):
            return f"its key fits {_listed(by_key)}, and its e-mail address {_listed(by_email)}"
        agreed = [*by_email, *by_name]
        by_key = [row for row in by_key if not self._doubtful(owner, row) or _common([row], agreed)]
        for rule, found in (("key", by_key), ("e-mail address", by_email), ("name", by_name)):
            if len(found) == 1:
                return found[0]
            if found:
                return f"its {rule} fits {len(found)} rows: {_listed(found)}"
        return "no row has its key, e-mail address or name"

    def _by_key(self, owner: OwnerRecord) -> list[Entry]:
        key = same(owner["key"])
        return self.keys.get(key) or self.emails.get(key) or (self.logins.get(key, []) if not key.isdecimal() else [])

    def _doubtful(self, owner: OwnerRecord, entry: Entry) -> bool:
        """Whether a key may belong to another person in this file. Then name or e-mail address must agree too.

        Numbers of another platform mean nothing here. And a number in the second column of ids may be the number in the
        first column of somebody who is not in the file.
        """
        if self.platform == "csv" and not entry.name and not entry.email:
            return False
        if owner["platform"] in PLATFORMS and owner["platform"] != self.platform:
            return True
        key = same(owner["key"])
        if owner["platform"] == GRADEBOOK and (entry.name or entry.email):
            return key.isdecimal()  # an id of unknown origin
        return key.isdecimal() and key not in map(same, entry.keys[:1])


def match(platform: str, results: Iterable[Result], entries: Sequence[Entry]) -> Matches:
    """Match results of one assignment with the rows of a file; a row that fits two results is matched with neither."""
    people, matches = People(platform, entries), Matches()
    claims: dict[int, list[Result]] = {}
    for result in results:
        found = people.find(result)
        if isinstance(found, str):
            matches.lost.append((result, found))
        else:
            claims.setdefault(found.row.line, []).append(result)
    for entry in entries:
        claimed = claims.get(entry.row.line, [])
        if len(claimed) == 1:
            matches.pairs.append((claimed[0], entry))
        elif claimed:
            matches.lost += [(result, f"{len(claimed)} results fit {entry.shown}") for result in claimed]
        else:
            matches.unclaimed.append(entry)
    return matches


def _index(entries: Sequence[Entry], words: Callable[[Entry], Iterable[str]]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        for word in {same(word) for word in words(entry)} - {""}:
            found.setdefault(word, []).append(entry)
    return found


def _bare(result: Result) -> OwnerRecord:
    """The owner of a result that has none: the student's name, and nothing else."""
    student = result["student"] or ""
    return {
        "key": student, "name": student, "platform": "", "attempt": None, "late": False, "email": "", "section": "",
    }  # fmt: skip


def _common(one: Sequence[Entry], other: Sequence[Entry]) -> bool:
    return bool({entry.row.line for entry in one} & {entry.row.line for entry in other})


def _listed(entries: Sequence[Entry]) -> str:
    return "; ".join(entry.shown for entry in entries[:5])
