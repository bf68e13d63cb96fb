"""Hand-ins that came back broken, each made from a notebook as nbgrader releases it, with the right answers in it.

A case is a function that takes that notebook and gives the file's JSON or its bytes, or puts whatever it likes into the
student's folder `submitted/<student>/<assignment>/`. Beside it stands what has to come of it: the marks (full ones
but for the parts in `lost`), or the sentence that the student reads in their place. `Case.put` makes the same damage
to the notebook of either track.
"""

from __future__ import annotations

import copy
import io
import json
import os
import zipfile
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from autograder.authoring.release import released_notebook
from autograder.grading.grader import solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import definitions_of
from autograder.submission.cell_text import grade_id_of
from course.syllabus import syllabus

PYTORCH, TENSORFLOW = "self-attention-pytorch", "self-attention-tensorflow"
POINTS = {part.id: part.points for part in syllabus().exercise("self-attention").parts}
SYMBOLS = {part.id: part.symbol for part in syllabus().exercise("self-attention").parts}
ALL = tuple(POINTS)
NOTEBOOK = "self-attention.ipynb"
OTHER = {PYTORCH: TENSORFLOW, TENSORFLOW: PYTORCH}
IMPORTS = {PYTORCH: "import torch", TENSORFLOW: "import keras\nimport tensorflow as tf"}
handed_in_for = ContextVar("handed_in_for", default=PYTORCH)  # the assignment whose notebook is being broken


@cache
def _release(assignment: str) -> str:
    return released_notebook(ROOT, syllabus().assignment(assignment))


@cache
def _definitions(assignment: str) -> dict[str, str]:
    return definitions_of(solution_source(syllabus().assignment(assignment)))


def texts(assignment: str | None = None) -> dict[str, str]:
    """The right answers, by symbol."""
    return _definitions(assignment or handed_in_for.get())


def released(assignment: str | None = None) -> dict:
    """What the student opens."""
    return json.loads(_release(assignment or handed_in_for.get()))


def solved(assignment: str | None = None) -> dict:
    """The same with every answer in it."""
    notebook = released(assignment)
    for part in syllabus().exercise("self-attention").parts:
        cell_of(notebook, f"answer-{part.id}")["source"] = texts(assignment)[part.symbol]
    return notebook


def cell_of(notebook: dict, grade_id: str) -> dict:
    return next(cell for cell in notebook["cells"] if grade_id_of(cell) == grade_id)


def without(notebook: dict, *grade_ids: str) -> dict:
    return {**notebook, "cells": [cell for cell in notebook["cells"] if grade_id_of(cell) not in grade_ids]}


def code(source: Any, **more: Any) -> dict:
    return {
        "cell_type": "code", "id": f"own-{len(str(source))}", "metadata": {}, "source": source, "outputs": [],
        "execution_count": None, **more,
    }  # fmt: skip


def text(source: str, **more: Any) -> dict:
    return {"cell_type": "markdown", "id": f"text-of-{len(source)}", "metadata": {}, "source": source, **more}


def added(notebook: dict, *cells: Any, at: int | None = None) -> dict:
    at = len(notebook["cells"]) if at is None else at
    return {**notebook, "cells": [*notebook["cells"][:at], *cells, *notebook["cells"][at:]]}


def rewritten(notebook: dict, part: str, change: Callable[[str], str]) -> dict:
    """The notebook with the text of one answer changed."""
    cell = cell_of(notebook, f"answer-{part}")
    cell["source"] = change(cell["source"])
    return notebook


def stubbed(notebook: dict, *parts: str) -> dict:
    for part in parts:
        cell_of(notebook, f"answer-{part}")["source"] = cell_of(released(), f"answer-{part}")["source"]
    return notebook


def as_bytes(notebook: Any) -> bytes:
    return notebook if isinstance(notebook, bytes) else json.dumps(notebook, ensure_ascii=False).encode()


def bare(notebook: dict, minor: int = 0) -> dict:
    """Nothing left but text: no ids, no metadata, as after a copy into another program."""
    cells = [{**{k: v for k, v in cell.items() if k != "id"}, "metadata": {}} for cell in notebook["cells"]]
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": cells}


# -- the register -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One broken hand-in. `says` is a piece of the sentence in place of marks, or None where it is graded."""

    name: str
    make: Callable[[Any], Any]
    says: str | None = None
    lost: tuple[str, ...] = ()
    lost_in_tensorflow: tuple[str, ...] | None = None  # where it is other parts than in PyTorch
    flags: frozenset[str] = frozenset()
    remark: str | None = None
    in_folder: bool = False  # `make` fills the student's folder itself
    for_nbgrader: bool = True  # whether nbgrader sees a notebook there, too
    quick: bool = False  # in the small class that nbgrader grades in the quick suite

    def marks(self, assignment: str = PYTORCH) -> dict[str, float]:
        others = assignment == TENSORFLOW and self.lost_in_tensorflow is not None
        lost = self.lost_in_tensorflow if others else self.lost
        return {part: 0 if part in lost else points for part, points in POINTS.items()}

    def put(self, folder: Path, assignment: str = PYTORCH) -> None:
        """Make the hand-in in the student's folder, which is there."""
        before = handed_in_for.set(assignment)
        try:
            if self.in_folder:
                self.make(folder)
            else:
                (folder / NOTEBOOK).write_bytes(as_bytes(self.make(solved())))
        finally:
            handed_in_for.reset(before)

    def sentence(self, assignment: str = PYTORCH) -> str:
        """`says`, of an assignment."""
        return self.says.replace("ASSIGNMENT", assignment).replace("OTHER", OTHER[assignment])


CASES: dict[str, Case] = {}


def _register(says: str | None, options: dict) -> Callable:
    def take(make: Callable) -> Callable:
        name = make.__name__.replace("_", "-")
        assert name not in CASES, f"two cases are called {name}"
        CASES[name] = Case(name, make, says, **options)
        return make

    return take


def graded(*flags: str, **options: Any) -> Callable:
    """The hand-in is graded, with these flags on the result and no others."""
    return _register(None, {"flags": frozenset(flags), **options})


def explained(says: str, **options: Any) -> Callable:
    return _register(says, options)


TORN = "it ends too early or was changed by hand. Save it once more in Jupyter and hand in that file."
NO_NOTEBOOK = "it does not hold a notebook. Save it once more in Jupyter and hand in that file."


# -- the file ---------------------------------------------------------------------------------------------------------


@explained(TORN, quick=True)
def torn_in_the_middle(notebook):
    data = as_bytes(notebook)
    return data[: len(data) // 2]


@explained(TORN)
def torn_at_the_last_brace(notebook):
    return as_bytes(notebook)[:-1]


@explained(NO_NOTEBOOK)
def the_first_half_lost(notebook):
    data = as_bytes(notebook)
    return data[data.index(b"def causal_mask") :]


@explained(TORN)
def a_hole_of_zeros(notebook):
    """A disk that was full."""
    data = as_bytes(notebook)
    return data[:4096] + bytes(4096) + data[8192:]


@explained(TORN)
def a_comma_too_many(notebook):
    return as_bytes(notebook).replace(b"]}", b"],}", 1)


@explained(TORN)
def conflict_marks_of_git(notebook):
    data = json.dumps(notebook, indent=1)
    return data.replace('"metadata"', '<<<<<<< HEAD\n"metadata"', 1).encode()


@explained(TORN)
def two_notebooks_in_one_file(notebook):
    return as_bytes(notebook) * 2


@explained("The file is not a notebook: it has no cells.")
def a_notebook_as_a_string(notebook):
    return json.dumps(json.dumps(notebook)).encode()


@explained("The file is not a notebook: it has no cells.")
def a_list_of_cells(notebook):
    return notebook["cells"]


@explained("The file is not a notebook: it has no cells.")
def cells_as_an_object(notebook):
    return {**notebook, "cells": {str(i): cell for i, cell in enumerate(notebook["cells"])}}


@explained("The file is not a notebook: it has no cells.")
def another_json(notebook):
    return {"name": "ann", "version": 1}


@explained("The file is empty.")
def an_empty_file(notebook):
    return b""


@explained("The file is empty.")
def a_blank_file(notebook):
    return b"\xef\xbb\xbf \r\n\t\n"


@explained(NO_NOTEBOOK)
def a_letter(notebook):
    return b"Dear teacher, I could not upload the notebook, so here are my answers."


@explained(NO_NOTEBOOK)
def a_web_page(notebook):
    return b"<!DOCTYPE html><html><title>Log in</title></html>"


@explained(NO_NOTEBOOK)
def a_pdf(notebook):
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj\n"


@explained(NO_NOTEBOOK)
def code_in_place_of_a_notebook(notebook):
    return "\n\n\n".join(texts().values()).encode()


@explained(NO_NOTEBOOK)
def a_zip_named_notebook(notebook):
    return zipped({NOTEBOOK: as_bytes(notebook)})


@explained("nested too deeply")
def brackets_without_end(notebook):
    return b"[" * 200_000


@explained("nested too deeply")
def outputs_nested_without_end(notebook):
    cell_of(notebook, "demo-sentence")["outputs"] = ["HERE"]
    return as_bytes(notebook).replace(b'"HERE"', b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


# -- encodings and line ends ------------------------------------------------------------------------------------------


def danish(notebook: dict) -> dict:
    return rewritten(notebook, "causal-mask", lambda s: s + "\n# Rækker er forespørgsler: øverst står ét ord. 🦊\n")


@graded()
def utf_8_with_a_mark(notebook):
    return b"\xef\xbb\xbf" + as_bytes(danish(notebook))


@graded(quick=True)
def utf_16(notebook):
    return json.dumps(danish(notebook), ensure_ascii=False).encode("utf-16")


@graded()
def utf_16_without_a_mark(notebook):
    return json.dumps(danish(notebook), ensure_ascii=False).encode("utf-16-le")


@graded()
def utf_32(notebook):
    return json.dumps(danish(notebook), ensure_ascii=False).encode("utf-32")


@graded()
def latin_1(notebook):
    return json.dumps(danish(notebook), ensure_ascii=False).encode("latin-1", "ignore")


@graded()
def one_broken_byte(notebook):
    return as_bytes(danish(notebook)).replace("æ".encode(), b"\xc3", 1)


@graded()
def read_as_windows_1252_and_saved(notebook):
    return as_bytes(danish(notebook)).decode("cp1252", "replace").encode()


@graded()
def windows_line_ends_in_the_file(notebook):
    return json.dumps(notebook, indent=1).replace("\n", "\r\n").encode()


@graded()
def windows_line_ends_in_the_cells(notebook):
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")
    return notebook


@graded()
def old_macs_line_ends_in_the_cells(notebook):
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r")
    return notebook


@graded()
def tabs_for_spaces(notebook):
    for part in ALL:
        rewritten(notebook, part, lambda s: s.replace("    ", "\t"))
    return notebook


@graded("syntax-error", lost=("causal-mask",))
def unbreakable_spaces(notebook):
    """Pasted from a web page."""
    return rewritten(notebook, "causal-mask", lambda s: s.replace("    ", "\N{NO-BREAK SPACE}" * 4))


@graded("syntax-error", lost=("causal-mask",))
def curly_quotes(notebook):
    """Through a word processor."""
    return rewritten(notebook, "causal-mask", lambda s: s.replace('"""', "“"))


@graded("syntax-error", lost=("causal-mask",))
def a_zero_byte_in_an_answer(notebook):
    return rewritten(notebook, "causal-mask", lambda s: s + "\n\0")


@graded()
def half_a_character_in_a_cell_of_their_own(notebook):
    """Half of an emoji, which no UTF-8 can hold."""
    data = json.dumps(added(notebook, code("# HERE\nx = 1")))
    return data.replace("HERE", "\\ud83e").encode()


@graded()
def half_a_character_in_an_answer(notebook):
    rewritten(notebook, "causal-mask", lambda s: s + "\n# HERE")
    return json.dumps(notebook).replace("HERE", "\\ud83e").encode()


# -- versions of the format -------------------------------------------------------------------------------------------


def old_cells(notebook: dict) -> list[dict]:
    cells = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            output = {"output_type": "pyout", "prompt_number": 1, "text": "14.0", "metadata": {}}
            cells.append({"cell_type": "code", "input": source, "language": "python", "prompt_number": 1,
                          "collapsed": False, "outputs": [output], "metadata": cell["metadata"]})  # fmt: skip
        else:
            cells.append({"cell_type": "markdown", "source": source, "metadata": cell["metadata"]})
    return cells


@graded(quick=True)
def format_3(notebook):
    sheets = [{"cells": old_cells(notebook), "metadata": {}}]
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "self-attention"}, "worksheets": sheets}


@graded()
def format_3_in_several_sheets(notebook):
    cells = old_cells(notebook)
    sheets = [{"cells": cells[:9], "metadata": {}}, {"cells": cells[9:], "metadata": {}}]
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": sheets}


@graded("lost-metadata")
def format_2(notebook):
    cells = [{k: v for k, v in cell.items() if k != "metadata"} for cell in old_cells(notebook)]
    return {"nbformat": 2, "nbformat_minor": 0, "metadata": {"name": "x"}, "worksheets": [{"cells": cells}]}


@graded()
def format_of_the_future(notebook):
    return {**notebook, "nbformat": 9, "nbformat_minor": 1}


@graded()
def format_not_said(notebook):
    return {"cells": notebook["cells"]}


@graded()
def format_as_text(notebook):
    return {**notebook, "nbformat": "4", "nbformat_minor": "five"}


@graded()
def headings_as_cells(notebook):
    """Format 4 of an early Jupyter, and whatever else no longer exists."""
    return added(notebook, {"cell_type": "heading", "level": 1, "source": "x", "metadata": {}}, {"cell_type": 3}, at=2)


# -- other programs, beside those in forms.py -------------------------------------------------------------------------


@graded("lost-metadata")
def databricks(notebook):
    """Exported as IPython notebook: a number and a title for each cell, nothing of ours."""
    saved = bare(notebook)
    for number, cell in enumerate(saved["cells"]):
        cell["metadata"] = {"application/vnd.databricks.v1+cell": {
            "cellMetadata": {"byteLimit": 2048000, "rowLimit": 10000}, "inputWidgets": {}, "nuid": f"3f-{number}",
            "showTitle": False, "title": ""}}  # fmt: skip
        if cell["cell_type"] != "code":
            cell |= {"cell_type": "code", "source": "%md\n" + "".join(cell["source"]), "outputs": []}
    saved["metadata"] = {"application/vnd.databricks.v1+notebook": {
        "dashboards": [], "language": "python", "notebookName": "self-attention", "widgets": {}}}  # fmt: skip
    return saved


@graded("lost-metadata")
def kaggle(notebook):
    saved = bare(notebook, 4)
    for number, cell in enumerate(saved["cells"]):
        cell["metadata"] = {"_cell_guid": f"b1076dfc-b9ad-4769-8c92-{number:012}", "_uuid": "8f2839f2", "trusted": True,
                            "execution": {"iopub.status.busy": "2024-05-01T10:00:00Z"}}  # fmt: skip
    listing = "import os\nfor folder, _, files in os.walk('/kaggle/input'):\n    print(folder, files)"
    saved["metadata"] = {
        "kaggle": {"accelerator": "none", "dataSources": [], "isGpuEnabled": False},
        "kernelspec": {"language": "python", "display_name": "Python 3", "name": "python3"},
    }
    return added(saved, code(listing), at=0)


def _through_jupytext(notebook: dict, form: str) -> bytes:
    import jupytext
    import nbformat

    text_form = jupytext.writes(nbformat.reads(json.dumps(notebook), 4), fmt=form)
    return jupytext.writes(jupytext.reads(text_form, fmt=form), fmt="ipynb").encode()


@graded()
def there_and_back_through_percent_cells(notebook):
    return _through_jupytext(notebook, "py:percent")


@graded()
def there_and_back_through_markdown(notebook):
    return _through_jupytext(notebook, "md")


@graded("lost-metadata")
def there_and_back_without_metadata(notebook):
    return _through_jupytext(bare(notebook), "py:light")


@graded()
def stripped_for_git(notebook):
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = str(number)
    return {**notebook, "metadata": {}}


@graded("lost-metadata")
def without_cell_types(notebook):
    """All text turned into code by a converter."""
    saved = bare(notebook)
    for cell in saved["cells"]:
        if cell["cell_type"] == "markdown":
            cell |= code("# " + "".join(cell["source"]).replace("\n", "\n# "))
    return saved


@graded()
def metadata_of_the_wrong_kinds(notebook):
    for cell in notebook["cells"]:
        cell["metadata"] |= {"tags": 7, "id": ["x"], "collapsed": "yes", "jupyter": None}
    return {**notebook, "metadata": [1, 2]}


@graded()
def widgets_of_twenty_megabytes(notebook):
    """The state of the progress bars of a training."""
    state = {f"{n:032x}": {"model_name": "HTMLModel", "state": {"value": "x" * 20_000}} for n in range(1000)}
    notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    return notebook


# -- cells that were copied, lost, moved ------------------------------------------------------------------------------


@graded("duplicated-cells")
def every_cell_twice(notebook):
    return added(notebook, *copy.deepcopy(notebook["cells"]))


@graded("duplicated-cells")
def every_cell_twice_with_new_ids(notebook):
    copies = [{**cell, "id": f"copy-{i}", "metadata": {}} for i, cell in enumerate(copy.deepcopy(notebook["cells"]))]
    return added(notebook, *copies)


@graded("duplicated-cells")
def the_release_below_the_answers(notebook):
    return added(notebook, *released()["cells"])


@graded()
def all_ids_the_same(notebook):
    for cell in notebook["cells"]:
        cell["id"] = "cell"
    return notebook


@graded("restored-cells")
def only_the_answers_kept(notebook):
    return {**notebook, "cells": [cell_of(notebook, f"answer-{part}") for part in ALL]}


@graded("missing-answers", lost=("padding-mask",), remark="The cell that answers `padding_mask` is missing")
def an_answer_deleted(notebook):
    return without(notebook, "answer-padding-mask")


@graded("missing-answers", "restored-cells", lost=ALL)
def no_cells(notebook):
    return {**notebook, "cells": []}


@graded("missing-answers", lost=ALL)
def all_answers_deleted(notebook):
    return without(notebook, *(f"answer-{part}" for part in ALL))


@graded(lost=ALL)
def nothing_answered(notebook):
    return released()


@graded()
def upside_down(notebook):
    return {**notebook, "cells": notebook["cells"][::-1]}


@graded("moved-answers")
def answers_in_a_circle(notebook):
    """Each written under the heading of the next."""
    cells = [cell_of(notebook, f"answer-{part}") for part in ALL]
    sources = [cell["source"] for cell in cells]
    for cell, source in zip(cells, sources[1:] + sources[:1], strict=True):
        cell["source"] = source
    return notebook


@graded("moved-answers")
def answers_at_the_end_and_stubs_left(notebook):
    cells = [code(texts()[SYMBOLS[part]]) for part in ALL]
    return added(stubbed(notebook, *ALL), *cells)


@graded("merged-cells", "restored-cells", "lost-metadata")
def all_in_one_cell(notebook):
    source = "\n\n".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code")
    return {**notebook, "cells": [code(source)]}


@graded("merged-cells")
def two_answers_in_one_cell(notebook):
    rewritten(notebook, "causal-mask", lambda s: s + "\n\n\n" + texts()["combine_masks"])
    return without(notebook, "answer-combine-masks")


@graded("restored-cells")
def an_answer_and_its_check_in_one_cell(notebook):
    rewritten(notebook, "causal-mask", lambda s: s + '\n\n\ncheck("causal-mask")')
    return without(notebook, "test-causal-mask")


@graded()
def a_helper_split_off(notebook):
    helper = {
        PYTORCH: "def lower(length, **where):\n    return torch.ones(length, length, **where).tril().bool()",
        TENSORFLOW: "def lower(length):\n    return tf.linalg.band_part(tf.ones((length, length)), -1, 0) > 0",
    }
    short = "def causal_mask(length, **where):\n    return lower(length, **where)"
    rewritten(notebook, "causal-mask", lambda s: short)
    at = notebook["cells"].index(cell_of(notebook, "answer-causal-mask"))
    return added(notebook, code(helper[handed_in_for.get()]), at=at)


@graded("syntax-error", lost=("scaled-dot-product",))
def a_function_split_in_two(notebook):
    lines = cell_of(notebook, "answer-scaled-dot-product")["source"].split("\n")
    cut = next(i for i in range(len(lines) - 1, 0, -1) if lines[i].startswith("    ")) - 1
    at = notebook["cells"].index(cell_of(notebook, "answer-scaled-dot-product"))
    rewritten(notebook, "scaled-dot-product", lambda s: "\n".join(lines[:cut]))
    return added(notebook, code("\n".join(lines[cut:])), at=at + 1)


@graded("changed-cell-type")
def answers_as_text(notebook):
    for part in ALL:
        cell = cell_of(notebook, f"answer-{part}")
        cell["cell_type"] = "markdown"
        del cell["outputs"], cell["execution_count"]
    return notebook


@graded("changed-cell-type")
def an_answer_as_raw_text(notebook):
    cell_of(notebook, "answer-causal-mask")["cell_type"] = "raw"
    return notebook


@graded("edited-locked-cells", "moved-answers")
def an_answer_above_its_check(notebook):
    """In the check's own cell."""
    cell = cell_of(notebook, "test-causal-mask")
    cell["source"] = texts()["causal_mask"] + '\n\n\ncheck("causal-mask")'
    return stubbed(notebook, "causal-mask")


@graded(lost=("causal-mask",))
def a_check_that_prints_marks(notebook):
    cell = cell_of(notebook, "test-causal-mask")
    planted = {"output_type": "execute_result", "data": {"text/plain": "3.0"}, "metadata": {}, "execution_count": 1}
    cell |= {"source": "print(3.0)", "outputs": [planted]}
    return stubbed(notebook, "causal-mask")


@graded("edited-locked-cells")
def imports_repaired(notebook):
    imports = IMPORTS[handed_in_for.get()] + "\nimport math\nimport numpy as np"
    cell_of(notebook, "setup-imports")["source"] = imports
    return rewritten(notebook, "causal-mask", lambda s: s + "\nassert np.pi > 3")


@graded("edited-locked-cells")
def imports_emptied(notebook):
    cell_of(notebook, "setup-imports")["source"] = ""
    return notebook


@graded()
def explanations_rewritten(notebook):
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = "My own notes."
    return notebook


@graded()
def locks_taken_off(notebook):
    for cell in notebook["cells"]:
        if grade_id_of(cell):
            cell["metadata"]["nbgrader"] |= {"locked": False, "grade": False, "solution": True, "points": 99}
    return notebook


@graded("damaged-cells", quick=True)
def cells_that_are_none(notebook):
    return added(notebook, None, 3, "text", ["x"], {}, {"cell_type": "code"}, {"source": [1]}, at=4)


# -- too much ---------------------------------------------------------------------------------------------------------


@explained("KB of code, more than the 1024 KB that it may have. Put data into files, not into cells.")
def a_code_cell_of_ten_megabytes(notebook):
    return added(notebook, code("data = [\n" + "    [0.123456789, 0.987654321],\n" * 330_000 + "]"))


@explained("KB of code, more than the 1024 KB that it may have. Put data into files, not into cells.")
def an_answer_of_ten_megabytes(notebook):
    return rewritten(notebook, "causal-mask", lambda s: s + "\n# " + "x" * (10 << 20))


@graded()
def a_text_cell_of_ten_megabytes(notebook):
    return added(notebook, text("word " * (2 << 20)), at=1)


@graded()
def a_picture_of_ten_megabytes(notebook):
    return added(notebook, text("![](attachment:a.png)", attachments={"a.png": {"image/png": "iVBOR" * (2 << 20)}}))


@graded()
def outputs_of_forty_megabytes(notebook):
    lines = ["step 1 of 100000: loss 0.6931\n" * 700] * 2000
    cell_of(notebook, "demo-sentence")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": lines}]
    return notebook


@explained("The file has 200 MB, more than the 64 MB that a hand-in may have. Clear the outputs and hand it in again.",
           in_folder=True, quick=True)  # fmt: skip
def outputs_of_200_megabytes(folder):
    notebook = solved()
    cell_of(notebook, "demo-sentence")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "HERE"}]
    before, after = as_bytes(notebook).split(b"HERE")
    with (folder / NOTEBOOK).open("wb") as file:
        file.write(before)
        for _ in range(200):
            file.write(b"x" * (1 << 20))
        file.write(after)


@explained("more than a notebook needs. Clear the outputs and hand it in again.")
def fifteen_million_empty_outputs(notebook):
    """Sixty megabytes that would be more than a gigabyte in memory."""
    cell_of(notebook, "demo-sentence")["outputs"] = ["HERE"]
    return as_bytes(notebook).replace(b'"HERE"', b"{},[]," * 7_500_000 + b"0")


@explained("cells, more than the 2000 that a hand-in may have. Delete those that you do not need")
def ten_thousand_cells(notebook):
    return added(notebook, *[code("")] * 10_000)


@graded()
def a_thousand_empty_cells(notebook):
    return added(notebook, *[code("")] * 1000, at=3)


# -- the wrong thing --------------------------------------------------------------------------------------------------


@graded("other-kernel", remark="its language is R; it was run as Python")
def the_kernel_of_r(notebook):
    notebook["metadata"]["kernelspec"] = {"name": "ir", "display_name": "R", "language": "R"}
    return notebook


@graded("other-kernel")
def the_kernel_of_julia(notebook):
    notebook["metadata"] |= {
        "kernelspec": {"name": "julia-1.10", "display_name": "Julia 1.10", "language": "julia"},
        "language_info": {"name": "julia", "file_extension": ".jl", "version": "1.10.2"},
    }
    return notebook


@graded()
def a_kernel_that_is_not_there(notebook):
    notebook["metadata"]["kernelspec"] = {"name": "my-env", "display_name": "My env (broken)", "language": "python"}
    return notebook


@graded()
def a_kernel_of_no_kind(notebook):
    notebook["metadata"] |= {"kernelspec": ["python3"], "language_info": "python"}
    return notebook


@explained("This is the notebook of positional-embedding-pytorch, but it was handed in for ASSIGNMENT. "
           "Hand in the notebook of ASSIGNMENT.")  # fmt: skip
def another_exercise(notebook):
    return released("positional-embedding-pytorch")


@explained("This is the notebook of OTHER, but it was handed in for ASSIGNMENT. Hand in the notebook of ASSIGNMENT.")
def the_other_track(notebook):
    return solved(OTHER[handed_in_for.get()])


@graded(lost=ALL, lost_in_tensorflow=("scaled-dot-product", "causal-mask"))
def the_other_tracks_code(notebook):
    """Two of PyTorch's answers are made of operators alone, which TensorFlow has too."""
    other = OTHER[handed_in_for.get()]
    for part in ALL:
        theirs = IMPORTS[other] + "\n\n\n" + texts(other)[SYMBOLS[part]]
        rewritten(notebook, part, lambda s, theirs=theirs: theirs)
    return notebook


# -- what only a notebook understands, and Python that is less common -------------------------------------------------


@graded(remark="`ls` was not run")
def magics_and_shell_lines(notebook):
    own = "%load_ext autoreload\n%autoreload 2\n!pip install -q numpy\nfiles = !ls\nhere = %pwd\nmath.pi?\n%%time\n"
    rewritten(notebook, "causal-mask", lambda s: "%matplotlib inline\n!nvidia-smi\nfiles = !ls *.py\n\n\n" + s)
    rewritten(notebook, "padding-mask", lambda s: "%%time\n" + s + "\n\nprint(1)\n?padding_mask")
    return added(notebook, code(own), code("%%bash\necho $((1 + 1))"), code("%%capture out\nprint(1)"), at=3)


@graded()
def await_at_the_top(notebook):
    rewritten(notebook, "causal-mask", lambda s: "import asyncio\n\nawait asyncio.sleep(0)\n\n\n" + s)
    return added(notebook, code("async def pause():\n    return 1\n\nx = await pause()\nassert x == 1"), at=3)


@graded()
def widgets(notebook):
    source = "from ipywidgets import interact\n\n@interact(width=(1, 512))\ndef show(width):\n    print(width)"
    return added(notebook, code(source), at=3)


@graded()
def names_beyond_ascii(notebook):
    """Python reads the wide letters as the narrow ones."""
    own = 'def længde(størrelse):\n    return størrelse\n\n\n変数 = ª = længde(3)\nassert a == 3, "🦊"'
    rewritten(notebook, "causal-mask", lambda s: s.replace("def causal_mask", "def ｃausal_mask"))
    return added(notebook, code(own), at=3)


@graded()
def answers_that_end_with_an_error(notebook):
    return rewritten(notebook, "causal-mask", lambda s: s + "\n\n\nprint(undefined)")


@graded(lost=("causal-mask",))
def answers_that_begin_with_an_error(notebook):
    return rewritten(notebook, "causal-mask", lambda s: "print(undefined)\n\n\n" + s)


@graded()
def everything_indented_and_spaced(notebook):
    return rewritten(notebook, "causal-mask", lambda s: "\n\n\f\n" + s.replace("\n", "\n\n") + "\n\n   \n")


# -- files and folders ------------------------------------------------------------------------------------------------


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


@explained("no notebook in the hand-in, only timestamp.txt. Hand in the file that ends in .ipynb.", in_folder=True,
           for_nbgrader=False)  # fmt: skip
def nothing_but_a_time_stamp(folder):
    (folder / "timestamp.txt").write_text("2026-01-01 00:00:00 UTC")


@explained("The folder is empty. Hand in the notebook, the file that ends in .ipynb.", in_folder=True,
           for_nbgrader=False)  # fmt: skip
def an_empty_folder(folder):
    pass


@explained("The folder is empty. Hand in the notebook, the file that ends in .ipynb.", in_folder=True,
           for_nbgrader=False)  # fmt: skip
def only_what_jupyter_kept(folder):
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "self-attention-checkpoint.ipynb").write_bytes(as_bytes(solved()))


@explained("it is an empty folder", in_folder=True, quick=True)
def a_folder_in_place_of_the_file(folder):
    (folder / NOTEBOOK).mkdir()


@explained("symbolic link, which is not followed; hand in the file itself.", in_folder=True, quick=True)
def a_link_to_the_instructors_source(folder):
    (folder / NOTEBOOK).symlink_to(ROOT / "source" / handed_in_for.get() / NOTEBOOK)


@explained("symbolic link, which is not followed; hand in the file itself.", in_folder=True)
def a_link_to_nothing(folder):
    (folder / NOTEBOOK).symlink_to("/nowhere/at/all.ipynb")


@explained("symbolic link, which is not followed; hand in the file itself.", in_folder=True)
def a_link_to_itself(folder):
    (folder / NOTEBOOK).symlink_to(NOTEBOOK)


@explained("The hand-in is not a file. Hand in the notebook, the file that ends in .ipynb.", in_folder=True,
           quick=True)  # fmt: skip
def a_pipe(folder):
    """Whoever opens it to read waits for ever."""
    os.mkfifo(folder / NOTEBOOK)


@graded(in_folder=True, quick=True)
def a_link_beside_the_notebook(folder):
    """An environment from the student's machine, whose Python is not here."""
    (folder / NOTEBOOK).write_bytes(as_bytes(solved()))
    (folder / "venv" / "bin").mkdir(parents=True)
    (folder / "venv" / "pyvenv.cfg").write_text("home = /usr/bin")
    (folder / "venv" / "bin" / "python").symlink_to("/opt/of-the-student/bin/python3.12")


@graded(in_folder=True, for_nbgrader=False)
def a_copy_of_the_browsers(folder):
    (folder / "self-attention (1).ipynb").write_bytes(as_bytes(solved()))


@graded(in_folder=True, for_nbgrader=False)
def capital_letters(folder):
    (folder / "Self-Attention.IPYNB").write_bytes(as_bytes(solved()))


@graded(in_folder=True, for_nbgrader=False)
def a_name_with_everything_in_it(folder):
    (folder / "my \"best\" 🦊 'work'\n%s {0} [x] ; $(id).ipynb").write_bytes(as_bytes(solved()))


@explained("no notebook in the hand-in, only self-attention.ipynb.txt. Hand in the file that ends in .ipynb.",
           in_folder=True, for_nbgrader=False)  # fmt: skip
def saved_as_text(folder):
    (folder / "self-attention.ipynb.txt").write_bytes(as_bytes(solved()))


@explained("no notebook in the hand-in, only work.rar. Hand in the file that ends in .ipynb.", in_folder=True,
           for_nbgrader=False)  # fmt: skip
def packed_by_another_program(folder):
    (folder / "work.rar").write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(100))


@graded("several-files", in_folder=True, for_nbgrader=False)
def a_draft_beside_it(folder):
    (folder / "Untitled.ipynb").write_bytes(as_bytes(released()))
    (folder / "zz.ipynb").write_bytes(b"{")
    (folder / "answers (1).ipynb").write_bytes(as_bytes(solved()))


@graded(in_folder=True, for_nbgrader=False)
def a_zip(folder):
    (folder / "work.zip").write_bytes(zipped({"my work/self-attention.ipynb": as_bytes(solved())}))


@graded(in_folder=True, for_nbgrader=False)
def a_zip_of_windows(folder):
    (folder / "work.zip").write_bytes(zipped({"my work\\self-attention.ipynb": as_bytes(solved())}))


@explained("The zip holds a file whose path leads out of it", in_folder=True, for_nbgrader=False)
def a_zip_that_leads_out(folder):
    (folder / "work.zip").write_bytes(zipped({"../../../../self-attention.ipynb": as_bytes(solved())}))


@explained("The zip file is damaged", in_folder=True, for_nbgrader=False)
def half_a_zip(folder):
    data = zipped({NOTEBOOK: as_bytes(solved())})
    (folder / "work.zip").write_bytes(data[: len(data) // 2])


@explained("There is no notebook in the zip.", in_folder=True, for_nbgrader=False)
def an_empty_zip(folder):
    (folder / "work.zip").write_bytes(zipped({}))


@explained("locked with a password", in_folder=True, for_nbgrader=False)
def a_zip_with_a_password(folder):
    data = bytearray(zipped({NOTEBOOK: as_bytes(solved())}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag in both headers
        data[data.index(signature) + offset] |= 1
    (folder / "work.zip").write_bytes(data)


@graded(in_folder=True, for_nbgrader=False)
def a_script(folder):
    (folder / "self-attention.py").write_text("\n\n\n".join([IMPORTS[handed_in_for.get()], *texts().values()]))


@graded(in_folder=True, for_nbgrader=False)
def a_script_with_cells(folder):
    import jupytext
    import nbformat

    (folder / "self-attention.py").write_text(
        jupytext.writes(nbformat.reads(json.dumps(solved()), 4), fmt="py:percent")
    )


# -- whose it is ------------------------------------------------------------------------------------------------------

NAMES = [  # of students who handed in all right
    "ann sofie o'neil",
    'carl "the cat"',
    "🦊 fox",
    "two\nlines",
    "[brackets]",
    "semi;colon $(id)",
    "-rf",
    "{student_id}",
    "%s %(name)s",
    "<b>bold",
    "søren ærø",
    "x" * 200,
    os.fsdecode(b"latin-\xe6"),
]
HEALTHY = ("aa-first", "mm-middle", "zz-last")
