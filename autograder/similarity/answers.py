"""Extracts the answers from a hand-in: the text that defines each symbol, with the helpers that it uses."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from autograder.similarity.linear import Symbol, symbols
from autograder.submission.cell_text import parse
from autograder.submission.hand_in import Submission

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Answer:
    """The text of an answer, and its sequence of tokens (`Symbol`); `lines` counts its lines of code."""

    text: str
    line: tuple[Symbol, ...]
    lines: int

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The symbols' names."""
        return tuple(symbol.name for symbol in self.line)


def answers_in(submission: Submission) -> dict[str, Answer]:
    """The answers of a hand-in, by symbol of its exercise; without those that are not there or do not parse."""
    assert submission.assignment is not None
    wanted = [part.symbol for part in submission.assignment.exercise.parts]
    texts = [(cell["source"], cell["role"] == "answer") for cell in submission.cells if cell["role"] != "setup"]
    # Definitions in an answer cell take precedence over others, as in the judge.
    texts.sort(key=lambda pair: pair[1])
    return answers_of([text for text, _ in texts], wanted)


def answers_of(texts: Iterable[str], wanted: Iterable[str]) -> dict[str, Answer]:
    """The answers in some cells' texts, by symbol. Of two definitions of one name, the last counts."""
    defined: dict[str, tuple[Definition, str]] = {}
    for text in texts:
        tree = parse(text)
        for node in tree.body if tree else ():
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                defined[node.name] = node, _cut(text, node)
    wanted = list(dict.fromkeys(wanted))
    found = {}
    for symbol in wanted:
        if symbol in defined:
            names = [*_helpers(symbol, defined, wanted), symbol]
            answer = answer_of("\n\n\n".join(defined[name][1] for name in names))
            if answer is not None:
                found[symbol] = answer
    return found


def _cut(text: str, node: Definition) -> str:
    """The lines of a definition, with its decorators."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return "\n".join(text.split("\n")[first - 1 : node.end_lineno])


def _helpers(symbol: str, defined: Mapping[str, tuple[Definition, str]], wanted: list[str]) -> list[str]:
    """The student's own functions and classes that a symbol uses, and those that these use; no other answers."""
    found: list[str] = []
    open_ = [symbol]
    while open_:
        node = defined[open_.pop()][0]
        for name in sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name)}):
            if name in defined and name not in wanted and name not in found:
                found.append(name)
                open_.append(name)
    return found[::-1]


def answer_of(text: str) -> Answer | None:
    """A text as an answer; None where it does not parse."""
    tree = parse(text)
    if tree is None:
        return None
    return Answer(text, tuple(symbols(tree.body)), _statement_lines(tree))


def _statement_lines(tree: ast.Module) -> int:
    """The number of lines of code in a text as `ast.unparse` writes it, without signatures, docstrings and comments."""
    count = 0
    for node in ast.walk(tree):
        heads = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        if isinstance(node, ast.stmt) and not isinstance(node, (*heads, ast.Pass)):
            count += not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    return count
