"""Marks as a table for spreadsheets: a row for each hand-in, a column for each part, and no field that is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from autograder.records import Misconception, Part, Result
from autograder.reporting.text import cell, shown_name

OWNER = ("key", "name", "email", "section", "attempt", "late")  # of the record `owner`

LATENESS = ("handed_in", "due", "late_seconds")  # of the record of that name


def csv_table(results: Sequence[Result]) -> str:
    """All results as one CSV text: student, assignment, points in all and by part, misconceptions, flags, owner."""
    columns = list(dict.fromkeys(p["id"] for r in results for p in r.get("parts") or []))
    head = ["student", "assignment", "submission", "status", "score", "max_score"]
    rows: list[list[object]] = [
        [*head, *columns, "misconceptions", "flags", "message", *OWNER, "late_penalty", *LATENESS]
    ]
    for r in results:
        parts = {p["id"]: p for p in r.get("parts") or []}
        owner: Mapping[str, object] = r.get("owner") or {}
        lateness: Mapping[str, object] = r.get("lateness") or {}
        rows.append(
            [
                *(shown_name(r.get(key) or "", 500) for key in head[:3]),
                *map(r.get, head[3:]),
                *(parts[c]["score"] if c in parts else None for c in columns),
                " ".join(m["id"] for p in parts.values() for m in _named(p)),
                " ".join(r.get("flags") or []),
                r.get("message"),
                *map(owner.get, OWNER[:5]),
                "late" if owner.get("late") or lateness.get("late_seconds") else None,
                r.get("late_penalty"),
                *map(lateness.get, LATENESS),
            ]
        )
    return write_csv(rows)


def _named(part: Part) -> list[Misconception]:
    """The known mistakes that are named in a part; results of earlier versions have one at most."""
    return part.get("misconceptions") or [m for m in [part.get("misconception")] if m]


def write_csv(rows: Iterable[Iterable[object]]) -> str:
    """Rows of any values as CSV text; a field that a spreadsheet would run as a formula is made plain text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([[cell(value) for value in row] for row in rows])
    return out.getvalue()
