"""Each broken hand-in of `broken.py` ends with the marks that its answers deserve or with a sentence that says what to
do, and none costs anybody else theirs: one class with all of them, graded at once, in either track."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from broken import CASES, HEALTHY, NAMES, NOTEBOOK, PYTORCH, TENSORFLOW, as_bytes, solved

from autograder import cli
from autograder.grading import grader as grader_module
from autograder.grading.grader import Grader
from autograder.paths import ROOT
from autograder.reporting.schema import validate

SOURCE = ROOT / "source"
EXPLAINED = {name: case for name, case in CASES.items() if case.says}
GRADED = {name: case for name, case in CASES.items() if not case.says}
WHAT_TO_DO = re.compile(r"\b[Hh]and (it |in )|\bsave it once more\b|\bClear the outputs\b|\bPut data\b")


def folder_of(course: Path, student: str, assignment: str) -> Path:
    folder = course / "submitted" / student / assignment
    folder.mkdir(parents=True)
    return folder


def make_course(folder: Path, cases: dict, names: list[str], assignment: str = PYTORCH) -> Path:
    """A course of nbgrader's with a hand-in of each case, and healthy ones: with odd names, and between the others."""
    folder.mkdir(exist_ok=True)
    (folder / "nbgrader_config.py").write_text("")
    shutil.copytree(SOURCE / assignment, folder / "source" / assignment)
    for case in cases.values():
        case.put(folder_of(folder, case.name, assignment), assignment)
    for name in (*names, *HEALTHY):
        (folder_of(folder, name, assignment) / NOTEBOOK).write_bytes(as_bytes(solved(assignment)))
    return folder


def writable(name: str) -> str:
    """A student's name as results give it: of bytes that are no UTF-8 each is a replacement character."""
    return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_there_are_many_of_them():
    assert len(CASES) >= 60 and len(EXPLAINED) >= 20


# -- graded at once ---------------------------------------------------------------------------------------------------


def grade(course: Path, grader: Grader) -> dict[str, dict]:
    """By student, what one run of `autograder grade` makes of a course's `submitted/`."""

    class Borrowed(Grader):
        """The session's grader, but the same code is judged once: most damage is gone before the judge sees it."""

        def __init__(self, **_settings) -> None:
            super().__init__(jobs=grader.jobs, seed=20)
            self.verdicts: dict[str, dict] = {}
            self.pool = grader.pool

        def __enter__(self):
            return self

        def __exit__(self, *_) -> None:
            pass

        def warm_up(self, *_) -> None:
            pass

        def ask_judge(self, submission, assignment) -> dict:
            key = json.dumps([(cell["role"], cell["source"]) for cell in submission.cells])
            if key not in self.verdicts:
                self.verdicts[key] = grader.ask_judge(submission, assignment)
            return copy.deepcopy(self.verdicts[key])

        def restart(self, workshop, generation) -> None:
            self.verdicts.clear()
            grader.restart(workshop, grader.generations[workshop])

    output = course / "results.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grader_module, "Grader", Borrowed)
        status = cli.main(["grade", str(course / "submitted"), "--json", str(output), "--csv", str(course / "m.csv")])
    assert status == 1, "some could not be graded, and that is all"
    found = json.loads(output.read_text())
    table = {result["student"]: result for result in found}
    assert len(table) == len(found), "one result a student"
    return table


@pytest.fixture(scope="module", params=[PYTORCH, pytest.param(TENSORFLOW, marks=pytest.mark.slow)])
def assignment(request):
    return request.param


@pytest.fixture(scope="module")
def results(grader, tmp_path_factory, assignment):
    course = make_course(tmp_path_factory.mktemp("course"), CASES, NAMES, assignment)
    yield grade(course, grader)
    shutil.rmtree(course)  # half a gigabyte


def test_nobody_is_passed_over(results):
    assert set(results) == {*CASES, *map(writable, NAMES), *HEALTHY}


def test_all_results_are_as_the_schema_says(results):
    validate(list(results.values()))


@pytest.mark.parametrize("student", [*HEALTHY, *NAMES], ids=ascii)
def test_the_healthy_keep_full_marks_whatever_they_are_called(results, student):
    result = results[writable(student)]
    assert (result["status"], result["score"]) == ("graded", 14), result["message"]


@pytest.mark.parametrize("name", GRADED)
def test_it_gets_the_marks_that_its_answers_deserve(results, assignment, name):
    case, result = CASES[name], results[name]
    assert result["status"] == "graded", result["message"]
    assert {part["id"]: part["score"] for part in result["parts"]} == case.marks(assignment)
    assert set(result["flags"]) == case.flags, result["remarks"]
    assert bool(result["remarks"]) == bool(case.remark or case.flags - {"syntax-error"})
    if case.remark:
        assert case.remark in " ".join(result["remarks"])


@pytest.mark.parametrize("name", EXPLAINED)
def test_it_is_explained_in_a_sentence_that_says_what_to_do(results, assignment, name):
    result = results[name]
    assert result["status"] == "not_graded" and result["score"] is None
    assert CASES[name].sentence(assignment) in result["message"]
    assert WHAT_TO_DO.search(result["message"]), result["message"]
    assert len(result["message"]) < 250 and "\n" not in result["message"]
    assert not re.search(r"Error|Exception|Traceback|0x|Errno", result["message"])
    assert result["message"] in result["words"], "it cannot be said in another language"


# -- large ones -------------------------------------------------------------------------------------------------------

READ = """
import resource, sys
from pathlib import Path
from autograder.submission.find import find
from autograder.submission.read import read
read_nothing = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(submission,) = [read(found, Path(sys.argv[2])) for found in find([sys.argv[1]])]
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss - read_nothing >> 10, used.ru_utime + used.ru_stime)
"""


@pytest.mark.parametrize(
    ("name", "most"),
    [("outputs-of-200-megabytes", 20), ("outputs-of-forty-megabytes", 300), ("fifteen-million-empty-outputs", 250)],
)
def test_a_large_file_takes_neither_much_memory_nor_long(tmp_path, name, most):
    CASES[name].put(tmp_path)
    command = [sys.executable, "-c", READ, str(tmp_path), str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    megabytes, seconds = map(float, done.stdout.split())
    assert megabytes < most and seconds < 60  # a backstop; it takes one or two


# -- in nbgrader ------------------------------------------------------------------------------------------------------

CONFIG = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from autograder.nbgrader import configure
c = get_config()
configure(c, Path(__file__).parent)
"""


def autograde(course: Path, assignment: str) -> tuple[dict[str, dict], str]:
    """What is in the gradebook by student and part after `nbgrader autograde` of a class, and what nbgrader said."""
    from nbgrader.api import Gradebook

    (course / "nbgrader_config.py").write_text(CONFIG.format(root=str(ROOT)))
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(course / ".jupyter"), "HOME": str(course)}

    def nbgrader(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "nbgrader", *arguments, assignment]
        return subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, timeout=1200)

    done = nbgrader("generate_assignment")
    assert done.returncode == 0, done.stderr
    done = nbgrader("autograde")
    assert done.returncode != 0, "some could not be graded"
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        marks = {
            hand_in.student.id: {g.cell.name.removeprefix("test-"): g.auto_score for g in hand_in.notebooks[0].grades}
            for hand_in in gradebook.assignment_submissions(assignment)
        }
    return marks, done.stdout + done.stderr


def class_is_right(marks: dict[str, dict], said: str, cases: dict, names: list[str], assignment: str) -> None:
    wrong = []
    for case in cases.values():
        mine = marks.get(case.name, {})
        if case.says or not case.for_nbgrader:
            if set(mine.values()) - {None} or (case.for_nbgrader and case.sentence(assignment) not in said):
                wrong.append((case.name, mine))
        elif mine != case.marks(assignment):
            wrong.append((case.name, mine))
    wrong += [(name, marks.get(name)) for name in (*names, *HEALTHY) if sum(marks.get(name, {}).values()) != 14]
    assert not wrong


@pytest.mark.parametrize(
    ("whole", "which"),
    [
        pytest.param(False, PYTORCH, id="some"),
        pytest.param(True, PYTORCH, id="all", marks=pytest.mark.slow),
        pytest.param(True, TENSORFLOW, id="all, TensorFlow", marks=pytest.mark.slow),
    ],
)
def test_nbgrader_takes_them_too(grader, tmp_path, whole, which):
    """With finished results for most; what was not graded is read again, and refused again."""
    pytest.importorskip("nbgrader")
    cases = CASES if whole else {name: case for name, case in CASES.items() if case.quick}
    names = [name for name in NAMES if name.isprintable()] if whole else ["[brackets]", "søren's 🦊"]
    refused = [name for name in NAMES if set('\n<>"') & set(name)]  # formgrader's pages would take them for HTML
    names = [name for name in names if name not in refused]
    course = make_course(tmp_path / "course", cases, [*names, *refused], which)
    grade(course, grader)
    marks, said = autograde(course, which)
    class_is_right(marks, said, cases, names, which)
    assert len(refused) == 3 and not set(refused) & set(marks)
    assert said.count("nbgrader cannot keep a student of this name") == len(refused)
    copies = [path for path in (course / "autograded").rglob("*") if path.is_symlink() or "venv" in path.parts]
    assert not copies
    shutil.rmtree(course)
