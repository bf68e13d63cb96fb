"""Builds the source notebooks, `source/<assignment>/<exercise>.ipynb`, from lesson, solution and syllabus.

A notebook is built in two steps. `draft` writes its cells, with nbgrader's metadata; that takes no time. `execute` then
runs it, in a new kernel and an empty folder, and removes from the outputs what differs between two runs or two
machines, so that building twice gives the same bytes. The notebook keeps a digest of the code that its outputs come
from. If only words, or cells to explore, have changed since it was run, its outputs are kept and it is not run again.

`build(root)` builds what is out of date. `build(root, check=True)` changes nothing, and fails if a notebook is out of
date; it compares cells, metadata and digest, which takes milliseconds. `full=True` also runs the notebooks and compares
the outputs, except the pixels of the figures, which depend on the fonts of the machine.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from traitlets.config import Config

from autograder import paths
from autograder.errors import AuthoringError
from autograder.notebooks.cells import as_nbgraders, python_notebook
from autograder.notebooks.lessons import Cell, read_lesson
from course.syllabus import Assignment, UnknownName, syllabus

CELL_SECONDS = 120
# The modules of `course` that outputs come from, beside the lesson and the solution.
SHOWING = (
    *("alt", "answers", "behaviour", "checks", "expectations", "plots", "report"),
    *("frameworks/__init__", "frameworks/base", "frameworks/pytorch", "frameworks/tensorflow"),
)
DRAWING = ("figures",)  # these too, if a cell names them
KERNEL_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "COURSE_CHECKS": "",
}


def build(
    root: Path, assignments: Iterable[str] | None = None, check: bool = False, full: bool = False, force: bool = False
) -> list[Path]:
    """Build the source notebooks that are out of date; with `check`, only check that none is.

    Arguments: the course's root; assignment ids, all by default; with `full`, a check also runs the notebooks; with
    `force`, notebooks that are up to date are built too. Returns: the notebooks that were written; with `check`, all
    that were compared. Raises AuthoringError for an unknown assignment, a mistake in a lesson, a notebook that does not
    run, and, with `check`, for notebooks that are out of date.
    """
    root = Path(root)
    touched, stale = [], []
    for assignment in chosen(assignments):
        require_files(root, assignment)
        path = source_path(root, assignment)
        fresh = draft(root, assignment)
        reason = _difference(path, fresh)
        if check:
            touched.append(path)
            if reason is None and full:
                reason = _difference(path, execute(root, assignment, fresh), outputs=True)
            if reason is not None:
                stale.append(f"{path.relative_to(root)}: {reason}")
        elif force or reason is not None:
            touched.append(path)
            there = None if force else _read(path)
            if there is not None and _ran(there) and _code(there) == _code(fresh):
                _write(path, _with_outputs_of(there, fresh))
            else:
                _write(path, execute(root, assignment, fresh))
    if stale:
        raise AuthoringError("stale notebooks; run `autograder build`:\n  " + "\n  ".join(stale))
    return touched


def chosen(assignments: Iterable[str] | None) -> list[Assignment]:
    """The assignments of these ids, all by default. Raises AuthoringError for an unknown id."""
    try:
        return [syllabus().assignment(name) for name in (syllabus().released() if assignments is None else assignments)]
    except UnknownName as error:
        raise AuthoringError(str(error)) from None


def require_files(root: Path, assignment: Assignment, judged: bool = False) -> None:
    """Raise AuthoringError where a folder of the exercise lacks a file; with `judged`, also for the judge's files."""
    if lacking := paths.missing(root, assignment, judged):
        raise AuthoringError(
            f"{assignment.id}: {', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} missing. "
            "docs/authoring.md says what each file holds; `autograder new exercise` writes all of them."
        )


def source_path(root: Path, assignment: Assignment) -> Path:
    """The source notebook of an assignment."""
    return paths.source(root) / assignment.id / f"{assignment.exercise.id}.ipynb"


# -- drafting ---------------------------------------------------------------------------------------------------------


def draft(root: Path, assignment: Assignment) -> NotebookNode:
    """The notebook without outputs."""
    cells = read_lesson(root, assignment)
    course = {
        "assignment": assignment.id,
        "exercise": assignment.exercise.id,
        "track": assignment.track.id,
        "language": "en",
        "inputs": _digest(root, assignment, cells),
    }
    return python_notebook([_notebook_cell(cell) for cell in cells], course)


def _notebook_cell(cell: Cell) -> NotebookNode:
    if cell.role is None:
        return new_markdown_cell(cell.source, id=cell.id)
    if cell.role == "start":
        return new_code_cell(cell.source, id=cell.id)  # the student's own, so without nbgrader's metadata
    task = cell.role == "task"
    made = new_markdown_cell(cell.source) if task else new_code_cell(cell.source)
    graded, solution, explore = (cell.role == role for role in ("test", "answer", "explore"))
    return as_nbgraders(made, cell.id, grade=graded, solution=solution, explore=explore, task=task, points=cell.points)


def _digest(root: Path, assignment: Assignment, cells: Iterable[Cell]) -> str:
    """The digest of the code that outputs come from, except the cells, which are in the notebook itself."""
    digest = hashlib.sha256()
    if not assignment.exercise.by_hand:
        course, code = root / "course", "\n".join(cell.source for cell in cells if cell.role is not None)
        showing = [*SHOWING, *(name for name in DRAWING if re.search(rf"\b{name}\b", code))]
        for file in (
            paths.solution(root, assignment),
            *(course / f"{name}.py" for name in showing),
            paths.checks(root, assignment.exercise),
        ):
            digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()


# -- running ----------------------------------------------------------------------------------------------------------


def execute(root: Path, assignment: Assignment, notebook: NotebookNode) -> NotebookNode:
    """Run a draft in a new kernel, and return the notebook with outputs that are the same in every run.

    Raises AuthoringError where a cell fails, or an output has a path of this machine.
    """
    search = os.pathsep.join(filter(None, [str(root.resolve()), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as sockets:
        client = NotebookClient(
            nbformat.from_dict(notebook),
            timeout=CELL_SECONDS,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
            # Sockets in a private folder rather than open ports, and no output of the kernel on the terminal.
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
        )
        try:
            done = client.execute(env={**os.environ, **KERNEL_ENVIRONMENT, "PYTHONPATH": search}, stderr=DEVNULL)
        except CellExecutionError as error:
            raise AuthoringError(f"{assignment.id}: a cell fails.\n{_plain(str(error))}") from None
        for cell in done.cells:
            if cell.cell_type == "code":
                if not _shown(cell):
                    cell.outputs, cell.execution_count = [], None
                cell.outputs = [_clean(output) for output in cell.outputs if output.get("name") != "stderr"]
                _refuse_paths(cell, assignment, (folder, str(root.resolve())))
    done.metadata = notebook.metadata
    return _numbered(done)


def _numbered(notebook: NotebookNode) -> NotebookNode:
    """The notebook with its cells numbered as if no cell to explore were there. Changes the notebook itself."""
    for number, cell in enumerate(filter(_shown, notebook.cells), 1):
        cell.execution_count = number
    return notebook


def _clean(output: NotebookNode) -> NotebookNode:
    """An output without what differs from run to run: figures keep only their pixels."""
    png = output.get("data", {}).get("image/png")
    if png is not None:
        output.data["image/png"] = b64encode(_pixels_only(b64decode(png))).decode()
    return output


def _pixels_only(png: bytes) -> bytes:
    """A PNG without its text, time and resolution chunks, which name programs, versions and dates."""
    kept, at = [png[:8]], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        chunk = png[at : at + length + 12]
        if chunk[4:8] not in (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs"):
            kept.append(chunk)
        at += length + 12
    return b"".join(kept)


def _refuse_paths(cell: NotebookNode, assignment: Assignment, paths: tuple[str, ...]) -> None:
    text = nbformat.v4.writes_json(new_notebook(cells=[cell]))
    for path in paths:
        if path in text:
            raise AuthoringError(f"{assignment.id}: the output of {cell.id} names a path of this machine: {path}")


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()


# -- comparing and writing --------------------------------------------------------------------------------------------


def _difference(path: Path, fresh: NotebookNode, outputs: bool = False) -> str | None:
    """Why the notebook on disk is not the same as this one; None if it is."""
    if not path.is_file():
        return "it does not exist"
    there = _read(path)
    if there is None:
        return "it is no notebook"
    if [cell.get("id") for cell in there.cells] != [cell.id for cell in fresh.cells]:
        return "it has other cells"
    for old, new in zip(there.cells, fresh.cells, strict=True):
        if (old.cell_type, old.source, old.metadata) != (new.cell_type, new.source, new.metadata):
            return f"cell {new.id} differs"
        if _shown(old) and old.execution_count is None:
            return f"cell {new.id} has not been run"
        if outputs and _shown(old) and _comparable(old) != _comparable(new):
            return f"the output of cell {new.id} differs"
    if there.metadata != fresh.metadata:
        return "solution, checks or figures have changed since it was built"
    return None


def _read(path: Path) -> NotebookNode | None:
    """The notebook on disk; None where there is none, or the file is no notebook."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception:  # any error of the file system, JSON or the notebook schema
        return None


def _ran(notebook: NotebookNode) -> bool:
    return all(cell.execution_count is not None for cell in notebook.cells if _shown(cell))


def _shown(cell: NotebookNode) -> bool:
    """Whether the notebook keeps a cell's output: code, but not what students explore, which may be a measured time."""
    return cell.cell_type == "code" and not str(cell.get("id")).startswith("explore-")


def _code(notebook: NotebookNode) -> list[Any]:
    """The code that outputs come from: the digest of what cells import, and the code cells in their order."""
    cells = [(cell.get("id"), cell.source) for cell in notebook.cells if _shown(cell)]
    return [notebook.metadata.get("course", {}).get("inputs"), cells]


def _with_outputs_of(there: NotebookNode, fresh: NotebookNode) -> NotebookNode:
    run = {cell.id: cell for cell in there.cells if _shown(cell)}
    for cell in fresh.cells:
        if _shown(cell):
            cell.outputs = run[cell.id].outputs
    return _numbered(fresh)


def _comparable(cell: NotebookNode) -> list[dict[str, Any]]:
    return [
        {**output, "data": {kind: "" if kind == "image/png" else value for kind, value in output["data"].items()}}
        if "data" in output
        else dict(output)
        for output in cell.outputs
    ]


def _write(path: Path, notebook: NotebookNode) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.validate(notebook)
    unfinished = path.with_suffix(".part")
    nbformat.write(notebook, unfinished)
    unfinished.replace(path)
