"""The receipt: what it says of a file, that saving again does not change it, and `check.hand_in()` in a live kernel."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from course import hand_in, i18n
from course.receipt import BROKEN, MISSING, STUB, digest_of, number_of, read_receipt
from course.syllabus import syllabus

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENT = syllabus().assignment("self-attention-pytorch")
SYMBOLS = [part.symbol for part in ASSIGNMENT.exercise.parts]
NAME = "self-attention.ipynb"


def code(source: str, **more) -> dict:
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None} | more


def answer(symbol: str, body: str = "return 1") -> dict:
    return code(f"def {symbol}(*a):\n    {body}")


def notebook(*cells: dict, assignment: str = ASSIGNMENT.id) -> dict:
    metadata = {"course": {"assignment": assignment}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}


def receipt_of(*cells: dict, **more):
    return read_receipt(json.dumps(notebook(*cells, **more)).encode(), NAME)


def states(*cells: dict) -> dict[str, str]:
    return {part.symbol: part.state for part in receipt_of(*cells).parts}


# -- parts ------------------------------------------------------------------------------------------------------------


def test_an_answer_counts_before_a_stub_and_the_last_one_before_the_others():
    first, second, *_rest = SYMBOLS
    cells = [
        answer(first),
        answer(first, "raise NotImplementedError"),
        answer(first, "return 2"),
        answer(second, "x = ("),
    ]
    found = receipt_of(code("# notes"), *cells)
    assert [(part.state, part.where) for part in found.parts[:3]] == [
        ("answered", "cell 4"),
        (BROKEN, "cell 5"),
        (MISSING, ""),
    ]
    assert "line 2" in found.parts[1].error and not found.complete
    assert found.summary == "1 of 4 parts have an answer."
    assert states(answer(first, "raise NotImplementedError"))[first] == STUB


def test_a_whole_hand_in_is_complete_and_a_cell_of_ones_own_that_is_no_python_is_told():
    whole = [answer(symbol) for symbol in SYMBOLS]
    assert receipt_of(*whole).complete and receipt_of(*whole).summary == "All 4 parts have an answer."
    odd = receipt_of(code("%matplotlib inline\n!ls"), *whole, code("for x in"))
    assert not odd.complete and len(odd.notes) == 1 and "cell 6" in odd.notes[0]


def test_a_report_for_a_person_is_counted_in_words():
    cells = [{"cell_type": "markdown", "id": f"write-{part}", "source": text}
             for part, text in [("question", "Why do cats purr?"), ("data", "*Write here.*")]]  # fmt: skip
    made = receipt_of(*cells, assignment="transformers-in-the-wild-pytorch")
    assert [part.state for part in made.parts[:3]] == ["answered", STUB, MISSING]
    assert "4 words" in made.parts[0].where


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"%PDF-1.7", "is not a notebook"),
        (b"[1, 2]", "is not a notebook"),
        (b'{"a": 1}', "is not a notebook"),
        (b"[" * 100_000, "is not a notebook"),
        (json.dumps(notebook(code("x = 1"), assignment="hw3")).encode(), "does not say which exercise"),
    ],
)
def test_what_is_no_hand_in_is_told(data, says):
    made = read_receipt(data, NAME)
    assert says in made.problem and made.problem in str(made) and not made.complete


def test_the_notebook_of_another_exercise_is_told():
    data = json.dumps(notebook(answer(SYMBOLS[0]), assignment="multi-head-attention-pytorch")).encode()
    assert "another exercise: Multi-head attention, PyTorch" in read_receipt(data, NAME, assignment=ASSIGNMENT).problem
    assert not read_receipt(data, NAME).problem


def test_a_notebook_without_metadata_is_known_by_its_code():
    cells = [code("import torch"), answer("causal_mask"), answer("padding_mask")]
    made = read_receipt(json.dumps({"cells": cells}).encode(), NAME)
    assert made.assignment == "Self-attention, PyTorch" and made.parts[2].state == "answered"
    script = read_receipt(b"import torch\ndef causal_mask(n):\n    return n\n", "mine.py")
    assert script.parts[2].state == "answered"


def test_the_old_format_is_read():
    sheets = {
        "worksheets": [{"cells": [{"cell_type": "code", "input": "import torch\ndef causal_mask(n):\n return 1"}]}]
    }
    assert read_receipt(json.dumps(sheets).encode(), NAME).parts[2].state == "answered"


# -- the number -------------------------------------------------------------------------------------------------------


def test_saving_again_keeps_the_number_and_any_change_of_a_cell_changes_it():
    cells = [answer(symbol) for symbol in SYMBOLS] + [{"cell_type": "markdown", "source": "My notes"}]
    before = receipt_of(*cells).number
    saved = [
        {"cell_type": cell["cell_type"], "source": (cell["source"] + "  \n").splitlines(keepends=True), "id": "x",
         "outputs": [{"output_type": "stream", "text": "14"}], "execution_count": 7, "metadata": {"collapsed": True}}
        for cell in cells
    ]  # fmt: skip
    assert receipt_of(*saved, code(""), code('check.hand_in("a.ipynb")')).number == before
    assert receipt_of(*cells, code("x = 1")).number != before
    assert receipt_of(*cells[:-1], {"cell_type": "markdown", "source": "my notes"}).number != before
    assert receipt_of(*reversed(cells)).number != before
    assert receipt_of(*cells[:-1], code("My notes")).number != before
    assert re.fullmatch(r"([0-9a-f]{4} ){3}[0-9a-f]{4}", before) and before == number_of(receipt_of(*cells).digest)


LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
JSON = st.recursive(LEAF, lambda of: st.lists(of, max_size=3) | st.dictionaries(st.text(max_size=9), of, max_size=3))
CELL = JSON | st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "markdown", 3]), "source": st.text(max_size=30) | JSON}
)


@given(st.lists(CELL, max_size=5), JSON)
def test_any_notebook_has_a_receipt_that_can_be_shown(cells, metadata):
    made = read_receipt(json.dumps({"cells": cells, "metadata": metadata}).encode(), NAME)
    assert str(made) and made.page("en")
    assert digest_of(cells) == digest_of([*cells, {"cell_type": "code", "source": " \n"}])


@given(st.binary(max_size=60))
def test_any_bytes_have_a_receipt(data):
    assert read_receipt(data, NAME).problem


def test_what_a_student_wrote_is_only_text_on_the_page():
    hostile = "<script>alert(1)</script>"
    made = read_receipt(json.dumps(notebook(answer(SYMBOLS[0]))).encode(), f"{hostile}.ipynb").with_notes([hostile])
    assert "<script" not in made.page("en") and "&lt;script" in made.page("en")


def test_it_speaks_the_language_in_use():
    with i18n.using("da"):
        made = receipt_of(answer(SYMBOLS[0]))
        assert "Kvittering" in str(made) and "1 af 4 dele har et svar" in made.page("da")


# -- in the notebook --------------------------------------------------------------------------------------------------


@pytest.fixture
def kernel(tmp_path, monkeypatch, capsys):
    """A live kernel in an empty folder: runs cells, gives what they showed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()

    def run(source: str) -> str:
        capsys.readouterr()
        shell.run_cell(source, store_history=True).raise_error()
        return capsys.readouterr().out

    run(f'from course import lesson\ncheck = lesson("{ASSIGNMENT.exercise.id}", "{ASSIGNMENT.track.id}")')
    run.shell = shell
    yield run
    InteractiveShell.clear_instance()


def save(path: Path, *cells: dict) -> Path:
    path.write_text(json.dumps(notebook(*cells)))
    return path


def test_the_file_is_found_as_the_editor_says_or_as_the_only_one_here_or_is_asked_for(kernel, tmp_path, monkeypatch):
    assert 'check.hand_in("self-attention.ipynb")' in kernel("check.hand_in()")
    (tmp_path / "far").mkdir()
    kernel.shell.user_ns["__session__"] = str(save(tmp_path / "far" / "jupyter.ipynb"))
    assert "jupyter.ipynb" in kernel("check.hand_in()")
    kernel.shell.user_ns["__vsc_ipynb_file__"] = str(save(tmp_path / "far" / "code.ipynb"))
    assert "code.ipynb" in kernel("check.hand_in()")
    del kernel.shell.user_ns["__session__"], kernel.shell.user_ns["__vsc_ipynb_file__"]
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "renamed since.ipynb"))
    save(tmp_path / "here.ipynb", answer(SYMBOLS[0]))
    (tmp_path / "other.ipynb").write_text("{}")
    assert "here.ipynb" in kernel("check.hand_in()")
    save(tmp_path / "here too.ipynb")
    assert "say its name" in kernel("check.hand_in()")
    assert "1 of 4 parts" in kernel('check.hand_in("here.ipynb")')
    assert "No such file" in kernel('check.hand_in("nowhere.ipynb")')


def test_an_answer_that_ran_and_is_not_in_the_file_is_told(kernel, tmp_path):
    first, second, *_rest = SYMBOLS
    save(tmp_path / NAME, answer(first), answer(second))
    kernel(answer(first)["source"])
    assert "older than what you ran" not in kernel("check.hand_in()")
    kernel(answer(second, "return 2")["source"])
    said = kernel("check.hand_in()")
    assert f"older than what you ran last: `{second}`. Save the notebook" in said and f"`{first}`" not in said
    save(tmp_path / NAME, answer(first), answer(second, "return 2"))
    assert "older than what you ran" not in kernel("check.hand_in()")


def test_where_checks_are_turned_off_nothing_is_read_and_nothing_said(kernel, tmp_path, monkeypatch):
    save(tmp_path / NAME)
    monkeypatch.setenv("COURSE_CHECKS", "off")
    assert kernel("check.hand_in()") == ""


def test_it_shows_html_in_a_notebook():
    said = hand_in.Said("<b>")
    assert said._repr_html_() == "<div>&lt;b&gt;</div>" and repr(said) == "<b>"
    assert os.fspath(NAME)
