"""No regular expression in a trusted process can be made slow: each is fed 100,000 hostile characters."""

from __future__ import annotations

import ast
import itertools
import re
import signal
import time
import warnings
from collections import deque

import pytest

from autograder.paths import ROOT

LENGTH = 100_000
SECONDS = 1.0
# What reads a stranger's text outside the sandbox; of `course/` two files, the rest runs on students' machines.
ROOMS = (
    *("submission", "judging", "workers", "grading", "reporting", "quizzes", "platforms", "nbgrader", "writers"),
    *("records.py", "messages.py", "../course/cells.py", "../course/python_source.py"),
)
FUNCTIONS = {"compile", "match", "search", "fullmatch", "sub", "split", "findall", "finditer"}


def patterns() -> dict[str, tuple[str | bytes, int, set[str]]]:
    """Every pattern that is written in those rooms, by where it stands, with the ways in which it is used."""
    found = {}
    for room in ROOMS:
        path = ROOT / "autograder" / room
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FUNCTIONS:
                    if isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args:
                        text = _text(node.args[0])
                        if text is not None:
                            flags = re.DOTALL * ("DOTALL" in ast.unparse(node) or "re.S" in ast.unparse(node))
                            flags |= re.MULTILINE * ("MULTILINE" in ast.unparse(node) or "re.M" in ast.unparse(node))
                            ways = {node.func.attr} if node.func.attr != "compile" else _ways(node, tree)
                            found[f"{file.resolve().relative_to(ROOT)}:{node.lineno}"] = (text, flags, ways)
    return found


def _ways(compiled: ast.Call, tree: ast.Module) -> set[str]:
    """How a compiled pattern is used: as its name is, or else as any compiled pattern of the file is."""
    names = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and node.value is compiled
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    used = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS and ast.unparse(node.value) != "re"
    ]
    own = {node.attr for node in used if node.value is compiled or ast.unparse(node.value) in names}
    return own or {node.attr for node in used} - {"split"} or {"search", "sub"}  # a text has `split`, too


def _text(node: ast.expr) -> str | bytes | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "name" for part in node.values)
    return None


def hostile(pattern: str | bytes) -> list[str]:
    """Texts that repeat what the pattern is made of, and then do not end as it asks."""
    plain = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    words = sorted({*re.findall(r"[a-z]{2,}", plain), *"aZ0_ \n\t\"'\\`[(=.-:?!%\x1b", *re.sub(r"[\w\\]", "", plain)})
    single = [word * (LENGTH // len(word)) for word in words]
    pairs = [(a + b) * (LENGTH // len(a + b)) for a, b in itertools.permutations(words[:7], 2)]
    runs = [a * (LENGTH // 2 // len(a)) + b * (LENGTH // 2 // len(b)) for a, b in itertools.permutations(words[:7], 2)]
    return [text + end for text in (*single, *pairs, *runs) for end in ("", "\0")]


PATTERNS = patterns()


class TooSlowError(Exception):
    """The alarm."""


def slowest(pattern: str | bytes, flags: int, ways: set[str]) -> float:
    """Seconds that the pattern takes for the worst of its texts; raises TooSlowError past the limit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = re.compile(pattern, flags)

    def ring(*_):
        raise TooSlowError

    before = signal.signal(signal.SIGVTALRM, ring)
    worst = 0.0
    try:
        for text in hostile(pattern):
            subject = text.encode("latin-1", "replace") if isinstance(pattern, bytes) else text
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
            started = time.process_time()
            for ask in ways:
                found = getattr(compiled, ask)(*[subject[:0]] * (ask == "sub"), subject)
                if ask == "finditer":
                    deque(found, maxlen=0)
            worst = max(worst, time.process_time() - started)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return worst


def test_the_patterns_are_found():
    assert len(PATTERNS) >= 10
    assert {place.split("/")[1].partition(":")[0] for place in PATTERNS} > {
        "judging",
        "workers",
        "messages.py",
        "reporting",
    }


@pytest.mark.parametrize("place", PATTERNS)
def test_it_stays_quick(place):
    assert slowest(*PATTERNS[place]) < SECONDS


@pytest.mark.parametrize(("slow", "used"), [(r"(a+)+$", "fullmatch"), (r"\s+$", "search")])
def test_a_slow_one_would_be_seen(slow, used):
    with pytest.raises(TooSlowError):
        slowest(slow, 0, {used})
