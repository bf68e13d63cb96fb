"""Mechanical mutants: they are changes, each in one place, and what became of them is told truly."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from autograder import paths
from autograder.grading.grader import solution_source
from autograder.paths import ROOT
from autograder.proof.mutants import equivalents, mutants
from autograder.proof.power import fates, spread, trials
from course.syllabus import syllabus

ASSIGNMENTS = syllabus().assignments()
SOURCE = '''
import math

def scaled(x, width, mask=None, *, eps=1e-5):
    """A docstring - 1 + 2."""
    if width % 2:
        raise ValueError(f"{width + 1} is odd")
    x = x / math.sqrt(width)
    if mask is not None:
        x = x * mask[:, 1:]
    return x.sum(-1), eps
'''


def changes(source: str) -> dict[str, str]:
    return {mutant.change: mutant.kind for mutant in mutants(source)}


@pytest.mark.parametrize(
    "change, kind",
    [
        ("x / math.sqrt(width) -> x * math.sqrt(width)", "operator"),
        ("x / math.sqrt(width) -> x", "operand dropped"),
        ("math.sqrt(width) -> width", "call dropped"),
        ("x.sum(-1) -> x", "call dropped"),
        ("-1 -> 1", "sign"),
        ("1 -> 2", "constant"),
        ("1e-05 -> 2e-05", "constant"),
        ("1: -> :", "slice"),
        ("mask is not None -> mask is None", "operator"),
        ("x = x * mask[:, 1:] -> pass", "statement dropped"),
        ("raise ValueError(f'{width + 1} is odd') -> pass", "statement dropped"),
        ("(x.sum(-1), eps) -> (eps, x.sum(-1))", "order"),
    ],
)
def test_what_is_changed(change, kind):
    assert changes(SOURCE)[change] == kind


def test_what_is_given_stays_as_it_is():
    given = "def given(x):\n    return x + 1\n\n\n"
    answer = "def answer(x):\n    ### BEGIN SOLUTION\n    return x - 2\n    ### END SOLUTION\n"
    assert {m.symbol for m in mutants(given + answer)} == {"answer"}


def test_words_for_people_stay_as_they_are():
    for mutant in mutants(SOURCE):
        assert "A docstring - 1 + 2." in mutant.source
        assert "is odd" not in mutant.source or "width + 1" in mutant.source


@pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=lambda a: a.id)
def test_every_mutant_is_another_module_and_has_a_name_of_its_own(assignment):
    source = solution_source(assignment)
    found = mutants(source)
    plain = ast.unparse(ast.parse(source))
    assert len({m.source for m in found} | {plain}) == len(found) + 1
    assert len({(m.symbol, m.change) for m in found}) == len(found)
    for symbol in {part.symbol for part in assignment.exercise.parts}:
        assert any(m.symbol == symbol for m in found)
    for mutant in found:
        before, after = (ast.parse(text).body for text in (plain, mutant.source))
        differ = [new.name for old, new in zip(before, after, strict=True) if ast.dump(old) != ast.dump(new)]
        assert differ == [mutant.symbol]


@pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=lambda a: a.id)
def test_what_is_listed_as_equivalent_is_a_mutant_and_has_a_reason(assignment):
    found = {(m.symbol, m.change) for m in mutants(solution_source(assignment))}
    listed = [e for e in equivalents(paths.equivalents(ROOT, assignment.exercise)) if e.track == assignment.track.id]
    assert {(e.symbol, e.change) for e in listed} <= found
    assert all(len(e.reason) > 10 for e in listed)


def test_every_list_of_equivalents_belongs_to_an_exercise():
    modules = {exercise.module for exercise in syllabus().exercises.values()}
    assert {path.parent.name for path in (ROOT / "tests" / "exercises").glob("*/equivalents.toml")} <= modules


@pytest.mark.parametrize(
    "entry, message",
    [
        ('track = "pytorch"\nsymbol = "f"\nchange = "a -> b"', "reason"),
        ('track = "pytorch"\nsymbol = "f"\nchange = "a -> b"\nreason = " "', "needs a reason"),
        ('track = "pytorch"\nsymbol = "f"\nchange = "a -> b"\nreason = "r"\nwhy = "w"', "why"),
    ],
)
def test_an_entry_that_does_not_fit_is_refused(tmp_path, entry, message):
    (tmp_path / "one.toml").write_text(f"[[equivalent]]\n{entry}\n")
    with pytest.raises(ValueError, match=message):
        equivalents(tmp_path / "one.toml")


def listed(root: Path) -> Path:
    """Where a checkout lists the equivalents of self-attention."""
    path = paths.equivalents(root, syllabus().exercise("self-attention"))
    path.parent.mkdir(parents=True)
    return path


def test_a_stale_entry_is_told(tmp_path, grader):
    listed(tmp_path).write_text(
        '[[equivalent]]\ntrack = "pytorch"\nsymbol = "causal_mask"\nchange = "a -> b"\nreason = "It was so once."\n'
    )
    with pytest.raises(ValueError, match="no mutant of causal_mask is 'a -> b'"):
        trials([ASSIGNMENTS["self-attention-pytorch"]], root=tmp_path)


def test_the_fate_of_mutants(grader, tmp_path):
    """One that is caught and named, one that is caught, one that survives: nobody says that it is equivalent."""
    wanted = {
        "positions[:, None] >= positions[None, :] -> positions[:, None] > positions[None, :]",
        "(weights @ value, weights) -> (weights, weights @ value)",
    }
    one, two = ASSIGNMENTS["self-attention-pytorch"], ASSIGNMENTS["multi-head-attention-pytorch"]
    caught = list(fates(trials([one], lambda found: [m for m in found if m.change in wanted]), grader))
    told = {(f.mutant.symbol, f.caught, f.in_part, f.survived) for f in caught}
    assert told == {("causal_mask", True, True, False), ("scaled_dot_product_attention", True, True, False)}
    assert any(f.named for f in caught)

    def the_one(found):
        return [m for m in found if m.change == "-2 -> 2"]

    (survivor,) = fates(trials([two], the_one, tmp_path), grader)
    assert survivor.survived and not survivor.caught
    (known,) = fates(trials([two], the_one), grader)
    assert not known.survived and known.equivalent.reason


def test_what_is_found_is_told_at_once_and_an_interruption_loses_nothing(tmp_path, monkeypatch, capsys):
    """The second mutant is interrupted; the first, which nobody noticed, has been told, and stands in the table."""
    from autograder import cli
    from autograder.proof import power

    def two(tried, grader):
        yield power.Fate(tried[0].assignment, tried[0].mutant, False, None, False, None)
        assert "was not noticed" in capsys.readouterr().out
        raise KeyboardInterrupt

    monkeypatch.setattr(power, "fates", two)
    assert cli.main(["verify", "--power", "self-attention-pytorch", "--mutants", "3"]) == 130
    said = capsys.readouterr()
    assert "0/1 (0.0%)" in said.out and "1 of 3 mutants" in said.err


def test_in_a_log_progress_is_a_line_now_and_then(monkeypatch, capsys):
    from autograder.cli import terminal

    monkeypatch.setattr(terminal, "LOG_SECONDS", 0.0)
    with terminal.bar("Grading", 3) as advance:
        advance()
        advance()
    assert "Grading: 2 of 3" in capsys.readouterr().err


def test_a_sample_is_spread_over_the_solution():
    found = mutants(solution_source(ASSIGNMENTS["self-attention-pytorch"]))
    sample = spread(10)(found)
    assert 5 <= len(sample) <= 10 and len({m.symbol for m in sample}) >= 3
    assert spread(None)(found) == found


@pytest.mark.slow
@pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=ASSIGNMENTS)
def test_mutants_are_caught(assignment, grader):
    """A sample here; `autograder verify --power` grades them all."""
    counted = [f for f in fates(trials([assignment], spread(25)), grader) if f.equivalent is None]
    survivors = [f"{f.mutant.symbol}: {f.mutant.change}" for f in counted if f.survived]
    assert len(survivors) <= 0.02 * len(counted), survivors
