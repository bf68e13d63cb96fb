"""Notebooks and scripts with what Jupyter allows beside Python: what runs there earns its marks here.

Each is a right answer to an exercise; all are graded once, and the tests read the results.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from autograder.grading.grader import Grader, solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import answered, definitions_of
from autograder.reporting.language import spoken
from autograder.submission.hand_in import Found
from autograder.submission.read import read
from course import i18n
from course.syllabus import syllabus

ASSIGNMENT = syllabus().assignment("self-attention-pytorch")
PARTS = {part.id: part.points for part in ASSIGNMENT.exercise.parts}
SOLUTION = solution_source(ASSIGNMENT)
ANSWERS = definitions_of(SOLUTION)
ATTENTION, CAUSAL = ANSWERS["scaled_dot_product_attention"], ANSWERS["causal_mask"]


@dataclass(frozen=True)
class Case:
    """An answer cell's text, and the part that it is the answer to."""

    text: str
    part: str = "scaled-dot-product"


def prompted(text: str) -> str:
    """As it is pasted from a Python prompt."""
    return "\n".join(f"{'... ' if n else '>>> '}{line}" for n, line in enumerate(text.split("\n")))


CASES = {
    "display": Case(f"display('about to write my answer')\n\n{ATTENTION}"),
    "get_ipython": Case(f"get_ipython().run_line_magic('matplotlib', 'inline')\n\n{ATTENTION}"),
    "help": Case(f"torch.softmax?\ntorch.Tensor.masked_fill??\n\n{ATTENTION}"),
    "input": Case(f"name = input('your name: ')\n\n{ATTENTION}"),
    "time": Case(f"%time q = torch.randn(2, 3, 4)\nprint(q.shape)\n\n\n{ATTENTION}"),
    "pip": Case(f"!pip install -q \\\n    tqdm \\\n    pandas\n\n{ATTENTION}"),
    "prompts": Case(prompted(CAUSAL), part="causal-mask"),
    "timed": Case(f"%%time\n{ATTENTION}"),
    "future": Case(f"from __future__ import annotations\n\n{ATTENTION.replace('mask=None', 'mask: Tensor = None')}"),
    "compile": Case(f"@torch.compile\n{ATTENTION}"),
}


def notebook(case: Case) -> bytes:
    cells = answered(ROOT / "source", ASSIGNMENT, SOLUTION)
    for cell in cells["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == f"answer-{case.part}":
            cell["source"] = case.text
    return json.dumps(cells).encode()


def exported(*pieces: str) -> bytes:
    """As Jupyter writes an executable script."""
    head = "#!/usr/bin/env python\n# coding: utf-8\n\n# # 3. Self-attention\n# \n# *PyTorch track, 14 points*\n\n"
    return (head + "".join(f"# In[ ]:\n\n\n{piece}\n\n\n" for piece in pieces)).encode()


IMPORTS = "import math\n\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn"
MAGICS = "get_ipython().run_line_magic('matplotlib', 'inline')\nget_ipython().system('pip install -q tqdm')"
REST = [text for name, text in ANSWERS.items() if name != "causal_mask"]
SCRIPTS = {
    "exported": exported(IMPORTS, MAGICS, *ANSWERS.values()),
    "exported-timed": exported(IMPORTS, f"get_ipython().run_cell_magic('time', '', {CAUSAL!r})", *REST),
    "percent": f"# %%\n{IMPORTS}\n# %% [markdown]\n# Text\n# %%\n%matplotlib inline\n{SOLUTION}".encode(),
    "syntax": exported(IMPORTS, *REST, CAUSAL.replace("(length", "((length")),
    "no-package": exported(IMPORTS, *REST, f"import no_such_package\n\n{CAUSAL}"),
    "stops": exported(IMPORTS, f"{CAUSAL}\n\n\n1 / 0\n", *REST),
}


@pytest.fixture(scope="module")
def graded(grader: Grader) -> dict[str, dict]:
    files = {f"{name}.ipynb": notebook(case) for name, case in CASES.items()}
    files |= {f"{name}.py": data for name, data in SCRIPTS.items()}
    found = [read(Found(name, (name,), data), ROOT / "source", ASSIGNMENT.id) for name, data in files.items()]
    return {result["submission"]: result for result in grader.grade(found)}


def scores(result: dict) -> dict[str, float]:
    return {part["id"]: part["score"] for part in result["parts"]}


@pytest.mark.parametrize("name", CASES)
def test_what_runs_in_jupyter_earns_its_marks(graded, name):
    result = graded[f"{name}.ipynb"]
    assert result["message"] is None and scores(result) == PARTS
    assert not any(cell["error"] for cell in result["cells"])
    cells = json.loads(notebook(CASES["input"]))["cells"]
    number = next(n for n, cell in enumerate(cells, 1) if cell["source"] == CASES["input"].text)
    said = [f"Cell {number}: `input()` got an empty answer: where this is graded, nobody is there to type."]
    assert result["remarks"] == (said if name == "input" else [])


@pytest.mark.parametrize("name", ["exported", "exported-timed", "percent"])
def test_a_script_with_magics_earns_its_marks(graded, name):
    assert scores(graded[f"{name}.py"]) == PARTS


@pytest.mark.parametrize(
    ("name", "error"), [("syntax", "SyntaxError"), ("no-package", "no_such_package"), ("stops", "ZeroDivisionError")]
)
def test_an_error_in_a_script_costs_what_it_keeps_from_running(graded, name, error):
    """Of its own cell: all that stands there where it cannot be read, and nothing where nothing needs the import."""
    result = graded[f"{name}.py"]
    assert scores(result) == ({**PARTS, "causal-mask": 0.0} if name == "syntax" else PARTS)
    (said,) = [cell["error"] for cell in result["cells"] if cell["error"]]
    line = 1 + next(n for n, text in enumerate(SCRIPTS[name].decode().split("\n")) if told_of(name) in text)
    assert error in said and f"({name}.py, line {line}: `" in said


def test_a_package_that_is_not_there_is_told_and_flagged_for_the_instructor(graded):
    result = graded["no-package.py"]
    assert result["flags"] == ["package-missing"]
    (said,) = [cell["error"] for cell in result["cells"] if cell["error"]]
    assert said.startswith("The package `no_such_package` is not installed where this is graded: there are only the ")
    assert all("package-missing" not in r["flags"] for name, r in graded.items() if name != "no-package.py")
    with i18n.using("da"):
        assert spoken(result)["cells"][-1]["error"].startswith("Pakken `no_such_package` er ikke installeret")


def told_of(name: str) -> str:
    return {"syntax": "((length", "no-package": "import no_such", "stops": "1 / 0"}[name]
