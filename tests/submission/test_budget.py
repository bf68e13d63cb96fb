"""Reading a hand-in has one budget: who uses it up gets a row with the reason, and everybody else is read."""

from __future__ import annotations

import io
import itertools
import json
import struct
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.grading.grader import solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import answered
from autograder.submission import budget, read
from autograder.submission.attempts import one_each
from autograder.submission.budget import Budget, Budgets, Exceeded, Limits
from autograder.submission.find import find
from autograder.submission.hand_in import Submission
from course.syllabus import syllabus

SOURCE = ROOT / "source"
ASSIGNMENT = syllabus().assignment("self-attention-pytorch")
NOTEBOOK = json.dumps(answered(SOURCE, ASSIGNMENT, solution_source(ASSIGNMENT))).encode()
ANN, EVE, ZOE = (f"{name}_assignsubmission_file_" for name in ("Ann A_1", "Eve E_2", "Zoe Z_3"))


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def copied(archive: bytes, n: int, ending: str) -> bytes:
    """A zip that has the first entry of another one n times, without packing it again."""
    with zipfile.ZipFile(io.BytesIO(archive)) as z:
        info = z.infolist()[0]
    head = archive[info.header_offset :]
    start = 30 + sum(struct.unpack("<HH", head[26:30]))
    data = head[start : start + info.compress_size]
    out, directory = io.BytesIO(), []
    for i in range(n):
        name, offset = f"x{i}{ending}".encode(), out.tell()
        sizes = (info.CRC, info.compress_size, info.file_size, len(name))
        out.write(struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 33, *sizes, 0) + name + data)
        directory.append(
            struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 33, *sizes, 0, 0, 0, 0, 0, offset) + name
        )
    at, table = out.tell(), b"".join(directory)
    out.write(table + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, n, n, len(table), at, 0))
    return out.getvalue()


def zip_of_zips(inner: int = 900, outer: int = 50) -> bytes:
    """Some 700 KB that unpack to terabytes."""
    blanks = copied(packed({"x.ipynb": b" " * (64 << 20)}), inner, ".ipynb")
    return packed({"hand-in.zip": copied(packed({"x.zip": blanks}), outer, ".zip")})


def many_files(n: int) -> bytes:
    return copied(packed({"x.py": b"x = 1\n"}), n, ".py")


def long_table(n: int) -> bytes:
    """A zip whose table of contents alone is large: long names."""
    return copied(packed({"x.txt": b""}), n, "x" * 60_000 + ".txt")


def deep_path() -> bytes:
    return packed({"course/" + "d/" * 30_000 + "a" * 5_000 + ".ipynb": NOTEBOOK})


HOSTILE = {
    "a zip of zips": zip_of_zips,
    "too many files": lambda: many_files(1_500),
    "many files in a zip in a zip": lambda: packed({"a.zip": packed({"b.zip": many_files(1_500)})}),
    "a long table of contents": lambda: long_table(300),
    "blocks that unpack at once": lambda: packed({"a.ipynb": bytes(60 << 20)}, zipfile.ZIP_BZIP2),
    "many large files": lambda: packed({f"{i}.ipynb": b" " * (60 << 20) for i in range(6)}),
}


@pytest.fixture(scope="module")
def hostile() -> dict[str, bytes]:
    """The hand-ins, made once."""
    return {name: make() for name, make in HOSTILE.items()}


def class_of(eve: dict[str, bytes], where: Path, *, as_zip: bool) -> Path:
    """A Moodle download of three people."""
    files = {f"{ANN}/a.ipynb": NOTEBOOK, **{f"{EVE}/{n}": d for n, d in eve.items()}, f"{ZOE}/z.ipynb": NOTEBOOK}
    if as_zip:
        (where / "class.zip").write_bytes(packed(files))
        return where / "class.zip"
    for name, data in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_bytes(data)
    return where


def rows(path: Path) -> dict[str, list[Submission]]:
    """What would be graded, by name."""
    chosen = one_each(read.read(found, SOURCE) for found in find([path]))
    ordered = sorted(chosen, key=lambda s: s.student)
    return {name: list(group) for name, group in itertools.groupby(ordered, key=lambda s: s.student)}


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "folder"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_the_persons_row_says_so_and_the_class_goes_on(kind, as_zip, hostile, tmp_path):
    start = time.thread_time()
    found = rows(class_of({"work.zip": hostile[kind]}, tmp_path, as_zip=as_zip))
    assert time.thread_time() - start < budget.OF_A_PERSON.seconds + 5
    assert list(found) == ["Ann A", "Eve E", "Zoe Z"]
    assert not found["Ann A"][0].problem and not found["Zoe Z"][0].problem
    assert len(found["Eve E"]) == 1 and found["Eve E"][0].problem


def test_a_zip_of_zips_alone(hostile, tmp_path):
    (tmp_path / "bomb.zip").write_bytes(hostile["a zip of zips"])
    ((submission,),) = rows(tmp_path / "bomb.zip").values()
    assert "unpacks to more than 256 MB" in str(submission.problem)


def test_many_archives_of_one_person_have_one_budget(tmp_path):
    several = dict.fromkeys([f"{i}.zip" for i in range(8)], packed({"a.ipynb": b" " * (60 << 20)}))
    found = list(find([class_of(several, tmp_path, as_zip=False)]))
    eve = [f for f in found if f.owner is not None and f.owner.name == "Eve E"]
    assert sum(len(f.data or b"") for f in eve) <= budget.OF_A_PERSON.size
    assert sum("unpacks to more than" in str(f.problem) for f in eve) == 1


def test_a_path_deeper_than_any_disk_has_harms_nobody(tmp_path):
    found = rows(class_of({"work.zip": deep_path()}, tmp_path, as_zip=True))
    assert not found["Ann A"][0].problem and not found["Zoe Z"][0].problem and "Eve E" in found
    name = f"{EVE}/course/" + "x" * 5_000 + ".ipynb"
    (tmp_path / "other.zip").write_bytes(packed({f"{ANN}/a.ipynb": NOTEBOOK, name: NOTEBOOK}))
    assert {who: bool(s[0].problem) for who, s in rows(tmp_path / "other.zip").items()} == {
        "Ann A": False, "Eve E": False,
    }  # fmt: skip


def test_what_all_may_have_ends_with_a_row_for_each(tmp_path, monkeypatch):
    small = Limits(size=3 * len(NOTEBOOK) // 2, files=100, seconds=60, directory=1 << 20)
    monkeypatch.setattr(budget, "OF_ALL", small)
    found = rows(class_of({"e.ipynb": NOTEBOOK}, tmp_path, as_zip=True))
    assert not found["Ann A"][0].problem
    for name in ("Eve E", "Zoe Z"):
        assert "grade them in parts" in str(found[name][0].problem)


def test_time_is_counted_per_person(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "OF_A_PERSON", Limits(size=1 << 30, files=100, seconds=0.3, directory=1 << 20))
    monkeypatch.setattr(Budgets, "of", lambda self, who: self._people.setdefault(who, Budget(budget.OF_A_PERSON)))
    slow = {f"{i}.ipynb": NOTEBOOK[:-1] + b" " * (30 << 20) + b"}" for i in range(8)}
    found = [read.read(f, SOURCE) for f in find([class_of(slow, tmp_path, as_zip=True)])]
    assert any("took more than" in str(s.problem) for s in found if s.student == "Eve E")
    assert not any(s.problem for s in found if s.student != "Eve E")


OPEN = "[" * 900 + '"' + '\\"' * 500_000  # a string that does not end


@pytest.mark.parametrize("text", [OPEN, OPEN + "\\", '"' * 4_000_001], ids=["open", "open at a sign", "strings alone"])
def test_a_string_that_does_not_end_is_read_once(text, monkeypatch):
    monkeypatch.setattr(read, "MAX_PIECES", 1_000)
    start = time.thread_time()
    read._in_pieces(text + "," * 1_000)
    assert time.thread_time() - start < 3


@given(st.text(alphabet='"\\{[,a', max_size=60))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_pieces_are_counted_outside_of_strings(text):
    """The fast way gives what a plain reader of the characters gives, for all JSON."""
    whole = json.dumps({"t": text, "list": [text, [text]]})
    plain, inside, escaped = 0, False, False
    for sign in whole:
        if inside:
            escaped, inside = (sign == "\\" and not escaped), not (sign == '"' and not escaped)
        else:
            inside, plain = sign == '"', plain + (sign in "{[,")
    most = read.MAX_PIECES
    try:
        for limit in (plain, plain - 1):
            read.MAX_PIECES = limit
            assert read._in_pieces(whole + " " * 10) == (plain > limit)
    finally:
        read.MAX_PIECES = most


@given(
    st.lists(st.integers(0, 50), max_size=30),
    st.integers(0, 300),
    st.integers(0, 20),
)
def test_a_budget_never_gives_more_than_it_has(sizes, size, files):
    whole = Budget(Limits(2 * size, 2 * files, 60, 10))
    mine, given_out = Budget(Limits(size, files, 60, 10), whole), []
    try:
        for one in sizes:
            mine.file(one)
            given_out.append(one)
    except Exceeded:
        assert mine.over
        assert sum(given_out) + one > size or len(given_out) + 1 > files
    assert sum(given_out) <= size and len(given_out) <= files
