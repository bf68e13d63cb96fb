"""What the hidden tests ask is what the notebook says: a sentence stands beside each of them.

`contract.toml` of an exercise has a line a hidden test: the words of the built notebook that ask for what it tests, in
each track that has the test; a table where the tracks say it in other words. "@sizes" and the like are the rules that
every notebook has (`autograder.notebooks.shared_text.what_is_judged`).
"""

from __future__ import annotations

import ast
import json
import re
import tomllib

import pytest

from autograder import paths
from autograder.notebooks.solution_markers import BEGIN, END
from autograder.paths import ROOT
from course.syllabus import Assignment, syllabus

RULES = {
    "@calls": "**Calls.** Names, order and defaults",
    "@sizes": "**Sizes.** A size of one is a size like any other",
    "@numbers": "**Numbers** follow the formula, up to rounding, and are finite",
    "@gradients": "**Gradients** reach everything that the result depends on",
    "@effects": "**No side effects.** What is given to an answer is left as it is",
    "@modules": "**Modules** train what the text asks for",
    "@devices": "**Devices.** What is made inside is made on the device of the inputs",
}
ASSIGNMENTS = list(syllabus().assignments().values())


def hidden_tests(assignment: Assignment) -> list[str]:
    """The names of an assignment's hidden tests."""
    tree = ast.parse(paths.hidden_tests(ROOT, assignment.exercise).read_text(encoding="utf-8"))
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if assignment.track.id in _tracks(node)
    ]


def _tracks(test: ast.FunctionDef) -> set[str]:
    for decorator in test.decorator_list:
        for keyword in getattr(decorator, "keywords", []):
            if keyword.arg == "tracks":
                return set(ast.literal_eval(keyword.value))
    return set(syllabus().tracks)


def contract(assignment: Assignment) -> dict[str, str | dict[str, str]]:
    """The exercise's table: the words of the notebook by the name of the hidden test."""
    path = ROOT / "tests" / "exercises" / assignment.exercise.module / "contract.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def what_students_read(assignment: Assignment) -> str:
    """The text of the built notebook without the solutions, its white space made single spaces."""
    cells = json.loads(paths.source_notebook(ROOT / "source", assignment).read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    return _plain(re.sub(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", "", text, flags=re.DOTALL))


def _plain(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda a: a.id)
def test_what_each_hidden_test_asks_is_said_in_the_notebook(assignment):
    said, table = what_students_read(assignment), contract(assignment)
    unsaid = {}
    for name in hidden_tests(assignment):
        words = table.get(name, "")
        words = words if isinstance(words, str) else words.get(assignment.track.id, "")
        words = RULES.get(words, words)
        if not words or _plain(words) not in said:
            unsaid[name] = words
    assert unsaid == {}


@pytest.mark.parametrize("exercise", {a.exercise.id: a.exercise for a in ASSIGNMENTS}.values(), ids=lambda e: e.id)
def test_the_contract_speaks_of_hidden_tests_that_there_are(exercise):
    mine = [a for a in ASSIGNMENTS if a.exercise.id == exercise.id]
    known = {name for assignment in mine for name in hidden_tests(assignment)}
    assert set(contract(mine[0])) == known
    words = [w for one in contract(mine[0]).values() for w in (one.values() if isinstance(one, dict) else [one])]
    assert not [w for w in words if w.startswith("@") and w not in RULES]
    assert all(len(w) > 12 for w in words if w not in RULES)
