"""Lessons become source notebooks: what is in them, that they are fresh, and what a mistaken author is told."""

from __future__ import annotations

import base64
import json
import re
import shutil
import struct
import zlib
from pathlib import Path

import nbformat
import pytest

from autograder import paths
from autograder.authoring import build
from autograder.errors import AuthoringError
from autograder.notebooks.lessons import overview, pull_symbol, read_lesson
from course.syllabus import syllabus

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENTS = list(syllabus().assignments())
ONE = "self-attention-pytorch"


@pytest.fixture
def course(tmp_path) -> Path:
    """A copy of what notebooks are made of, to be spoiled."""
    for folder in ("course", "solutions", "source"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has changed: {old}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def read(assignment: str) -> nbformat.NotebookNode:
    return nbformat.read(build.source_path(ROOT, syllabus().assignment(assignment)), as_version=4)


def outputs(notebook) -> list[tuple[str, dict]]:
    return [(cell.id, output) for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


# -- the notebooks as they are committed ------------------------------------------------------------------------------


def test_the_committed_notebooks_are_fresh():
    assert len(build.build(ROOT, check=True)) == len(syllabus().released())


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_cells_have_the_roles_and_points_of_the_contract(name):
    assignment, notebook = syllabus().assignment(name), read(name)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    wanted = {"assignment": name, "exercise": assignment.exercise.id, "track": assignment.track.id, "language": "en"}
    assert wanted.items() <= dict(notebook.metadata.course).items()
    points, answers = {}, {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not cell.metadata
            continue
        data = cell.metadata.nbgrader
        role, _dash, part = data.grade_id.partition("-")
        assert cell.id == data.grade_id and data.schema_version == 3 and data.task is False
        assert (data.grade, data.solution, data.locked) == {
            "setup": (False, False, True),
            "demo": (False, False, True),
            "explore": (False, False, False),
            "answer": (False, True, False),
            "test": (True, False, True),
        }[role]
        if role == "test":
            points[part] = data.points
            assert cell.source == f'check("{part}")'
        if role == "answer":
            answers[part] = cell.source
    assert points == {part.id: part.points for part in assignment.exercise.parts}
    symbols = {part.symbol for part in assignment.exercise.parts}
    assert len(answers) == len(symbols)
    for part, source in answers.items():
        symbol = assignment.exercise.part(part).symbol
        assert source == pull_symbol(paths.solution(ROOT, assignment), symbol)
        assert source.count("### BEGIN SOLUTION") == source.count("### END SOLUTION") >= 1


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_outputs_show_passed_checks_and_two_figures_and_nothing_of_the_machine(name):
    notebook = read(name)
    shown = outputs(notebook)
    diagrams = sum(cell.id.startswith("figure-") for cell in notebook.cells)
    assert diagrams + sum("image/png" in output.get("data", {}) for _id, output in shown) >= 2
    assert not [cell for cell, _output in shown if cell.startswith("explore-")], "no two runs need to agree"
    for cell, output in shown:
        assert output.output_type in ("stream", "display_data") and output.get("name") != "stderr"
        if cell.startswith("test-"):
            assert "checks passed" in output.data["text/plain"] and "✗" not in output.data["text/plain"]
    text = json.dumps(shown)
    assert str(ROOT) not in text and "/tmp/" not in text and "/home/" not in text


@pytest.mark.parametrize("exercise", list(syllabus().exercises))
def test_both_tracks_tell_the_same_story(exercise):
    tracks = [read_lesson(ROOT, syllabus().assignment(f"{exercise}-{track}")) for track in syllabus().tracks]
    code = [[(cell.role, cell.name) for cell in cells if cell.role] for cells in tracks]
    assert code[0] == code[1]
    texts = [[re.sub(r"^```.*?^```", "", c.source, flags=re.M | re.S) for c in cells if not c.role] for cells in tracks]
    headings = [[line for text in of for line in text.splitlines() if line[:1] == "#"] for of in texts]
    assert headings[0] == headings[1]


@pytest.mark.parametrize("exercise", [*syllabus().exercises, *syllabus().by_hand])
def test_a_lesson_takes_up_the_one_before_and_names_the_one_after(exercise):
    order = sorted([*syllabus().exercises.values(), *syllabus().by_hand.values()], key=lambda e: e.number)
    place = [e.id for e in order].index(exercise)
    text = paths.lesson(ROOT, syllabus().assignment(f"{exercise}-pytorch").exercise).read_text(encoding="utf-8")
    opening, closing = text.split("\n## ")[0], text.rpartition("\n## ")[2]
    if place:
        assert f"{{{{ number {order[place - 1].id} }}}}" in opening
    if place + 1 < len(order):
        assert f"**Next:** exercise {{{{ number {order[place + 1].id} }}}}" in closing
        assert "\n## Review and self-study\n" in text and closing.startswith("Challenge\n")


def test_the_overview_has_every_exercise_and_its_facts():
    text, source = overview(ROOT), paths.overview(ROOT).read_text(encoding="utf-8")
    assert "{{" not in text and syllabus().title in text
    for exercise in (*syllabus().exercises.values(), *syllabus().by_hand.values()):
        assert f"| {exercise.number} | {exercise.title} |" in text
        assert exercise.title not in source, "it comes from the syllabus"


def test_a_fact_of_the_overview_that_is_none_is_reported_with_its_place(course):
    edit(paths.overview(course), "{{ title self-attention }}", "{{ title self-atention }}")
    lines = paths.overview(course).read_text(encoding="utf-8").splitlines()
    line = next(n for n, text in enumerate(lines, 1) if "self-atention" in text)
    with pytest.raises(AuthoringError, match=rf"overview\.md:{line}: unknown name {{{{ title self-atention }}}}"):
        overview(course)


# -- staleness --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("course/exercises/self_attention/lesson.md", "Think of a library.", "Think of a shop.", "differs"),
        (
            "solutions/self_attention/pytorch.py",
            "weights = torch",
            "weights  = torch",
            "cell answer-scaled-dot-product",
        ),
        ("solutions/self_attention/pytorch.py", "import math", "import math  # a remark", "have changed since"),
        ("course/exercises/self_attention/checks.py", "by hand", "by foot", "have changed since"),
        (
            "source/self-attention-pytorch/self-attention.ipynb",
            '"points": 6',
            '"points": 7',
            "cell test-scaled-dot-product",
        ),
        (
            "source/self-attention-pytorch/self-attention.ipynb",
            '"execution_count": 3',
            '"execution_count": null',
            "not been run",
        ),
        ("source/self-attention-pytorch/self-attention.ipynb", "{", "[", "it is no notebook"),
    ],
)
def test_a_stale_notebook_is_noticed(course, file, old, new, reason):
    if file.endswith("checks.py"):
        old = new = ""
        path = course / file
        path.write_text(path.read_text(encoding="utf-8") + "# a remark\n", encoding="utf-8")
    edit(course / file, old, new)
    with pytest.raises(AuthoringError, match="autograder build") as caught:
        build.build(course, [ONE], check=True)
    assert reason in str(caught.value) and ONE in str(caught.value)


def test_figures_of_one_lesson_make_its_notebooks_stale_and_no_others(course):
    assert build.build(course, [ONE], check=True)
    with (course / "course" / "figures.py").open("a", encoding="utf-8") as module:
        module.write("# a remark\n")
    assert build.build(course, ["multi-head-attention-pytorch"], check=True)
    with pytest.raises(AuthoringError, match="have changed since"):
        build.build(course, [ONE], check=True)


def ends_in_a_run(monkeypatch) -> list[str]:
    """The assignments that are run from now on, which none is in truth."""
    run: list[str] = []

    def execute(_root, assignment, notebook):
        run.append(assignment.id)
        return notebook

    monkeypatch.setattr(build, "execute", execute)
    return run


def test_other_words_keep_the_outputs(course, monkeypatch):
    run = ends_in_a_run(monkeypatch)
    edit(course / "course" / "exercises" / "self_attention" / "lesson.md", "Think of a library.", "Think of a shop.")
    (path,) = build.build(course, [ONE])
    built, committed = nbformat.read(path, as_version=4), read(ONE)
    assert not run and "Think of a shop." in "".join(cell.source for cell in built.cells)
    assert outputs(built) == outputs(committed)
    assert build.build(course, [ONE], check=True) == [path]
    build.build(course, [ONE], force=True)
    assert run == [ONE]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("course/exercises/self_attention/lesson.md", 'title="Who looks at whom"', 'title="Who sees whom"'),
        ("course/plots.py", '"""The figures of the lessons', '"""All figures of the lessons'),
        ("source/self-attention-pytorch/self-attention.ipynb", '"execution_count": 3', '"execution_count": null'),
    ],
)
def test_other_code_is_run(course, monkeypatch, file, old, new):
    run = ends_in_a_run(monkeypatch)
    edit(course / file, old, new)
    build.build(course, [ONE])
    assert run == [ONE]


def test_another_cell_to_explore_is_written_and_nothing_is_run(course, monkeypatch):
    run = ends_in_a_run(monkeypatch)
    edit(course / "course" / "exercises" / "self_attention" / "lesson.md", "[32, 128, 512]", "[16, 64]")
    with pytest.raises(AuthoringError, match="cell explore-times differs"):
        build.build(course, [ONE], check=True)
    (path,) = build.build(course, [ONE])
    built = nbformat.read(path, as_version=4)
    (cell,) = [cell for cell in built.cells if cell.id == "explore-times"]
    assert "[16, 64]" in cell.source and not cell.outputs and cell.execution_count is None
    assert not run and outputs(built) == outputs(read(ONE))


def test_a_missing_notebook_is_noticed(course):
    shutil.rmtree(course / "source" / ONE)
    with pytest.raises(AuthoringError, match="does not exist"):
        build.build(course, [ONE], check=True)


def test_building_gives_the_committed_bytes_but_for_the_pixels(course):
    path = build.source_path(course, syllabus().assignment(ONE))
    path.unlink()
    assert build.build(course, [ONE]) == [path]
    once = path.read_bytes()
    assert build.build(course, [ONE]) == []  # it is fresh
    built = nbformat.reads(once.decode(), as_version=4)
    for notebook in (built, committed := read(ONE)):
        for _id, output in outputs(notebook):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = ""
    assert built == committed


@pytest.mark.slow
def test_a_full_check_runs_the_notebook_and_compares_what_it_shows(course):
    path = build.source_path(course, syllabus().assignment(ONE))
    assert build.build(course, [ONE], check=True, full=True) == [path]
    edit(path, "all 4 checks passed", "all 2 checks passed")
    assert build.build(course, [ONE], check=True) == [path]
    with pytest.raises(AuthoringError, match="the output of cell test-"):
        build.build(course, [ONE], check=True, full=True)


def test_a_cell_that_fails_stops_the_build_and_is_shown(course):
    edit(
        course / "course" / "exercises" / "self_attention" / "lesson.md",
        "generator = torch.Generator()",
        "generator = torch.Gen()",
    )
    before = build.source_path(course, syllabus().assignment(ONE)).read_bytes()
    with pytest.raises(AuthoringError, match="a cell fails") as caught:
        build.build(course, [ONE])
    assert "torch.Gen()" in str(caught.value) and "\x1b" not in str(caught.value)
    assert build.source_path(course, syllabus().assignment(ONE)).read_bytes() == before


# -- what a mistaken author is told -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (":answer: causal-mask", ":answer: casual-mask", "has no part 'casual-mask'; there is: scaled-dot-product"),
        (":test: causal-mask", ":demo: causal-mask", "the syllabus has the parts"),
        (":answer: causal-mask", ":demo: causal", "causal_mask is asked for in 0 answer cells"),
        (":demo: why-scale\n:tags: [pytorch]", ":tags: [pytorch]", "says what it is by one of :setup:"),
        (":demo: masks", ":demo: sentence", "there is a cell demo-sentence already, at line"),
        (":test: causal-mask\n", ":test: causal-mask\n1 + 1\n", "is empty; its content comes from elsewhere"),
        ("{{ points causal-mask }}", "{{ points casual-mask }}", "unknown name {{ points casual-mask }}"),
        (":tags: [tensorflow]", ":tags: [tensorflowers]", "unknown tag 'tensorflowers'"),
        ("jupytext:\n", "jupytext: [\n", "cannot be read as a MyST notebook"),
    ],
)
def test_a_mistake_in_a_lesson_is_reported_with_its_place(course, old, new, says):
    path = course / "course" / "exercises" / "self_attention" / "lesson.md"
    edit(path, old, new)
    with pytest.raises(AuthoringError) as caught:
        build.build(course, [ONE])
    assert says in str(caught.value) and str(path) in str(caught.value)


def test_the_line_of_a_mistake_is_the_right_one(course):
    path = course / "course" / "exercises" / "self_attention" / "lesson.md"
    edit(path, ":answer: causal-mask", ":answer: casual-mask")
    line = (
        path.read_text(encoding="utf-8").splitlines().index(":answer: casual-mask")
    )  # counted from 0: the fence, from 1
    with pytest.raises(AuthoringError, match=rf"self_attention/lesson\.md:{line}: "):
        build.build(course, [ONE])
    edit(path, ":answer: casual-mask", ":answer: causal-mask")
    edit(path, "Write `padding_mask(ids, pad_id=0)`.", "Write {{ nonsense }}.")
    line = path.read_text(encoding="utf-8").splitlines().index("Write {{ nonsense }}.") + 1
    with pytest.raises(AuthoringError, match=rf"self_attention/lesson\.md:{line}: unknown name"):
        build.build(course, [ONE])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("def causal_mask(", "def casual_mask(", "does not define causal_mask"),
        ("    ### END SOLUTION\n", "", "mark its body"),
        ("def causal_mask(", "def causal_mask((", "self_attention/pytorch.py:"),
    ],
)
def test_a_mistake_in_a_solution_is_reported(course, old, new, says):
    edit(course / "solutions" / "self_attention" / "pytorch.py", old, new)
    with pytest.raises(AuthoringError, match=r"self_attention/pytorch\.py") as caught:
        build.build(course, [ONE])
    assert says in str(caught.value)


def test_missing_files_and_unknown_assignments_are_reported(course):
    with pytest.raises(
        AuthoringError, match="no assignment is called 'nonsense'; there is: additive-attention-pytorch"
    ):
        build.build(course, ["nonsense"])
    assignment = syllabus().assignment(ONE)
    paths.solution(course, assignment).unlink()
    with pytest.raises(AuthoringError, match=r"solutions/self_attention/pytorch\.py is missing"):
        build.build(course, [ONE])
    paths.lesson(course, assignment.exercise).unlink()
    with pytest.raises(AuthoringError, match=r"course/exercises/self_attention/lesson\.md.* missing"):
        build.build(course, [ONE])


def test_pulling_a_symbol_takes_decorators_and_the_closing_comment(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import a\n\n@a.b\ndef f():\n    # why\n    return 1\n    ### END SOLUTION\n\n\n@a.b\nclass C:\n    pass\n"
    )
    assert pull_symbol(path, "f") == "@a.b\ndef f():\n    # why\n    return 1\n    ### END SOLUTION"
    assert pull_symbol(path, "C") == "@a.b\nclass C:\n    pass"
    with pytest.raises(LookupError):
        pull_symbol(path, "a")


def test_figures_keep_their_pixels_and_lose_their_notes():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    start, end = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)), chunk(b"IDAT", b"pixels") + chunk(b"IEND", b"")
    noted = start + chunk(b"tEXt", b"Software\0somebody 1.2") + chunk(b"tIME", bytes(7)) + end
    output = nbformat.from_dict({"data": {"image/png": base64.b64encode(noted).decode()}})
    assert base64.b64decode(build._clean(output)["data"]["image/png"]) == start + end
