"""Grading a class, the whole chain: what bad input gets, whom it costs, and that the same seed gives the same.

One class is graded once; the tests read its results.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.grading import processes, references
from autograder.grading.grader import Grader, solution_source
from autograder.judging.catalogue import CatalogueError
from autograder.paths import ROOT
from autograder.proof.sample_class import answered, own_cell, source_notebook, untouched
from autograder.reporting.schema import validate
from autograder.submission.hand_in import Found, Submission
from autograder.submission.read import read
from autograder.workers import client
from course.syllabus import syllabus

SOURCE = ROOT / "source"
ASSIGNMENT = syllabus().assignment("self-attention-pytorch")
PARTS = {part.id: part.points for part in ASSIGNMENT.exercise.parts}
SOLUTION = solution_source(ASSIGNMENT)
LIMITS = replace(
    syllabus().limits, cpu_seconds_per_call=1.5, cpu_seconds=20.0, wall_factor=60.0, memory_mb=800, output_kb=4
)


def solved() -> dict:
    return answered(SOURCE, ASSIGNMENT, SOLUTION)


def answering(part: str, text: str) -> dict:
    """The solved notebook with one answer replaced."""
    notebook = solved()
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == f"answer-{part}":
            cell["source"] = text
    return notebook


def adding(source: str, notebook: dict | None = None) -> dict:
    notebook = notebook or solved()
    return {**notebook, "cells": [*notebook["cells"], own_cell(source)]}


CAUSAL = "def causal_mask(length, device=None):\n    {}\n"
CLASS = {
    "solved": solved(),
    "untouched": untouched(SOURCE, ASSIGNMENT),
    "empty": {**solved(), "cells": []},
    "syntax": answering("causal-mask", "def causal_mask(length, device=None:\n    return 1"),
    "missing": answering("causal-mask", "print('I did not get to this')"),
    "misspelt": answering("causal-mask", "def casual_mask(length, device=None):\n    return 1"),
    "type": answering("causal-mask", CAUSAL.format("return [[True] * length] * length")),
    "none": answering("causal-mask", CAUSAL.format("print(length)")),
    "number": answering("causal-mask", "causal_mask = 3"),
    "exception": answering("causal-mask", CAUSAL.format("return torch.ones(length).undefined_name")),
    "import": answering("causal-mask", "import no_such_module\n" + CAUSAL.format("return 1")),
    "loop": answering("causal-mask", CAUSAL.format("while True: pass")),
    "memory": answering("causal-mask", CAUSAL.format("return torch.ones(1 << 30)")),
    "crash": answering("causal-mask", CAUSAL.format("import ctypes; ctypes.string_at(0)")),
    "exit": answering("causal-mask", CAUSAL.format("import os; os._exit(0)")),
    "quit": answering("causal-mask", CAUSAL.format("raise SystemExit(0)")),
    "at once": adding("import os\nos._exit(0)"),
    "looping cell": adding("while True:\n    pass"),
    "talkative": adding("for _ in range(100_000):\n    print('x' * 100)"),
    "surrogate": adding("print('\\ud800')\nraise ValueError('\\ud800')"),
    "ready-made": answering(
        "scaled-dot-product",
        "def scaled_dot_product_attention(query, key, value, mask=None):\n"
        "    return F.scaled_dot_product_attention(query, key, value, mask), None",
    ),
    "shadow": adding("import sys, types\nsys.modules['numpy'] = types.ModuleType('numpy')\nsys.modules.pop('json')"),
    "closed": adding("import sys\nsys.stdout.close()\nsys.stdout = None"),
    "spoilt": adding("torch.Tensor.detach = lambda self: 1 / 0"),
    "last": solved(),
}


def submission(student: str, notebook: dict | bytes) -> Submission:
    data = notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode()
    return read(Found(student, (f"{student}.ipynb",), data), SOURCE, ASSIGNMENT.id)


def the_class() -> list[Submission]:
    damaged = submission("damaged", b'{"cells": [')
    other = submission("other", untouched(SOURCE, syllabus().assignment("positional-embedding-pytorch")))
    return [*(submission(student, notebook) for student, notebook in CLASS.items()), damaged, other]


@pytest.fixture(scope="module")
def strict():
    """A grader with small limits."""
    with Grader(jobs=2, seed=11, limits=LIMITS) as grader:
        yield grader


@pytest.fixture(scope="module")
def graded(strict) -> dict[str, dict]:
    return {result["student"]: result for result in strict.grade(the_class())}


def scores(result: dict) -> dict[str, float]:
    return {part["id"]: part["score"] for part in result["parts"]}


def messages(result: dict, part: str = "causal-mask") -> str:
    (found,) = [p for p in result["parts"] if p["id"] == part]
    return " | ".join(str(t["message"]) for t in found["tests"] if t["outcome"] == "failed")


def test_results_are_in_the_documented_format(graded):
    validate(list(graded.values()))
    json.dumps(list(graded.values()), ensure_ascii=False).encode()


def test_everything_right_is_full_marks_first_and_last(graded):
    for student in ("solved", "last"):
        assert scores(graded[student]) == PARTS and graded[student]["score"] == graded[student]["max_score"]


def test_nothing_answered_is_no_marks(graded):
    for student in ("untouched", "empty"):
        assert graded[student]["status"] == "graded" and graded[student]["score"] == 0
    assert "this is not written yet" in messages(graded["untouched"]).lower()
    assert graded["empty"]["remarks"]


TROUBLE = {
    "syntax": "SyntaxError",
    "missing": "`causal_mask` is not defined: did the cell run?",
    "misspelt": "`causal_mask` is not defined, but `casual_mask` is: did you mean `causal_mask`?",
    "type": "a list of",
    "none": "got None",
    "number": "not a function or a class",
    "exception": "AttributeError: 'Tensor' object has no attribute 'undefined_name'",
    "import": "the package `no_such_module` is not installed where this is graded",
    "loop": "endless loop",
    "memory": "more memory than a hand-in may use",
    "crash": "brought the Python process down",
    "exit": "ended the Python process",
    "quit": "SystemExit",
}


@pytest.mark.parametrize("student", TROUBLE)
def test_trouble_in_one_answer_costs_that_part_alone_and_is_told(graded, student):
    result = graded[student]
    assert scores(result) == {**PARTS, "causal-mask": 0.0}
    said = messages(result) + " | ".join(str(cell["error"]) for cell in result["cells"])
    assert TROUBLE[student].lower() in said.lower(), said


def test_an_exception_is_told_with_the_line_in_the_students_own_cell(graded):
    number = 1 + next(i for i, c in enumerate(CLASS["exception"]["cells"]) if "undefined_name" in str(c["source"]))
    assert f"(cell {number}, line 2: `return torch.ones(length).undefined_name`)" in messages(graded["exception"])
    assert "syntax-error" in graded["syntax"]["flags"]


@pytest.mark.parametrize("student", ["at once", "looping cell", "talkative", "surrogate", "closed"])
def test_a_cell_of_ones_own_that_goes_wrong_costs_nothing(graded, student):
    assert scores(graded[student]) == PARTS


def test_output_is_cut_and_what_a_cell_did_is_told(graded):
    (talk,) = [c for c in graded["talkative"]["cells"] if "xxx" in c["output"]]
    assert len(talk["output"]) < 5000 and "more output was dropped" in talk["output"]
    assert any("ended the Python process" in str(c["error"]) for c in graded["at once"]["cells"])


def test_spoiling_the_framework_spoils_ones_own_grade_only(graded):
    for student in ("spoilt", "shadow"):
        assert graded[student]["status"] == "graded" and graded[student]["score"] < 14
    assert scores(graded["last"]) == PARTS


def test_ready_made_attention_is_seen_and_told(graded):
    assert scores(graded["ready-made"])["scaled-dot-product"] == 0
    assert "ready-made-attention" in graded["ready-made"]["flags"]
    assert "write it yourself" in messages(graded["ready-made"], "scaled-dot-product")


def test_what_cannot_be_read_is_not_graded_and_says_why(graded):
    for student, said in {"damaged": "ends too early", "other": "This is the notebook of positional-embedding"}.items():
        assert graded[student]["status"] == "not_graded" and graded[student]["score"] is None
        assert said in graded[student]["message"]


# -- the same again ---------------------------------------------------------------------------------------------------

STABLE = ("student", "status", "message", "score", "flags", "remarks", "parts", "content")


def stable(results: list[dict]) -> dict[str, dict]:
    return {r["student"]: {key: r[key] for key in STABLE} for r in results}


def test_the_same_seed_gives_the_same_in_any_order_and_with_any_number_of_jobs(strict, graded):
    some = ["none", "solved", "exception", "ready-made", "type", "damaged"]
    chosen = [s for s in the_class() if s.student in some]
    with Grader(jobs=1, seed=11, limits=LIMITS) as other:
        again = stable(other.grade(chosen[::-1]))
    assert again == stable([graded[student] for student in some])


def test_results_come_in_the_order_of_the_hand_ins(strict):
    chosen = [submission(name, CLASS["missing" if i % 2 else "solved"]) for i, name in enumerate("dacb")]
    seen: list[str] = []
    results = strict.grade(chosen, lambda result: seen.append(result["student"]))
    assert [r["student"] for r in results] == list("dacb") and sorted(seen) == list("abcd")


def test_another_seed_draws_other_inputs_and_gives_the_same_marks(strict, graded):
    wrong = submission("wrong", answering("causal-mask", CAUSAL.format("return torch.ones(length, length).bool()")))
    one = strict.grade([wrong])[0]
    with Grader(jobs=1, seed=12, limits=LIMITS) as other:
        again = other.grade([wrong])[0]
    assert scores(one) == scores(again) and one["seed"] != again["seed"]


def test_no_hand_ins_are_no_results(strict):
    assert strict.grade([]) == []


# -- our own trouble is never a mark ----------------------------------------------------------------------------------


def not_ours(result: dict) -> None:
    assert result["status"] == "graded" and scores(result) == PARTS, result["message"]


def test_a_zygote_a_reference_and_a_judge_that_die_are_replaced():
    good = submission("good", CLASS["solved"])
    with Grader(jobs=2, seed=3) as grader:
        not_ours(grader.grade([good])[0])
        for victim in ("zygotes", "judges"):
            (service,) = getattr(grader, victim).values()
            service.process.kill()
            service.process.wait()
            not_ours(grader.grade([good])[0])


def test_workers_that_do_not_start_are_not_started_for_each_hand_in(monkeypatch):
    """Two goes for the run; else a class of a thousand would wait for hours to hear the same."""
    started, start = [], processes.ServerProcess.__init__

    def dead(service, arguments, path, log):
        started.append(path.stem)
        start(service, ["-c", "raise SystemExit('no memory')"], path, log)

    monkeypatch.setattr(processes.ServerProcess, "__init__", dead)
    with Grader(jobs=1, seed=3) as grader:
        finished = grader.grade([submission(f"s{i}", CLASS["solved"]) for i in range(8)])
    assert {result["status"] for result in finished} == {"not_graded"}
    assert all("no memory" in result["message"] for result in finished)
    assert started.count("zygote") <= 3, started


def test_a_judge_that_always_dies_gives_no_mark(monkeypatch, strict):
    good = submission("good", CLASS["solved"])

    def dead(self, submission, assignment):
        raise client.wire.Closed("the judge is gone")

    monkeypatch.setattr(Grader, "ask_judge", dead)
    result = strict.grade([good])[0]
    assert result["status"] == "not_graded" and result["score"] is None and "not your fault" in result["message"]
    validate([result])


def test_who_stops_a_run_waits_for_those_that_are_being_graded_alone(monkeypatch, strict):
    asked, ask = [], Grader.ask_judge

    def counted(self, submission, assignment):
        asked.append(submission)
        return ask(self, submission, assignment)

    monkeypatch.setattr(Grader, "ask_judge", counted)
    run = strict.stream([submission(f"s{i}", CLASS["solved"]) for i in range(40)])
    next(run)
    run.close()
    assert len(asked) < 10


def test_a_catalogue_that_does_not_fit_gives_no_mark_and_stops_nobody(monkeypatch):
    def unfit(assignment):
        raise CatalogueError("self_attention.toml: an entry does not fit")

    monkeypatch.setattr(references, "sources_of", unfit)
    with Grader(jobs=1, seed=3) as grader:
        result = grader.grade([submission("good", CLASS["solved"])])[0]
    assert result["status"] == "not_graded" and "does not fit" in result["message"]


def test_a_contestant_killed_while_it_is_graded_is_graded_all_the_same():
    slow = submission("slow", adding("import time\nfor _ in range(30):\n    time.sleep(0.1)"))
    with Grader(jobs=1, seed=3) as grader:
        grader.grade([submission("warm", CLASS["solved"])])
        zygote = grader.zygotes["pytorch"].process.pid
        done = threading.Event()
        killed: list[int] = []

        def kill_once() -> None:
            while not done.is_set() and not killed:
                for pid in children(zygote, 2):
                    time.sleep(0.5)  # until it is inside the cell that sleeps
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        continue
                    killed.append(pid)
                    break
                time.sleep(0.02)

        thread = threading.Thread(target=kill_once)
        thread.start()
        result = grader.grade([slow])[0]
        done.set()
        thread.join()
    assert killed
    not_ours(result)


@contextmanager
def killing(zygote: int, chosen: Callable[[list[int]], list[int]]) -> Iterator[list[int]]:
    """Meanwhile, kill those contestants of a zygote that are `chosen` among all; whom it has met is in the list."""
    done, killed = threading.Event(), []

    def kill() -> None:
        while not done.wait(0.02):
            for pid in chosen(children(zygote, 2)):
                if pid not in killed:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        killed.append(pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        done.set()
        thread.join()


def test_who_is_killed_beside_others_is_graded_alone():
    """As where memory is enough for one at a time."""
    slow = [submission(f"s{i}", adding("import time\ntime.sleep(1.5)")) for i in range(3)]
    with Grader(jobs=2, seed=3) as grader:
        grader.grade([submission("warm", CLASS["solved"])])
        zygote = grader.zygotes["pytorch"].process.pid
        with killing(zygote, lambda alive: alive[1:]) as killed:
            finished = grader.grade(slow)
        assert len(killed) >= 2 and zygote == grader.zygotes["pytorch"].process.pid
    for result in finished:
        not_ours(result)


def test_who_is_always_killed_gets_no_mark_and_stops_nobody():
    """As where memory is not enough for one hand-in: a mark of 0 would be wrong."""

    def large(alive: list[int]) -> list[int]:
        return [pid for pid in alive if private_memory(pid) > 400 << 10]

    big = submission("big", adding("import time\nheld = b'x' * (400 << 20)\ntime.sleep(5)"))
    with Grader(jobs=2, seed=3) as grader:
        grader.grade([submission("warm", CLASS["solved"])])
        zygote = grader.zygotes["pytorch"].process.pid
        with killing(zygote, large) as killed:
            finished = grader.grade([big, *(submission(f"s{i}", CLASS["solved"]) for i in range(3))])
        assert len(killed) >= 4 and zygote == grader.zygotes["pytorch"].process.pid
        not_ours(grader.grade([big])[0])
    assert finished[0]["status"] == "not_graded" and finished[0]["score"] is None
    assert "not your fault" in finished[0]["message"] and "ran out of memory" in finished[0]["message"]
    for result in finished[1:]:
        not_ours(result)


def private_memory(pid: int) -> int:
    """In KiB; 0 for a process that has gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"RssAnon:\s+(\d+)", status)
    return int(found[1]) if found else 0


def children(pid: int, generations: int) -> list[int]:
    """Pids of the descendants of a process, so many generations down."""
    pids = [pid]
    for _ in range(generations):
        below: list[int] = []
        for parent in pids:
            try:
                with open(f"/proc/{parent}/task/{parent}/children") as file:
                    below += [int(p) for p in file.read().split()]
            except OSError:
                pass
        pids = below
    return pids


def test_a_source_notebook_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no source notebook"):
        read(Found("ann", ("ann.ipynb",), json.dumps(CLASS["solved"]).encode()), tmp_path)
    assert source_notebook(SOURCE, ASSIGNMENT)["cells"]
