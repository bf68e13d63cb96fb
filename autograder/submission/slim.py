"""Run as a program of its own: a notebook's JSON comes in, the same without outputs goes out.

It takes the memory and the time that a notebook of many values needs, under limits, so that the program that started it
does not. It imports nothing but the standard library, and ends with one of the codes below.

    python slim.py MEGABYTES SECONDS < notebook.ipynb > smaller.ipynb
"""

from __future__ import annotations

import json
import sys
from typing import Any

NOT_JSON, TOO_DEEP, TOO_LARGE = 11, 12, 13

# What the grader reads of a notebook and of a cell; the rest is outputs, pictures, and programs' own notes.
OF_NOTEBOOK = ("course", "kernelspec")
OF_CELL = ("id", "nbgrader")


def limit(megabytes: int, seconds: int) -> None:
    """Bound this process, as far as the system can."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    except (ImportError, ValueError, OSError):  # a system without such limits: the caller has a clock as well
        pass


def slim_cell(cell: Any) -> Any:
    """A cell without its outputs; what is no cell becomes null, and so keeps its place."""
    if not isinstance(cell, dict):
        return None
    kept = {key: cell[key] for key in ("cell_type", "id", "source", "input") if key in cell}
    return kept | _metadata(cell, OF_CELL)


def slim(notebook: Any) -> Any:
    """A notebook without its cells' outputs, in the version of the format that it is in."""
    if not isinstance(notebook, dict):
        return None
    kept = _metadata(notebook, OF_NOTEBOOK)
    if "cells" in notebook:
        return kept | {"cells": _cells(notebook["cells"])}
    sheets = notebook.get("worksheets")
    if isinstance(sheets, list):
        kept["worksheets"] = [
            {"cells": _cells(sheet["cells"])} if isinstance(sheet, dict) and "cells" in sheet else {}
            for sheet in sheets
        ]  # fmt: skip
    return kept


def _cells(cells: Any) -> Any:
    return [slim_cell(cell) for cell in cells] if isinstance(cells, list) else None


def _metadata(holder: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    metadata = holder.get("metadata")
    if not isinstance(metadata, dict):
        return {}
    return {"metadata": {name: metadata[name] for name in names if name in metadata}}


def main() -> int:
    """Read, slim, write; the exit code says what was wrong."""
    limit(int(sys.argv[1]), int(sys.argv[2]))
    try:
        sys.stdout.write(json.dumps(slim(json.loads(sys.stdin.buffer.read()))))
        sys.stdout.flush()
    except RecursionError:
        return TOO_DEEP
    except MemoryError:
        return TOO_LARGE
    except ValueError:
        return NOT_JSON
    return 0


if __name__ == "__main__":
    sys.exit(main())
