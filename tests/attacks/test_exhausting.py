"""Hand-ins that want all the time, memory or patience there is: each is bounded, and nobody else is touched."""

from __future__ import annotations

import json
import time
import tracemalloc
from dataclasses import replace

import pytest
from forge import SOURCE, TIGHT, Forge
from support.timing import cpu_time_below

from autograder.grading.grader import Grader
from autograder.judging.replies import MAX_BYTES, answer_from
from autograder.judging.student import Student
from autograder.proof.sample_class import own_cell, untouched
from autograder.submission import read as reading
from autograder.submission.hand_in import Found
from autograder.submission.read import read
from autograder.workers.client import Ended

FORGE = Forge("self-attention-pytorch")
LINE = """
import json, os, stat, time
for line in range(3, 4096):
    try:
        if stat.S_ISSOCK(os.fstat(line).st_mode):
            break
    except OSError:
        pass
def frame(header):
    head = json.dumps(header).encode()
    os.write(line, b'AXW1' + len(head).to_bytes(4, 'little') + (0).to_bytes(8, 'little') + head)
"""
DEAF = LINE + "frame({'error': None, 'output': '', 'defined': []})\nwhile True:\n    time.sleep(1)"


def test_an_answer_that_no_longer_reads_does_not_hold_up_the_judge(workshop):
    with workshop.inside(cpu_seconds_per_call=0.5, wall_factor=2) as inside:
        inside.cell(DEAF)  # the forged reply to this very cell
        started = time.monotonic()
        with pytest.raises(Ended) as caught:
            inside.cell("#" * (3 << 20))
        assert caught.value.kind == "timeout" and time.monotonic() - started < 10


def test_sleeping_is_bounded_for_the_whole_hand_in():
    limits = replace(TIGHT, cpu_seconds_per_call=1.0, cpu_seconds=1.0, wall_factor=3.0)  # 3 seconds, asleep or awake
    sleeper = FORGE.hand_in("sleeper", "solved", before=("import time",) + ("time.sleep(0.9)",) * 60)
    with Grader(jobs=2, seed=3, limits=limits) as grader:
        grader.grade([FORGE.hand_in("first", "stub")])
        started = time.monotonic()
        sleeper, honest = grader.grade([sleeper, FORGE.hand_in("honest", "solved")])
        assert time.monotonic() - started < 15
        assert not grader.generations  # nobody's workers had to be replaced
    assert sleeper["status"] == "graded" and sleeper["score"] == 0 and honest["score"] == 14


def test_going_again_with_standins_takes_from_the_same_time(workshop):
    first = Student(workshop.place(), [], [])
    first.budget.cpu_left, first.budget.wall_left = 1.5, 7.0
    again = Student(workshop.place(), [], [], {"source": "", "names": []}, first.budget)
    assert (again.budget.cpu_left, again.budget.wall_left) == (1.5, 7.0) and not again.out_of_time
    first.budget.wall_left = 0.0
    assert first.out_of_time


FLOODS = {
    "patches the limit away": "import sys\nsys.stdout.left = 1 << 40\nprint('x' * (1 << 20))",
    "writes to the line": LINE + "for _ in range(2):\n    frame({'error': None, 'output': 'x' * 60_000})",
    "raises at length": "raise ValueError('x' * 10**6)",
    "warns": "import warnings\nwarnings.simplefilter('always')\nfor i in range(20_000):\n    warnings.warn(str(i))",
}


def test_what_is_printed_is_bounded_for_the_whole_hand_in(arena):
    hand_ins = [FORGE.hand_in(name, "solved", after=(source,) * 40) for name, source in FLOODS.items()]
    for result in arena.grade(hand_ins):
        assert result["status"] == "graded", (result["student"], result["message"])
        assert sum(len(cell["output"]) for cell in result["cells"]) < (TIGHT.output_kb << 10) + 200, result["student"]
        assert len(json.dumps(result)) < 1 << 20
    assert not arena.generations


def test_large_answers_are_not_kept(workshop):
    import numpy as np

    large = {"r0": np.ones(MAX_BYTES, np.uint8), "r1": np.ones(8, np.uint8)}
    header = {"values": {"out": {"tuple": [{"array": "r0"}, {"array": "r1"}]}, "more": {"array": "r0"}}}
    answer = answer_from(header, large, ("out",))
    assert list(answer.values) == ["out"] and [item.shape for item in answer.out] == [(MAX_BYTES,), (8,)]
    assert not any(isinstance(item, np.ndarray) for item in answer.out)
    small = answer_from(header, {"r0": large["r1"], "r1": large["r1"]}, ("out",))
    assert isinstance(small.out[0], np.ndarray)
    crowd = {"values": {"out": {"list": [{"list": [None] * 5000}] * 400}}}
    tracemalloc.start()
    answer_from(crowd, {}, ("out",))
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


# -- before anything is run -------------------------------------------------------------------------------------------


def notebook(*cells) -> bytes:
    whole = untouched(SOURCE, FORGE.assignment)
    return json.dumps({**whole, "cells": [*whole["cells"], *cells]}).encode()


def code(source: str) -> dict:
    return own_cell(source)


DEEP = "x = " + "(" * 150 + "1" + ")" * 150
EXHAUSTING = {
    "a hundred thousand cells": lambda: notebook(*[code("1")] * 100_000),
    "a hundred thousand damaged cells": lambda: notebook(*[1] * 100_000),
    "two thousand cells": lambda: notebook(*[{**code(f"x = {i}"), "id": f"i{i}"} for i in range(1900)]),
    "a cell of ten megabytes": lambda: notebook(code("x = [" + "1," * (5 << 20) + "]")),
    "a cell of blank lines": lambda: notebook(code("\n" * 90_000)),
    "a changed setup cell of blank lines": lambda: with_setup("\n" * 90_000 + "x = 1"),
    "no metadata and blank lines": lambda: json.dumps({"cells": [code("\n" * 900_000)]}).encode(),
    "deep brackets": lambda: notebook(code(DEEP)),
    "deep operators": lambda: notebook(code("x = " + "-" * 90_000 + "1")),
    "a long sum": lambda: notebook(code("x = " + "1+" * 40_000 + "1")),
    "a long chain": lambda: notebook(code("x = a" + ".b" * 40_000)),
    "a long chain of calls": lambda: notebook(code("x = a" + "()" * 40_000)),
    "a thousand elifs": lambda: notebook(code("if a: pass\n" + "elif a:\n  pass\n" * 3000)),
    "a changed setup cell of elifs": lambda: with_setup("if a: pass\n" + "elif a:\n  pass\n" * 900),
    "decorators": lambda: notebook(code("@a\n" * 20_000 + "def f(): pass")),
    "a line of question marks": lambda: notebook(code("a" * 500_000 + "?" * 500_000 + " !")),
    "blanks before a magic": lambda: notebook(code((" " * 900 + "\t") * 900 + "%x")),
    "nested json": lambda: b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested metadata": lambda: b'{"cells": [], "metadata": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
    "worksheets that hold a number": lambda: b'{"worksheets": [{"cells": 5}, 7, {"cells": "abc"}]}',
    "a number of many digits": lambda: b'{"cells": [' + b"9" * 5000 + b"]}",
    "null bytes": lambda: notebook(code("\0" * 1000)),
}


def with_setup(source: str) -> bytes:
    whole = untouched(SOURCE, FORGE.assignment)
    for cell in whole["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id", "").startswith("setup-"):
            cell["source"] = source
    return json.dumps(whole).encode()


@pytest.mark.parametrize("attack", EXHAUSTING)
def test_reading_takes_little_time(attack):
    data = EXHAUSTING[attack]()
    with cpu_time_below(6):
        submission = read(Found("x", ("ann", "self-attention-pytorch", "self-attention.ipynb"), data), SOURCE)
    assert submission.problem or sum(len(c["source"]) for c in submission.cells) <= reading.MAX_CODE
    assert len(submission.remarks) <= 41


@pytest.mark.parametrize("text", ["\n" * 1_000_000, "x = [" + "1," * (5 << 20) + "]", "import " + " " * 900_000 + "x"])
def test_reading_a_script_takes_little_time(text):
    with cpu_time_below(6):
        submission = read(Found("x", ("ann.py",), text.encode()), SOURCE)
    assert submission.problem
