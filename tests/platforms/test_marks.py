"""Marks back into the platforms' files: every row once, none on a guess, every other byte as it was."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from platforms.exports import FORMS, PEOPLE, export, graded_class, marks_in, owned, people, read_back

from autograder import cli
from autograder.platforms.fill import Kind, choose_column, plan
from autograder.platforms.layouts import PLATFORMS, WrongFile, layouts, read_sheet
from autograder.platforms.table import NotATable, decoded, replaced, rows_of

ASSIGNMENT = "self-attention-pytorch"


def planned(tmp_path, platform, data, results, column=None, **options):
    path = tmp_path / "export.csv"
    path.write_bytes(data)
    sheet = read_sheet(path, platform, column)
    return plan(sheet, choose_column(sheet, ASSIGNMENT), results, **options)


def without_marks(platform, data):
    rows, form = read_back(platform, data), FORMS[platform]
    return [row[: form.mark] + row[form.mark + 1 :] for row in rows]


def run(tmp_path, results, data, *arguments):
    (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    (tmp_path / "their.csv").write_bytes(data)
    return cli.main(
        ["marks", str(tmp_path / "results.json"), "--into", str(tmp_path / "their.csv"), *map(str, arguments)]
    )


def told(capsys):
    """What was said, on one line, since the terminal of a test is narrow."""
    said = capsys.readouterr()
    return " ".join((said.out + " " + said.err).split())


# -- the round trip ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_person_has_the_mark_once_and_no_other_byte_changes(tmp_path, platform):
    data, form = export(platform), FORMS[platform]
    assert run(tmp_path, graded_class(platform), data, "--for", platform, "--write", tmp_path / "out.csv") == 0
    filled = (tmp_path / "out.csv").read_bytes()
    sign = "," if platform == "csv" else "."  # semicolons between cells: a comma in numbers
    wanted = []
    for place, (number, login, *_names) in enumerate(people(platform)):
        mark = f"{12.5 + place / 10:.2f}".rstrip("0").rstrip(".").replace(".", sign)
        wanted.append((form.key_cell(number, login), mark))
    assert marks_in(platform, filled) == wanted
    assert without_marks(platform, filled) == without_marks(platform, data)
    assert (tmp_path / "their.csv").read_bytes() == data
    # byte for byte: the platform's own writing of these marks is the same file, and emptying them gives the first one
    own = export(
        platform, {number: mark for (number, *_rest), (_key, mark) in zip(people(platform), wanted, strict=True)}
    )
    assert filled == own


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_second_run_changes_nothing(tmp_path, platform):
    first = planned(tmp_path, platform, export(platform), graded_class(platform)).filled()
    second = planned(tmp_path, platform, first, graded_class(platform))
    assert {change.kind for change in second.changes} == {Kind.SAME}
    assert second.filled() == first


@pytest.mark.parametrize("platform", PLATFORMS)
def test_nothing_is_written_unless_asked_for(tmp_path, platform, capsys):
    assert run(tmp_path, graded_class(platform), export(platform, {"4711": "3"}), "--for", platform) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "their.csv"}
    said = told(capsys)
    assert "12.5" in said or "12,5" in said
    assert f"{len(people(platform))} filled" in said and "Nothing is written" in said


def test_decimal_commas_are_kept_and_quoted_where_commas_part_the_cells(tmp_path):
    made = planned(tmp_path, "moodle", export("moodle", most="14,00"), [owned("4711", "Ann Ash", 12.5)])
    assert b'late",' in made.filled() and b'"12,5","14,00"' in made.filled()


DANISH = "Id,Fulde navn,E-mailadresse,Status,Karakter,Maksimal karakter,Kan ændres,Sidst ændret (karakter),Kommentarer"
GERMAN = "Nr,Vollständiger Name,E-Mail,Status,Bewertung,Bestwertung,Änderbar,Zuletzt geändert,Feedback"


def worksheet(heads, yes="Ja", no="Nej"):
    """Moodle's worksheet in another language: the word of the keys, yes and no, and decimal commas."""
    row = 'Deltager {},{} {},{}@example.org,Afleveret,,"14,00",{},-,\r\n'
    rows = (
        row.format(n, first, last.replace(",", ""), login, no if n == "4712" else yes)
        for n, login, first, last in PEOPLE
    )
    return ("\ufeff" + heads + "\r\n" + "".join(rows).replace('"JJ"', "JJ")).encode()


def test_moodles_danish_worksheet_is_filled(tmp_path):
    made = planned(tmp_path, "moodle", worksheet(DANISH), graded_class("moodle"))
    assert {change.kind for change in made.changes} == {Kind.FILL, Kind.REFUSED} and len(made.changes) == len(PEOPLE)
    assert [change.entry.keys[0] for change in made.changes if change.kind is Kind.REFUSED] == ["4712"]  # "Nej"
    text = made.filled().decode("utf-8-sig")
    assert 'Deltager 4711,Ann Ash,ann@example.org,Afleveret,"12,5","14,00",Ja' in text
    assert 'Deltager 4712,Søren Ærø,soren@example.org,Afleveret,,"14,00",Nej' in text


def test_a_worksheet_in_another_language_needs_the_marks_column_alone(tmp_path):
    with pytest.raises(WrongFile, match="--column"):
        planned(tmp_path, "moodle", worksheet(GERMAN), graded_class("moodle"))
    made = planned(tmp_path, "moodle", worksheet(GERMAN), graded_class("moodle"), column="Bewertung")
    assert not made.matches.lost and made.column.head == "Bewertung"
    assert made.sheet.maximum_of(made.changes[0].entry, made.column) == 14.0


def test_what_canvas_computes_is_told_by_any_words_beside_the_maxima(tmp_path):
    data = export("canvas").replace(b"(read only)", b"(skrivebeskyttet)")
    with pytest.raises(WrongFile, match="computes"):
        planned(tmp_path, "canvas", data, graded_class("canvas"), column="Final Score")


# -- whose row --------------------------------------------------------------------------------------------------------


def one(tmp_path, platform, *results, data=None, **options):
    return planned(tmp_path, platform, data or export(platform), results, **options)


def test_a_name_that_two_rows_have_fills_neither(tmp_path):
    made = one(tmp_path, "moodle", owned("kim", "Kim Lee", platform="folder"))
    assert not made.changes and "fits 2 rows" in made.matches.lost[0][1] and not made.complete
    assert made.filled() == export("moodle")


def test_a_key_or_an_address_tells_people_of_one_name_apart(tmp_path):
    by_mail = owned("x", "Kim Lee", 9, "folder", "KIM2@example.org")
    made = one(tmp_path, "moodle", owned("4717", "Kim Lee", 8), by_mail)
    assert [(change.entry.keys[0], change.new) for change in made.changes] == [("4717", "8"), ("4718", "9")]


def test_two_results_for_one_row_fill_it_with_neither(tmp_path):
    made = one(tmp_path, "moodle", owned("4711", "Ann Ash", 8), owned("4711", "Ann Ash", 9))
    assert not made.changes and len(made.matches.lost) == 2 and len(made.matches.unclaimed) == len(people("moodle")) - 1


def test_two_rows_of_one_key_are_filled_neither_of_them(tmp_path):
    data = export("brightspace")
    double = data + data.split(b"\r\n")[1] + b"\r\n"
    made = one(tmp_path, "brightspace", owned("4711", "", platform="brightspace"), data=double)
    assert not made.changes and "line 2" in made.matches.lost[0][1] and "line 11" in made.matches.lost[0][1]


def test_a_number_of_another_platform_is_not_somebody_elses_id_here(tmp_path):
    made = one(tmp_path, "canvas", owned("4712", "Ann Ash", platform="moodle"))
    assert [change.entry.keys[0] for change in made.changes] == ["4711"]
    stranger = one(tmp_path, "canvas", owned("4712", "Bo Stranger", platform="moodle"))
    assert not stranger.changes and stranger.matches.lost


def test_key_and_address_of_different_rows_fill_neither(tmp_path):
    made = one(tmp_path, "moodle", owned("4711", "Ann Ash", email="soren@example.org"))
    assert not made.changes and "e-mail" in made.matches.lost[0][1]


def test_unmatched_ones_are_listed_both_ways(tmp_path, capsys):
    results = [owned("4711", "Ann Ash"), owned("9999", "Nobody Known")]
    assert run(tmp_path, results, export("moodle"), "--for", "moodle") == 1
    said = told(capsys)
    assert "Results without a row (1)" in said and "Nobody Known" in said
    assert "Rows without a result (8)" in said and "Søren Ærø" in said


# -- which marks ------------------------------------------------------------------------------------------------------


def test_what_is_not_graded_gets_no_cell(tmp_path):
    ungraded = owned("4711", "Ann Ash", status="not_graded", score=None, parts=[], message="unreadable")
    data = export("moodle", {"4711": "5"})
    made = one(tmp_path, "moodle", ungraded, data=data)
    assert made.changes[0].kind is Kind.UNGRADED and made.filled() == data and made.complete


def test_a_lower_mark_is_shown_and_has_to_be_asked_for(tmp_path):
    data = export("moodle", {"4711": "13.75"})
    kept = one(tmp_path, "moodle", owned("4711", "Ann Ash"), data=data)
    assert (kept.changes[0].old, kept.changes[0].new) == ("13.75", "12.5")
    assert kept.filled() == data and not kept.complete
    lowered = one(tmp_path, "moodle", owned("4711", "Ann Ash"), data=data, lower=True)
    assert dict(marks_in("moodle", lowered.filled()))["Participant 4711"] == "12.5" and lowered.complete


@pytest.mark.parametrize("present", ["EX", "12.5*", "1,234.5"])
def test_what_is_no_number_is_not_replaced(tmp_path, present):
    data = export("canvas", {"4711": present})
    made = one(tmp_path, "canvas", owned("4711", "Ann Ash", platform="canvas"), data=data)
    assert made.filled() == data and made.changes[0].kind is Kind.REFUSED


@pytest.mark.parametrize("platform", ["canvas", "moodle", "blackboard", "brightspace"])
def test_another_maximum_is_told_and_converted_on_demand(tmp_path, platform):
    data = export(platform, most="28.00")
    codec = FORMS[platform].codec
    for old, new in (("14.0,", "28.0,"), ("Pts: 14", "Pts: 28"), ("MaxPoints:14", "MaxPoints:28")):
        data = data.decode(codec).replace(old, new).encode(codec)
    result = graded_class(platform)[0]
    kept = one(tmp_path, platform, result, data=data)
    assert kept.filled() == data and "out of 14" in kept.changes[0].reason and "28" in kept.changes[0].reason
    assert one(tmp_path, platform, result, data=data, scale=True).changes[0].new == "25"


def test_a_locked_row_is_left(tmp_path):
    data = export("moodle").replace(b",Yes,", b",No,", 1)
    made = one(tmp_path, "moodle", owned("4711", "Ann Ash"), data=data)
    assert made.filled() == data and made.changes[0].kind is Kind.REFUSED


# -- which column, and bad input --------------------------------------------------------------------------------------


def test_several_columns_have_to_be_told_apart(tmp_path, capsys):
    data = export("canvas").replace(b"Self attention, PyTorch", b"Week 3, first")
    assert run(tmp_path, graded_class("canvas"), data, "--for", "canvas") == 2
    assert "Week 3, first (991); Quiz (992)" in told(capsys)
    assert run(tmp_path, graded_class("canvas"), data, "--for", "canvas", "--column", "Week 3, first") == 0
    assert run(tmp_path, graded_class("canvas"), data, "--for", "canvas", "--column", "Final Score") == 2


@pytest.mark.parametrize("platform", PLATFORMS)
def test_missing_heads_are_named_with_those_that_are_known(tmp_path, platform, capsys):
    assert run(tmp_path, graded_class("moodle"), b"One,Two\n1,2\n", "--for", platform) == 2
    said = told(capsys)
    known = layouts()[platform]
    assert "One, Two" in said and known.heads("key")[0] in said and "--column" in said
    assert known.like.split()[0] in said and "?P<" not in said
    assert re.fullmatch(known.mark, known.like), "the example is one"


def test_the_file_of_another_platform_is_recognised(tmp_path, capsys):
    assert run(tmp_path, graded_class("moodle"), export("moodle"), "--for", "canvas") == 2
    assert "use --for moodle" in told(capsys)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b'ID,Student\n"open,1\n', b"\xff\xfeA"])
def test_what_is_no_table_is_refused(tmp_path, data, capsys):
    assert run(tmp_path, graded_class("canvas"), data, "--for", "canvas") == 2
    assert "Export it again" in told(capsys)


def test_an_existing_file_is_not_replaced(tmp_path, capsys):
    there = tmp_path / "their.csv"
    assert run(tmp_path, graded_class("csv"), export("csv"), "--for", "csv", "--write", there) == 2
    assert there.read_bytes() == export("csv")


def test_results_of_several_assignments_need_one_named(tmp_path, capsys):
    results = [*graded_class("csv"), owned("4711", "Ann Ash", assignment="additive-attention-pytorch")]
    assert run(tmp_path, results, export("csv"), "--for", "csv") == 2
    assert "additive-attention-pytorch, self-attention-pytorch" in told(capsys)
    assert run(tmp_path, results, export("csv"), "--for", "csv", "--assignment", ASSIGNMENT) == 0


@pytest.mark.parametrize(
    "name", ["Self-attention", "self attention (PyTorch)", "Self-Attention PyTorch", "Selvopmærksomhed"]
)
def test_a_column_is_found_by_the_title_of_the_exercise(tmp_path, name, capsys):
    data = export("canvas").replace(b"Self attention, PyTorch", name.encode())
    assert run(tmp_path, graded_class("canvas"), data, "--for", "canvas") == 0
    assert f"{name} (991)" in told(capsys)


# -- feedback ---------------------------------------------------------------------------------------------------------


def test_moodles_zip_has_a_page_for_each_person_under_its_name(tmp_path):
    results = graded_class("moodle")
    target = tmp_path / "feedback.zip"
    assert run(tmp_path, results, export("moodle"), "--for", "moodle", "--feedback", target) == 0
    with zipfile.ZipFile(io.BytesIO(target.read_bytes())) as archive:
        names = archive.namelist()
        assert len(set(names)) == len(names) == len(people("moodle"))
        assert "Søren Ærø_4712_assignsubmission_file_/feedback.html" in names
        assert "Kim Lee_4717_assignsubmission_file_/feedback.html" in names
        assert all(name.count("/") == 1 and "\\" not in name and '"' not in name for name in names)
        assert b"12.6" in archive.read("Søren Ærø_4712_assignsubmission_file_/feedback.html")


def test_who_handed_in_nothing_has_no_page_and_pages_are_in_the_language(tmp_path):
    ungraded = {"status": "not_graded", "message": "nothing", "score": None, "max_score": None, "parts": []}
    nothing = owned("4712", "Søren Ærø") | ungraded | {"flags": ["no-hand-in"]}
    target = tmp_path / "feedback.zip"
    results = [owned("4711", "Ann Ash"), nothing]
    arguments = ("--for", "moodle", "--feedback", target, "--language", "da")
    assert run(tmp_path, results, export("moodle"), *arguments) == 0
    with zipfile.ZipFile(target) as archive:
        (name,) = archive.namelist()
        assert name.startswith("Ann Ash_4711_") and b'lang="da"' in archive.read(name)


def test_other_platforms_have_no_such_zip(tmp_path, capsys):
    target = tmp_path / "feedback.zip"
    assert run(tmp_path, graded_class("canvas"), export("canvas"), "--for", "canvas", "--feedback", target) == 2
    assert not target.exists()


# -- cells ------------------------------------------------------------------------------------------------------------

CELLS = st.text(st.sampled_from('ab,;\t"\r\n é王'), max_size=8)


@given(st.text(st.sampled_from('ab,"\r\né '), max_size=60))
def test_cells_stand_where_they_are_said_to(text):
    try:
        rows = rows_of(text, ",")
    except NotATable:
        return
    cells = [cell for row in rows for cell in row.cells]
    assert all(one.end <= other.start for one, other in zip(cells, cells[1:], strict=False))
    assert replaced(text, ",", {}) == text


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=5), st.sampled_from(",;\t"), CELLS)
def test_replacing_one_cell_leaves_the_others(rows, delimiter, new):
    text = "\r\n".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    read = rows_of(text, delimiter)
    assert [[cell.value for cell in row.cells] for row in read] == rows
    changed = rows_of(replaced(text, delimiter, {read[0].cells[1]: new}), delimiter)
    rows[0][1] = new
    assert [[cell.value for cell in row.cells] for row in changed] == rows


@given(st.binary(max_size=40))
def test_bytes_come_back_as_they_were(data):
    try:
        read = decoded(data)
    except NotATable:
        return
    assert read.encoded(read.text) == data


def test_every_platform_has_a_layout_and_a_file_without_columns_is_refused():
    assert set(layouts()) == set(PLATFORMS)
    with pytest.raises(WrongFile):
        choose_column(type("Sheet", (), {"columns": [], "path": "x"})(), "a")
