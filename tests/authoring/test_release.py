"""What students get: a notebook without answers, the course package, pinned requirements, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from autograder import cli
from autograder.authoring.leaks import _secrets, find_leaks
from autograder.authoring.release import release, release_course, requirements
from autograder.errors import AuthoringError
from course.syllabus import syllabus

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENTS = list(syllabus().assignments())
ONE = "self-attention-pytorch"
NEWS = {f"course/data/{file}.py" for file in ("__init__", "news", "news_vocabulary", "news_writer")}
BERT = {  # exercises with bert-mini, and the modules of ours that they come with besides
    "bert-pretraining": {f"course/models/{file}.py" for file in ("__init__", "masked_lm")},
    "bert-finetuning": {*NEWS, *(f"course/models/{file}.py" for file in ("__init__", "attention", "tiny"))},
}
WITH_BERT = [name for name, assignment in syllabus().assignments().items() if assignment.exercise.id in BERT]
BERT_MINI = {
    f"course/models/bert-mini/{file}"
    for file in ("README.md", "config.json", "model.safetensors", "tokenizer_config.json", "training.json", "vocab.txt")
}


@pytest.fixture(scope="module")
def zips(tmp_path_factory) -> dict[str, Path]:
    paths = release(ROOT, ASSIGNMENTS, tmp_path_factory.mktemp("release"))
    return dict(zip(ASSIGNMENTS, paths, strict=True))


@pytest.fixture(scope="module")
def one_zip(tmp_path_factory) -> dict[str, Path]:
    paths = release_course(ROOT, list(syllabus().released()), tmp_path_factory.mktemp("course"))
    return dict(zip(("pytorch", "tensorflow"), paths, strict=True))


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_zip_holds_what_a_student_needs_and_no_more(zips, name):
    exercise = syllabus().assignment(name).exercise
    with zipfile.ZipFile(zips[name]) as archive:
        assert all(info.filename.startswith(f"{name}/") for info in archive.infolist())
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o644}
    names = set(members(zips[name]))
    assert {
        f"{exercise.id}.ipynb",
        "README.md",
        "requirements.txt",
        "course/LICENSE",
        "course/__init__.py",
        "course/syllabus.toml",
    } <= names
    assert {n for n in names if n.startswith("course/exercises/")} == {
        "course/exercises/__init__.py",
        f"course/exercises/{exercise.module}/checks.py",
    }
    assert {n.partition("/")[0] for n in names} == {f"{exercise.id}.ipynb", "README.md", "requirements.txt", "course"}
    assert not any(n.endswith((".md", ".pyc")) for n in names if n.startswith("course/") and n not in BERT_MINI)


def test_the_readme_says_what_the_whole_lesson_teaches(zips):
    text = members(zips[ONE])["README.md"].decode()
    assert text.startswith("# 3. Self-attention") and "jupyter lab self-attention.ipynb" in text
    assert "## The lesson from beginning to end" in text and "| 8 | Fine-tuning BERT |" in text


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_data_and_model_come_with_the_exercise_that_uses_them_and_with_no_other(zips, name):
    extra = {n for n in members(zips[name]) if n.startswith(("course/data/", "course/models/"))}
    if name not in WITH_BERT:
        translates = name.startswith(("additive-attention", "encoder-decoder"))  # numbers in Danish and English
        assert extra == ({"course/data/__init__.py", "course/data/numbers.py"} if translates else set())
        assert zips[name].stat().st_size < 200_000
        return
    assert extra == BERT_MINI | BERT[syllabus().assignment(name).exercise.id]
    assert zips[name].stat().st_size < 4_000_000


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_notebook_is_a_students_one(zips, name):
    exercise = syllabus().assignment(name).exercise
    notebook = nbformat.reads(members(zips[name])[f"{exercise.id}.ipynb"].decode(), as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.course.assignment == name
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
            compile(cell.source, cell.id, "exec")
            if cell.id.startswith("answer-"):
                assert "raise NotImplementedError" in cell.source and '"""' in cell.source
            if cell.id.startswith("test-"):
                assert cell.metadata.nbgrader.checksum and cell.metadata.nbgrader.points > 0


@pytest.mark.parametrize("track", ["pytorch", "tensorflow"])
def test_one_zip_for_the_course_holds_what_the_zips_of_its_exercises_hold(zips, one_zip, track):
    found, named = members(one_zip[track]), [name for name in ASSIGNMENTS if name.endswith(track)]
    apart = {name: members(zips[name]) for name in named}
    for name, parts in apart.items():
        for member, content in parts.items():
            if member not in ("README.md", "requirements.txt"):
                assert found[member] == content, (name, member)
        assert set(parts["requirements.txt"].split()) <= set(found["requirements.txt"].split())
    beside = {"README.md", "requirements.txt", ".vscode/settings.json"}
    notebooks = {f"{syllabus().assignment(name).exercise.id}.ipynb" for name in ASSIGNMENTS}
    by_hand = {f"{exercise}.ipynb" for exercise in syllabus().by_hand}
    assert set(found) - {member for parts in apart.values() for member in parts} <= beside | by_hand
    assert notebooks | by_hand <= set(found) and find_leaks(ROOT, found) == []
    readme = found["README.md"].decode()
    assert [readme.index(f"]({name})") for name in sorted(notebooks, key=number_of)] == sorted(
        readme.index(f"]({name})") for name in notebooks
    )
    lines = found["requirements.txt"].decode().splitlines()
    assert len({line.split("==")[0] for line in lines}) == len(lines)


def number_of(notebook: str) -> int:
    return int(syllabus().exercise(notebook.removesuffix(".ipynb")).number)


def test_one_zip_of_chosen_exercises_in_danish(tmp_path):
    (path,) = release_course(ROOT, ["self-attention-pytorch", "additive-attention-pytorch"], tmp_path, "da")
    found = members(path)
    assert {name for name in found if name.endswith(".ipynb")} == {"self-attention.ipynb", "additive-attention.ipynb"}
    assert "Én mappe til alle opgaver" in found["README.md"].decode()
    assert found["course/locale/default"] == b"da\n"


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_nothing_leaks(zips, name):
    assert find_leaks(ROOT, members(zips[name])) == []


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        (
            "a.py",
            "x = 1\n        weights=torch.softmax(scores,  dim=-1)\n",
            "is in solutions/multi_head_attention/pytorch.py",
        ),
        ("a.py", "from solutions.pytorch import self_attention", "'from solutions'"),
        ("a.txt", "    ### BEGIN SOLUTION", "BEGIN SOLUTION"),
        ("autograder/cli/entry.py", "", "do not get this folder"),
    ],
)
def test_a_leak_is_found(file, text, says):
    assert says in "\n".join(find_leaks(ROOT, {file: text.encode()}))


def test_a_leak_is_found_in_cells_and_in_outputs():
    secret = "return positions[:, None] >= positions[None, :]  # query position down, key position across"
    code = nbformat.v4.new_code_cell("1", id="here", outputs=[nbformat.v4.new_output("stream", text=f"{secret}\n")])
    for cells, place in (
        ([code], "cell here, output"),
        ([nbformat.v4.new_markdown_cell(secret, id="there")], "cell there"),
    ):
        notebook = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
        assert place in "\n".join(find_leaks(ROOT, {"a.ipynb": notebook.encode()}))


def test_the_last_hint_may_tell_lines_of_an_answer_but_not_all_of_it(tmp_path):
    lesson, solution = tmp_path / "course/exercises/a/lesson.md", tmp_path / "solutions/a/pytorch.py"
    for path in (lesson, solution):
        path.parent.mkdir(parents=True)
    first, second = "begun = torch.arange(length, device=device)", "return begun[:, None] >= begun[None, :]"
    solution.write_text(f"def f():\n    ### BEGIN SOLUTION\n    {first}\n    {second}\n    ### END SOLUTION\n")
    fold = "<details><summary>{{{{ hint 3 }}}}</summary>\n\n```python\n{}\n```\n\n</details>\n"

    def leaks(lines: str) -> list[str]:
        lesson.write_text(fold.format(lines))
        _secrets.cache_clear()
        return find_leaks(tmp_path, {"a.md": lesson.read_bytes()})

    assert leaks(first) == []
    assert len(leaks(f"{first}\n{second}")) == 2
    lesson.write_text("")
    _secrets.cache_clear()
    assert len(find_leaks(tmp_path, {"a.md": first.encode()})) == 1


def test_hidden_tests_and_the_catalogue_are_secrets_too(tmp_path):
    exercise = tmp_path / "autograder/exercises/a"
    exercise.mkdir(parents=True)
    test = "def test_values(agree, rng):\n    q = rng.normal(2, 3)\n    agree(Program.function('f', q))\n"
    (exercise / "hidden_tests.py").write_text(test)
    (exercise / "mistakes.toml").write_text(
        '[[mistake]]\nhint = "Each query shares out its attention over the keys."\n'
    )
    assert "a/hidden_tests.py" in str(find_leaks(tmp_path, {"a.py": b"import os\n" + test.encode()}))
    assert "a/mistakes.toml" in str(
        find_leaks(tmp_path, {"a.py": b"Each query shares out its attention over the keys."})
    )
    assert find_leaks(tmp_path, {"a.py": b"q = rng.normal(2, 3)\n"}) == []


def test_a_leak_stops_the_release(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "autograder.authoring.release.README", "{number} {title} {course} {track} {notebook} BEGIN HIDDEN TESTS"
    )
    with pytest.raises(AuthoringError, match=r"would give away:\n.*README.md"):
        release(ROOT, [ONE], tmp_path)
    assert not list(tmp_path.iterdir())


def test_releasing_twice_gives_the_same_bytes(zips, tmp_path):
    (again,) = release(ROOT, [ONE], tmp_path)
    assert again.read_bytes() == zips[ONE].read_bytes()


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_requirements_are_exact_and_those_of_the_track(name):
    assignment = syllabus().assignment(name)
    lines = [line.partition(";")[0] for line in requirements(ROOT, assignment).splitlines()]
    assert all("==" in line for line in lines)
    names = {line.partition("==")[0] for line in lines}
    others = {track.framework for track in syllabus().tracks.values()} - {assignment.track.framework}
    assert {"numpy", "matplotlib", "jupyterlab", assignment.track.framework} <= names
    assert not others & names and "nbgrader" not in names
    libraries = (
        {"transformers"} if assignment.track.id == "pytorch" else {"keras-hub", "safetensors", "tensorflow-text"}
    )
    assert names & {"transformers", "keras-hub", "safetensors", "tensorflow-text"} == (
        libraries if name in WITH_BERT else set()
    )
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert not (ROOT / "constraints.txt").is_file() or set(lines) <= set(pins) | {f"torch=={_version('torch')}"}


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package).partition("+")[0]


def test_unknown_names_are_answered_with_those_that_there_are(tmp_path):
    with pytest.raises(
        AuthoringError, match="no assignment is called 'self-attention'; there is: additive-attention-p"
    ):
        release(ROOT, ["self-attention"], tmp_path)
    with pytest.raises(AuthoringError, match="no language is called 'tlh'; there is: en"):
        release(ROOT, [ONE], tmp_path, language="tlh")


def test_a_stale_notebook_is_not_released(tmp_path):
    for folder in ("course", "solutions", "source"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "course/exercises/self_attention/lesson.md").open("a", encoding="utf-8") as lesson:
        lesson.write("\nOne more thing.\n")
    with pytest.raises(AuthoringError, match="stale notebooks; run `autograder build`"):
        release(tmp_path, [ONE], tmp_path / "out")


def test_a_checkpoint_that_is_not_whole_is_not_released(tmp_path):
    for folder in ("course", "solutions", "source"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path), shutil.copy(ROOT / "constraints.txt", tmp_path)
    (tmp_path / "course/models/bert-mini/vocab.txt").unlink()
    with pytest.raises(AuthoringError, match=r"bert-finetuning-pytorch cannot be released.*bert-mini lacks vocab\.txt"):
        release(tmp_path, ["bert-finetuning-pytorch"], tmp_path / "out")


@pytest.mark.parametrize("name", [name for name in WITH_BERT if name.startswith("bert-finetuning")])
def test_a_student_of_exercise_8_has_the_model_and_the_news_at_hand(zips, tmp_path, name):
    """The unpacked zip, without the repository: its cells run as far as the first answer."""
    with zipfile.ZipFile(zips[name]) as archive:
        archive.extractall(tmp_path)
    notebook = json.loads((tmp_path / name / "bert-finetuning.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    first = next(n for n, cell in enumerate(code) if cell["id"].startswith("answer-"))
    (tmp_path / name / "cells.py").write_text("\n".join("".join(c["source"]) for c in code[:first]), encoding="utf-8")
    done = subprocess.run([sys.executable, "cells.py"], cwd=tmp_path / name, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "= World\n" in done.stdout and "##" in done.stdout


def test_a_student_finds_a_course_package_that_works_by_itself(zips, tmp_path):
    """The unpacked zip, without the repository: checks run, and say what is not written yet."""
    with zipfile.ZipFile(zips[ONE]) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / ONE
    notebook = json.loads((folder / "self-attention.ipynb").read_text(encoding="utf-8"))
    cells = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}
    wanted = ("setup-imports", "answer-causal-mask")
    code = (
        "\n".join(cells[name] for name in wanted)
        + f"""
import course, sys
assert course.__file__.startswith({str(folder)!r}), course.__file__
try:
    check("causal-mask")
except course.CheckFailed as error:
    print("failed:", error)
assert "solutions" not in sys.modules and "autograder" not in sys.modules
"""
    )
    (folder / "cells.py").write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, "cells.py"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Not written yet." in done.stdout and "failed: one check did not pass" in done.stdout


def test_the_command_wants_a_name_or_the_whole_course(tmp_path, capsys):
    assert cli.main(["release", "--output", str(tmp_path)]) == 2
    assert "name at least one assignment, or say --course" in " ".join(capsys.readouterr().err.split())
    assert cli.main(["release", "--course", "self-attention", "--output", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attention-pytorch.zip", "attention-tensorflow.zip"]
