"""Cells are run as in Jupyter: IPython's syntax, its names, and what it keeps from one cell for the next.

Everything here is read as a hand-in is, and runs in a real contestant behind its walls.
"""

from __future__ import annotations

import pytest

from autograder.judging.replies import describe_error, notes_from
from autograder.judging.student import Student
from autograder.workers import worker_messages
from course.python_source import chunks, plain_python


@pytest.fixture(scope="module")
def place(workshop):
    return workshop.place()


@pytest.fixture
def run(place):
    """Run cells one after another; their outcomes."""
    students = []

    def run(*sources: str) -> list[dict]:
        cells = [{"label": f"cell {n}", "source": plain_python(source)} for n, source in enumerate(sources, 1)]
        students.append(Student(place, cells, []))
        return students[-1].load()

    yield run
    for student in students:
        student.close()


def printed(outcomes: list[dict]) -> str:
    assert [o["error"] for o in outcomes] == [None] * len(outcomes)
    return "".join(o["output"] for o in outcomes)


@pytest.mark.parametrize(
    ("cells", "output"),
    [
        (["%time x = 3\nprint(x)"], "3"),
        (["%%time\nx = 4", "print(x)"], "4"),
        (["\n\n%%capture kept --no-stderr\nx = 5", "kept.show()\nprint(x, repr(kept.stdout))"], "5 ''"),
        (["y = %time 2 + 3\nprint(y)"], "5"),
        (["!pip install -q \\\n    tqdm \\\n    pandas\nx = 6", "print(x)"], "6"),
        (["files = !ls\nprint(files, files.n, len(files.l))"], "[]  0"),
        (["here = %pwd\nprint(here)"], "None"),
        (["print?\nstr.join??\n?print\n%matplotlib?\nprint(7)"], "7"),
        ([">>> def f(x):\n...     return x + 1\n>>> y = f(7)", "print(y)"], "8"),
        (["In [3]: x = 9\n   ...: y = x", "print(y)"], "9"),
        (["    x = 10\n    y = x", "print(y)"], "10"),
        (["%matplotlib inline\n%load_ext autoreload\n%autoreload 2\n%timeit sum(range(9))\nprint(11)"], "11"),
        (["get_ipython().run_line_magic('time', 'x = 12')", "print(x)"], "12"),
        (["get_ipython().run_cell_magic('time', '', 'x = 13\\n')", "print(x)"], "13"),
        (["get_ipython().magic('matplotlib inline')\nget_ipython().run_cell('x = 14')", "print(x)"], "14"),
        (["from IPython import get_ipython\nget_ipython().run_line_magic('matplotlib', 'inline')\nprint(15)"], "15"),
        (["from IPython.display import display as show\nshow(16)"], "16"),
        (["display('a', 17)", "display(1, display_id=True).update(18)"], "a\n17\n1\n18"),
        (["3 * 4", "print(_ + 1, Out[1], len(In))"], "13 12 3"),
        (["1", "2", "3", "print(_, __, ___)"], "3 2 1"),
        (["5;", "None", "print(_)"], "5"),
        (["from __future__ import annotations", "def f(x: Unknown): return x\nprint(f.__annotations__)"], "'Unknown'"),
        (["import asyncio\nawait asyncio.sleep(0)\nx = 19", "print(x)"], "19"),
        (["async def f(): return 20", "await f()", "print(_)"], "20"),
        (["%%html\n<b>bold</b>", "print(21)"], "21"),
        (["display = print", "display(22)"], "22"),
        (
            [
                "from IPython.core.magic import register_line_magic\n@register_line_magic\ndef twice(line):\n"
                "    return 2 * line",
                "print(get_ipython().run_line_magic('twice', 'ab'))\nx = %twice c\nprint(x)",
            ],
            "abab\ncc",
        ),
    ],
)
def test_what_runs_in_jupyter_runs_here(run, cells, output):
    assert output in printed(run(*cells))


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("!git clone https://example.org/x\nx = 1", worker_messages.COMMAND_NOT_RUN.said(command="git clone https://example.org/x")),
        ("%run helpers.py\nx = 1", worker_messages.MAGIC_NOT_RUN.said(magic="%run helpers.py")),
        ("%no_such_magic\nx = 1", worker_messages.MAGIC_NOT_RUN.said(magic="%no_such_magic")),
        ("name = input('your name: ')\nx = 1 if name == '' else 2", worker_messages.NO_INPUT.said()),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_and_the_cell_goes_on(run, cell, said):
    first, second = run(cell, "print(x)")
    assert first["error"] is None and second["output"] == "1\n"
    assert first["notes"] == [said] and second["notes"] == []


def test_a_cell_in_another_language_is_passed_over_with_a_note(run):
    first, second = run("%%bash\nls", "%%writefile helper.py\nx = 1")
    assert first["notes"] == [worker_messages.MAGIC_NOT_RUN.said(magic="%%bash")]
    assert second["notes"] == [worker_messages.MAGIC_NOT_RUN.said(magic="%%writefile helper.py")]


def test_packages_are_installed_without_a_word(run):
    (outcome,) = run("!pip install torch\n!python -m pip install x\n%pip install y\n%conda install z")
    assert outcome["error"] is None and outcome["notes"] == []


def test_a_loop_that_waits_for_a_word_ends(run):
    first, _ = run("while input('more? ') != 'no':\n    pass", "x = 1")
    assert first["error"].types[0] == "EOFError" and "nobody is there to type" in first["error"].message


def test_input_in_a_function_says_that_nobody_is_there(workshop):
    from autograder.judging.program import Program

    with workshop.inside() as inside:
        inside.define("def ask(x):\n    return input()")
        assert "nobody is there to type" in describe_error(inside.run(Program.function("ask", 1)).error)


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("!pip install \\\n  tqdm\n\n1 / 0", 4),
        ("\n\n%%time\n1 / 0", 4),
        (">>> x = 1\n>>> 1 / 0", 2),
        ("%time 1 / 0", 1),
        ("x = !ls \\\n  -l\ny?\n1 / 0", 4),
        ("x = 1\n%matplotlib inline\n!echo \"it's (\n%time y = 2\n1 / 0", 5),
    ],
)
def test_an_error_is_told_in_the_line_of_the_students_cell(run, cell, line):
    (outcome,) = run(cell)
    assert (outcome["error"].types[0], outcome["error"].line) == ("ZeroDivisionError", line)
    assert plain_python(cell).count("\n") == cell.count("\n")


def test_an_error_of_a_script_is_told_in_its_own_line_and_the_rest_runs(run, place):
    script = "x = 1\n\n# In[2]:\n\ndef f():\n    return 1 / 0\n\n# In[3]:\n\nx = (\n\n# %%\nprint('goes on')\nf()\n"
    pieces = [{"label": "ann.py", "source": plain_python(piece)} for piece in chunks(script)]
    student = Student(place, pieces, [])
    outcomes = student.load()
    student.close()
    assert [o["output"] for o in outcomes] == ["", "", "", "goes on\n"]
    assert outcomes[2]["error"].types[0] == "SyntaxError" and outcomes[2]["error"].line == 10
    error = outcomes[3]["error"]
    assert (error.cell, error.line, error.source) == ("ann.py", 6, "return 1 / 0")


def test_an_import_that_fails_in_a_script_costs_what_needs_it(run, place):
    script = "import no_such_package as n\nimport math\n\nprint(math.floor(2.5))\n\ndef f():\n    return n.x\n\nf()\n"
    pieces = [{"label": "ann.py", "source": plain_python(piece)} for piece in chunks(script)]
    student = Student(place, pieces, [])
    outcomes = student.load()
    student.close()
    errors = [o["error"] and (o["error"].types[0], o["error"].line) for o in outcomes]
    assert errors == [("ModuleNotFoundError", 1), None, ("NameError", 7)]
    assert outcomes[2]["output"] == "2\n"


def test_notes_of_no_harness_of_ours_are_left_out():
    assert notes_from("x") == notes_from([1, {"id": "NO_SUCH"}, {"id": "MAGIC_NOT_RUN", "values": {"x": "y"}}]) == []
    assert len(notes_from([worker_messages.NO_INPUT.said().header()] * 100)) == 20
