"""A receipt for a hand-in: what the grader will read in a file, shown before the grading.

    receipt = read_receipt(Path("self-attention.ipynb").read_bytes(), "self-attention.ipynb")
    print(receipt)

It says which parts have an answer, whether Python can read them, and a number that the feedback page repeats: the
SHA-256 of what the cells say, without what they printed. So it stays the same when the notebook is saved again, in
another program too, and `check.hand_in()` itself does not change it.

The notebook (`check.hand_in()`) and `autograder receipt` make the same receipt: it is read here, with what students
have too, by the grader's own rules for a single cell (`course.cells`). Nothing is run.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from typing import Any

from course.cells import decode, definitions, grade_id_of, parse, text_of
from course.i18n import _
from course.python_source import chunks, plain_python
from course.report import prose
from course.syllabus import Assignment, Part, UnknownName, syllabus

PLACEHOLDER = re.compile(r"\*[^*]*\*")  # one sentence in italics, which a cell to write in begins with
HAND_IN = re.compile(r"check\.hand_in\([^\n]*\)")
ANSWERED, STUB, MISSING, BROKEN = "answered", "stub", "missing", "broken"
SIGNS = {ANSWERED: "✓", STUB: "–", MISSING: "–", BROKEN: "✗"}
COLOURS = {ANSWERED: "#1a7f37", STUB: "#666666", MISSING: "#666666", BROKEN: "#c62828"}


@dataclass(frozen=True)
class Found:
    """The answer to a part in the file. `where` names its cell; `error` says why Python cannot read it."""

    title: str
    symbol: str
    state: str
    where: str = ""
    error: str = ""

    @property
    def said(self) -> str:
        """The state in words."""
        return {
            ANSWERED: _("answered"),
            STUB: _("not written yet"),
            MISSING: _("not found"),
            BROKEN: _("Python cannot read it"),
        }[self.state]


@dataclass(frozen=True)
class Receipt:
    """The content of a file. `problem` says why it cannot be handed in as it is; `notes` say what to check."""

    file: str
    digest: str  # SHA-256 of what the cells say, in hexadecimal; of the bytes where the file is no notebook
    size: int  # bytes
    modified: datetime | None = None
    assignment: str = ""
    parts: tuple[Found, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The part of the digest that people compare."""
        return number_of(self.digest)

    @property
    def complete(self) -> bool:
        """Whether all parts are there, and there is nothing to check."""
        return not self.problem and not self.notes and all(part.state == ANSWERED for part in self.parts)

    def with_notes(self, notes: Iterable[str]) -> Receipt:
        """The receipt with more notes."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))

    # -- in words -----------------------------------------------------------------------------------------------------

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Facts about the file: names and values."""
        kilobytes = _("{size} kB").format(size=max(1, round(self.size / 1000)))
        facts = [(_("File"), self.file), (_("Exercise"), self.assignment), (_("Receipt"), self.number)]
        saved = self.modified.strftime("%Y-%m-%d %H:%M:%S %z") if self.modified else ""
        return [fact for fact in [*facts, (_("Saved"), saved), (_("Size"), kilobytes)] if fact[1]]

    @property
    def summary(self) -> str:
        """One sentence on the parts."""
        if self.problem:
            return self.problem
        done = sum(part.state == ANSWERED for part in self.parts)
        if done == len(self.parts):
            return _("All {count} parts have an answer.").format(count=done)
        return _("{done} of {count} parts have an answer.").format(done=done, count=len(self.parts))

    @property
    def ending(self) -> str:
        """A sentence about the use of the receipt."""
        return _(
            "Whether an answer is right is not looked at here. The feedback page repeats the receipt of what was "
            "graded: if the two agree, it was this. Saving again does not change the receipt; changing a cell does."
        )

    def __str__(self) -> str:
        width = max(len(name) for name, _value in self.facts)
        lines = [f"{name:{width}}  {value}" for name, value in self.facts] + ["", self.summary]
        for part in self.parts:
            where = f" ({part.where})" if part.where else ""
            lines.append(f"  {SIGNS[part.state]} {part.title}: {part.said}{where}")
            lines += [f"      {part.error}"] if part.error else []
        lines += [f"  ! {note}" for note in self.notes]
        return "\n".join([*lines, *(["", self.ending, f"SHA-256 {self.digest}"] if not self.problem else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        colour = COLOURS[ANSWERED if self.complete else BROKEN if self.problem else STUB]
        facts = "".join(
            f'<tr><td style="padding: 0px 12px 0px 0px; text-align: left">{escape(name)}</td>'
            f'<td style="padding: 0px; text-align: left"><b>{escape(value)}</b></td></tr>'
            for name, value in self.facts
        )
        parts = "".join(map(_part_html, self.parts))
        notes = "".join(f'<div style="margin: 4px 0px">⚠ {prose(note)}</div>' for note in self.notes)
        ending = ""
        if not self.problem:
            ending = (
                f'<div style="margin: 6px 0px 0px 0px">{escape(self.ending)}</div>'
                f'<div><small>SHA-256 <code style="overflow-wrap: anywhere">{self.digest}</code></small></div>'
            )
        return (
            f'<div style="border-left: 4px solid {colour}; padding: 6px 12px; margin: 4px 0px">'
            f'<table style="margin: 0px 0px 6px 0px">{facts}</table>'
            f"<div><b>{prose(self.summary)}</b></div>{parts}{notes}{ending}</div>"
        )

    def page(self, language: str) -> str:
        """The receipt as a page of its own, in the language that is in use."""
        title = escape(_("Receipt for {file}").format(file=self.file))
        return (
            f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
            "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;"
            f"margin:2rem auto;padding:0 1rem}}</style></head>\n<body><h1>{title}</h1>\n{self._repr_html_()}\n</body>"
            "</html>\n"
        )


def digest_of(cells: Iterable[Any]) -> str:
    """The SHA-256 of what the cells of a notebook say, in their order.

    Outputs and metadata do not count, nor blanks at the ends of lines, nor empty cells, nor a call of `check.hand_in`.
    """
    digest = hashlib.sha256()
    for cell in cells:
        text = tidy(text_of(cell))
        if text and not HAND_IN.fullmatch(text):
            kind = b"code" if _is_code(cell) else b"text"
            digest.update(kind + b"\0" + text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def tidy(text: str) -> str:
    """A cell's text without blanks at the ends of lines and around it, which editors change."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def number_of(digest: str) -> str:
    """The part of a SHA-256 that people compare: sixteen digits in groups of four."""
    return " ".join(digest[place : place + 4] for place in range(0, 16, 4))


def read_receipt(
    data: bytes, file: str, modified: float | None = None, assignment: Assignment | None = None
) -> Receipt:
    """The receipt of a file's bytes.

    Arguments: the file's name; when it was saved, in seconds since 1970; the assignment that it has to be, else the one
    that the notebook says.
    """
    moment = datetime.fromtimestamp(modified).astimezone() if modified is not None else None
    receipt = Receipt(file, hashlib.sha256(data).hexdigest(), len(data), moment)
    if not data.strip():
        return replace(receipt, problem=_("The file is empty. Save the notebook, and try again."))
    if file.lower().endswith(".py"):
        cells, stated = [{"cell_type": "code", "source": decode(data)}], None
    else:
        try:
            cells, stated = _notebook(data)
        except (ValueError, RecursionError):
            said = _("{file} is not a notebook. Hand in the notebook itself, which ends in .ipynb.").format(file=file)
            return replace(receipt, problem=said)
    receipt = replace(receipt, digest=digest_of(cells))
    wanted = assignment or _assignment(stated, cells)
    if wanted is None:
        return replace(receipt, problem=_("The file does not say which exercise it is of."))
    receipt = replace(receipt, assignment=f"{_(wanted.exercise.title)}, {wanted.track.title}")
    if stated in syllabus().released() and stated != wanted.id:
        other = syllabus().assignment(str(stated))
        said = _("This is the notebook of another exercise: {title}, {track}.").format(
            title=_(other.exercise.title), track=other.track.title
        )
        return replace(receipt, problem=said)
    if wanted.exercise.by_hand:
        return replace(receipt, parts=tuple(_task(part, cells) for part in wanted.exercise.parts))
    sources = enumerate(chunks(text_of(cells[0])) if file.lower().endswith(".py") else map(_code, cells), 1)
    code = [(number, source) for number, source in sources if source]
    known = [(number, source, definitions(source)) for number, source in code]
    parts = tuple(_found(part, known) for part in wanted.exercise.parts)
    return replace(receipt, parts=parts, notes=tuple(_unreadable(code, parts)))


def _notebook(data: bytes) -> tuple[list[Any], object]:
    """The cells, and the assignment that the notebook says it is of. Raises ValueError where it is no notebook."""
    notebook = json.loads(decode(data))
    if not isinstance(notebook, dict):
        raise ValueError("no notebook")
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):  # version 3 of the format and before
        sheets = [sheet.get("cells") for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
    if not isinstance(cells, list):
        raise ValueError("no cells")
    metadata = notebook.get("metadata")
    course = metadata.get("course") if isinstance(metadata, dict) else None
    return cells, course.get("assignment") if isinstance(course, dict) else None


def _assignment(stated: object, cells: list[Any]) -> Assignment | None:
    """The assignment that a notebook says, else the one whose symbols and framework its code speaks of."""
    try:
        if isinstance(stated, str):
            return syllabus().assignment(stated)
    except UnknownName:
        pass
    code = [text_of(cell) for cell in cells if _is_code(cell)]
    names = {name for source in code for name in definitions(source)}
    fits = [
        one
        for one in syllabus().released().values()
        if names & {part.symbol for part in one.exercise.parts}
        and any(f"import {one.track.framework}" in source or f"from {one.track.framework}" in source for source in code)
    ]
    return fits[0] if len(fits) == 1 else None


def _code(cell: Any) -> str:
    """The text of a cell of code; empty for other cells."""
    return text_of(cell) if _is_code(cell) else ""


def _is_code(cell: Any) -> bool:
    return isinstance(cell, dict) and cell.get("cell_type") == "code"


def _found(part: Part, cells: list[tuple[int, str, dict[str, bool]]]) -> Found:
    """The answer to a part: the last cell that has more than the stub, else the stub."""
    title = _(part.title)
    having = [(number, source, names[part.symbol]) for number, source, names in cells if part.symbol in names]
    if not having:
        return Found(title, part.symbol, MISSING)
    number, source, written = ([one for one in having if one[2]] or having)[-1]
    error = syntax_error(source)
    state = BROKEN if error else ANSWERED if written else STUB
    return Found(title, part.symbol, state, _("cell {number}").format(number=number), error)


def _task(part: Part, cells: list[Any]) -> Found:
    """The answer to a task that a person reads: the number of words."""
    wanted = f"write-{part.id}"
    ids = [(number, cell) for number, cell in enumerate(cells, 1) if wanted in (grade_id_of(cell), _id(cell))]
    if not ids:
        return Found(_(part.title), part.symbol, MISSING)
    number, cell = ids[-1]
    text = text_of(cell).strip()
    words = 0 if PLACEHOLDER.fullmatch(text) else len(text.split())
    where = _("cell {number}, {words} words") if words else _("cell {number}")
    where = where.format(number=number, words=words)
    return Found(_(part.title), part.symbol, ANSWERED if words else STUB, where)


def _id(cell: Any) -> object:
    return cell.get("id") if isinstance(cell, dict) else None


def _unreadable(code: list[tuple[int, str]], parts: tuple[Found, ...]) -> Iterable[str]:
    """A sentence on each other cell that Python cannot read."""
    told = {part.where for part in parts if part.state == BROKEN}
    for number, source in code:
        where = _("cell {number}").format(number=number)
        if where not in told and (error := syntax_error(source)):
            yield _("Python cannot read {where}, so nothing of it runs: {error}").format(where=where, error=error)


def syntax_error(source: str) -> str:
    """Why Python cannot read a cell, with the line; empty where it can."""
    if parse(source) is not None:
        return ""
    try:
        ast.parse(plain_python(source))
    except SyntaxError as error:
        return _("line {line}: {error}").format(line=error.lineno, error=error.msg)
    except (ValueError, RecursionError, MemoryError):
        pass
    return _("it is too long or too deeply nested")


def _part_html(part: Found) -> str:
    badge = f"background-color: {COLOURS[part.state]}; color: #ffffff; padding: 0px 5px; border-radius: 3px"
    where = f" <small>({escape(part.where)})</small>" if part.where else ""
    error = f'<div style="margin: 0px 0px 0px 24px"><code>{escape(part.error)}</code></div>' if part.error else ""
    return (
        f'<div style="margin: 3px 0px"><span style="{badge}"><b>{SIGNS[part.state]}</b></span> '
        f"{escape(part.title)}: {escape(part.said)}{where}{error}</div>"
    )
