"""A record of the owners of the folders in a course's `submitted/`, because a folder's name says little about a person.

`autograder collect --into` makes such a folder out of a platform's download, whose path has the person's key. The
record, `.autograder/people.json`, keeps key, name and e-mail address by the folder's name, which is the student's id in
nbgrader. So a later grading finds the person on the class list, and the mark can be returned to the platform.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from autograder.submission.owner import Owner, Person

RECORD = Path(".autograder") / "people.json"
ON_THE_LIST = "roster"  # the rule of a person who is known only from the class list


@dataclass(frozen=True)
class Known:
    """A person or group with a folder. `rule` is the platform's id, or the rule by which the name was found."""

    rule: str
    key: str
    name: str
    members: tuple[Person, ...] = ()

    @classmethod
    def of(cls, owner: Owner) -> Known:
        """The record of an owner."""
        return cls(owner.rule, owner.key, owner.name, owner.members)

    def owner(self, owner: Owner) -> Owner:
        """The owner of a folder, as the owner in the download that it was made from."""
        return replace(owner, rule=self.rule, key=self.key, name=self.name, members=self.members or owner.members)


def known_people(course: Path) -> dict[str, Known]:
    """The people of a course, by student id; none where there is no record, or it cannot be read."""
    try:
        record = json.loads((course / RECORD).read_text(encoding="utf-8"))
        return {
            student: Known(said["rule"], said["key"], said["name"], tuple(Person(**one) for one in said["members"]))
            for student, said in record.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def remember(course: Path, people: Mapping[str, Known], forgotten: frozenset[str] = frozenset()) -> None:
    """Add people to the record, by student id, and take others out of it. Raises OSError."""
    before = known_people(course)
    after = {student: known for student, known in {**before, **people}.items() if student not in forgotten}
    if after == before:
        return
    where = course / RECORD
    where.parent.mkdir(parents=True, exist_ok=True)
    unfinished = where.with_suffix(".part")
    record = {student: asdict(known) for student, known in after.items()}
    unfinished.write_text(json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(unfinished, where)
