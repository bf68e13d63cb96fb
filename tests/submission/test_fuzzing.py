"""Whatever bytes there are, our readers give a value or the one error that they document: frames of the wire,
notebooks, the catalogue of mistakes, quizzes.

Two budgets: a few seconds in every run of the tests, always the same examples; and a long search behind `slow`, which
starts elsewhere each time. What either finds becomes a case of its own, a test beside the others.
"""

from __future__ import annotations

import copy
import json
import socket
import struct
import tomllib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder import paths
from autograder.authoring.release import released_notebook
from autograder.grading.grader import solution_source
from autograder.judging import catalogue
from autograder.judging.catalogue import CatalogueError
from autograder.paths import ROOT
from autograder.proof.sample_class import answered
from autograder.quizzes.notebooks import QuizError, read_quiz
from autograder.submission import matching
from autograder.submission.hand_in import Found, Submission
from autograder.submission.read import read, released_cells
from autograder.workers import wire
from course.syllabus import syllabus

SOURCE = ROOT / "source"
ASSIGNMENT = syllabus().assignment("self-attention-pytorch")
NOTEBOOKS = [
    json.dumps(answered(SOURCE, ASSIGNMENT, solution_source(ASSIGNMENT))).encode(),
    json.dumps(json.loads(released_notebook(ROOT, ASSIGNMENT)), ensure_ascii=False).encode(),
]
CATALOGUES = {e.id: paths.mistakes(ROOT, e).read_bytes() for e in syllabus().exercises.values()}
QUIZZES = {path.stem: path.read_bytes() for path in sorted((ROOT / "course" / "quizzes").glob("*.toml"))}

LOOSE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
QUICK = settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=LOOSE)
LONG = settings(max_examples=3_000, deadline=None, database=None, suppress_health_check=LOOSE)


def fuzz(*strategies):
    """Both budgets for one property, as a test with a quick and a slow case."""

    def make(check):
        def test(budget):
            budget(given(*strategies)(check))()

        name = check.__name__
        marked = pytest.mark.parametrize(
            "budget", [QUICK, pytest.param(LONG, marks=pytest.mark.slow)], ids=["quick", "long"]
        )
        test.__name__, test.__doc__ = name, check.__doc__
        return marked(test)

    return make


# -- damage -----------------------------------------------------------------------------------------------------------

TOKENS = [  # that mean something to one of the readers
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"=",
    b"'''",
    b"[[",
    b"\0",
    b"\r",
    b"\xff",
    b"\xef\xbb\xbf",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"true",
    b"\\ud800",
    b"[" * 2000,
    b"1" * 5000,
    b"9" * 30,
    b"#",
    b"\n",
    b"cells",
]


@st.composite
def damaged(draw, originals):
    """A real file with a few things done to it: bytes lost, doubled, swapped, put in, the end cut off."""
    data = draw(originals)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 1, 2, 8, 100, 3000])))
        piece = data[start:end]
        new = draw(st.sampled_from(["", "twice", "backwards", "token", "bytes", "cut"]))
        if new == "cut":
            data = data[:start]
            continue
        put = {
            "": lambda: b"",
            "twice": lambda piece=piece: piece * 2,
            "backwards": lambda piece=piece: piece[::-1],
            "token": lambda: draw(st.sampled_from(TOKENS)),
            "bytes": lambda: draw(st.binary(max_size=8)),
        }[new]()
        data = data[:start] + put + data[end:]
    return data


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def _spots(value, path=()):
    """All places in a JSON value, as paths."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from _spots(inner, (*path, key))


@st.composite
def changed(draw, values):
    """A JSON value in which some places are gone, or hold something else, or what another place holds."""
    value = copy.deepcopy(draw(values))
    for _ in range(draw(st.integers(1, 5))):
        spots = [path for path in _spots(value) if path]
        if not spots:
            break
        *above, last = draw(st.sampled_from(spots))
        place = value
        for key in above:
            place = place[key]
        how = draw(st.sampled_from(["gone", "other", "moved"]))
        if how == "gone":
            del place[last]
        elif how == "other":
            place[last] = draw(ANYTHING)
        else:
            found = value
            for key in draw(st.sampled_from(spots)):
                found = found[key]
            place[last] = copy.deepcopy(found)
    return value


# -- notebooks --------------------------------------------------------------------------------------------------------


def taken_in(data: bytes, name: str = "ann.ipynb") -> Submission:
    submission = read(Found(name, (name,), data), SOURCE)
    if submission.problem is None:
        assert submission.content and all(isinstance(cell["source"], str) for cell in submission.cells)
        json.dumps(submission.cells).encode()  # it has to go over the wire
    else:
        assert isinstance(submission.problem, str) and submission.cells == []
    return submission


@fuzz(damaged(st.sampled_from(NOTEBOOKS)))
def test_a_damaged_notebook_is_read_or_explained(data):
    taken_in(data)


@fuzz(changed(st.sampled_from([json.loads(data) for data in NOTEBOOKS])))
def test_a_notebook_with_other_things_in_it_is_read_or_explained(notebook):
    submission = taken_in(json.dumps(notebook).encode())
    cells = released_cells(SOURCE, ASSIGNMENT)
    if submission.problem is None:
        found = matching.match(notebook.get("cells"), cells, ASSIGNMENT.exercise.parts)
        restored = matching.restore(found, cells)
        assert len({cell["id"] for cell in restored}) == len(restored)


@fuzz(st.binary(max_size=300))
def test_any_bytes_are_a_notebook_or_explained(data):
    taken_in(data)


CODE = st.text(st.sampled_from("def causl_mk(x):\n  return %!?=;#'\"\\\t@[]{}0\N{BOM}\u2028é"), max_size=60)


@fuzz(CODE)
def test_any_code_is_a_script_or_explained(text):
    taken_in((text + "\nimport torch\ndef causal_mask(n): return n").encode(), "ann.py")


# -- the wire ---------------------------------------------------------------------------------------------------------

HEADERS = [
    {"values": {"out": {"array": "r0"}, "n": {"float": "0x1p-1"}}, "error": None, "used": {"cpu": 0.5}},
    {"values": {}, "error": {"kind": "exception", "types": ["ValueError"], "message": "no", "line": 3}},
]
ARRAYS = [{"r0": np.arange(12.0).reshape(3, 4), "r1": np.zeros((0, 2), "int64")}, {"r0": np.array(True)}, {}]
FRAMES = [wire.encode(header, arrays) for header in HEADERS for arrays in ARRAYS]


def received(frame: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(frame)
        theirs.shutdown(socket.SHUT_WR)
        try:
            header, arrays = wire.receive(ours, max_body=1 << 20, max_header=1 << 20)
        except wire.WireError:
            return
    assert isinstance(header, dict) and sum(array.nbytes for array in arrays.values()) <= len(frame)


@fuzz(damaged(st.sampled_from(FRAMES)))
def test_a_damaged_frame_is_a_wire_error_or_a_value(frame):
    received(frame)


@fuzz(damaged(st.sampled_from(FRAMES)))
def test_a_frame_with_true_lengths_and_damage_inside_is_too(frame):
    """The lengths are put right, so that the damage reaches the readers of header and arrays."""
    inside = frame[wire.PREFIX.size :]
    cut = min(len(inside), frame[4] if len(frame) > 4 else 0)
    received(wire.PREFIX.pack(wire.MAGIC, cut, len(inside) - cut) + inside)


@fuzz(
    changed(
        st.just({name: {"dtype": "F64", "shape": [3, 4], "data_offsets": [0, 96]} for name in ("r0", "__metadata__")})
    )
)
def test_the_table_of_arrays_may_say_anything(table):
    head = json.dumps(table).encode()
    try:
        wire.decode(b"{}", struct.pack("<Q", len(head)) + head + bytes(96))
    except wire.WireError:
        pass


# -- TOML -------------------------------------------------------------------------------------------------------------


def catalogue_of(text: str, exercise_id: str) -> None:
    exercise = syllabus().exercise(exercise_id)
    try:
        mistakes = catalogue.parse(text, exercise, "it.toml")
    except CatalogueError as error:
        assert str(error).startswith("it.toml: ")
        return
    for mistake in mistakes:
        for track, change in mistake.changes.items():
            try:
                change.apply((ROOT / "solutions" / exercise.module / f"{track}.py").read_text())
            except CatalogueError:
                pass


@fuzz(damaged(st.sampled_from([CATALOGUES["self-attention"][:6000], CATALOGUES["positional-embedding"][-6000:]])))
def test_a_damaged_catalogue_is_an_error_that_names_the_file(data):
    catalogue_of(data.decode("utf-8", "replace"), "self-attention")


ENTRY = """[[mistake]]
id = "x"
part = "causal-mask"
weight = "slip"
title = "X"
hint = "Y"
"""


@pytest.mark.parametrize(
    "text",
    [
        "mistake = 7",
        "mistake = " + "[" * 2000,
        "mistake = " + "7" * 5000,
        'mistake = ["x"]',
        ENTRY + "also = 7",
        ENTRY + "also = [[]]",
        ENTRY + "also = 'causal-mask'",
        ENTRY + "[mistake.pytorch]\nreplace = 7",
        ENTRY + "[mistake.pytorch]\nreplace = [7]",
        ENTRY + "[mistake.pytorch]\ncode = 7",
    ],
)
def test_entries_of_the_wrong_kind_are_refused(text):
    with pytest.raises(CatalogueError, match="it.toml"):
        catalogue.parse(text, syllabus().exercise("self-attention"), "it.toml")


def toml(value) -> str:
    """A value as TOML, where it has one: what comes out of `changed` may hold things that TOML has not."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value)
    if value is None:
        return '"none"'
    return str(value).lower()


def table_of(data: bytes, name: str) -> dict:
    raw = tomllib.loads(data.decode())
    return {**raw, name: raw[name][:4]}


@fuzz(changed(st.just(table_of(CATALOGUES["self-attention"], "mistake"))))
def test_a_catalogue_with_other_things_in_it_is_an_error_that_names_the_file(table):
    text = "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in table.items())
    catalogue_of(text, "self-attention")


def quiz_of(folder, data: bytes) -> None:
    path = folder / "it.toml"
    path.write_bytes(data)
    try:
        assert read_quiz(path)["questions"]
    except QuizError as error:
        assert str(error).startswith(str(path))


@pytest.fixture(scope="module", autouse=True)
def quiz_folder(tmp_path_factory):
    global FOLDER
    FOLDER = tmp_path_factory.mktemp("quizzes")


@pytest.mark.parametrize("data", [b"x = " + b"[" * 2000, b"x = " + b"7" * 5000, b"x = '\xff'"])
def test_toml_that_only_a_machine_writes_is_refused(tmp_path, data):
    (tmp_path / "it.toml").write_bytes(data)
    with pytest.raises(QuizError, match="it.toml"):
        read_quiz(tmp_path / "it.toml")


@fuzz(damaged(st.sampled_from([data[:4000] for data in QUIZZES.values()])))
def test_a_damaged_quiz_is_an_error_that_names_the_file(data):
    quiz_of(FOLDER, data)


@fuzz(changed(st.sampled_from([table_of(data, "questions") for data in QUIZZES.values()])))
def test_a_quiz_with_other_things_in_it_is_an_error_that_names_the_file(table):
    text = "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in table.items())
    quiz_of(FOLDER, text.encode("utf-8", "replace"))
