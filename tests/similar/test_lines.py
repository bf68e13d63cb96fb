"""Answers as lines of symbols: what does not show, what does, and what is taken out of a hand-in."""

from __future__ import annotations

import ast

import pytest
from support.answers import solution

from autograder.similarity.answers import answers_in, answers_of
from autograder.similarity.linear import symbols
from autograder.submission.read import of_source
from course.syllabus import syllabus


def line(source: str) -> list[str]:
    return [symbol.name for symbol in symbols(ast.parse(source).body)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a = b @ c", "x = torch.matmul(y, z)"),
        ("a = torch.softmax(s, dim=-1)", "b = t.softmax(dim=-1)"),
        ("a = x < y", "a = y > x"),
        ("x += 2 * y", "x = x + y * 2"),
        ("def f(a: int) -> int:\n    '''Says.'''\n    return a  # why", "def g(b):\n    print(b)\n    return b"),
        ("if not a:\n    pass\nelse:\n    b()", "if a:\n    b()"),
        ("y = u if x is not None else v.T", "y = v.T if x is None else u"),
        ("self.w = nn.Linear(d, 3)", "self.proj = nn.Linear(width, 3)"),
    ],
)
def test_what_only_looks_different_is_the_same(one, other):
    assert line(one) == line(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a.softmax(-1)", "a.softmax(-2)"), ("a - b.T", "b.T - a"), ("f(x, dim=1)", "f(x, axis=1)"), ("a[0]", "a[:0]")],
)
def test_what_does_something_else_is_not(one, other):
    assert line(one) != line(other)


def test_hostile_trees_are_read_in_little_depth():
    deep = "x = " + "(" * 80 + "1" + ")" * 80 + " + 1" * 700
    nested = "x = " + " if b else ".join("a" * 150)
    assert line(deep) and line(nested)


def test_an_answer_has_the_students_own_helpers_and_no_other_answer():
    text = "def helper(x):\n    return x\n\n\ndef split_heads(x, n):\n    return helper(x)\n"
    text += "\n\ndef merge_heads(x):\n    return split_heads(x, 1)\n"
    found = answers_of([text], ["split_heads", "merge_heads", "MultiHeadAttention"])
    assert found.keys() == {"split_heads", "merge_heads"}
    assert found["split_heads"].text.startswith("def helper") and "def helper" not in found["merge_heads"].text


def test_the_answers_of_a_hand_in_are_found_and_what_does_not_parse_is_not_there():
    assignment = syllabus().assignment("multi-head-attention-pytorch")
    whole = answers_in(of_source(assignment, solution("multi-head-attention", "pytorch")))
    assert whole.keys() == {part.symbol for part in assignment.exercise.parts}
    assert answers_in(of_source(assignment, "def split_heads(x, n:\n    return")) == {}
