"""Searches a release for secrets: solutions, hidden tests, the catalogue of mistakes, the answers of the quizzes.

Lines are compared without their spaces, so that a change of indentation hides nothing. Notebooks are read cell by cell,
with their outputs. What counts as a secret:

- in a solution, each line, except common lines (`else:`, a single bracket, `import numpy as np`, `loss.backward()`);
- in hidden tests and in the code of the catalogue, three lines in a row, because a single line such as
  `for name in names:` is in many files;
- in the catalogue's prose, each text;
- in a quiz, an explanation, also within a line.

Lines outside the markers of a solution, such as signatures, are given to students. They are not secrets, not in the
catalogue either. The same holds for the lines that the last hint of a lesson tells, unless it tells all that stands
between two markers.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from autograder import paths
from autograder.notebooks.lessons import BEGIN_MARKS
from autograder.notebooks.solution_markers import BEGIN, END
from autograder.quizzes.notebooks import read_quiz

SHORTEST = 14  # characters without spaces; shorter lines are found in any Python file
SHORTEST_PROSE = 30
IN_A_ROW = 3
FORBIDDEN_FOLDERS = tuple(f"{name}/" for name in paths.SECRET)
FORBIDDEN_TEXT = (
    BEGIN,
    END,
    BEGIN_MARKS,
    "BEGIN HIDDEN TESTS",
    "import autograder",
    "from autograder",
    "import solutions",
    "from solutions",
)
LAST_HINT = re.compile(r"<summary>\{\{ hint 3 \}\}</summary>\n\n```python\n(.*?)\n```", re.DOTALL)
INNOCENT = re.compile(
    r"^(import |from \S+ import |@pytest|super\(\)\.|\"\"\"$"
    r"|with torch\.no_grad\(\):$|loss\.backward\(\)$|optimizer\.(step|zero_grad)\(\)$"  # any training loop's
    r"|with tf\.GradientTape\(\) as tape:$"
    r"|for \w+ in self\.\w+:$)"  # any stack of layers
)


def find_leaks(root: Path, members: Mapping[str, bytes]) -> list[str]:
    """The secrets in the files of a release, a sentence for each; empty for none.

    Arguments: the course's root; the files by their names in the student's folder.
    """
    secrets = _secrets(root)
    found = []
    for name, content in members.items():
        if name.startswith(FORBIDDEN_FOLDERS):
            found.append(f"{name}: students do not get this folder")
        if name.startswith("course/quizzes/") and name.endswith(".toml"):
            found.append(f"{name}: students do not get a quiz that is not sealed")
        for place, text in _texts(name, content):
            found += [f"{place}: it says {mark!r}" for mark in FORBIDDEN_TEXT if mark in text]
            lines = [line for line in text.splitlines() if line.strip()]
            found += [f"{place}: it explains an answer of {quiz}" for quiz in _explained(root, text)]
            for n, line in enumerate(lines):
                origin = secrets.get(_bare(line)) or secrets.get(_bare("".join(lines[n : n + IN_A_ROW])))
                if origin is not None:
                    found.append(f"{place}: {line.strip()!r} is in {origin}")
    return found


def _texts(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return  # pictures, compiled catalogues
    if not name.endswith(".ipynb"):
        yield name, text
        return
    for cell in json.loads(text)["cells"]:
        place = f"{name}, cell {cell.get('id')}"
        yield place, _joined(cell["source"])
        for output in cell.get("outputs", []):
            for shown in (output.get("text"), output.get("traceback"), *output.get("data", {}).values()):
                if isinstance(shown, (str, list)):
                    yield f"{place}, output", _joined(shown)


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


@cache
def _secrets(root: Path) -> dict[str, str]:
    """Every secret line, or lines in a row, without spaces, with the file that has it."""
    secrets: dict[str, str] = {}
    given: set[str] = set()
    solutions = {path: path.read_text(encoding="utf-8") for path in sorted(root.glob("solutions/*/*.py"))}
    told: set[str] = set()
    for path, text in solutions.items():
        told |= _told(root / "course" / "exercises" / path.parent.name / "lesson.md", _between_markers(text))
    for path, text in solutions.items():
        within = [line for block in _between_markers(text) for line in block if _bare(line) not in told]
        given |= {_bare(line) for line in text.splitlines()} - {_bare(line) for line in within}
        for line in within:
            if len(_bare(line)) >= SHORTEST and not INNOCENT.match(line.strip()):
                secrets.setdefault(_bare(line), path.relative_to(root).as_posix())
    for path in sorted([*root.glob("autograder/exercises/*/hidden_tests.py"), *root.glob("autograder/exercises/*.py")]):
        _add_code(secrets, path.read_text(encoding="utf-8"), path.relative_to(root).as_posix())
    for path in sorted(root.glob("autograder/exercises/*/mistakes.toml")):
        for text in _strings(tomllib.loads(path.read_text(encoding="utf-8"))):
            origin = path.relative_to(root).as_posix()
            if "\n" in text:
                _add_code(secrets, text, origin)
            elif len(_bare(text)) >= SHORTEST_PROSE and " " in text.strip() and _bare(text) not in given:
                secrets.setdefault(_bare(text), origin)
    return secrets


def _told(lesson: Path, blocks: Iterator[list[str]]) -> set[str]:
    """The lines of solutions that a lesson's last hints tell, without spaces; none of a block that they tell whole."""
    text = lesson.read_text(encoding="utf-8") if lesson.is_file() else ""
    hinted = {_bare(line) for code in LAST_HINT.findall(text) for line in code.splitlines()}
    told: set[str] = set()
    for block in blocks:
        lines = {_bare(line) for line in block if line.strip() and not line.lstrip().startswith("#")}
        if not lines <= hinted:
            told |= lines & hinted
    return told


def _explained(root: Path, text: str) -> list[str]:
    """The quizzes that have an explanation in a text."""
    bare = _bare(text)
    return [name for name, reasons in _explanations(root).items() if any(reason in bare for reason in reasons)]


@cache
def _explanations(root: Path) -> dict[str, list[str]]:
    found = {}
    for path in sorted(root.glob("course/quizzes/*.toml")):
        questions = read_quiz(path)["questions"]
        reasons = [option["why"] for question in questions for option in question["options"]]
        reasons += [question["otherwise"] for question in questions if "otherwise" in question]
        found[path.relative_to(root).as_posix()] = [_bare(reason) for reason in reasons]
    return found


def _add_code(secrets: dict[str, str], text: str, origin: str) -> None:
    lines = [line for line in text.splitlines() if line.strip()]
    for n in range(len(lines) - IN_A_ROW + 1):
        rows = lines[n : n + IN_A_ROW]
        if not all(INNOCENT.match(row.strip()) for row in rows):
            secrets.setdefault(_bare("".join(rows)), origin)


def _bare(line: str) -> str:
    return "".join(line.split())


def _between_markers(text: str) -> Iterator[list[str]]:
    """The lines between each pair of markers."""
    inside: list[str] | None = None
    for line in text.splitlines():
        if line.strip() == BEGIN:
            inside = []
        elif line.strip() == END:
            if inside is not None:
                yield inside
            inside = None
        elif inside is not None:
            inside.append(line)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
