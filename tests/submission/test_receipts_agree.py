"""The student's receipt and the grader's own reading agree: on the answers, and on the number."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from support.forms import FORMS
from support.sample_results import result

from autograder import cli
from autograder.grading.grader import solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import answered, untouched
from autograder.reporting.html import feedback_page
from autograder.submission.cell_text import definitions
from autograder.submission.hand_in import Found
from autograder.submission.read import load_notebook, read
from course import i18n
from course.receipt import digest_of, read_receipt
from course.syllabus import syllabus

SOURCE = ROOT / "source"
ASSIGNMENTS = [syllabus().assignment(f"{name}-{track}") for name in ("self-attention", "multi-head-attention")
               for track in ("pytorch", "tensorflow")]  # fmt: skip


def graded(data: bytes, name: str = "a.ipynb"):
    return read(Found(name, (name,), data), SOURCE)


def answers(submission) -> set[str]:
    """The symbols that what is run defines as more than a stub."""
    symbols = {part.symbol for part in submission.assignment.exercise.parts}
    written = (definitions(cell["source"]) for cell in submission.cells if cell["role"] != "setup")
    return {symbol for names in written for symbol in symbols if names.get(symbol)}


@pytest.mark.parametrize("form", [None, *FORMS])
@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda one: one.id)
def test_the_same_answers_and_the_same_number(assignment, form):
    ids = [part.id for part in assignment.exercise.parts]
    for parts in ([], ids[:1], ids[1:], ids):
        notebook = answered(SOURCE, assignment, solution_source(assignment), parts=parts)
        data = json.dumps(FORMS[form](notebook) if form else notebook).encode()
        submission, receipt = graded(data), read_receipt(data, "a.ipynb")
        assert {part.symbol for part in receipt.parts if part.state == "answered"} == answers(submission)
        assert receipt.digest == submission.receipt and not submission.problem and not receipt.problem


def test_a_script_has_a_receipt_too():
    data = b"import torch\n\ndef causal_mask(length):\n    return 1\n"
    assert graded(data, "ann.py").receipt == read_receipt(data, "ann.py").digest


# What students write in a cell with an answer, and whether Jupyter runs it.
WRITTEN = {
    "%matplotlib inline\n{}": True,
    "%%time\n{}": True,
    "%%capture out --no-stderr\n{}": True,
    "%load_ext autoreload\n%autoreload 2\n{}\n!pip install torch \\\n  --quiet": True,
    "{}\n?{name}\n{name}??\nfiles = !ls\n%time x = 1": True,
    "if True:\n    %matplotlib inline\n{}": True,
    "    {indented}": True,
    ">>> {prompted}": True,
    "In [3]: {continued}": True,
    "{}\n%%time": True,
    "{}\nfor x in": False,
    "{}\n!ls 'a": True,
    "print 'hello'\n{}": False,
    "# only a remark\n%%bash\nls": True,
}


@pytest.mark.parametrize("runs", WRITTEN)
@pytest.mark.parametrize("name", ["a.ipynb", "a.py"])
def test_a_cell_is_read_as_the_grader_and_as_jupyter_read_it(runs, name):
    symbol, body = "causal_mask", ["import torch", "def causal_mask(length):", "    return length"]
    text = runs.replace("{name}", symbol).format(
        "\n".join(body),
        indented="\n    ".join(body),
        prompted="\n".join([body[0], f">>> {body[1]}", f"... {body[2]}", "... "]),
        continued="\n".join([f"{body[0]}\n", f"In [4]: {body[1]}", f"   ...: {body[2]}"]),
    )
    whole = {"metadata": {}, "cells": [{"cell_type": "code", "source": text}]}
    data = text.encode() if name.endswith(".py") else json.dumps(whole).encode()
    assignment = syllabus().assignment("self-attention-pytorch")
    submission = read(Found(name, (name,), data), SOURCE, assignment.id)
    receipt = read_receipt(data, name, assignment=assignment)
    written = symbol in text
    state = next(part.state for part in receipt.parts if part.symbol == symbol)
    assert (state == "answered") == (WRITTEN[runs] and written) and receipt.digest == submission.receipt
    cells = [cell["source"] for cell in submission.cells if cell["role"] != "setup"]
    assert all(map(_is_python, cells)) == WRITTEN[runs] == (not receipt.notes and state != "broken")
    assert _is_python(TransformerManager().transform_cell(text)) == WRITTEN[runs]


def _is_python(text: str) -> bool:
    try:
        return bool(compile(text, "cell", "exec"))
    except SyntaxError:
        return False


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_the_number_is_the_same_in_any_encoding(encoding):
    text = "import torch\n# Søren\ndef causal_mask(length):\n    return length\n"
    receipt = read_receipt(text.encode(encoding), "a.py")
    assert receipt.digest == graded(text.encode(encoding), "a.py").receipt == read_receipt(text.encode(), "a.py").digest


def test_what_is_wrong_in_a_script_costs_what_stands_below_its_marker():
    text = "import torch\n# %%\ndef causal_mask(length):\n    return length\n# %%\nfor x in"
    receipt = read_receipt(text.encode(), "a.py")
    assert [part.state for part in receipt.parts].count("answered") == 1
    assert receipt.notes == ("Python cannot read cell 3, so nothing of it runs: line 6: invalid syntax",)


TEXT = st.text(st.sampled_from('ab \n\t\r\\"é王\ud800`'), max_size=20)
CELLS = st.lists(
    st.none()
    | st.fixed_dictionaries({"cell_type": st.sampled_from(["code", "markdown"]), "source": TEXT | st.lists(TEXT)}),
    max_size=6,
)


@given(CELLS)
def test_what_the_grader_leaves_out_of_a_notebook_is_not_in_the_number(cells):
    whole = [cell and {**cell, "outputs": [{"text": "x"}], "metadata": {"id": "1"}} for cell in cells]
    text = json.dumps({"cells": whole, "metadata": {}})
    assert digest_of(load_notebook(text, slim=True)["cells"]) == digest_of(cells)
    assert digest_of(load_notebook(text)["cells"]) == digest_of(cells)


def test_the_feedback_page_repeats_the_number():
    assignment = ASSIGNMENTS[0]
    data = json.dumps(untouched(SOURCE, assignment)).encode()
    receipt = read_receipt(data, "a.ipynb")
    made = result("ann", receipt=graded(data).receipt)
    assert f"This is the hand-in with the receipt {receipt.number}." in feedback_page(made)
    with i18n.using("da"):
        assert f"kvitteringen {receipt.number}" in feedback_page(made)
    assert "receipt" not in feedback_page(result("ann")).replace("--", "")


def test_the_verb_prints_the_receipt_with_the_graders_remarks_and_writes_a_page(tmp_path, capsys):
    notebook = answered(SOURCE, ASSIGNMENTS[0], solution_source(ASSIGNMENTS[0]))
    notebook["cells"] = [cell for cell in notebook["cells"] if "causal_mask(" not in str(cell["source"])]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook))
    page = tmp_path / "r.html"
    assert cli.main(["receipt", str(path), "--html", str(page), "--language", "da"]) == 0
    said = capsys.readouterr().out
    number = read_receipt(path.read_bytes(), "a.ipynb").number
    assert number in said and number in page.read_text() and "Den kausale maske: ikke fundet" in said
    assert '<html lang="da">' in page.read_text() and "  ! " in said, "the grader's own remark on the missing cells"
    assert cli.main(["receipt", str(path), "--assignment", "multi-head-attention-pytorch"]) == 1
    (tmp_path / "b.ipynb").write_bytes(b"")
    assert cli.main(["receipt", str(tmp_path / "b.ipynb")]) == 1
    assert cli.main(["receipt", str(tmp_path / "c.ipynb")]) == 2
    assert cli.main(["receipt", str(page)]) == 2
    assert cli.main(["receipt", str(path), "--language", "xx"]) == 2
