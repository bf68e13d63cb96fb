"""`autograder init`: a course folder, walked through with nbgrader's own commands, and what bad input gets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

from nbgrader.api import Gradebook  # noqa: E402

from autograder import cli, paths  # noqa: E402
from autograder.authoring.init import init  # noqa: E402
from autograder.authoring.leaks import find_leaks  # noqa: E402
from autograder.authoring.release import release  # noqa: E402
from autograder.cli.requirements import taught  # noqa: E402
from autograder.grading.grader import solution_source  # noqa: E402
from autograder.paths import ROOT  # noqa: E402
from autograder.proof.sample_class import answered  # noqa: E402
from course.syllabus import syllabus  # noqa: E402

ONE, NOTEBOOK = "self-attention-pytorch", "self-attention.ipynb"
ASSIGNMENT = syllabus().assignment(ONE)


def say(folder: Path, *command: str, fails: bool = False) -> str:
    """Run a command of an instructor's or a student's in their folder."""
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / ".jupyter"),
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=280
    )
    said = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, said
    return said


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def run(*arguments: object) -> int:
    return cli.main([str(a) for a in arguments])


# -- the whole way ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Path:
    """A made course of one assignment, which nbgrader has released."""
    folder = tmp_path_factory.mktemp("init") / "course"
    init(ROOT, folder, [ASSIGNMENT], "attention-2")
    say(folder, "nbgrader", "generate_assignment", ONE)
    return folder


@pytest.fixture
def course(released, tmp_path) -> Path:
    return Path(shutil.copytree(released, tmp_path / "moved"))  # a course may be moved


def test_a_course_holds_what_was_asked_for(tmp_path, capsys):
    folder = tmp_path / "new" / "course"
    assert (
        run("init", folder, "--exercise", "bert-pretraining", "--exercise", "self-attention", "--track", "pytorch") == 0
    )
    said = capsys.readouterr().out
    wanted = ["self-attention-pytorch", "bert-pretraining-pytorch"]
    assert all(name in said for name in wanted) and "README.md" in said
    assert sorted(path.name for path in (folder / "source").iterdir()) == sorted(wanted)
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "course.toml", "nbgrader_config.py", "source", "gradebook.db",
    }  # fmt: skip
    for name in wanted:
        notebook = f"{syllabus().assignment(name).exercise.id}.ipynb"
        assert (folder / "source" / name / notebook).read_bytes() == (ROOT / "source" / name / notebook).read_bytes()
    assert (folder / "source/bert-pretraining-pytorch/course/models/bert-mini/model.safetensors").is_file()
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", "attention") as gradebook:
        assert {a.name for a in gradebook.assignments} == set(wanted)
        assert not gradebook.students
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert all(f"- `{name}`: " in text for name in wanted)


def test_a_track_is_all_its_exercises(tmp_path):
    assert [a.id for a in taught(["tensorflow"], None)] == [
        f"{e}-tensorflow" for e in (*syllabus().exercises, *syllabus().by_hand)
    ]
    assert len(taught(None, None)) == len(syllabus().released())


def test_nbgrader_releases_what_our_zip_holds(released, tmp_path):
    (path,) = release(ROOT, [ONE], tmp_path)
    with zipfile.ZipFile(path) as archive:
        ours = {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}
    theirs = {name: (released / "release" / ONE / name).read_bytes() for name in files(released / "release" / ONE)}
    assert set(theirs) == set(ours)
    cells = [[(c["source"], c["metadata"]) for c in json.loads(n[NOTEBOOK])["cells"]] for n in (theirs, ours)]
    assert cells[0] == cells[1]
    assert {n: theirs[n] for n in theirs if n != NOTEBOOK} == {n: ours[n] for n in ours if n != NOTEBOOK}
    assert find_leaks(ROOT, theirs) == []


def test_a_student_fetches_works_hands_in_and_reads_feedback(course, tmp_path):
    """Through nbgrader's exchange, there and back, by the commands of the course's README."""
    exchange, student = tmp_path / "exchange", tmp_path / "student"
    exchange.mkdir(), student.mkdir()
    exchange.chmod(0o777)
    for folder, line in ((course, ""), (student, "c = get_config()\nc.CourseDirectory.course_id = 'attention-2'\n")):
        with (folder / "nbgrader_config.py").open("a", encoding="utf-8") as config:
            config.write(f"{line}c.Exchange.root = {str(exchange)!r}\n")

    say(course, "nbgrader", "release_assignment", ONE)
    assert (exchange / "attention-2" / "outbound" / ONE / paths.checks(Path(), ASSIGNMENT.exercise)).is_file()
    say(student, "nbgrader", "fetch_assignment", ONE)
    folder = student / ONE
    # The course package is beside the notebook, so the cells up to the first check run.
    script = (
        "import json, course\n"
        f"assert course.__file__.startswith({str(folder)!r}), course.__file__\n"
        f"cells = json.load(open({NOTEBOOK!r}))['cells']\n"
        "exec(''.join(next(c for c in cells if c['id'] == 'setup-imports')['source']))\n"
        "print('ready')\n"
    )
    (folder / "try.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "try.py"], cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""}
    )
    assert done.stdout.endswith("ready\n"), done.stderr
    (folder / "try.py").unlink()
    solved = answered(ROOT / "source", ASSIGNMENT, solution_source(ASSIGNMENT))
    (folder / NOTEBOOK).write_text(json.dumps(solved))
    say(student, "nbgrader", "submit", ONE)

    say(course, "nbgrader", "collect", ONE)
    (submitted,) = (course / "submitted").iterdir()
    assert (submitted / ONE / "course" / "checks.py").is_file()  # whole folders are handed in, and only one is graded
    say(course, "autograder.cli", "grade", "submitted", "--nbgrader", "--html", "pages", "--jobs", "1")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "attention-2") as gradebook:
        assert gradebook.find_submission(ONE, submitted.name).score == 14
        assert [s.student.id for s in gradebook.assignment_submissions(ONE)] == [submitted.name]
    say(course, "nbgrader", "generate_feedback", ONE)
    say(course, "nbgrader", "release_feedback", ONE)
    say(student, "nbgrader", "fetch_feedback", ONE)
    assert "14.0 / 14.0" in next(folder.rglob("*.html")).read_text(encoding="utf-8")
    say(course, "nbgrader", "export", "--exporter=autograder.nbgrader.MarksExporter", "--to=marks.csv")
    assert f"{ONE},{submitted.name}," in (course / "marks.csv").read_text(encoding="utf-8")


def test_plain_autograde_uses_the_judge_and_keeps_no_copy_of_the_course_package(course):
    folder = course / "submitted" / "ann" / ONE
    shutil.copytree(course / "release" / ONE, folder)
    solved = answered(ROOT / "source", ASSIGNMENT, solution_source(ASSIGNMENT), parts=["causal-mask"])
    (folder / NOTEBOOK).write_text(json.dumps(solved))
    (folder / "course" / "mine.txt").write_text("a note of my own")
    say(course, "nbgrader", "autograde", ONE)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "attention-2") as gradebook:
        assert gradebook.find_submission(ONE, "ann").score == 3
    kept = files(course / "autograded" / "ann" / ONE)
    assert NOTEBOOK in kept and {name for name in kept if name.startswith("course/")} == {"course/mine.txt"}
    assert (course / "submitted" / "ann" / ONE / "course" / "checks.py").is_file()


def test_the_commands_of_the_readme_are_there(released):
    """Every line that says autograder or nbgrader names a verb that the program has."""
    text = (released / "README.md").read_text(encoding="utf-8")
    said = [line.split() for line in text.splitlines() if line.startswith("    ")]
    verbs = {tuple(words[:2]) for words in said if words[0] in ("autograder", "nbgrader")}
    assert {verb for program, verb in verbs if program == "nbgrader"} == {
        "generate_assignment", "release_assignment", "collect", "autograde", "generate_feedback", "release_feedback",
        "export",
    }  # fmt: skip
    for words in said:
        if words[0] == "autograder":
            cli.parser().parse_args(words[1:])


# -- what bad input gets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--track", "jax"], "no track is called 'jax'; there is: pytorch, tensorflow"),
        (
            ["--exercise", "attention"],
            "no exercise is called 'attention'; there is: additive-attention, positional-embedding, self-attention",
        ),
        (["--course-id", "a/b"], "'a/b' cannot be a course's id"),
        (["--course-id", ""], "'' cannot be a course's id"),
        (["--course-id", '"\nimport os'], "cannot be a course's id"),
    ],
    ids=["an unknown track", "an unknown exercise", "an id with a slash", "no id", "an id that is code"],
)
def test_what_there_is_not_is_refused_and_nothing_is_written(tmp_path, capsys, arguments, said):
    assert run("init", tmp_path / "course", *arguments) == 2
    error = capsys.readouterr().err
    assert said in " ".join(error.split()) and "Traceback" not in error
    assert not (tmp_path / "course").exists()


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert run("init", tmp_path) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "is not empty, so nothing was written; name a new folder" in said and "--exercise" in said
    assert files(tmp_path) == {"notes.txt"}


def test_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "course").write_text("mine")
    assert run("init", tmp_path / "course") == 2
    assert "is a file; name a folder, new or empty" in " ".join(capsys.readouterr().err.split())


def test_without_the_source_notebooks_it_says_where_to_find_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    assert run("init", tmp_path / "course") == 2
    assert "this needs the repository itself: run it in a checkout" in " ".join(capsys.readouterr().err.split())


def test_a_stale_source_notebook_is_not_given_out(tmp_path, monkeypatch, capsys):
    for folder in ("course", "solutions", "source"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "course/exercises/self_attention/lesson.md").open("a", encoding="utf-8") as lesson:
        lesson.write("\nOne more thing.\n")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    assert run("init", tmp_path / "new", "--exercise", "self-attention") == 2
    assert "stale notebooks; run `autograder build`" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
