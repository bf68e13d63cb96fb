"""Reads a lesson, a MyST Markdown text (which jupytext reads too), and makes the cells of one track's notebook.

A lesson is written once for all tracks. Its code cells say what they are by an option, whose value names the cell:

    :setup: imports            run by the judge too, before the answers
    :demo: sentence            shown and run in the notebook alone
    :explore: sentence         the student's to change and try; the judge never runs it, and no output of it is kept
    :answer: causal-mask       empty here: the part's symbol is pulled out of solutions/<module>/<track>.py
    :test: causal-mask         empty here: `check("causal-mask")`, worth the part's points

A lesson that is graded by hand has other cells: Markdown that begins with `+++ {"task": "data"}` is nbgrader's task
cell, locked and worth the task's points, its mark scheme for the grader alone; `+++ {"write": "data"}` is where the
student writes; and code is `:start: name`, the student's to change.

Markdown that begins with `+++ {"figure": "attention"}` is a diagram of `course.diagrams`, as an image; its text is the
caption, and the next `+++` ends it.

Cells that are for one track only carry `:tags: [pytorch]`; Markdown does so by `+++ {"tags": ["pytorch"]}`. The text
may say `{{ title }}`, `{{ track }}`, `{{ number }}`, `{{ total }}` and `{{ points causal-mask }}`, and of another
exercise `{{ title self-attention }}` and `{{ number self-attention }}`, so that facts of the syllabus are not written
twice. How long it takes is `{{ time }}`, `{{ minutes causal-mask }}` and `{{ time note }}`, how hard it is
`{{ difficulty causal-mask }}`. Other words stand for texts that all notebooks share (`shared_text`): `{{ judged }}` is
what is asked of every answer, `{{ trouble }}` what to do when something goes wrong; `{{ hint 1 }}` to `{{ hint 3 }}`,
`{{ answer 1 }}` and so on name what is folded away. Mistakes are reported with the lesson's file and line.

Every notebook with checks ends with a cell on the receipt (`shared_text.before_hand_in`).

`overview` reads the page that comes before all lessons, `course/exercises/overview.md`: Markdown without cells.
"""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jupytext.myst import myst_to_notebook
from nbformat import NotebookNode

from autograder import paths
from autograder.errors import AuthoringError
from autograder.notebooks import shared_text
from autograder.notebooks.solution_markers import BEGIN, END
from course import i18n
from course.diagrams import diagram
from course.i18n import _
from course.syllabus import Assignment, syllabus

OVERVIEW = "overview"  # the name of its file, and of its catalogue among those of the lessons
ROLES = ("setup", "demo", "explore", "answer", "test")
BEGIN_MARKS, END_MARKS = "=== BEGIN MARK SCHEME ===", "=== END MARK SCHEME ==="


@dataclass(frozen=True)
class Cell:
    """A cell of the notebook that a lesson gives. `role` is None for Markdown; `line` is its line in the lesson."""

    role: str | None
    name: str
    source: str
    line: int
    points: float | None = None

    @property
    def id(self) -> str:
        """The cell's id in the notebook; in nbgrader's metadata too, for cells that have these."""
        return self.name if self.role is None else f"{self.role}-{self.name}"


def read_lesson(root: Path, assignment: Assignment, language: str = i18n.SOURCE_LANGUAGE) -> list[Cell]:
    """The cells of an assignment's notebook, in order, their text in a language.

    Raises AuthoringError where the lesson is missing or wrong: an unknown part, a part without a check, a symbol that
    the solution does not define, a code cell without its option.
    """
    path = paths.lesson(root, assignment.exercise)
    reader = _Reader(root, path, assignment, language)
    with i18n.using(language):
        cells = [cell for raw, line in raw_cells(path) if (cell := reader.cell(raw, line)) is not None]
        if not assignment.exercise.by_hand:
            cells.append(Cell(None, "before-hand-in", shared_text.before_hand_in(), cells[-1].line if cells else 1))
    reader.complete(cells)
    return cells


def paragraphs(text: str) -> Iterator[tuple[int, str, bool]]:
    """The blocks of a Markdown text that blank lines divide: line number from 0, the block, whether to translate it.

    Code, mathematics without words, and tags alone are the same in every language.
    """
    at, fenced = 0, False
    for block in re.split(r"(\n\s*\n)", text):
        if block.strip():
            opens = block.count("```") % 2 == 1
            words = re.sub(r"<[^>]*>|`[^`]*`|\{\{.*?\}\}", "", block)
            if "\\text" not in words:
                words = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", "", words, flags=re.DOTALL)
            kept = fenced or opens or block.startswith(("```", "==="))  # code, or the marks of a mark scheme
            spoken = not kept and re.search(r"[A-Za-z]{2}", words) is not None
            fenced ^= opens
            yield at, block, spoken
        at += block.count("\n")


def translated(text: str, catalogue: gettext.NullTranslations) -> str:
    """A Markdown text with each paragraph in the catalogue's language; a paragraph that it lacks stays English."""
    out, lines = [], text.split("\n")
    at = 0
    for start, block, spoken in paragraphs(text):
        out += lines[at:start]
        out += (catalogue.gettext(block) if spoken else block).split("\n")
        at = start + block.count("\n") + 1
    return "\n".join([*out, *lines[at:]])


def pull_symbol(path: Path, symbol: str) -> str:
    """The source text of a function or class of a module, with the comments that end it.

    Raises LookupError if the module does not define it at top level, and SyntaxError if it is no Python.
    """
    text = path.read_text(encoding="utf-8")
    lines, body = text.splitlines(), ast.parse(text).body
    for here, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(here, (ast.FunctionDef, ast.ClassDef)) and here.name == symbol:
            # The tree ends a function at its last statement, and the end marker of a solution is a comment after it.
            end = len(lines) if following is None else _first_line(following) - 1
            return "\n".join(lines[_first_line(here) - 1 : end]).rstrip()
    raise LookupError(symbol)


def _first_line(node: ast.stmt) -> int:
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])


def raw_cells(path: Path) -> Iterator[tuple[NotebookNode, int]]:
    """The cells of all tracks, each with the number of the line where its text, or its fence, begins, from 1.

    Raises AuthoringError where there is no such file, or it cannot be read as a MyST notebook.
    """
    if not path.is_file():
        raise AuthoringError(f"{path}: there is no such lesson")
    text = path.read_text(encoding="utf-8")
    try:
        notebook = myst_to_notebook(text, add_source_map=True)
    except Exception as error:  # any error of jupytext, YAML, JSON or the notebook schema
        raise AuthoringError(f"{path}: cannot be read as a MyST notebook: {error}") from error
    lines = text.splitlines()
    for cell, line in zip(notebook.cells, notebook.metadata["source_map"], strict=True):
        if cell.cell_type == "markdown":
            while line < len(lines) and not lines[line].strip():
                line += 1
            line += 1
        yield cell, line


def overview(root: Path, language: str = i18n.SOURCE_LANGUAGE) -> str:
    """The overview of the course as Markdown, in a language; empty where the course has none."""
    path = paths.overview(root)
    if not path.is_file():
        return ""
    with i18n.using(language):
        text = translated(path.read_text(encoding="utf-8"), i18n.lesson_text(language, OVERVIEW))
        return _filled(text, _course_facts(), path, 1)


def _course_facts() -> dict[str, str]:
    """The values that any text of the course may use, by name."""
    facts = {"course": _(syllabus().title)}
    for exercise in (*syllabus().exercises.values(), *syllabus().by_hand.values()):
        facts[f"title {exercise.id}"] = _(exercise.title)
        facts[f"number {exercise.id}"] = str(exercise.number)
        facts[f"total {exercise.id}"] = f"{exercise.points:g}"
        facts[f"time {exercise.id}"] = shared_text.hours(exercise.minutes)
    return facts


def _filled(text: str, facts: dict[str, str], path: Path, line: int) -> str:
    """A text with facts in the place of their names; it begins at `line` of the file, for error messages."""

    def fact(match: re.Match[str]) -> str:
        name = " ".join(match.group(1).split())
        if name not in facts:
            at = line + text[: match.start()].count("\n")
            raise AuthoringError(f"{path}:{at}: unknown name {{{{ {name} }}}}; there is: {', '.join(facts)}")
        return facts[name]

    return re.sub(r"\{\{(.*?)\}\}", fact, text)


class _Reader:
    def __init__(self, root: Path, path: Path, assignment: Assignment, language: str) -> None:
        self.path, self.assignment = path, assignment
        self.catalogue = i18n.lesson_text(language, assignment.exercise.id)
        self.solution = paths.solution(root, assignment)
        self.seen: dict[str, int] = {}
        self.texts = 0

    def cell(self, raw: NotebookNode, line: int) -> Cell | None:
        tags = set(raw.metadata.get("tags", []))
        tracks = tags & set(syllabus().tracks)
        if unknown := tags - tracks:
            raise self.error(line, f"unknown tag {sorted(unknown)[0]!r}; a tag names a track")
        if tracks and self.assignment.track.id not in tracks:
            return None
        if raw.cell_type == "markdown":
            if "task" in raw.metadata:
                return self.task(str(raw.metadata["task"]), raw.source, line)
            if "figure" in raw.metadata:
                return self.figure(str(raw.metadata["figure"]), raw.source, line)
            if "write" in raw.metadata:
                return Cell(None, f"write-{raw.metadata['write']}", translated(raw.source, self.catalogue), line)
            self.texts += 1
            return Cell(None, f"text-{self.texts}", self.fill(translated(raw.source, self.catalogue), line), line)
        return self.code(raw, line)

    def figure(self, name: str, caption: str, line: int) -> Cell:
        if f"figure-{name}" in self.seen:
            raise self.error(line, f"there is a figure {name} already, at line {self.seen[f'figure-{name}']}")
        self.seen[f"figure-{name}"] = line
        try:
            image = diagram(name).image
        except LookupError as error:
            raise self.error(line, str(error.args[0])) from None
        text = self.fill(translated(caption, self.catalogue), line)
        return Cell(None, f"figure-{name}", f"{image}\n\n{text}".rstrip(), line)

    def task(self, name: str, source: str, line: int) -> Cell:
        exercise = self.assignment.exercise
        part = next((part for part in exercise.parts if exercise.by_hand and part.id == name), None)
        if part is None:
            known = (
                ", ".join(part.id for part in exercise.parts) if exercise.by_hand else "none, it is graded by machine"
            )
            raise self.error(line, f"{exercise.id} has no task {name!r}; there is: {known}")
        if name in self.seen:
            raise self.error(line, f"there is a task {name} already, at line {self.seen[name]}")
        self.seen[name] = line
        if not 1 == source.count(BEGIN_MARKS) == source.count(END_MARKS):
            raise self.error(line, f"task {name} needs a mark scheme, between {BEGIN_MARKS!r} and {END_MARKS!r}")
        return Cell("task", name, self.fill(translated(source, self.catalogue), line), line, points=part.points)

    def code(self, raw: NotebookNode, line: int) -> Cell:
        allowed = ("start",) if self.assignment.exercise.by_hand else ROLES
        roles = [role for role in allowed if role in raw.metadata]
        if len(roles) != 1:
            raise self.error(line, f"a code cell says what it is by one of {', '.join(f':{r}:' for r in allowed)}")
        role, name = roles[0], str(raw.metadata[roles[0]])
        cell = Cell(role, name, raw.source, line)
        if cell.id in self.seen:
            raise self.error(line, f"there is a cell {cell.id} already, at line {self.seen[cell.id]}")
        self.seen[cell.id] = line
        if role in ("setup", "demo", "explore", "start"):
            return cell
        if raw.source.strip():
            raise self.error(line, f"a cell with :{role}: is empty; its content comes from elsewhere")
        part = next((part for part in self.assignment.exercise.parts if part.id == name), None)
        if part is None:
            known = ", ".join(part.id for part in self.assignment.exercise.parts)
            raise self.error(line, f"{self.assignment.exercise.id} has no part {name!r}; there is: {known}")
        if role == "test":
            return Cell(role, name, f'check("{name}")', line, points=part.points)
        return Cell(role, name, self.pull(part.symbol, line), line)

    def pull(self, symbol: str, line: int) -> str:
        try:
            source = pull_symbol(self.solution, symbol)
        except FileNotFoundError:
            raise self.error(line, f"there is no solution {self.solution}") from None
        except SyntaxError as error:
            raise AuthoringError(f"{self.solution}:{error.lineno}: {error.msg}") from error
        except LookupError:
            raise self.error(line, f"{self.solution} does not define {symbol}") from None
        begins, ends = source.count(BEGIN), source.count(END)
        if not begins or begins != ends:
            raise self.error(
                line,
                f"{symbol} in {self.solution} has {begins} times {BEGIN!r} and {ends} times {END!r}; mark its body",
            )
        return source

    def fill(self, text: str, line: int) -> str:
        exercise = self.assignment.exercise
        facts = {
            "title": _(exercise.title),
            "track": self.assignment.track.title,
            "number": str(exercise.number),
            "total": f"{exercise.points:g}",
            "judged": shared_text.what_is_judged(self.assignment.track.id),
            "time": shared_text.hours(exercise.minutes),
            "time note": shared_text.time_note(exercise.reading),
            "trouble": shared_text.trouble(exercise.by_hand),
            "hint 1": _("Hint 1: the idea"),
            "hint 2": _("Hint 2: which calls"),
            "hint 3": _("Hint 3: how it begins"),
            **{f"answer {n}": _("Answer {number}").format(number=n) for n in range(1, 7)},
        }
        for part in exercise.parts:
            facts[f"points {part.id}"] = f"{part.points:g}"
            facts[f"minutes {part.id}"] = str(part.minutes)
            facts[f"difficulty {part.id}"] = shared_text.difficulty(part.difficulty)
        return _filled(text, facts | _course_facts(), self.path, line)

    def complete(self, cells: list[Cell]) -> None:
        exercise = self.assignment.exercise
        if exercise.by_hand:
            tasks, wanted = [cell.name for cell in cells if cell.role == "task"], [part.id for part in exercise.parts]
            if tasks != wanted:
                raise AuthoringError(
                    f"{self.path}: the lesson has the tasks {', '.join(tasks) or '(none)'}; the syllabus has "
                    f"{', '.join(wanted)}, in this order"
                )
            return
        tested = [cell.name for cell in cells if cell.role == "test"]
        wanted = [part.id for part in exercise.parts]
        if tested != wanted:
            raise AuthoringError(
                f"{self.path}: for {self.assignment.track.id} the lesson checks {', '.join(tested) or 'nothing'}; "
                f"the syllabus has the parts {', '.join(wanted)}, in this order"
            )
        symbols = [exercise.part(cell.name).symbol for cell in cells if cell.role == "answer"]
        for part in exercise.parts:
            count = symbols.count(part.symbol)
            if count != 1:
                raise AuthoringError(f"{self.path}: {part.symbol} is asked for in {count} answer cells; it must be one")

    def error(self, line: int, message: str) -> AuthoringError:
        return AuthoringError(f"{self.path}:{line}: {message}")
