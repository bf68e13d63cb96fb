"""A syllabus that is not right is refused with the entry and what is wrong with it, on the command line too."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course.syllabus import SyllabusError, read_syllabus, syllabus

ROOT = Path(__file__).resolve().parents[2]
FILE = (ROOT / "course" / "syllabus.toml").read_text(encoding="utf-8")
FIRST_PART = '    [[exercises.parts]]\n    id = "additive-scores"\n'


def broken(old: str, new: str) -> bytes:
    assert old in FILE
    return FILE.replace(old, new, 1).encode("utf-8", "surrogateescape")


def test_the_committed_one_is_read():
    assert read_syllabus(FILE.encode()) == syllabus()


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('id = "self-attention"', 'id = "additive-attention"', "id"),
        ("number = 3", "number = 1", "number, 1"),
        ('module = "self_attention"', 'module = "additive_attention"', "module, additive_attention"),
        ("number = 9", "number = 8", "number, 8"),  # of those that a person grades too
        ('module = "self_attention"', 'module = "transformers_in_the_wild"', "module, transformers_in_the_wild"),
    ],
    ids=["id", "number", "module", "number by hand", "module by hand"],
)
def test_what_two_exercises_share_is_said_with_the_line_of_both(old, new, what):
    """Lines 1 to n of the file end with the entry that the message names."""
    with pytest.raises(SyllabusError, match=f"two exercises have this {what}: ") as refused:
        read_syllabus(broken(old, new))
    changed = broken(old, new).decode().splitlines()
    lines = [int(n) for n in re.findall(r"course/syllabus.toml, line (\d+)", str(refused.value))]
    assert len(lines) == 2 and lines[0] != lines[1]
    key, value = what.split(", ")[0], new.partition(" = ")[2]
    for line in lines:
        entry = changed[line - 1].strip()
        assert entry == f"{key} = {value}" or entry == 'id = "transformers-in-the-wild"'
    assert new in [changed[line - 1].strip() for line in lines]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[limits]", "[limits", "not valid TOML: .* line 1"),
        ("Attention mechanisms", "Attention \udcff", "not valid TOML"),
        ("[course]", "[curse]", "unknown table 'curse'"),
        ('id = "attention"', "", "course: `id` is missing, or no text"),
        ("memory_mb = 2048", "", "limits: `memory_mb` is missing"),
        ("memory_mb = 2048", "memory_mb = 2.5", "limits: `memory_mb` is a whole number, not 2.5"),
        ("threads = 64", "treads = 64", "limits: unknown entry `treads`; there is: .*threads"),
        ("restarts = 6", "restarts = true", "limits: `restarts` is a whole number, not True"),
        ('framework = "torch"', "", "track pytorch: `framework` is missing"),
        ('number = 1\n', 'number = "one"\n', "additive-attention: `number` is a whole number, not 'one'"),
        ('id = "additive-attention"', "", r"\(an exercise without id\): `id` is missing"),
        ('id = "additive-attention"', 'id = "self-attention"', "self-attention: two exercises have this id"),
        ('id = "additive-attention"', 'id = "transformers-in-the-wild"', "transformers-in-the-wild: two exercises"),
        (FIRST_PART, FIRST_PART.replace("additive-scores", "additive-attention"), "two parts are called"),
        (FIRST_PART, '    [[exercises.parts]]\n', r"additive-attention, \(a part without id\): `id` is missing"),
        (FIRST_PART, FIRST_PART + "    colour = 1\n", "additive-attention, additive-scores: unknown entry `colour`"),
        ("points = 3", "points = -3", "`points` is a number above 0, not -3"),
        ("points = 3", 'points = "3"', "`points` is a number, not '3'"),
        ("    minutes = 10\n", "", r"additive-scores: `minutes` is missing \(line 84\)$"),
        ("minutes = 10", "minutes = 0", r"additive-scores: `minutes` is a whole number above 0, not 0 \(line 89\)$"),
        ("minutes = 10", "minutes = 9.5", r"additive-scores: `minutes` is a whole number, not 9.5 \(line 89\)$"),
        ('difficulty = "medium"', "", r"additive-scores: `difficulty` is missing \(line 84\)$"),
        ('difficulty = "medium"', 'difficulty = "mean"', r"one of easy, medium, hard, not 'mean' \(line 90\)$"),
        ("reading = 50\n", "", r"additive-attention: `reading` is missing \(line 77\)$"),
        ("reading = 50", "reading = -1", r"additive-attention: `reading` is 0 or more minutes, not -1 \(line 82\)$"),
        ('ready_made = "flag"', 'ready_made = "frown"', "`ready_made` is one of allow, flag, .*, not 'frown'"),
        ("[[exercises]]", "[[exercises]]\npackages = { jax = [] }", "no track is called 'jax'"),
        ("[[exercises]]", "[[exercises]]\nlimits = { memory_gb = 2 }", "additive-attention, limits: unknown entry"),
        ("[[by_hand]]", '[[by_hand]]\nmodule = "x"', "transformers-in-the-wild: unknown entry `module`"),
        ('marking = "follow-through"', 'marking = "lenient"', "course: `marking` is one of follow-through, strict"),
        ("[[exercises]]", '[[exercises]]\nmarking = "lax"', "additive-attention: `marking` is one of .*, not 'lax'"),
        ("[marking]", "[markings]", "unknown table 'markings'"),
        ("slip = 0.1", "slip = 0", "marking: `slip` is a number above 0 and at most 1, not 0"),
        ("slip = 0.1", 'slip = "little"', "marking: `slip` is a number above 0 and at most 1, not 'little'"),
        ("[[exercises]]", "[[exercises]]\nlimits = 2", "additive-attention: `limits` is a table, not 2"),
    ],
)  # fmt: skip
def test_what_is_not_right_is_said(old, new, says):
    with pytest.raises(SyllabusError, match=f"(?s)^course/syllabus.toml: .*{says}"):
        read_syllabus(broken(old, new))


def test_an_exercise_may_have_a_rule_of_marking_of_its_own():
    course = read_syllabus(broken("[[exercises]]", '[[exercises]]\nmarking = "strict"'))
    rules = {exercise.id: course.marking_of(exercise) for exercise in course.exercises.values()}
    assert rules.pop("additive-attention") == "strict"
    assert set(rules.values()) == {"follow-through"}


def test_an_exercise_without_parts_is_refused():
    lone = FILE[: FILE.index("[[exercises]]")] + '[[exercises]]\nid = "x"\nnumber = 1\nmodule = "x"\ntitle = "X"\n'
    with pytest.raises(SyllabusError, match="x: `parts` is missing, or no list of tables"):
        read_syllabus(lone.encode())


def test_the_command_line_says_it_too(tmp_path):
    shutil.copytree(ROOT / "course", tmp_path / "course", ignore=shutil.ignore_patterns("models", "__pycache__"))
    (tmp_path / "course" / "models").symlink_to(ROOT / "course" / "models")
    (tmp_path / "autograder").symlink_to(ROOT / "autograder")
    (tmp_path / "course" / "syllabus.toml").write_bytes(broken("threads = 64", "treads = 64"))
    code = "import sys; from autograder import cli; sys.exit(cli.main(['release', 'self-attention-pytorch']))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 2
    assert "course/syllabus.toml: limits: unknown entry `treads`" in " ".join(done.stderr.split())
