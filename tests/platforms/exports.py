"""Files as platforms give them, made by rule: names in five scripts, two people of one name, hard quoting."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from support.sample_results import result

PEOPLE = [  # number, login, first name, last name
    ("4711", "ann", "Ann", "Ash"),
    ("4712", "soren", "Søren", "Ærø"),
    ("4713", "wang", "芳", "王"),
    ("4714", "olga", "Ольга", "Иванова"),
    ("4715", "layla", "ليلى", "حداد"),
    ("4716", "nikos", "Νίκος", "Παππάς"),
    ("4717", "kim1", "Kim", "Lee"),
    ("4718", "kim2", "Kim", "Lee"),
    ("4719", "quote", 'Jo "JJ"', "O'Neil, Jr"),
]


@dataclass(frozen=True)
class Form:
    """How a platform writes its file, and where the mark and the key stand for one who reads it with `csv`."""

    heads: list[str]
    delimiter: str
    codec: str
    ends: str
    mark: int
    key: int
    quote_all: bool
    first_rows: tuple[tuple[str, ...], ...] = ()

    def key_cell(self, number: str, login: str) -> str:
        """A person's cell in the column of keys."""
        return {"Identifier": f"Participant {number}", "Username": login, "OrgDefinedId": f"#{number}"}.get(
            self.heads[self.key], number
        )


HEADS = {
    "canvas": "Student|ID|SIS User ID|SIS Login ID|Section|Self attention, PyTorch (991)|Quiz (992)|Final Score",
    "moodle": "Identifier|Full name|Email address|Status|Grade|Maximum grade|Grade can be changed|Feedback comments",
    "blackboard": "Last Name|First Name|Username|Student ID|"
    "Self attention PyTorch [Total Pts: 14 Score] !123|Other [Total Pts: 5 Score] !124",
    "brightspace": "OrgDefinedId|Last Name|First Name|Email|"
    "self-attention-pytorch Points Grade <Numeric MaxPoints:14 Weight:10>|End-of-Line Indicator",
    "csv": "id|name|email|mark|remarks",
}
HEADS_OF = {name: [head.replace("!", "|") for head in heads.split("|")] for name, heads in HEADS.items()}
POSTING = ("", "", "", "", "", "Manual Posting", "", "(read only)")
POSSIBLE = ("    Points Possible", "", "", "", "", "14.0", "10.0", "(read only)")
FORMS = {
    "canvas": Form(HEADS_OF["canvas"], ",", "utf-8-sig", "\n", 5, 1, False, (POSTING, POSSIBLE)),
    "moodle": Form(HEADS_OF["moodle"], ",", "utf-8-sig", "\n", 4, 0, False),
    "blackboard": Form(HEADS_OF["blackboard"], "\t", "utf-16", "\r\n", 4, 2, True),
    "brightspace": Form(HEADS_OF["brightspace"], ",", "utf-8", "\r\n", 4, 0, False),
    "csv": Form(HEADS_OF["csv"], ";", "cp1252", "\r\n", 3, 0, False),
}


def people(platform: str) -> list[tuple[str, str, str, str]]:
    """Those whose names the platform's encoding has."""
    if FORMS[platform].codec != "cp1252":
        return PEOPLE
    return [person for person in PEOPLE if all(ord(letter) < 256 for name in person for letter in name)]


def export(platform: str, marks: dict[str, str] | None = None, most: str = "14.00") -> bytes:
    """The platform's file; `marks` are the present ones, by number."""
    form, marks, rows = FORMS[platform], marks or {}, []
    for number, login, first, last in people(platform):
        mark, email, key = marks.get(number, ""), f"{login}@example.org", form.key_cell(number, login)
        rows.append(
            {
                "canvas": [f"{last}, {first}", key, f"s{number}", login, "A and B", mark, " 7.00", "50"],
                "moodle": [key, f"{first} {last}", email, "Submitted\nlate", mark, most, "Yes", '<p class="x">a</p>'],
                "blackboard": [last, first, key, f"s{number}", mark, "2,5"],
                "brightspace": [key, last, first, email, mark, "#"],
                "csv": [key, f"{first} {last}", email, mark, "så; \"sådan\""],
            }[platform]
        )  # fmt: skip
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if form.quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=form.delimiter, lineterminator=form.ends, quoting=quoting)
    writer.writerows([form.heads, *form.first_rows, *rows])
    return text.getvalue().encode(form.codec)


def read_back(platform: str, data: bytes) -> list[list[str]]:
    """The rows, as another program reads them."""
    form = FORMS[platform]
    return list(csv.reader(io.StringIO(data.decode(form.codec), newline=""), delimiter=form.delimiter))


def marks_in(platform: str, data: bytes) -> list[tuple[str, str]]:
    """Key and mark of each row that has a key."""
    form = FORMS[platform]
    rows = read_back(platform, data)[1 + len(form.first_rows) :]
    return [(row[form.key], row[form.mark]) for row in rows]


def owned(number: str, name: str, score: float = 12.5, platform: str = "moodle", email: str = "", **changes):
    """A graded result with an owner."""
    owner = {"key": number, "name": name, "platform": platform, "email": email}
    owner |= {"attempt": None, "late": False, "section": ""}
    return result(name, **({"score": score, "max_score": 14.0, "owner": owner} | changes))


def graded_class(platform: str, score: float = 12.5):
    """A result for each person, with the key that the platform's own download has."""
    own = platform if platform != "csv" else "folder"
    return [
        owned(login if platform == "blackboard" else number, f"{first} {last}", score + place / 10, own)
        for place, (number, login, first, last) in enumerate(people(platform))
    ]
