"""Whose a hand-in is: every platform's layout as a download, made by rule, and what hostile names can do (nothing)."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.downloads import ASSIGNMENT, FILE, HALF, SOLVED, SOURCE, laid_out, zipped, zipped_as

from autograder import cli
from autograder.grading.class_run import ClassRun
from autograder.grading.people import off_roster, summary, unclear
from autograder.records import Result
from autograder.submission.owner import Owner, distinct_names, owner_of, wrappers
from autograder.submission.roster import RosterError, read_roster

NAMES = ["Ann Bo", "Søren Åse", "李 明", "Ольга Ким", "محمد علي"]  # five scripts
METADATA = b"""
submission_1:
  :submitters:
  - :name: Ann Bo
    :sid: s1
    :email: ann@uni.example
  - :name: Bo Li
    :sid: s2
    :email: bo@uni.example
  :created_at: 2026-09-12 10:00:00 Z
submission_2:
  :submitters:
  - :name: Cy Doe
    :sid: s3
    :email: cy@uni.example
"""

# By layout: the files of a download, and whom they belong to: student, key, and whether the file is the solved one.
LAYOUTS: dict[str, tuple[dict[str, bytes], dict[str, tuple[str, bool]]]] = {
    "moodle folders": (
        {f"{name}_{i}_assignsubmission_file/{FILE}": SOLVED for i, name in enumerate(NAMES, 4711)},
        {name: (str(i), True) for i, name in enumerate(NAMES, 4711)},
    ),
    "moodle flat": (
        {f"{name}_{i}_assignsubmission_file_my work.ipynb": SOLVED for i, name in enumerate(NAMES, 4711)},
        {name: (str(i), True) for i, name in enumerate(NAMES, 4711)},
    ),
    "moodle blind": (
        {f"Participant_{i}_assignsubmission_file_/{FILE}": SOLVED for i in (1, 2, 3)},
        {f"Participant {i}": (str(i), True) for i in (1, 2, 3)},
    ),
    "moodle, two of one name": (
        {"Jane Doe_1_assignsubmission_file/a.ipynb": SOLVED, "Jane Doe_2_assignsubmission_file/a.ipynb": HALF},
        {"Jane Doe (1)": ("1", True), "Jane Doe (2)": ("2", False)},
    ),
    "moodle, file and text": (
        {"Bo Li_3_assignsubmission_file/a.ipynb": SOLVED, "Bo Li_3_assignsubmission_onlinetext/onlinetext.html": b"hi"},
        {"Bo Li": ("3", True)},
    ),
    "canvas": (
        {
            "boann_101_9001_self-attention.ipynb": HALF,
            "boann_101_9005_self-attention-1.ipynb": SOLVED,
            "doejane_LATE_102_9002_self-attention.ipynb": SOLVED,
            "doejane_103_9003_self-attention.ipynb": HALF,
        },
        {"boann": ("101", True), "doejane (102)": ("102", True), "doejane (103)": ("103", False)},
    ),
    "canvas, no suffix": (
        {"boann_101_9005_x.ipynb": SOLVED, "boann_101_9001_x.ipynb": HALF},
        {"boann": ("101", True)},
    ),
    "blackboard": (
        {
            "Exercise 3_s1001_attempt_2026-09-10-11-30-00_self-attention.ipynb": HALF,
            "Exercise 3_s1001_attempt_2026-09-12-11-30-00_work.ipynb": SOLVED,
            "Exercise 3_s1001_attempt_2026-09-12-11-30-00.txt": b"Name: Ann",
            "Exercise 3_ann_b_attempt_2026-09-12-11-30-00_x.ipynb": SOLVED,
            "Exercise 3_cy_b_attempt_2026-09-12-11-30-00_x.ipynb": HALF,
        },
        {"s1001": ("s1001", True), "ann_b": ("ann_b", True), "cy_b": ("cy_b", False)},
    ),
    "blackboard, with its texts": (
        {
            "HW_3_ann_b_attempt_2026-09-12-11-30-00_my_attempt_2.ipynb": SOLVED,
            "HW_3_ann_b_attempt_2026-09-12-11-30-00.txt": b"Name: Ann Berg (ann_b)\r\nAssignment: HW_3\r\n",
            "HW_3_s1_attempt_2026-09-10-11-30-00_x.ipynb": SOLVED,
            "HW_3_s1_attempt_2026-09-12-11-30-00.txt": "\ufeffNavn: Søren Å (s1)\nkun en kommentar".encode(),
            "HW_3_s2_attempt_2026-09-10-11-30-00_a.txt": b"Name: Ann Berg (s2)",
            "HW_3_s2_attempt_2026-09-10-11-30-00_x.ipynb": HALF,
            "HW_3_s2_attempt_2026-09-10-11-30-00.txt": b"Name: Ann Berg (ann_b)",
        },
        {"Ann Berg": ("ann_b", True), "Søren Å": ("s1", True), "s2": ("s2", False)},
    ),
    "brightspace": (
        {
            "index.html": b"<p>",
            "12-34 - Ann Bo - Sep 9, 2026 1130 PM/a.ipynb": HALF,
            "12-34 - Ann Bo - Sep 12, 2026 930 AM/a.ipynb": SOLVED,
            "12-35 - Cy - Oct 1, 2026 1200 PM/a.ipynb": SOLVED,
            "12-36 - Jean - Luc - 12 September, 2026 1:05 AM/deep/a.ipynb": HALF,
            "12-36 - Jean - Luc - 12 September, 2026 1:05 PM/a.ipynb": SOLVED,
            "12-37 - Da - 30. maj 2026 14.05/a.ipynb": HALF,
            "12-37 - Da - 2. okt. 2026 09.05/a.ipynb": SOLVED,
        },
        {"Ann Bo": ("34", True), "Cy": ("35", True), "Jean - Luc": ("36", True), "Da": ("37", True)},
    ),
    "gradescope": (
        {
            "assignment_7_export/submission_metadata.yml": METADATA,
            f"assignment_7_export/submission_1/{FILE}": SOLVED,
            f"assignment_7_export/submission_2/work/{FILE}": SOLVED,
        },
        {"Ann Bo": ("s1", True), "Bo Li": ("s2", True), "Cy Doe": ("s3", True)},
    ),
    "google classroom": (
        {f"Ann Bo - {FILE}": SOLVED, f"Cy Doe - Copy of {FILE}": SOLVED},
        {"Ann Bo": ("Ann Bo", True), "Cy Doe": ("Cy Doe", True)},
    ),
    "google classroom, other names of files": (
        {
            f"Jean - Luc - {FILE}": SOLVED,
            "Bo Li - my homework.ipynb": HALF,
            "Cy - work.zip": zipped({f"a/{FILE}": SOLVED}),
        },
        {"Jean - Luc": ("Jean - Luc", True), "Bo Li": ("Bo Li", False), "Cy": ("Cy", True)},
    ),
    "submitty, with its settings": (
        {
            f"{name}/{rest}": data
            for name in ("ann", "bo")
            for rest, data in {f"1/{FILE}": HALF, f"2/{FILE}": SOLVED, "user_assignment_settings.json": b"{}"}.items()
        },
        {"ann": ("ann", True), "bo": ("bo", True)},
    ),
    "submitty": (
        {f"ann/1/{FILE}": HALF, f"ann/2/{FILE}": SOLVED, f"bo/9/{FILE}": HALF, f"bo/10/{FILE}": SOLVED},
        {"ann": ("ann", True), "bo": ("bo", True)},
    ),
    "a folder each": (
        {f"ann/Copy of {FILE}": SOLVED, "bo/self-attention (1).ipynb": SOLVED, "cy/self-attention-Copy1.ipynb": SOLVED},
        {"ann": ("ann", True), "bo": ("bo", True), "cy": ("cy", True)},
    ),
    "a folder each, in folders of the class": (
        {f"HW3/week 4/{name}/work/{FILE}": SOLVED for name in ("ann", "bo.b", "cy_c")},
        {"ann": ("ann", True), "bo.b": ("bo.b", True), "cy_c": ("cy_c", True)},
    ),
    "a folder each, with a Mac's": (
        {f"CS1/ann/{FILE}": SOLVED, f"CS1/bo/{FILE}": SOLVED, f"__MACOSX/CS1/ann/._{FILE}": b"x", "CS1/.DS_Store": b""},
        {"ann": ("ann", True), "bo": ("bo", True)},
    ),
    "nbgrader": (
        {f"submitted/{name}/{ASSIGNMENT.id}/{FILE}": SOLVED for name in ("ann", "bo")},
        {"ann": ("ann", True), "bo": ("bo", True)},
    ),
}


def collected(*paths: Path, roster: Path | None = None) -> list[Result]:
    run = ClassRun(paths, SOURCE, assignment=ASSIGNMENT.id, roster=read_roster(roster) if roster else None)
    return run.collected()


def solved(path: Path) -> dict[str, str]:
    """By student, the hash of the code that would be graded."""
    run = ClassRun([path], SOURCE, assignment=ASSIGNMENT.id)
    return {s.student: str(s.content) for s in run.submissions}


@pytest.fixture(scope="module")
def right(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("right") / "ann.ipynb"
    path.write_bytes(SOLVED)
    return solved(path)["ann"]


def check(path: Path, wanted: dict[str, tuple[str, bool]], right: str) -> None:
    rows = collected(path)
    assert {str(r["student"]): (r["owner"] or {}).get("key") for r in rows} == {
        n: key for n, (key, _) in wanted.items()
    }
    assert len(rows) == len(wanted) and not any(r["message"] for r in rows)
    code = solved(path)
    alone = {name: best for name, (_, best) in wanted.items() if name in code}  # members of a group are in one hand-in
    assert {name: code[name] == right for name in alone} == alone


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", ["folder", "zip", "zip in a folder", "wrapped"])
def test_every_layout_is_read(tmp_path, right, layout, form):
    files, wanted = LAYOUTS[layout]
    if form == "zip in a folder" and any(word in layout for word in ("folder each", "submitty", "nbgrader")):
        pytest.skip("a zip alone in a folder, with folders of any names in it, is one person's")
    place = tmp_path / "download"
    if form == "folder":
        laid_out(place, files)
    elif form == "wrapped":
        laid_out(place, {f"hand-ins/{name}": data for name, data in files.items()})
    else:
        place.mkdir()
        (place / "CS1.zip").write_bytes(zipped(files))
        place = place / "CS1.zip" if form == "zip" else place
    check(place, wanted, right)


def test_a_zip_for_each_person(tmp_path, right):
    files = {f"{name}.zip": zipped({f"work/{FILE}": SOLVED}) for name in ("ann", "bo")}
    check(laid_out(tmp_path / "a", files), {"ann": ("ann", True), "bo": ("bo", True)}, right)
    (tmp_path / "class.zip").write_bytes(zipped(files))
    check(tmp_path / "class.zip", {"ann": ("ann", True), "bo": ("bo", True)}, right)


def test_clones_of_repositories(tmp_path, right):
    files = {f"hw3-{name}/notebooks/{FILE}": SOLVED for name in ("ann", "anna", "bo-li")}
    place = laid_out(tmp_path / "clones", files)
    for name in ("ann", "anna", "bo-li"):
        (place / f"hw3-{name}" / ".git").mkdir()
    check(place, {name: (name, True) for name in ("ann", "anna", "bo-li")}, right)


ENCODED = [
    ("nfd", "Søren Åse 李"),
    ("utf-8", "Søren Åse 李"),
    ("cp437", "Zoë Müller"),
    ("cp850", "Søren Åse"),
    ("cp850", "José Núñez"),
    ("cp1252", "Søren Åse"),
    ("cp1252", "José Núñez"),
    ("cp1252", "Bjørn Ægir"),
    ("cp866", "Ольга Ким"),
    ("cp1251", "Ольга Ким"),
]


@pytest.mark.parametrize(("encoding", "name"), ENCODED)
def test_names_in_zips_of_any_system(tmp_path, encoding, name):
    raw = unicodedata.normalize("NFD", name).encode() if encoding == "nfd" else name.encode(encoding)
    names = {
        raw + f"_1_assignsubmission_file_/{FILE}".encode(): SOLVED,
        f"bo_2_assignsubmission_file_/{FILE}".encode(): HALF,
    }
    (tmp_path / "class.zip").write_bytes(zipped_as(names))
    assert set(solved(tmp_path / "class.zip")) == {name, "bo"}


INSIDE = [
    f"submitted/bob/{ASSIGNMENT.id}/{FILE}",
    f"bob/{ASSIGNMENT.id}/{FILE}",
    f"Bob Smith_456_assignsubmission_file_/{FILE}",
    "bob_456_789_self-attention.ipynb",
    f"12-34 - bob - Sep 9, 2026 1130 PM/{FILE}",
]


@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize("form", ["folder", "zip", "nbgrader"])
def test_nothing_inside_a_persons_own_can_name_somebody_else(tmp_path, inside, form):
    files = {f"bob/{FILE}": SOLVED}
    if form == "folder":
        files[f"eve/{inside}"] = HALF
    elif form == "zip":
        files["eve.zip"] = zipped({inside: HALF})
    else:
        files = {f"submitted/bob/{ASSIGNMENT.id}/{FILE}": SOLVED, f"submitted/eve/{ASSIGNMENT.id}/{inside}": HALF}
    place = laid_out(tmp_path / "class", files)
    code = solved(place)
    assert set(code) == {"bob", "eve"} and code["bob"] != code["eve"]


def test_files_that_name_nobody_are_not_merged(tmp_path):
    laid_out(tmp_path / "a", {FILE: SOLVED, "self-attention (1).ipynb": HALF})
    rows = collected(tmp_path / "a")
    assert len({r["student"] for r in rows}) == 2 and all("unknown-owner" in r["flags"] for r in rows)
    assert cli.main(["collect", str(tmp_path / "a"), "--assignment", ASSIGNMENT.id]) == 1


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"bo/work.rar": b"Rar!"}, "only work.rar"),
        ({"bo/self-attention.ipynb.txt": SOLVED}, "only self-attention.ipynb.txt"),
        ({"bo/self-attention.html": b"<p>"}, "only self-attention.html"),
        ({"Bo_7_assignsubmission_file_/a.pdf": b"%PDF"}, "only a.pdf"),
    ],
)
def test_who_handed_in_no_notebook_has_a_row_with_the_reason(tmp_path, files, says):
    place = laid_out(tmp_path / "a", {f"ann/{FILE}": SOLVED, **files})
    rows = {str(r["student"]): r for r in collected(place)}
    assert len(rows) == 2 and says in str(next(r["message"] for n, r in rows.items() if n != "ann"))
    assert cli.main(["collect", str(place), "--assignment", ASSIGNMENT.id]) == 1


def test_a_resubmission_of_any_name_is_the_one_that_counts_and_nothing_is_overwritten(tmp_path):
    from autograder.submission.copies import StudentsFile, is_copy, put_copy, set_aside

    place = tmp_path / "submitted" / "cy" / ASSIGNMENT.id / FILE
    put_copy(tmp_path, b"first", place)
    assert is_copy(tmp_path, place)
    put_copy(tmp_path, b"second", place)
    assert place.read_bytes() == b"second"
    place.write_bytes(b"the student's")
    assert not is_copy(tmp_path, place)
    with pytest.raises(StudentsFile):
        put_copy(tmp_path, b"third", place)
    assert place.read_bytes() == b"the student's"
    aside = set_aside(place)
    put_copy(tmp_path, b"third", place)
    assert aside.read_bytes() == b"the student's" and place.read_bytes() == b"third"


# -- the class list ---------------------------------------------------------------------------------------------------

ROSTERS = {
    "canvas": 'Student,ID,SIS User ID,SIS Login ID,Section\n,,,,\n"Bo, Ann",101,s1,ann,A\n"Li, Cy",104,s4,cy,B\n',
    "moodle": "\ufeffIdentifier,Full name,Email address\nParticipant 101,Ann Bo,ann@uni.example\n"
    "Participant 104,Cy Li,cy@uni.example\n",
    "moodle, danish worksheet": "\ufeffIdentifikator,Fulde navn,E-mailadresse,Status\n"
    "Deltager 101,Ann Bo,ann@uni.example,x\nDeltager 104,Cy Li,cy@uni.example,x\n",
    "moodle, danish people": "Fornavn,Efternavn,Id-nummer,E-mail-adresse\nAnn,Bo,101,ann@uni.example\n"
    "Cy,Li,104,cy@uni.example\n",
    "danish": "Fornavn;Efternavn;Studienummer;E-mail;Hold\nAnn;Bo;101;ann@uni.example;A\nCy;Li;104;cy@uni.example;B\n",
}


@pytest.mark.parametrize("spelling", ROSTERS)
def test_everybody_on_the_class_list_has_a_row(tmp_path, spelling):
    (tmp_path / "class.csv").write_text(ROSTERS[spelling], encoding="utf-8")
    files = {"boann_101_9_a.ipynb": SOLVED, "strange_999_10_a.ipynb": SOLVED}
    rows = collected(laid_out(tmp_path / "a", files), roster=tmp_path / "class.csv")
    told = {(r["owner"] or {}).get("name"): r["flags"] for r in rows}
    assert len(rows) == 3 and "no-hand-in" in next(flags for name, flags in told.items() if name and "Li" in name)
    assert any("not-on-roster" in flags for name, flags in told.items() if name == "strange")
    assert summary(rows).startswith("3 people, 0 graded")
    assert off_roster(rows)[0] == "Not on the class list (1):" and "strange (999)" in off_roster(rows)[1]
    assert off_roster(collected(tmp_path / "a")) == []


def test_a_group_of_the_class_list_shares_a_hand_in(tmp_path):
    (tmp_path / "class.csv").write_text("id,name,group\nann,Ann Bo,g1\nbo,Bo Li,g1\ncy,Cy,\n")
    rows = collected(laid_out(tmp_path / "a", {f"ann/{FILE}": SOLVED}), roster=tmp_path / "class.csv")
    assert [(r["student"], "group" in r["flags"], "no-hand-in" in r["flags"]) for r in rows] == [
        ("Ann Bo", True, False),
        ("Bo Li", True, False),
        ("Cy", False, True),
    ]


@pytest.mark.parametrize(
    ("folder", "text"),
    [
        ("Li, Bo", "sep=;\nFornavn;Efternavn;Mail;Grupper\nBo;Li;bo@x;Hold 1, Hold 2\n"),
        ("Bo Li", 'Studienr.,Navn\n7,"Li, Bo"\n'),
        ("7", "Studienr.\tNavn\n7\tBo Li\n"),
    ],
)
def test_a_class_list_as_it_is_exported_or_typed_knows_the_owner_of_a_folder(tmp_path, folder, text):
    (tmp_path / "class.csv").write_text(text, encoding="utf-8-sig")
    (row,) = collected(laid_out(tmp_path / "a", {f"{folder}/{FILE}": SOLVED}), roster=tmp_path / "class.csv")
    assert row["flags"] == [] and row["owner"] and "Bo" in row["owner"]["name"]


def test_a_line_with_the_delimiter_counts_among_the_lines_of_a_class_list(tmp_path):
    (tmp_path / "class.csv").write_text("sep=;\nid;name\n7;Ann\n7;Cy\n")
    with pytest.raises(RosterError, match="lines 3 and 4: both have the key 7"):
        read_roster(tmp_path / "class.csv")


SEVERAL = "id,name,group\nann,Ann Bo,g1\nbo,Bo Li,g1\ncy,Cy,g1\ndi,Di,g2\ned,Ed,g2\nfay,Fay,g3\ngus,Gus,g3\n"


def test_where_several_of_a_group_hand_in_each_has_their_own_mark_and_nobody_one_of_another(tmp_path):
    (tmp_path / "class.csv").write_text(SEVERAL)
    files = {f"{who}/{FILE}": SOLVED for who in ("ann", "bo", "di", "fay")}
    rows = collected(laid_out(tmp_path / "a", files), roster=tmp_path / "class.csv")
    told = {r["student"]: (Path(r["submission"]).parent.name, r["flags"]) for r in rows}
    assert len(rows) == 7 and told == {
        "ann": ("ann", []), "bo": ("bo", []), "Cy": ("", ["no-hand-in", "group-unclear"]),
        "Di": ("di", ["group"]), "Ed": ("di", ["group"]), "Fay": ("fay", ["group"]), "Gus": ("fay", ["group"]),
    }  # fmt: skip
    assert any("No mark, though others of their group handed in: Cy." in line for line in off_roster(rows))
    assert [unclear(row) for row in rows if row["student"] == "Cy"] == [True]


def test_groups_that_are_seminars_share_nothing(tmp_path):
    (tmp_path / "class.csv").write_text(SEVERAL)
    files = {f"{who}/{FILE}": SOLVED for who in ("ann", "bo", "di", "ed", "fay")}
    rows = collected(laid_out(tmp_path / "a", files), roster=tmp_path / "class.csv")
    assert sorted(Path(r["submission"]).parent.name for r in rows if r["submission"]) == [
        "ann",
        "bo",
        "di",
        "ed",
        "fay",
    ]
    told = {r["student"]: r["flags"][-1] for r in rows if not r["submission"]}
    assert told == dict.fromkeys(["Cy", "Gus"], "group-unclear")
    argv = ["collect", str(tmp_path / "a"), "--assignment", ASSIGNMENT.id, "--roster", str(tmp_path / "class.csv")]
    assert cli.main(argv) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour,size\nred,3\n", "has no column that says who somebody is. Its heads are colour, size"),
        ("", "Its heads are empty"),
        ("id,name\n7,Ann\n8,Bo\n7,Cy\n", "lines 2 and 4: both have the key 7"),
    ],
)
def test_a_class_list_that_is_none_is_refused_with_its_heads_or_lines(tmp_path, capsys, text, says):
    (tmp_path / "class.csv").write_text(text)
    with pytest.raises(RosterError, match=says.replace("(", r"\(")):
        read_roster(tmp_path / "class.csv")
    (tmp_path / "ann.ipynb").write_bytes(SOLVED)
    assert cli.main(["grade", str(tmp_path / "ann.ipynb"), "--roster", str(tmp_path / "class.csv")]) == 2


# -- any names --------------------------------------------------------------------------------------------------------

part = st.text(st.characters(blacklist_characters="/\0"), min_size=1, max_size=40).filter(
    lambda p: p not in (".", "..")
)
odd = st.one_of(
    part, st.sampled_from(["submitted", ASSIGNMENT.id, "A_1_assignsubmission_file_", "1", "submission_3", FILE])
)
path = st.lists(odd, min_size=1, max_size=5).map(tuple)


@given(st.lists(path, min_size=1, max_size=6))
def test_any_path_has_one_owner_and_no_two_people_one_name(paths):
    skip = wrappers(paths)
    owners = [owner_of(p[skip:] or p[-1:]) for p in paths]
    names = distinct_names(owners)
    assert len(set(names.values())) == len(names) == len({o.identity for o in owners})


@given(odd, path, path)
def test_what_lies_below_a_folder_has_no_say(head, one, other):
    """Two files in one person's folder are that person's, whatever the folders below are called."""
    first, second = (owner_of((f"{head} x", *rest, FILE)) for rest in (one, other))
    assert isinstance(first, Owner) and first.identity.partition("/")[0] in ("folder", "submitty", "moodle")
    if first.rule == second.rule == "folder":
        assert first.identity == second.identity


def test_names_that_are_not_utf_8_can_be_written_and_stay_two_people(tmp_path, right):
    names = [os.fsdecode(name) for name in (b"Bj\xf8rn", b"Bj\xe6rn")]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "self-attention.ipynb").write_bytes(b"{}")
    results = ClassRun([tmp_path], SOURCE).collected()
    assert len({r["student"].encode() for r in results}) == 2
    json.dumps(results, ensure_ascii=False).encode()
