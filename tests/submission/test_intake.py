"""What students hand in, found and read: whose it is, what it is of, and a sentence for whatever cannot be read."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from pathlib import Path

import pytest
from support.timing import cpu_time_below

from autograder.grading.grader import solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import answered, own_cell, untouched
from autograder.submission import hand_in
from autograder.submission.attempts import one_each
from autograder.submission.cell_text import definitions
from autograder.submission.find import find
from autograder.submission.hand_in import Found, Submission
from autograder.submission.owner import whose
from autograder.submission.read import read
from course.python_source import chunks, plain_python
from course.syllabus import syllabus

SOURCE = ROOT / "source"
ASSIGNMENT = syllabus().assignment("self-attention-pytorch")
OTHER = syllabus().assignment("positional-embedding-tensorflow")
SOLVED = answered(SOURCE, ASSIGNMENT, solution_source(ASSIGNMENT))
NOTEBOOK = json.dumps(SOLVED).encode()


def one(data: bytes, name: str = "ann.ipynb", assignment: str | None = None) -> Submission:
    return read(Found(name, (name,), data), SOURCE, assignment)


def found(path: Path) -> dict[str, Submission]:
    """Submissions at a path, by student."""
    return {s.student: s for s in (read(f, SOURCE) for f in find([path]))}


def pack(path: Path | io.BytesIO, files: dict[str, bytes]) -> Path | io.BytesIO:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


# -- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "student", "assignment"),
    [
        ("ann.ipynb", "ann", None),
        ("ann/self-attention-pytorch/self-attention.ipynb", "ann", "self-attention-pytorch"),
        ("submitted/ann/self-attention-pytorch/self-attention.ipynb", "ann", "self-attention-pytorch"),
        ("ann/self-attention.ipynb", "ann", None),
        ("self-attention-pytorch/ann.ipynb", "ann", "self-attention-pytorch"),
        ("class/ann/notebook.ipynb", "ann", None),
        ("ann_self-attention.ipynb", "ann", None),
        ("ann_self-attention-pytorch.ipynb", "ann", "self-attention-pytorch"),
        ("Ann Bo_123_assignsubmission_file_/hw 3.ipynb", "Ann Bo", None),
        ("class/Ann Bo_123_assignsubmission_file_/my work/notebook.ipynb", "Ann Bo", None),
        ("Søren Ærø/self-attention.ipynb", "Søren Ærø", None),
        ("🦊.ipynb", "🦊", None),
        ("two\nlines.ipynb", "two\nlines", None),
        ("=cmd|'calc'!A0.ipynb", "=cmd|'calc'!A0", None),
    ],
)
def test_a_path_says_whose_it_is(path, student, assignment):
    assert whose(Path(path).parts) == (student, assignment)


# -- finding ----------------------------------------------------------------------------------------------------------


def test_a_tree_of_nbgrader_is_read(tmp_path):
    for student in ("ann", "bo"):
        folder = tmp_path / "submitted" / student / ASSIGNMENT.id
        folder.mkdir(parents=True)
        (folder / "self-attention.ipynb").write_bytes(NOTEBOOK)
        (folder / ".ipynb_checkpoints").mkdir()
        (folder / ".ipynb_checkpoints" / "self-attention.ipynb").write_text("old")
        (folder / "timestamp.txt").write_text("2024")
    submissions = found(tmp_path / "submitted")
    assert {s: (x.assignment.id, x.problem) for s, x in submissions.items()} == {
        "ann": (ASSIGNMENT.id, None),
        "bo": (ASSIGNMENT.id, None),
    }


def test_a_part_of_a_tree_says_as_much_as_the_whole(tmp_path):
    folder = tmp_path / "class" / "ann" / ASSIGNMENT.id
    folder.mkdir(parents=True)
    file = folder / "self-attention.ipynb"
    file.write_bytes(NOTEBOOK)
    for path in (tmp_path / "class", tmp_path / "class" / "ann", folder, file):
        assert set(found(path)) == {"ann"}
    flat = tmp_path / "flat" / ASSIGNMENT.id
    flat.mkdir(parents=True)
    (flat / "bo.ipynb").write_bytes(NOTEBOOK)
    assert set(found(flat)) == {"bo"}


def test_a_flat_folder_of_any_names_is_read(tmp_path):
    names = ["ann", "Søren Ærø", "🦊", "two\nlines", "a b'c\"d", "-rf", "semi;colon", os.fsdecode(b"\xff\xfe")]
    for name in names:
        (tmp_path / f"{name}.ipynb").write_bytes(NOTEBOOK)
    (tmp_path / "by hand.py").write_text(solution_source(ASSIGNMENT))
    submissions = found(tmp_path)
    assert set(submissions) == {*names, "by hand"}
    assert all(s.problem is None and s.assignment == ASSIGNMENT for s in submissions.values())


def test_zips_are_read_and_zips_in_zips(tmp_path):
    inner = pack(io.BytesIO(), {"work/self-attention.ipynb": NOTEBOOK}).getvalue()
    own = pack(io.BytesIO(), {"self-attention.ipynb": NOTEBOOK}).getvalue()
    path = pack(
        tmp_path / "class.zip",
        {
            "Ann A_1_assignsubmission_file_/hw.ipynb": NOTEBOOK,
            "Bo B_2_assignsubmission_file_/hand-in.zip": inner,
            "carl.zip": own,
            "__MACOSX/._hw.ipynb": b"junk",
            "dora/self-attention-pytorch/self-attention.ipynb": NOTEBOOK,
            "readme.txt": b"hello",
        },
    )
    submissions = found(path)
    assert set(submissions) == {"Ann A", "Bo B", "carl", "dora"}
    assert all(s.problem is None for s in submissions.values())


def test_zips_in_zips_come_to_an_end(tmp_path):
    data = pack(io.BytesIO(), {"self-attention.ipynb": NOTEBOOK}).getvalue()
    for _ in range(10):
        data = pack(io.BytesIO(), {"inner.zip": data}).getvalue()
    (tmp_path / "ann.zip").write_bytes(data)
    (submission,) = found(tmp_path / "ann.zip").values()
    assert "inside too many other zips" in submission.problem


def test_a_zip_does_not_lead_out_of_itself(tmp_path):
    (tmp_path / "secret.ipynb").write_bytes(NOTEBOOK)
    files = {"../secret.ipynb": NOTEBOOK, "/etc/x.ipynb": NOTEBOOK, "..\\x.py": b"x = 1", "bo.ipynb": NOTEBOOK}
    submissions = [read(f, SOURCE) for f in find([pack(tmp_path / "class.zip", files)])]
    problems = [s.problem for s in submissions]
    assert sum(p is not None and "leads out of it" in p for p in problems) == 3 and problems.count(None) == 1
    assert not any(".." in s.student or "/" in s.student for s in submissions)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "real.ipynb").write_bytes(NOTEBOOK)
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "ann.ipynb").symlink_to(tmp_path / "real.ipynb")
    (folder / "bo.ipynb").symlink_to("/nowhere")
    (folder / "away").symlink_to(tmp_path)
    submissions = found(folder)
    assert set(submissions) == {"ann", "bo"}
    assert all("symbolic link" in s.problem for s in submissions.values())


def test_a_link_in_a_zip_is_only_its_text(tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("ann.ipynb")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert "does not hold a notebook" in found(path)["ann"].problem


def test_a_zip_that_lies_about_sizes_is_not_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(hand_in, "MAX_BYTES", 1 << 20)
    path = pack(tmp_path / "class.zip", {"ann.ipynb": bytes(8 << 20), "bo.ipynb": b"{}"})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):  # the size stated in both headers
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<I", 1000)
    path.write_bytes(data)
    problems = {s: x.problem for s, x in found(path).items()}
    assert problems["ann"] and "it has no cells" in problems["bo"]


def test_a_zip_that_says_how_large_it_unpacks_is_not_unpacked(tmp_path):
    (submission,) = found(pack(tmp_path / "class.zip", {"ann.ipynb": bytes(65 << 20)})).values()
    assert "more than the 64 MB" in submission.problem


def test_one_damaged_entry_does_not_cost_the_others(tmp_path):
    path = pack(tmp_path / "class.zip", {"ann.ipynb": os.urandom(5000), "bo.ipynb": NOTEBOOK})
    data = bytearray(path.read_bytes())
    data[60:400] = bytes(340)
    path.write_bytes(data)
    submissions = found(path)
    assert "damaged in the zip" in submissions["ann"].problem and submissions["bo"].problem is None


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no zip", b"PK\x05\x06" + bytes(30)])
def test_a_damaged_zip_is_said_to_be(tmp_path, data):
    (tmp_path / "ann.zip").write_bytes(data)
    submissions = found(tmp_path)
    problem = submissions["ann"].problem
    assert "damaged" in problem or "no notebook in the zip" in problem


def test_a_path_that_is_not_there_is_wrong_use(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing at"):
        list(find([tmp_path / "nobody"]))


# -- reading ----------------------------------------------------------------------------------------------------------

UNREADABLE = {  # besides those of tests/damage
    "binary": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "does not hold a notebook"),
    "a number": (b"7", "it has no cells"),
    "a number too long to be one": (b"7" * 10_000, "does not hold a notebook"),
    "no symbol of ours": (b'{"cells": [{"cell_type": "code", "source": "x = 1"}]}', "does not say which assignment"),
}


@pytest.mark.parametrize(("data", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_said(data, said):
    submission = one(data)
    assert said in submission.problem and submission.cells == []


def test_a_notebook_of_another_assignment_is_said_to_be():
    other = json.dumps(untouched(SOURCE, OTHER)).encode()
    assert one(other, assignment=ASSIGNMENT.id).problem == (
        "This is the notebook of positional-embedding-tensorflow, but it was handed in for self-attention-pytorch. "
        "Hand in the notebook of self-attention-pytorch."
    )
    assert one(other).assignment == OTHER


def test_an_unknown_assignment_lists_those_that_there_are():
    assert "self-attention-pytorch" in one(NOTEBOOK, assignment="self-attention-jax").problem


def test_a_notebook_without_cells_gets_all_the_stubs_it_lacks():
    submission = one(b'{"cells": [], "metadata": {"course": {"assignment": "self-attention-pytorch"}}}')
    assert submission.problem is None and "raise NotImplementedError" not in str(submission.cells)
    assert submission.remarks


def test_ipythons_syntax_becomes_calls_and_keeps_its_lines():
    assert plain_python("%matplotlib inline\nx = 1\n!pip install torch\ny?").split("\n") == [
        "get_ipython().run_line_magic('matplotlib', 'inline')",
        "x = 1",
        "get_ipython().system('pip install torch')",
        "get_ipython().run_line_magic('pinfo', 'y')",
    ]
    assert plain_python("%%time\nx = 1") == "\nx = 1" and plain_python("%%no_such\nx = 1") == "\nx = 1"
    assert plain_python("if x:\n    %time z = 1\n    y = 2") == "if x:\n    z = 1\n    y = 2"
    assert plain_python("%%bash -e\nls\n") == "get_ipython().run_cell_magic('bash', '-e', 'ls\\n\\n')\n\n"
    assert plain_python("files = !ls \\\n  -l\nx") == "files = get_ipython().getoutput('ls    -l')\n\nx"
    assert plain_python("%md\nIt is *text*, here") == ""
    for as_it_is in ("x = 5 %2", "x = '''\n%not magic\n'''", "def f(:\n    pass", "x = (a\n% b)"):
        assert plain_python(as_it_is) == as_it_is


@pytest.mark.parametrize(
    "line", ["?", "!", '!"', "!(", "%time x = 1", "x = !ls", "x?", "%%bash", ">>> ", "\x0c!", "!\\"]
)
def test_a_cell_full_of_ipythons_syntax_is_read_in_time(line):
    with cpu_time_below(4):
        plain_python(f"{line}\n" * (90_000 // (len(line) + 1)))


def test_what_a_script_has_below_a_cell_magic_is_read():
    cell = "get_ipython().run_cell_magic('time', '', 'def causal_mask(n):\\n    return first(n)\\n')"
    assert definitions(cell) == {"causal_mask": True}
    assert definitions(">>> def causal_mask(n):\n...     return n") == {"causal_mask": True}


def test_a_script_is_cut_at_its_cell_markers_outside_of_statements():
    assert chunks("a = 1\n# %%\nb = '''\n# In[3]:\n'''\n\n# In[4]:\nc = 2\n# +\n# only a comment") == [
        "a = 1",
        "\n# %%\nb = '''\n# In[3]:\n'''\n",
        "\n\n\n\n\n\n# In[4]:\nc = 2",
    ]
    assert chunks("import a, b\nx = 1\nfrom c import (\n    d,\n)\n\nif x:\n    import e\n") == [
        "import a, b",
        "\nx = 1",
        "\n\nfrom c import (\n    d,\n)",
        "\n\n\n\n\n\nif x:\n    import e\n",
    ]
    assert chunks("x = 1; import a; y = 2") == ["x = 1; import a; y = 2"]
    assert chunks("# %%\n# In[1]:\n") == ["# %%\n# In[1]:\n"] and chunks("") == [""]
    many = chunks("# %%\nx = 1\n" * 20_000)
    assert 1 < len(many) <= 500 and sum(map(len, many)) < 10_000_000


def test_a_script_comes_after_the_notebooks_own_cells():
    submission = one(solution_source(ASSIGNMENT).encode(), "ann.py")
    roles = [c["role"] for c in submission.cells]
    assert roles == sorted(roles, key=["setup", "own"].index) and {"setup", "own"} == set(roles)
    assert submission.assignment == ASSIGNMENT


def test_the_same_code_has_the_same_content_whatever_surrounds_it():
    changed = json.loads(NOTEBOOK)
    for cell in changed["cells"]:
        cell["outputs"], cell["execution_count"] = [{"output_type": "stream", "name": "stdout", "text": "hello"}], 7
    changed["cells"].append({"cell_type": "markdown", "metadata": {}, "source": "I liked this."})
    assert one(json.dumps(changed).encode()).content == one(NOTEBOOK).content
    more = {**SOLVED, "cells": [*SOLVED["cells"], own_cell("x = 1")]}
    assert one(json.dumps(more).encode()).content != one(NOTEBOOK).content


def test_of_several_files_of_a_student_one_is_graded_and_it_is_said_which(tmp_path):
    folder = tmp_path / "ann"
    folder.mkdir()
    for name in ("draft", "self-attention", "zzz"):
        (folder / f"{name}.ipynb").write_bytes(NOTEBOOK)
    files = [read(Found(str(p), ("class", "ann", p.name), p.read_bytes()), SOURCE) for p in sorted(folder.iterdir())]
    (submission,) = one_each(files)
    assert submission.name.endswith("self-attention.ipynb") and "several-files" in submission.flags
    assert "self-attention.ipynb was graded, draft.ipynb, zzz.ipynb not" in submission.remarks[-1]
