"""Reads a hand-in: from a file's bytes to the cells that are to be run, each in its place.

The limits on bytes, JSON values, cells and characters of code are checked before the costly step that each one bounds.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from autograder.messages import Message
from autograder.paths import source_notebook
from autograder.submission import hand_in, ready_made
from autograder.submission.apart import slimmed
from autograder.submission.budget import Exceeded
from autograder.submission.by_hand import in_other_languages, look_through
from autograder.submission.cell_text import definitions, grade_id_of, parse, text_of
from autograder.submission.hand_in import CodeCell, Found, Submission, Unreadable, too_large
from autograder.submission.matching import match
from autograder.submission.owner import assignment_in, owner_of, wrappers
from autograder.submission.placed import runs
from course.cells import decode
from course.python_source import chunks, plain_python
from course.receipt import digest_of
from course.syllabus import Assignment, UnknownName, syllabus

MAX_CELLS = 2000
MAX_CODE = 1 << 20  # characters of code in a hand-in: parsing more would slow down the whole class
MAX_PIECES = 4_000_000  # values of a notebook's JSON: sixty megabytes of empty lists fill more than a gigabyte


def read(found: Found, source_root: Path, assignment: str | None = None) -> Submission:
    """A found file as a submission; its `problem` says what is wrong with the file.

    `source_root` is the folder of the source notebooks. `assignment`, if given, is what the file is to be graded as,
    whatever the file says. Raises FileNotFoundError where there is no source notebook.
    """
    owner = found.owner or owner_of(found.parts[wrappers([found.parts]) :])
    by_path = assignment_in(found.parts)
    submission = Submission(found.name, owner.name, None, owner=owner, modified=found.modified)
    try:
        wanted = assignment or by_path
        submission.assignment = syllabus().assignment(wanted) if wanted else None
        if found.problem:
            raise Unreadable(found.problem)
        if found.data is None or len(found.data) > hand_in.MAX_BYTES:
            raise Unreadable(too_large(hand_in.MAX_BYTES + 1))
        with found.budget.clock():
            text = decode(found.data)
            if found.parts[-1].lower().endswith(".py"):
                read_script(submission, text, found.parts[-1], source_root)
            else:
                read_notebook(submission, load_notebook(text, slim=True), source_root)
    except (Unreadable, Exceeded) as reason:
        submission.problem = reason.args[0]
    except UnknownName as error:
        submission.problem = str(error)
    return submission


def load_notebook(text: str, *, slim: bool = False) -> dict[str, Any]:
    """A notebook's JSON with its cells under "cells", whatever version of the format it is in.

    With `slim`, outputs may be left out. Raises Unreadable where the text is no notebook or exceeds a limit.
    """
    if not text.strip():
        raise Unreadable(Message("The file is empty. Save the notebook in Jupyter and hand in that file."))
    if _in_pieces(text):
        raise Unreadable(
            Message("The file holds far more than a notebook needs. Clear the outputs and hand it in again.")
        )
    try:
        notebook = json.loads(slimmed(text) if slim else text)
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
    count = strings = 0  # counted again without the contents of strings
    # Nothing is tried twice: a string that does not end takes the rest of the text.
    for found in re.finditer(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{[,]++', text, re.DOTALL):
        if found[0][0] == '"':
            strings += 1
        else:
            count += len(found[0])
        if count > MAX_PIECES or strings > 2 * MAX_PIECES + 2:  # a value has at most a name before it
            return True
    return False


def with_cells(notebook: Any) -> dict[str, Any]:
    """A notebook's JSON with its cells under "cells". Changes it. Raises Unreadable as `load_notebook` does."""
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


def read_notebook(submission: Submission, notebook: dict[str, Any], source_root: Path) -> None:
    """Fill a submission from a notebook's JSON: decide the assignment, place the cells.

    Raises Unreadable where the notebook is of another assignment, or of none that can be told.
    """
    submission.receipt = digest_of(notebook["cells"])
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
    if by_hand:  # nothing is run, and a person reads everything
        texts = "\0".join(p.source.strip() for p in placed.cells if p.grade_id is None)
        submission.content = hashlib.sha256(texts.encode("utf-8", "surrogatepass")).hexdigest()
        return
    run = [(p, role) for p in placed.cells if runs(role := p.role) and p.source.strip()]
    _check_code(p.source for p, _ in run)
    submission.cells = [
        {
            "label": p.label if role != "setup" else f"setup {i + 1}",
            "source": plain_python(p.source),
            "grade_id": p.grade_id,
            "index": p.index,
            "role": role,
        }
        for i, (p, role) in enumerate(run)
    ]
    finish(submission, submission.assignment)


def read_script(submission: Submission, text: str, name: str, source_root: Path) -> None:
    """Fill a submission from a `.py` file: the setup cells of the source notebook, then a cell for each cell marker.

    So an error only stops the code below its own marker, as in the notebook that the script was made from.
    Raises Unreadable where the assignment cannot be told, or is graded by a person.
    """
    _check_code([text])
    submission.receipt = digest_of([{"cell_type": "code", "source": text}])
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
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    submission.cells += [
        {"label": name, "source": plain_python(chunk), "grade_id": None, "index": 0, "role": "own"}
        for chunk in chunks(text)
    ]
    finish(submission, submission.assignment)


def of_source(assignment: Assignment, source: str, name: str = "answers.py") -> Submission:
    """A submission whose answers are this Python text, without a file: for tests and benchmarks."""
    submission = Submission(name, "answers", assignment)
    submission.cells = [{"label": name, "source": source, "grade_id": None, "index": 0, "role": "own"}]
    finish(submission, assignment)
    return submission


def finish(submission: Submission, assignment: Assignment) -> None:
    """Fill in what follows from the cells: `mentions`, `ready_made`, `reach` and `content`."""
    symbols = {part.symbol for part in assignment.exercise.parts}
    loaded: set[str] = set()
    for cell in submission.cells:
        tree = parse(cell["source"])
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Name) and node.id in symbols:
                loaded.add(node.id)
    submission.mentions = {symbol: sorted(loaded - {symbol}) for symbol in symbols}
    submission.ready_made, submission.reach = ready_made.read(submission.cells, symbols, syllabus().tracks.values())
    submission.content = content_of(assignment, submission.cells)


def content_of(assignment: Assignment, cells: list[CodeCell]) -> str:
    """The SHA-256 of the student's code that will run, in order; stubs and the instructor's cells do not count."""
    h = hashlib.sha256(assignment.id.encode())
    for cell in cells:
        names = definitions(cell["source"]) if cell["role"] == "answer" else {"": True}
        if cell["role"] != "setup" and (any(names.values()) or not names):
            h.update(b"\0" + cell["source"].strip().encode("utf-8", "surrogatepass"))
    return h.hexdigest()


def released_cells(source_root: Path, assignment: Assignment) -> list[dict[str, Any]]:
    """The cells of the assignment's source notebook as JSON. Raises FileNotFoundError where there is none."""
    path = source_notebook(source_root, assignment)
    if not path.exists():
        raise FileNotFoundError(f"there is no source notebook at {path}; --source DIR says where they are")
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def _assignment_of(stated: Any, sources: list[str]) -> Assignment:
    """The assignment that a file states, or the one whose symbols and framework its code has. Raises Unreadable."""
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


def _metadata(notebook: dict[str, Any]) -> dict[str, Any]:
    metadata = notebook.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _is_code(cell: Any) -> bool:
    return isinstance(cell, dict) and cell.get("cell_type") == "code"
