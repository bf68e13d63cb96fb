"""`check.hand_in()`: the receipt of the open notebook, read from its file on disk.

    check.hand_in()                        finds the notebook's file
    check.hand_in("self-attention.ipynb")  where it cannot be found, as in Colab

The file is graded, not the kernel. So the receipt is read from the file. If the kernel has run an answer that is not in
the file, the receipt says so: the notebook was not saved.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from course import checks, i18n
from course.cells import definitions, text_of
from course.i18n import _
from course.receipt import read_receipt, tidy
from course.syllabus import Assignment, syllabus


class Check(Protocol):
    """What `lesson` gives: `check("part")` runs the visible checks, `check.hand_in()` shows a receipt."""

    hand_in: Any

    def __call__(self, part: str) -> None:
        """Run the visible checks of a part."""


class Said(str):
    """A sentence to be shown, in Jupyter and elsewhere."""

    def _repr_html_(self) -> str:
        from html import escape

        return f"<div>{escape(self)}</div>"

    __repr__ = str.__str__


def lesson(exercise: str, track: str, language: str | None = None) -> Check:
    """The `check` of a notebook.

    Arguments: the exercise's and the track's ids as in the syllabus; the language of the messages.
    """
    check = cast(Check, checks.lesson(exercise, track, language))

    def hand_in(file: str | os.PathLike[str] | None = None) -> None:
        """Show what the grader will read in the notebook's file. If the file cannot be found, give its name."""
        if checks._turned_off():
            return
        i18n.use(language)
        namespace = sys._getframe(1).f_globals
        assignment = syllabus().assignment(f"{exercise}-{track}")
        path = Path(file) if file is not None else find_notebook(namespace, assignment)
        if path is None:
            _show(Said(_unknown(assignment)))
            return
        try:
            data, modified = path.read_bytes(), path.stat().st_mtime
        except OSError as error:
            _show(Said(_("{file} cannot be read: {error}").format(file=path, error=error.strerror or error)))
            return
        receipt = read_receipt(data, path.name, modified, assignment)
        _show(receipt if receipt.problem else receipt.with_notes(unsaved(data, assignment, ran())))

    check.hand_in = hand_in
    return check


def _show(thing: Any) -> None:
    checks.show(thing)  # accepts any object with HTML and text forms


def _unknown(assignment: Assignment) -> str:
    name = f"{assignment.exercise.id}.ipynb"
    if "google.colab" in sys.modules:
        return _(
            "In Colab the notebook's file cannot be seen from here. Download it (File, Download, Download .ipynb), "
            'upload it in the panel Files at the left, and say check.hand_in("{name}"). Hand in the file that you '
            "downloaded."
        ).format(name=name)
    return _(
        'The notebook\'s file cannot be found from here. Save it, and say its name: check.hand_in("{name}").'
    ).format(name=name)


def find_notebook(namespace: Mapping[str, Any], assignment: Assignment) -> Path | None:
    """The file of the running notebook, as the editor reports it, else the folder's only notebook of this exercise."""
    said = (namespace.get("__vsc_ipynb_file__"), namespace.get("__session__"), os.environ.get("JPY_SESSION_NAME"))
    for name in said:
        if isinstance(name, str) and name.lower().endswith(".ipynb") and Path(name).is_file():
            return Path(name)
    here = [path for path in sorted(Path.cwd().glob("*.ipynb")) if _states(path) == assignment.id]
    return here[0] if len(here) == 1 else None


def _states(path: Path) -> object:
    """The assignment that a notebook's metadata name."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]["assignment"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def ran() -> list[str]:
    """The cells that this kernel ran, as they were written; none outside of IPython."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    history = getattr(getattr(shell, "history_manager", None), "input_hist_raw", None)
    return [cell for cell in history if isinstance(cell, str)] if history else []


def unsaved(data: bytes, assignment: Assignment, cells: Iterable[str]) -> list[str]:
    """A sentence on the answers whose newest version ran in the kernel and is not in the file."""
    newest: dict[str, str] = {}
    symbols = {part.symbol for part in assignment.exercise.parts}
    for cell in cells:
        newest |= {name: cell for name in definitions(cell) if name in symbols}
    notebook = json.loads(data)
    in_file = {tidy(text_of(cell)) for cell in notebook.get("cells", []) if isinstance(cell, dict)}
    lost = [symbol for symbol, cell in newest.items() if tidy(cell) not in in_file]
    if not lost:
        return []
    names = ", ".join(f"`{symbol}`" for symbol in lost)
    return [
        _(
            "The file is older than what you ran last: {names}. Save the notebook, and run check.hand_in() again."
        ).format(names=names)
    ]
