"""The hidden tests grade right and the catalogue of misconceptions fits: what `autograder verify` claims.

For each assignment, everything is graded once, through the whole chain (notebook, sandbox, judge, diagnosis): the
solution, the released notebook, the solution with each known mistake in it, and each accepted alternative. The file
opens with what can be said without grading anything.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict

import pytest
from support.marks import TRAINING

from autograder import paths
from autograder.grading.grader import solution_source
from autograder.judging.catalogue import CatalogueError, catalogue, parse
from autograder.paths import ROOT
from autograder.proof.verify import alternatives, verify
from course.syllabus import syllabus

EXERCISES = [e for e in syllabus().exercises.values() if paths.hidden_tests(ROOT, e).exists()]
ASSIGNMENTS = [a for a in syllabus().assignments().values() if a.exercise in EXERCISES]
# One hidden test serves both tracks, and Keras is several times slower: its mistakes are for the slow suite, and so are
# those in exercises whose tests train models, every other one where there are many, and most of what is accepted in
# Keras or where models train. All else is put to both tracks in the quick one.
MANY = ("additive-attention", "bert-pretraining")
MISTAKES = [
    pytest.param(
        assignment,
        mistake,
        id=f"{assignment.id}-{mistake.id}",
        marks=[]
        if assignment.track.id == "pytorch"
        and assignment.exercise.id not in TRAINING
        and not (assignment.exercise.id in MANY and number % 2)
        else [pytest.mark.slow],
    )
    for assignment in ASSIGNMENTS
    for number, mistake in enumerate(catalogue(assignment.exercise.id))
    if assignment.track.id in mistake.changes
]


def quick_alternatives(assignment) -> int:
    """How many of an assignment's alternatives are for the quick suite."""
    if assignment.exercise.id in TRAINING:
        return 4 if assignment.track.id == "pytorch" else 0
    return 12 if assignment.track.id == "pytorch" else 6


# -- the catalogue, by itself -----------------------------------------------------------------------------------------

EXERCISE = syllabus().exercise("self-attention")
ENTRY = """
[[mistake]]
id = "an-entry"
part = "causal-mask"
weight = "slip"
title = "A title"
hint = "A hint."
[mistake.pytorch]
replace = [["positions[:, None] >=", "positions[:, None] >"]]
"""


def test_a_catalogue_is_read():
    (mistake,) = parse(ENTRY, EXERCISE, "file.toml")
    assert (mistake.id, mistake.part, mistake.also) == ("an-entry", "causal-mask", ())
    assert (mistake.weight, mistake.cost) == ("slip", syllabus().weights["slip"])
    assert list(mistake.changes) == ["pytorch"]
    changed = mistake.changes["pytorch"].apply(solution_source(syllabus().assignment("self-attention-pytorch")))
    assert "positions[:, None] > positions[None, :]" in changed


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('part = "causal-mask"', 'part = "casual-mask"', "unknown part 'casual-mask'"),
        ('title = "A title"', 'title = " "', "title is missing"),
        ('weight = "slip"\n', "", "weight is missing"),
        ('weight = "slip"', 'weight = "trifle"', "unknown weight 'trifle'; the syllabus has slip, serious"),
        ("[mistake.pytorch]", "[mistake.jax]", "unknown track or key 'jax'"),
        ("replace", "replaces", "a change has `replace` or `code`"),
        ('[["positions[:, None] >=", "positions[:, None] >"]]', '[["one text"]]', "list of pairs"),
        ('id = "an-entry"', 'id = "an-entry"\nalso = ["nowhere"]', "unknown part 'nowhere'"),
        ("[[mistake]]", "[[mistakes]]", "unknown entry"),
    ],
)  # fmt: skip
def test_an_entry_that_does_not_fit_is_refused(old, new, message):
    assert ENTRY.count(old) == 1
    with pytest.raises(CatalogueError, match=re.escape(message)) as error:
        parse(ENTRY.replace(old, new), EXERCISE, "file.toml")
    assert "file.toml" in str(error.value)


def test_two_entries_of_one_id_are_refused():
    with pytest.raises(CatalogueError, match="two entries"):
        parse(ENTRY + ENTRY, EXERCISE, "file.toml")


@pytest.mark.parametrize("source, count", [("nothing of the kind", 0), ("positions[:, None] >= 1\n" * 2, 2)])
def test_a_text_that_does_not_stand_exactly_once_is_an_error(source, count):
    (mistake,) = parse(ENTRY, EXERCISE, "file.toml")
    with pytest.raises(CatalogueError, match=f"file.toml: an-entry .pytorch.: .*occurs {count} times"):
        mistake.changes["pytorch"].apply(source)


@pytest.mark.parametrize("assignment, mistake", [pytest.param(*param.values, id=param.id) for param in MISTAKES])
def test_a_change_gives_a_module_and_redefines_whole_symbols(assignment, mistake):
    change = mistake.changes[assignment.track.id]
    ast.parse(change.apply(solution_source(assignment)))
    symbols = [node.name for node in ast.parse(change.code).body]
    if symbols:
        assert symbols == [assignment.exercise.part(mistake.part).symbol]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_every_part_has_mistakes_in_both_tracks(exercise):
    for part in exercise.parts:
        for track in syllabus().tracks:
            assert [m for m in catalogue(exercise.id) if m.part == part.id and track in m.changes], (part.id, track)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_hidden_tests_know_no_framework(exercise):
    for path in (paths.hidden_tests(ROOT, exercise), ROOT / "autograder" / "exercises" / "shared.py"):
        imported = {name for node in ast.walk(ast.parse(path.read_text())) for name in _imported(node)}
        names = {name.split(".")[0] for name in imported if not name.startswith("course.data")}  # data, no framework
        assert names <= {"__future__", "contextlib", "math", "numpy", "pytest", "random", "autograder"}


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) else []


# -- what is graded ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def finding(request, grader):
    """What became of one claim about an assignment; with the first, all of its kind are graded that are asked for."""
    asked, known = defaultdict(set), {}
    for item in request.session.items:
        if "finding" in item.fixturenames:
            given = item.callspec.params
            named = given.get("mistake") or given.get("path")
            asked[given["assignment"].id].add(getattr(named, "id", None) or getattr(named, "stem", None))

    def finding(assignment, kind, name):
        if (assignment.id, kind) not in known:
            names = asked[assignment.id] | {name}
            findings = verify([assignment], grader, lambda claim: claim.kind == kind and claim.name in names)
            known[assignment.id, kind] = {f.claim.name: f for f in findings}
        return known[assignment.id, kind][name]

    return finding


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda a: a.id)
def test_the_solution_earns_full_marks(finding, assignment):
    assert finding(assignment, "solution", "solution").problem is None


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda a: a.id)
def test_the_released_notebook_earns_nothing(finding, assignment):
    assert finding(assignment, "untouched", "released").problem is None


@pytest.mark.parametrize("assignment, mistake", MISTAKES)
def test_a_mistake_loses_points_in_its_part_alone_and_is_named(finding, assignment, mistake):
    found = finding(assignment, "mistake", mistake.id)
    assert found.problem is None
    assert found.named, "another mistake, or none, was named"


@pytest.mark.parametrize(
    "assignment, path",
    [
        pytest.param(
            a,
            path,
            id=f"{a.id}-{path.stem}",
            marks=[pytest.mark.slow] if number >= quick_alternatives(a) else [],
        )
        for a in ASSIGNMENTS
        for number, path in enumerate(alternatives(a))
    ],
)
def test_an_accepted_alternative_earns_full_marks(finding, assignment, path):
    assert finding(assignment, "alternative", path.stem).problem is None


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda a: a.id)
def test_there_are_alternatives(assignment):
    assert len(alternatives(assignment)) >= 12
