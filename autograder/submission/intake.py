"""From what students handed in to the code that is to be run: find the files, read them, put each cell in its place.

A hand-in is a notebook, a `.py` file with the answers, a folder or zip of such (also nested, as learning platforms
pack them), or nbgrader's `submitted/<student>/<assignment>/<notebook>.ipynb`. Nothing is opened through a symbolic
link, nothing is unpacked to disk, sizes are capped, and whatever is wrong with one hand-in is a sentence about that
one.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import lzma
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.messages import Message
from autograder.submission import ready_made
from autograder.submission.by_hand import in_other_languages, look_through
from autograder.submission.cell_text import definitions, grade_id_of, parse, text_of
from autograder.submission.matching import RUN, match
from course.syllabus import Assignment, UnknownName, syllabus

MAX_BYTES = 64 << 20  # of a notebook, as it lies there or unpacked
MAX_CELLS = 2000
MAX_CODE = 1 << 20  # characters of code in a hand-in: to parse more takes memory and time that are the whole class's
MAX_ENTRIES = 20_000  # of a zip
MAX_DEPTH = 2  # zips in zips in a zip
ENCRYPTED = 0x1  # the flag of an entry of a zip
MAX_PIECES = 4_000_000  # of a notebook's JSON: sixty megabytes of empty lists are more than a gigabyte once read
NOT_PYTHON = frozenset(  # cell magics: what follows is another language, or goes into a file
    "bash cmd file html HTML javascript js latex markdown perl ruby script sh shell sql svg SVG sx "
    "system writefile".split()
)
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
)
IPYTHON_LINE = re.compile(r"^(\s*)([%!?]|[\w.]+\?\s*$).*$")  # `%magic`, `!command`, `?help`, `help?`
IPYTHON_VALUE = re.compile(r"^(\s*\w[\w., \t]*=[ \t]*)[%!].*$")  # `files = !ls`, `here = %pwd`
DATABRICKS_CELL = re.compile(r"\s*%(md|md-sandbox|sql|sh|fs|r|scala)\s")  # there one sign is for the whole cell
SUFFIXES = (".ipynb", ".py", ".zip")
SKIPPED = {".ipynb_checkpoints", "__pycache__", "__MACOSX", ".git", "site-packages", "node_modules"}
LMS_SUFFIX = re.compile(r"_(\d+_)?assignsubmission_(file|onlinetext)_?$")


class Unreadable(Exception):
    """Why a hand-in cannot be read; a sentence for the student."""


@dataclass
class Submission:
    """One student's hand-in of one assignment, ready to be judged, or the reason why it cannot be."""

    name: str
    student: str
    assignment: Assignment | None
    cells: list[dict] = field(default_factory=list)
    mentions: dict[str, list[str]] = field(default_factory=dict)
    ready_made: dict[str, list[dict]] = field(default_factory=dict)  # by symbol: the framework's own, and where
    remarks: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    content: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Found:
    """A file that may be a hand-in: where it is said to be, and how to get its bytes."""

    name: str
    parts: tuple[str, ...]  # the path below what was asked for
    data: bytes | None
    problem: str | None = None


# -- finding ---------------------------------------------------------------------------------------------------------


def find(paths: Iterable[str | Path]) -> Iterator[Found]:
    """All hand-ins at or below the paths, in a stable order. A path that is not there raises FileNotFoundError."""
    for path in map(Path, paths):
        if not path.exists() and not path.is_symlink():
            raise FileNotFoundError(f"there is nothing at {path}")
        if path.is_dir():
            seen = []
            for file in sorted(_walk(path)):
                parts = _below(file, path)
                if parts and _may_be_hand_in(parts):
                    found = list(_from_file(file, parts, str(file)))
                    yield from found or [Found(str(file), parts, None, _empty_zip())]
                elif file.is_dir():
                    parts = (*parts, "")
                seen.append(parts)
            yield from _without_notebook(seen, str(path))
        else:
            yield from _from_file(path, _below(path, path.parent), str(path))


def _below(file: Path, top: Path) -> tuple[str, ...]:
    """A file's path below what was asked for, and above it where the folders are nbgrader's and say whose it is."""
    whole = Path(os.path.abspath(file)).parts
    if "submitted" in whole[:-1]:
        return whole[len(whole) - whole[::-1].index("submitted") :]
    exercises = syllabus().exercises | syllabus().by_hand
    if file.stem in exercises and len(whole) > 3 and whole[-2] in syllabus().released():
        return whole[-3:]
    return file.relative_to(top).parts


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder, and the folders that have nothing in them."""
    empty = True
    for entry in folder.iterdir():
        if entry.name in SKIPPED or entry.name.startswith("."):
            continue
        empty = False
        if entry.is_dir() and not entry.is_symlink():
            if not (entry / "pyvenv.cfg").exists():  # a virtual environment
                yield from _walk(entry)
        else:
            yield entry
    if empty:
        yield folder


def _may_be_hand_in(parts: tuple[str, ...]) -> bool:
    """By its name; not what students got with the notebook, who hand in their whole folder."""
    if PurePosixPath(parts[-1]).suffix.lower() not in SUFFIXES:
        return False
    if SKIPPED & set(parts) or any(part.startswith(".") and part != ".." for part in parts):
        return False
    if "course" not in parts[:-1]:
        return True
    inside = parts[len(parts) - parts[::-1].index("course") :]
    return not resources.files("course").joinpath(*inside).is_file()


def _without_notebook(files: Iterable[tuple[str, ...]], name: str) -> Iterator[Found]:
    """Those who handed in other things only, of the folders that a platform made for them: nobody is passed over.

    A folder with nothing in it is among the files as one without a name.
    """
    known = syllabus().released()
    handed_in: dict[tuple, tuple[tuple[str, ...], list[str]]] = {}
    served = set()
    for parts in files:
        for i, folder in enumerate(parts[:-1]):
            if LMS_SUFFIX.search(folder) or (i and folder in known):
                key = (whose(parts)[0], folder if folder in known else None)
                if _may_be_hand_in(parts):
                    served.add(key)
                handed_in.setdefault(key, (parts[: i + 1], []))[1].append(parts[-1])
                break
    for key, (folders, names) in handed_in.items():
        if key not in served:
            names = sorted(filter(None, names))
            only = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
            problem = Message(
                "There is no notebook in the hand-in, only {only}. Hand in the file that ends in .ipynb.", only=only
            )
            if not names:
                problem = Message("The folder is empty. Hand in the notebook, the file that ends in .ipynb.")
            yield Found("/".join((name, *folders)), (*folders, "hand-in"), None, problem)


def _from_file(path: Path, parts: tuple[str, ...], name: str) -> Iterator[Found]:
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            problem = Message("The hand-in is a symbolic link, which is not followed; hand in the file itself.")
            yield Found(name, parts, None, problem)
        elif stat.S_ISDIR(status.st_mode):
            problem = Message("What is called like a file is a folder, and empty. Hand in the notebook itself.")
            yield Found(name, parts, None, problem)
        elif not stat.S_ISREG(status.st_mode):
            problem = Message("The hand-in is not a file. Hand in the notebook, the file that ends in .ipynb.")
            yield Found(name, parts, None, problem)
        elif path.suffix.lower() == ".zip":
            yield from _from_zip(path, parts, name)
        elif status.st_size > MAX_BYTES:
            yield Found(name, parts, None, _too_large(status.st_size))
        else:
            yield Found(name, parts, path.read_bytes())
    except OSError as error:
        why = error.strerror or error
        yield Found(name, parts, None, Message("The file cannot be read: {why}. Hand it in again.", why=why))


def _from_zip(file: Path | io.BytesIO, parts: tuple[str, ...], name: str, depth: int = 0) -> Iterator[Found]:
    """The hand-ins in a zip, and in the zips in it; what is wrong with one entry does not touch the others."""
    try:
        with zipfile.ZipFile(file) as archive:
            above = (*parts[:-1], PurePosixPath(parts[-1]).stem)
            entries = [
                (info, PurePosixPath(info.filename.replace("\\", "/")))
                for info in sorted(archive.infolist(), key=lambda i: i.filename)
                if not info.is_dir()
            ]
            hand_ins = [entry for entry in entries if entry[1].parts and _may_be_hand_in(entry[1].parts)]
            for info, inside in hand_ins[:MAX_ENTRIES]:
                below = (*above, *inside.parts)
                label = f"{name}!{info.filename}"
                if inside.is_absolute() or ".." in inside.parts:
                    problem = Message(
                        "The zip holds a file whose path leads out of it, which is not opened. Hand in the notebook "
                        "itself."
                    )
                    yield Found(label, (*above, inside.name), None, problem)
                elif info.file_size > MAX_BYTES:
                    yield Found(label, below, None, _too_large(info.file_size))
                else:
                    yield from _from_entry(archive, info, below, label, depth)
            yield from _without_notebook(((*above, *inside.parts) for _, inside in entries if inside.parts), name)
    except DAMAGED:
        problem = Message("The zip file is damaged and cannot be opened. Hand in the notebook itself.")
        yield Found(name, parts, None, problem)


def _from_entry(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, below: tuple, label: str, depth: int
) -> Iterator[Found]:
    try:
        if info.flag_bits & ENCRYPTED:
            problem = Message("The file is locked with a password in the zip. Hand in the notebook itself.")
            yield Found(label, below, None, problem)
            return
        data = _unpack(archive, info)
    except DAMAGED:
        problem = Message("The file is damaged in the zip and cannot be read. Hand in the notebook itself.")
        yield Found(label, below, None, problem)
        return
    if not below[-1].lower().endswith(".zip"):
        yield Found(label, below, data)
    elif len(data) > MAX_BYTES or depth >= MAX_DEPTH:
        problem = Message("The zip is packed into too many others, or too large; hand in the notebook itself.")
        yield Found(label, below, None, problem)
    else:
        found = list(_from_zip(io.BytesIO(data), below, label, depth + 1))
        yield from found or [Found(label, below, None, _empty_zip())]


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """An entry's bytes; the size that the archive states is not believed."""
    with archive.open(info) as file:
        data = file.read(MAX_BYTES + 1)
    return data[: MAX_BYTES + 1]


def _empty_zip() -> Message:
    return Message("There is no notebook in the zip. Hand in the file that ends in .ipynb.")


def _too_large(size: int) -> Message:
    return Message(
        "The file has {size} MB, more than the {most} MB that a hand-in may have. Clear the outputs and hand it in "
        "again.",
        size=size >> 20,
        most=MAX_BYTES >> 20,
    )


# -- whose, and for what ---------------------------------------------------------------------------------------------


def whose(parts: tuple[str, ...]) -> tuple[str, str | None]:
    """Student and, where the path says so, assignment: `ann/self-attention-pytorch/x.ipynb`, or just `ann.ipynb`."""
    known = syllabus().released()
    *folders, file = parts
    stem = PurePosixPath(file).stem
    for i, folder in enumerate(folders):
        if folder in known:
            of_platform = [LMS_SUFFIX.sub("", above) for above in folders[:i] if LMS_SUFFIX.search(above)]
            return (of_platform or folders[:i] or [stem])[-1] or stem, folder
    assignment = stem if stem in known else None
    for folder in reversed(folders):
        if LMS_SUFFIX.search(folder):
            return LMS_SUFFIX.sub("", folder) or stem, assignment
    exercises = syllabus().exercises | syllabus().by_hand
    generic = stem in known or stem in exercises or stem in ("answers", "notebook", "submission")
    if folders and (generic or len(folders) > 1):
        return folders[-1], assignment
    for suffix in sorted((*known, *exercises), key=len, reverse=True):
        for joint in ("_", "-", " ", "."):
            if stem.endswith(joint + suffix):  # ann_self-attention.ipynb
                return stem.removesuffix(joint + suffix), suffix if suffix in known else None
    return stem, assignment


def one_each(submissions: Iterable[Submission]) -> list[Submission]:
    """One hand-in for each student and assignment: of several the one with the notebook's own name, else the last.

    But a file with answers comes before one without; and before a file without answers one that cannot be read, which
    may have had them.
    """
    groups: dict[tuple, list[Submission]] = {}
    for submission in submissions:
        key = (submission.student, submission.assignment.id) if submission.assignment else (submission.name,)
        groups.setdefault(key, []).append(submission)
    chosen = []
    for group in groups.values():
        answered = [s for s in group if not s.problem and _has_answers(s)]
        candidates = answered or [s for s in group if s.problem] or group
        named = [s for s in candidates if s.assignment and PurePosixPath(s.name).stem == s.assignment.exercise.id]
        best = (named or candidates)[-1]
        if len(group) > 1:
            others = ", ".join(sorted(PurePosixPath(s.name).name for s in group if s is not best))
            graded = PurePosixPath(best.name).name
            best.remarks.append(
                Message(
                    "Several files were handed in; {graded} was graded, {others} not.", graded=graded, others=others
                )
            )
            best.flags.append("several-files")
        chosen.append(best)
    return chosen


def _has_answers(submission: Submission) -> bool:
    symbols = {part.symbol for part in submission.assignment.exercise.parts}
    written = (definitions(cell["source"]) for cell in submission.cells if cell["role"] != "setup")
    return any(table.get(symbol) for table in written for symbol in symbols)


# -- reading ---------------------------------------------------------------------------------------------------------


def read(found: Found, source_root: Path, assignment: str | None = None) -> Submission:
    """A found file as a submission. `assignment`, if given, is what the file is to be graded as."""
    student, by_path = whose(found.parts)
    submission = Submission(found.name, student, None)
    try:
        submission.assignment = syllabus().assignment(assignment or by_path) if assignment or by_path else None
        if found.problem:
            raise Unreadable(found.problem)
        if found.data is None or len(found.data) > MAX_BYTES:
            raise Unreadable(_too_large(MAX_BYTES + 1))
        text = decode(found.data)
        if found.parts[-1].lower().endswith(".py"):
            read_script(submission, text, found.parts[-1], source_root)
        else:
            read_notebook(submission, load_notebook(text), source_root)
    except Unreadable as reason:
        submission.problem = reason.args[0]
    except UnknownName as error:
        submission.problem = str(error)
    return submission


def decode(data: bytes) -> str:
    """Text from bytes: UTF-8, 16 or 32, with or without a mark, else Latin-1, which reads anything."""
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        return data.decode("latin-1")


def load_notebook(text: str) -> dict:
    """A notebook's JSON with its cells at the top, whatever version of the format it is in; Unreadable if it is none.

    What it takes to read is bounded before it is read.
    """
    if not text.strip():
        raise Unreadable(Message("The file is empty. Save the notebook in Jupyter and hand in that file."))
    if _in_pieces(text):
        raise Unreadable(
            Message("The file holds far more than a notebook needs. Clear the outputs and hand it in again.")
        )
    try:
        notebook = json.loads(text)
    except RecursionError:
        raise Unreadable(
            Message("The file is nested too deeply to be a notebook. Clear the outputs and hand it in again.")
        ) from None
    except ValueError:
        problem = (
            Message(
                "The file cannot be read as a notebook: it ends too early or was changed by hand. Save it once more in "
                "Jupyter and hand in that file."
            )
            if text.lstrip()[:1] == "{"
            else Message(
                "The file cannot be read as a notebook: it does not hold a notebook. Save it once more in Jupyter and "
                "hand in that file."
            )
        )
        raise Unreadable(problem) from None
    return with_cells(notebook)


def _in_pieces(text: str) -> bool:
    """Whether a JSON text is made of so many values that they would fill the memory."""
    if len(text) <= MAX_PIECES or sum(map(text.count, "{[,")) <= MAX_PIECES:
        return False
    count = 0  # now without what stands in strings
    for found in re.finditer(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{[,]+', text, re.DOTALL):
        count += len(found[0]) if found[0][0] != '"' else 0
        if count > MAX_PIECES:
            return True
    return False


def with_cells(notebook: Any) -> dict:
    """The same for a notebook's JSON that has been read already."""
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells", notebook.get("worksheets")), list):
        raise Unreadable(
            Message("The file is not a notebook: it has no cells. Save the notebook in Jupyter and hand in that file.")
        )
    if "cells" not in notebook:  # version 3 of the format and before
        sheets = [sheet for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        lists = [sheet.get("cells") for sheet in sheets]
        notebook["cells"] = [cell for cells in lists if isinstance(cells, list) for cell in cells]
    if len(notebook["cells"]) > MAX_CELLS:
        raise Unreadable(
            Message(
                "The notebook has {count} cells, more than the {most} that a hand-in may have. Delete those that you "
                "do not need and hand it in again.",
                count=len(notebook["cells"]),
                most=MAX_CELLS,
            )
        )
    _check_code(text_of(cell) for cell in notebook["cells"] if _is_code(cell))
    return notebook


def _check_code(sources: Iterable[str]) -> None:
    size = sum(map(len, sources))
    if size > MAX_CODE:
        raise Unreadable(
            Message(
                "The hand-in has {size} KB of code, more than the {most} KB that it may have. Put data into "
                "files, not into cells.",
                size=size >> 10,
                most=MAX_CODE >> 10,
            )
        )


def read_notebook(submission: Submission, notebook: dict, source_root: Path) -> None:
    """Fill a submission from a notebook's JSON: decide the assignment, place the cells."""
    own = _metadata(notebook).get("course")
    stated = own.get("assignment") if isinstance(own, dict) else None
    if submission.assignment is None:
        submission.assignment = _assignment_of(stated, [text_of(c) for c in notebook["cells"] if _is_code(c)])
    elif stated in syllabus().released() and stated != submission.assignment.id:
        raise Unreadable(
            Message(
                "This is the notebook of {stated}, but it was handed in for {id}. Hand in the notebook of {id}.",
                stated=stated,
                id=submission.assignment.id,
            )
        )
    released = released_cells(source_root, submission.assignment)
    by_hand = submission.assignment.exercise.by_hand
    others = in_other_languages(submission.assignment) if by_hand else {}
    placed = match(notebook["cells"], released, submission.assignment.exercise.parts, others)
    if by_hand:
        look_through(placed, released, submission.assignment.exercise.parts, others)
    submission.remarks += placed.remarks
    submission.flags += placed.flags
    language = _metadata(notebook).get("kernelspec") or {}
    language = language.get("language") if isinstance(language, dict) else None
    if isinstance(language, str) and language.lower() not in ("", "python"):
        submission.remarks.append(
            Message("The notebook says that its language is {language}; it was run as Python.", language=language[:40])
        )
        submission.flags.append("other-kernel")
    if by_hand:  # nothing is run, and all of it is read
        texts = "\0".join(p.source.strip() for p in placed.cells if p.grade_id is None)
        submission.content = hashlib.sha256(texts.encode("utf-8", "surrogatepass")).hexdigest()
        return
    run = [p for p in placed.cells if p.role in RUN and p.source.strip()]
    _check_code(p.source for p in run)
    submission.cells = [
        {
            "label": p.label if p.role != "setup" else f"setup {i + 1}",
            "source": plain_python(p.source),
            "grade_id": p.grade_id,
            "index": p.index,
            "role": p.role,
        }
        for i, p in enumerate(run)
    ]  # fmt: skip
    finish(submission)


def read_script(submission: Submission, text: str, name: str, source_root: Path) -> None:
    """Fill a submission from a `.py` file: one cell of its own, after the notebook's setup."""
    _check_code([text])
    if submission.assignment is None:
        submission.assignment = _assignment_of(None, [text])
    if submission.assignment.exercise.by_hand:
        raise Unreadable(
            Message("This assignment is a report that a person reads; hand in the notebook, which ends in .ipynb.")
        )
    released = released_cells(source_root, submission.assignment)
    setup = [c for c in released if (grade_id_of(c) or "").startswith("setup-")]
    submission.cells = [
        {
            "label": f"setup {i + 1}",
            "source": plain_python(text_of(c)),
            "grade_id": grade_id_of(c),
            "index": None,
            "role": "setup",
        }
        for i, c in enumerate(setup)
    ]
    if not text.strip():
        submission.remarks.append(Message("The file is empty."))
        submission.flags.append("empty")
    submission.cells.append({"label": name, "source": plain_python(text), "grade_id": None, "index": 0, "role": "own"})
    finish(submission)


def of_source(assignment: Assignment, source: str, name: str = "answers.py") -> Submission:
    """A submission whose answers are this Python text, without a file: for tests and benchmarks."""
    submission = Submission(name, "answers", assignment)
    submission.cells = [{"label": name, "source": source, "grade_id": None, "index": 0, "role": "own"}]
    finish(submission)
    return submission


def finish(submission: Submission) -> None:
    """What is derived from the cells: which symbols they mention, and the hash of what will run."""
    symbols = {part.symbol for part in submission.assignment.exercise.parts}
    loaded: set[str] = set()
    for cell in submission.cells:
        tree = parse(cell["source"])
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Name) and node.id in symbols:
                loaded.add(node.id)
    submission.mentions = {symbol: sorted(loaded - {symbol}) for symbol in symbols}
    submission.ready_made = ready_made.uses(submission.cells, symbols, syllabus().tracks.values())
    submission.content = content_of(submission.assignment, submission.cells)


def content_of(assignment: Assignment, cells: list[dict]) -> str:
    """A hash of the student's code that will run, in order; stubs and the instructor's cells do not count."""
    h = hashlib.sha256(assignment.id.encode())
    for cell in cells:
        names = definitions(cell["source"]) if cell["role"] == "answer" else {"": True}
        if cell["role"] != "setup" and (any(names.values()) or not names):
            h.update(b"\0" + cell["source"].strip().encode("utf-8", "surrogatepass"))
    return h.hexdigest()


def released_cells(source_root: Path, assignment: Assignment) -> list[dict]:
    """The cells of the assignment's source notebook; it is ours, so anything wrong with it is an error of ours."""
    path = source_root / assignment.id / f"{assignment.exercise.id}.ipynb"
    if not path.exists():
        raise FileNotFoundError(f"there is no source notebook at {path}; --source DIR says where they are")
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def plain_python(source: str) -> str:
    """A cell's code without IPython's own syntax: magics and shell lines do nothing here, `%%time` is taken off.

    Of a cell in another language, `%%bash`, nothing is left.
    """
    lines = source.split("\n")
    if lines[0].lstrip().startswith("%%"):
        if lines[0].split()[0].removeprefix("%%") in NOT_PYTHON:
            return ""
        lines[0] = ""
    if _parses("\n".join(lines)):
        return "\n".join(lines)
    plain = "\n".join(IPYTHON_LINE.sub(r"\1pass", IPYTHON_VALUE.sub(r"\1None", line)) for line in lines)
    return "" if DATABRICKS_CELL.match(source) and not _parses(plain) else plain


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _assignment_of(stated: Any, sources: list[str]) -> Assignment:
    """The assignment that a file says it is, or the one whose symbols and framework its code speaks of."""
    known = syllabus().released()
    if isinstance(stated, str) and stated in known:
        return known[stated]
    defined = {name for source in sources for name in definitions(source)}
    text = "\n".join(sources)
    imports = r"^[ \t]*(import|from)[ \t]+"
    tracks = [t for t in syllabus().tracks.values() if re.search(rf"{imports}{t.framework}\b", text, re.M)]
    tracks = tracks or [
        t for t in syllabus().tracks.values() if t.id == "tensorflow" and re.search(rf"{imports}keras\b", text, re.M)
    ]
    exercises = [e for e in syllabus().exercises.values() if defined & {p.symbol for p in e.parts}]
    if len(tracks) == 1 and len(exercises) == 1:
        return Assignment(exercises[0], tracks[0])
    raise Unreadable(Message("The file does not say which assignment it is of; grade it with --assignment."))


def _metadata(notebook: dict) -> dict:
    metadata = notebook.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _is_code(cell: Any) -> bool:
    return isinstance(cell, dict) and cell.get("cell_type") == "code"
