"""The whole way for each platform: download, grading, the filled file, read back as the platform would, the class list.

The marks are made up, one for each person, so that a mark in another person's row is seen.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from platforms.exports import FORMS, export, marks_in, owned, people
from support.sample_results import result

from autograder.grading.class_run import ClassRun
from autograder.grading.people import NO_HAND_IN, OFF_ROSTER, known_as, owner_record
from autograder.paths import ROOT
from autograder.platforms.fill import choose_column, plan
from autograder.platforms.layouts import PLATFORMS, read_sheet
from autograder.platforms.match import match
from autograder.submission.owner import distinct_names, owner_of, wrappers
from autograder.submission.roster import read_roster

ASSIGNMENT = "self-attention-pytorch"
NOTEBOOK = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}).encode()
FILE = "self-attention.ipynb"


def sortable(first: str, last: str) -> str:
    """A name as Canvas puts it into file names."""
    return "".join(letter for letter in (last + first).casefold() if letter.isalnum()) or "x"


def in_path(text: str) -> str:
    """A name without what no platform lets into a path."""
    return re.sub(r'[\x00-\x1f/\\:*?"<>|_]', " ", text).strip() or "x"


def download(platform: str, person: tuple[str, str, str, str], attempt: int = 1) -> str:
    """The path of a person's hand-in in the platform's download."""
    number, login, first, last = person
    return {
        "moodle": f"{in_path(first)} {in_path(last)}_{number}_assignsubmission_file/{FILE}",
        "canvas": f"{sortable(first, last)}_{number}_{9000 + attempt}_self-attention-{attempt}.ipynb",
        "blackboard": f"Exercise 3_{login}_attempt_2026-09-{9 + attempt:02}-11-30-00_{FILE}",
        "brightspace": f"12-{number} - {in_path(first)} {in_path(last)} - Sep {9 + attempt}, 2026 930 AM/{FILE}",
        "csv": f"{number}/{FILE}",
    }[platform]


def score_of(number: str) -> float:
    return round(float(number) % 100 / 10, 2)


def written(number: str, platform: str) -> str:
    return f"{score_of(number):.2f}".rstrip("0").rstrip(".").replace(".", "," if platform == "csv" else ".")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_row_once_and_none_twice(tmp_path, platform):
    everybody = people(platform)
    handed_in, nothing = everybody[:-1], everybody[-1]
    stranger = ("999", "eve", "Eve", "Stranger")
    attempts = 1 if platform in ("moodle", "csv") else 2
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for person in [*handed_in, stranger]:
            for attempt in range(1, attempts + 1):
                archive.writestr(download(platform, person, attempt), NOTEBOOK)
    (tmp_path / "export.csv").write_bytes(export(platform))

    run = ClassRun(
        [tmp_path / "all.zip"], ROOT / "source", assignment=ASSIGNMENT, roster=read_roster(tmp_path / "export.csv")
    )
    rows = run.collected()
    assert len(rows) == len(everybody) + 1, "a row for everybody on the list, and for the stranger"
    assert [r["owner"]["name"] for r in rows if OFF_ROSTER in r["flags"]] != []
    assert sum(NO_HAND_IN in r["flags"] for r in rows) == 1

    numbers = {key: number for number, login, *_ in [*everybody, stranger] for key in (number, login)}
    results = [
        row if NO_HAND_IN in row["flags"]
        else result(row["student"], score=score_of(numbers[row["owner"]["key"]]), max_score=14.0) | {
            "owner": row["owner"], "flags": row["flags"]}
        for row in rows
    ]  # fmt: skip
    sheet = read_sheet(tmp_path / "export.csv", platform)
    made = plan(sheet, choose_column(sheet, ASSIGNMENT), results)
    back = marks_in(platform, made.filled())
    form = FORMS[platform]
    assert back == [
        (form.key_cell(number, login), "" if (number, login) == nothing[:2] else written(number, platform))
        for number, login, *_names in everybody
    ]
    assert [lost["student"] for lost, _why in made.matches.lost] == [
        r["student"] for r in rows if OFF_ROSTER in r["flags"]
    ]
    (tmp_path / "filled.csv").write_bytes(made.filled())
    again = read_roster(tmp_path / "filled.csv")
    joined = [again.find(member_of) for member_of in (one.owner.members[0] for one in run.submissions if one.owner)]
    found = [member.key for member in joined if member is not None]
    assert len(found) == len(set(found)) == len(handed_in), "each of the list once"


@pytest.mark.parametrize(
    ("student", "platform", "name", "key", "shown"),
    [
        ("doejane", "canvas", "Doe, Jane", "102", "Doe, Jane"),
        ("doejane (102)", "canvas", "Doe, Jane", "102", "Doe, Jane (102)"),
        ("Jane Doe (1001)", "moodle", "Jane Doe", "1001", "Jane Doe (1001)"),
        ("kim1", "nbgrader", "Kim Lee", "kim1", "Kim Lee (kim1)"),
        ("Kim Lee", "roster", "Kim Lee", "s7", "Kim Lee"),
    ],
)
def test_people_are_called_by_their_names_and_two_of_one_name_stay_two(student, platform, name, key, shown):
    assert known_as(owned(key, name, platform=platform) | {"student": student}) == shown


# -- any names --------------------------------------------------------------------------------------------------------

LETTERS = st.sampled_from("abcÅæøßñ王芳Иваحد-'. ,\"()#&;=@")
NAME = st.text(LETTERS, min_size=1, max_size=9).filter(lambda name: name.strip())
CLASS = st.lists(st.tuples(NAME, NAME), min_size=1, max_size=7).map(
    lambda names: [(str(4711 + n), f"user{n}", *name) for n, name in enumerate(names)]
)


@given(CLASS, st.sampled_from(PLATFORMS), st.data())
def test_whatever_the_names_no_mark_lands_in_another_row(class_, platform, data):
    """By the platform's own key, people of one name too; a result is lost rather than in another person's row."""
    handed_in = data.draw(st.lists(st.sampled_from(class_), unique=True))
    paths = [tuple(download(platform, person).split("/")) for person in handed_in]
    skip = wrappers(paths) if len(paths) > 1 else 0
    owners = [owner_of(path[skip:] or path[-1:]) for path in paths]
    assert len({owner.identity for owner in owners}) == len(set(distinct_names(owners).values())) == len(handed_in)
    results = [
        result(person[0]) | {"owner": owner_record(owner)} for person, owner in zip(handed_in, owners, strict=True)
    ]
    sheet = sheet_of(platform, class_)
    matches = match(platform, results, sheet.entries)
    key = {person[0]: person[1] if platform == "blackboard" else person[0] for person in class_}
    for one, entry in matches.pairs:
        assert entry.keys[0] == key[one["student"]]
    assert len(matches.pairs) + len(matches.lost) == len(results)
    assert not matches.lost, [why for _result, why in matches.lost]


def sheet_of(platform: str, class_: list[tuple[str, str, str, str]]):
    """The platform's file of a class, read."""
    import tempfile

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr("platforms.exports.PEOPLE", class_)
        patch.setattr("platforms.exports.people", lambda _platform: class_)
        form = FORMS[platform]
        path = Path(folder) / "export.csv"
        data = export(platform) if form.codec != "cp1252" else _as_utf8(platform)
        path.write_bytes(data)
        return read_sheet(path, platform)


def _as_utf8(platform: str) -> bytes:
    """The same in UTF-8, which has all letters."""
    from dataclasses import replace

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FORMS, platform, replace(FORMS[platform], codec="utf-8-sig"))
        return export(platform)


@given(CLASS, st.integers(0, 6), st.integers(0, 6))
def test_a_name_alone_is_never_enough_where_two_have_it(class_, one, other):
    assume(one != other and max(one, other) < len(class_))
    number, login, *_name = class_[other]
    class_ = [*class_[:other], (number, login, *class_[one][2:]), *class_[other + 1 :]]
    first, last = class_[one][2:]
    claimed = owned("nobody's", f"{first} {last}", platform="folder")
    matches = match("moodle", [claimed], sheet_of("moodle", class_).entries)
    assert not matches.pairs and "fits" in matches.lost[0][1]
