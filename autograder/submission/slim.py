"""A program that reads a notebook's JSON and writes it without outputs.

`apart.py` runs it under limits, so that a notebook with very many values cannot use up the grader's own memory. It
imports only the standard library, and its exit status is 0 or one of the codes below.

    python slim.py MEGABYTES SECONDS < notebook.ipynb > smaller.ipynb
"""

from __future__ import annotations

import json
import sys
from typing import Any

NOT_JSON, TOO_DEEP, TOO_LARGE = 11, 12, 13

# What the grader reads of a notebook and of a cell; the rest is outputs, pictures, and metadata of other programs.
OF_NOTEBOOK = ("course", "kernelspec")
OF_CELL = ("id", "nbgrader")


def limit(megabytes: int, seconds: int) -> None:
    """Limit the memory and CPU time of this process, where the system can."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    except (ImportError, ValueError, OSError):  # a system without such limits: the caller has a clock as well
        pass


def slim_cell(cell: Any) -> Any:
    """A cell without its outputs; None for what is no cell."""
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
    """Read a notebook from standard input and write it without outputs. Returns the exit status."""
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
