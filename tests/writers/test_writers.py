"""The formats of other programs: one hand-in has the same points, messages and language in all of them."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from support.sample_results import HOSTILE, a_class, broken, mix_up, not_graded, result

from autograder import cli
from autograder.writers import WRITERS, OnePersonOnly
from autograder.writers.view import parts_of
from course import i18n

ONE_ONLY = ("gradescope", "prairielearn", "otter")


def points_in(name: str, text: str) -> list[tuple[float, float]]:
    """Points and maximum of each part, as a program reads them from the file."""
    if name == "junit":
        suites = ElementTree.fromstring(text).findall("testsuite")
        values = [{p.get("name"): p.get("value") for p in suite.iter("property")} for suite in suites]
        return [(float(v["score"]), float(v["max_score"])) for v in values]
    if name == "github":
        rows = [row.strip("| ").split(" | ") for row in text.splitlines() if row.startswith("| ")]
        return [(float(row[1]), float(row[2])) for row in rows[1:] if "**" not in row[0]]
    document = json.loads(text)
    if name == "otter":
        return [(part["score"], part["possible"]) for part in document["tests"].values()]
    most = "max_score" if name == "gradescope" else "max_points"
    return [(test["score" if name == "gradescope" else "points"], test[most]) for test in document["tests"]]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("graded", [result("ann"), mix_up("bo"), broken("dan")], ids=["right", "mixed up", "broken"])
def test_every_format_has_the_points_of_the_result(name, graded):
    wanted = [(round(p["score"], 2), p["max_score"]) for p in graded["parts"]]
    found = points_in(name, WRITERS[name]([graded]))
    assert [(round(score, 2), most) for score, most in found] == wanted


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_names_the_mistake_and_says_why_a_check_failed(name):
    graded = mix_up("bo")
    text = WRITERS[name]([graded])
    plain = text.replace("\\", "")
    assert "Softmax over the queries" in plain or "softmax-over-queries" in plain
    assert "31 of 35 values differ" in plain


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_speaks_the_language_of_the_course(name):
    with i18n.using("da"):
        text, titles = WRITERS[name]([mix_up("bo")]), [part.title for part in parts_of(mix_up("bo"))]
    assert titles != [part.title for part in parts_of(mix_up("bo"))]
    assert all(title in text.replace("\\", "") for title in titles)


@pytest.mark.parametrize("name", WRITERS)
def test_what_was_not_graded_is_no_zero(name):
    text = WRITERS[name]([not_graded("eva")])
    assert "it ends in the middle" in text
    if name == "junit":
        (suite,) = ElementTree.fromstring(text)
        assert suite.get("errors") == "1" and suite.find("testcase/error") is not None
    elif name == "github":
        assert "|" not in text
    else:
        document = json.loads(text)
        assert document.get("score") is None and document.get("total") is None and not document.get("tests")
        assert name != "prairielearn" or document["gradable"] is False


@pytest.mark.parametrize("name", ONE_ONLY)
@pytest.mark.parametrize("count", [0, 2])
def test_a_format_of_one_person_refuses_a_class(name, count):
    with pytest.raises(OnePersonOnly, match=f"here are {count}"):
        WRITERS[name](a_class()[:count])


@pytest.mark.parametrize("name", ["junit", "github"])
def test_a_class_is_written_whole(name):
    text = WRITERS[name](a_class()).replace("\\", "")
    assert all(student in text for student in ("ann", "bo", "clara", "dan", "eva", "finn"))


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_that_a_student_wrote_is_obeyed(name):
    hostile = broken(HOSTILE)
    hostile["parts"][0]["tests"][0]["message"] = f"``` {HOSTILE} ]]> & | **x** [link](javascript:alert(1))"
    text = WRITERS[name]([hostile])
    assert "\x1b" not in text and "\u202e" not in text
    if name == "junit":
        ElementTree.fromstring(text)
    elif name == "gradescope":
        assert "<script" not in "".join(test["output"] for test in json.loads(text)["tests"])
    elif name == "github":
        outside = [row for row in text.splitlines() if not row.startswith("  ")]
        assert not any(re.search(r"(?<!\\)<script|(?<!\\)\]\(javascript", row) for row in outside)


@pytest.mark.parametrize("name", WRITERS)
def test_the_command_writes_every_format(tmp_path, name):
    results, written = tmp_path / "results.json", tmp_path / "written"
    results.write_text(json.dumps([mix_up("bo"), result("ann")]), encoding="utf-8")
    command = ["export", str(results), "--format", name, "--student", "bo", "--language", "da"]
    assert cli.main([*command, "--output", str(written)]) == 0
    with i18n.using("da"):
        assert written.read_text(encoding="utf-8") == WRITERS[name]([mix_up("bo")])


@pytest.mark.parametrize(
    ("content", "more", "says"),
    [
        ("{", [], "is no file of `grade --json`"),
        ('[{"student": 3}]', [], "is no file of `grade --json`"),
        (json.dumps([mix_up("bo"), result("ann")]), [], "here are 2"),
        (json.dumps([mix_up("bo")]), ["--student", "cy"], "has no result of that student"),
        (json.dumps([mix_up("bo")]), ["--language", "tlh"], "tlh"),
    ],
)
def test_a_wrong_file_or_choice_is_wrong_use(tmp_path, capsys, content, more, says):
    (tmp_path / "results.json").write_text(content, encoding="utf-8")
    assert cli.main(["export", str(tmp_path / "results.json"), "--format", "otter", *more]) == 2
    assert says in " ".join(capsys.readouterr().err.split())
