"""Finding a student's cells again in notebooks that came back changed."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.timing import cpu_time_below

from autograder.submission import matching

PARTS = [SimpleNamespace(id=i, symbol=s) for i, s in (("one", "first"), ("two", "second"), ("three", "Third"))]


def cell(grade_id, source):
    ours = {"grade_id": grade_id, "locked": not grade_id.startswith("answer")}
    return {"cell_type": "code", "id": f"id-{grade_id}", "metadata": {"nbgrader": ours}, "source": source}


def solution(head, body):
    return f"{head}\n    ### BEGIN SOLUTION\n    {body}\n    ### END SOLUTION"


SOURCE = [
    {"cell_type": "markdown", "id": "t", "metadata": {}, "source": "# Title"},
    cell("setup-imports", "import torch\nfrom course import check"),
    cell("answer-one", solution("def first(x):", "return 'secret'")),
    cell("test-one", 'check("one")'),
    cell("answer-two", solution("def second(x):", "return 'secret'")),
    cell("test-two", 'check("two")'),
    cell("demo-two", "draw(second)"),
    cell("answer-three", "class Third:\n    def go(self):\n        ### BEGIN SOLUTION\n        return 'secret'\n"
                         "        ### END SOLUTION"),
    cell("test-three", 'check("three")'),
]  # fmt: skip
ANSWERS = {
    "answer-one": "def first(x):\n    return x",
    "answer-two": "def second(x):\n    return 2 * x",
    "answer-three": "class Third:\n    def go(self):\n        return 3",
}


def notebook():
    cells = copy.deepcopy(SOURCE)
    for c in cells:
        c["source"] = ANSWERS.get(matching.grade_id_of(c), c["source"])
    return cells


def by_id(cells, grade_id):
    return next(c for c in cells if matching.grade_id_of(c) == grade_id)


def own(source, kind="code"):
    return {"cell_type": kind, "metadata": {}, "source": source}


def run(cells):
    found = matching.match(cells, SOURCE, PARTS)
    assert "secret" not in "".join(c.source for c in found)
    ids = [c.grade_id for c in found if c.grade_id]
    assert sorted(ids) == sorted(c for c in map(matching.grade_id_of, SOURCE) if c), "every released cell, once"
    order = [c.grade_id or c.role for c in found]
    assert order.index("setup-imports") < min(i for i, name in enumerate(order) if name.startswith("answer-"))
    return found


def answers(found):
    return {c.grade_id: c.source for c in found if c.role == "answer"}


def flags(cells):
    return set(run(cells).flags)


def test_a_notebook_that_came_back_whole_is_as_it_was():
    found = run(notebook())
    assert answers(found) == ANSWERS and not found.flags and not found.remarks
    assert [c.index for c in found] == list(range(len(SOURCE)))


def test_without_any_metadata_answers_are_found_by_their_names():
    cells = [own(c["source"], c["cell_type"]) for c in notebook()]
    assert answers(run(cells)) == ANSWERS and flags(cells) == {"lost-metadata"}


def test_cell_ids_of_the_format_are_enough():
    cells = notebook()
    for c in cells:
        c["metadata"] = {}
    by = next(c for c in cells if c["id"] == "id-answer-one")
    by["source"] = "def frist(x): return x"
    assert answers(run(cells))["answer-one"] == "def frist(x): return x"


@pytest.mark.parametrize("where", range(9))
def test_a_copy_of_the_stub_never_undoes_an_answer(where):
    cells = notebook()
    stub = cell("answer-two", matching.stub(by_id(SOURCE, "answer-two")["source"]))
    cells.insert(where, stub)
    found = run(cells)
    assert answers(found) == ANSWERS
    assert [c.role for c in found if "NotImplementedError" in c.source] == ["spare"]


def test_of_two_answers_the_last_counts():
    cells = notebook()
    cells.append(cell("answer-two", "def second(x):\n    return 'better'"))
    assert "better" in answers(run(cells))["answer-two"] and flags(cells) == {"duplicated-cells"}


def test_a_second_copy_of_a_test_is_left_out():
    cells = notebook()
    cells.append(copy.deepcopy(by_id(cells, "test-one")))
    assert [c.role for c in run(cells)].count("spare") == 1


def test_deleted_cells_come_back_where_they_were():
    cells = [c for c in notebook() if matching.grade_id_of(c) in ("answer-one", "answer-three")]
    assert [c.grade_id for c in run(cells)] == [
        "setup-imports", "answer-one", "test-one", "answer-two", "test-two", "demo-two", "answer-three", "test-three",
    ]  # fmt: skip
    assert answers(run(cells))["answer-two"] == "" and {"restored-cells", "missing-answers"} == flags(cells)


def test_two_answers_in_one_cell():
    cells = notebook()
    by_id(cells, "answer-one")["source"] += "\n\n" + ANSWERS["answer-two"]
    cells.remove(by_id(cells, "answer-two"))
    found = run(cells)
    assert "def second" in answers(found)["answer-one"] and answers(found)["answer-two"].startswith("#")
    assert found.flags == ["merged-cells"]


def test_an_answer_over_several_cells_runs_in_its_order():
    cells = notebook()
    at = cells.index(by_id(cells, "answer-three"))
    cells.insert(at, own("def helper():\n    return 3"))
    cells.insert(at + 2, own("def go(self):\n    return helper()\nThird.go = go"))
    assert [c.role for c in run(cells)][at : at + 3] == ["own", "answer", "own"]


def test_swapped_answers_are_told_apart():
    cells = notebook()
    one, two = by_id(cells, "answer-one"), by_id(cells, "answer-two")
    one["source"], two["source"] = two["source"], one["source"]
    assert answers(run(cells)) == ANSWERS and flags(cells) == {"moved-answers"}


@pytest.mark.parametrize("locked", ["setup-imports", "test-one", "demo-two"])
def test_an_answer_written_into_an_instructors_cell(locked):
    cells = notebook()
    by_id(cells, locked)["source"] += "\n" + ANSWERS["answer-two"]
    by_id(cells, "answer-two")["source"] = matching.stub(by_id(SOURCE, "answer-two")["source"])
    found = run(cells)
    assert answers(found)["answer-two"] == ANSWERS["answer-two"]
    assert next(c for c in found if c.grade_id == locked).source == by_id(SOURCE, locked)["source"]


def test_imports_added_to_the_setup_are_kept_and_what_was_taken_out_is_put_back():
    cells = notebook()
    by_id(cells, "setup-imports")["source"] = "import math\n%matplotlib inline\nfrom course import check"
    found = run(cells)
    assert [(c.role, c.source) for c in found][1:3] == [
        ("setup", "import torch\nfrom course import check"),
        ("own", "import math"),
    ]


def test_playing_with_a_demonstration_is_nobodys_business():
    cells = notebook()
    by_id(cells, "demo-two")["source"] = "import seaborn\ndraw(second, colour='red')"
    assert not run(cells).flags and "seaborn" not in "".join(c.source for c in run(cells))


def test_what_is_tried_in_a_cell_to_explore_is_never_run_and_costs_nothing():
    explore = cell("explore-two", "draw(second)")
    explore["metadata"]["nbgrader"]["locked"] = False
    released = [*SOURCE, explore]
    for tried in ("1 / 0", "draw(second(", "import os\nos._exit(1)", ""):
        cells = [*notebook(), {**copy.deepcopy(explore), "source": tried}]
        found = matching.match(cells, released, PARTS)
        assert answers(found) == ANSWERS and not found.flags and not found.remarks
        assert [(c.role, c.source) for c in found][-1] == ("demo", "draw(second)"), "it is not among the roles that run"
    assert "demo" not in matching.RUN


def test_an_experiment_after_the_check_does_not_overtake_the_answer():
    cells = notebook()
    cells.append(own("def first(x):\n    return 'an idea'"))
    assert answers(run(cells)) == ANSWERS and run(cells).cells[-1].role == "spare"


def test_code_that_does_not_parse_still_finds_its_place():
    cells = [own("def first(x:\n    return"), own(ANSWERS["answer-two"])]
    assert answers(run(cells))["answer-one"].startswith("def first(x:")


HUGE = ["x = 1\n" * 30_000, "x = " + "1+" * 5_000 + "1", "x = " + "(" * 500, "if 1:\n x\n" * 9_000, "\n" * 300_000]


@pytest.mark.parametrize("added", HUGE, ids=["lines", "deep", "open", "ifs", "empty"])
def test_a_huge_cell_takes_no_long_time(added):
    cells = notebook()
    by_id(cells, "setup-imports")["source"] += "\n" + added
    cells += [own(added)] * 20
    with cpu_time_below(20):
        run(cells)


def test_setup_moved_to_the_end_runs_first():
    cells = notebook()
    cells.append(cells.pop(1))
    run(cells)


def test_a_restored_notebook_is_sound():
    found = matching.match([own("x = 1")], SOURCE, PARTS)
    cells = matching.restore(found, SOURCE)
    assert "secret" not in str(cells)
    assert by_id(cells, "answer-one")["source"] == "def first(x):\n    raise NotImplementedError"
    assert len({c["id"] for c in cells}) == len(cells)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["source", "cell_type", "metadata", "nbgrader", "grade_id", "id", "x"]), inner, max_size=4
    ),
    max_leaves=8,
)  # fmt: skip
sources = st.sampled_from(
    [*ANSWERS.values(), *(c["source"] for c in notebook()), "", "%%time\nx", "first = second = lambda x: x", "\0", "("]
)
ids = st.sampled_from([*(matching.grade_id_of(c) for c in SOURCE), "other"])
real = st.builds(
    lambda source, grade_id, kind: {
        "cell_type": kind, "source": source, "metadata": {"nbgrader": {"grade_id": grade_id}}
    },
    sources, ids, st.sampled_from(["code", "markdown"]),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(real | junk, max_size=12))
def test_nothing_that_can_be_in_a_file_stops_it(cells):
    found = run(cells)
    matching.restore(found, SOURCE)


@pytest.mark.parametrize("cells", [None, 3, "x", {}])
def test_even_no_list_of_cells(cells):
    assert answers(run(cells)) == dict.fromkeys(ANSWERS, "")
