"""Marks as a table for spreadsheets: a row a hand-in, a column a part, and no field that is taken for a formula."""

from __future__ import annotations

import csv
import io

from autograder.reporting.text import cell

OWNER = ("key", "name", "email", "section", "attempt", "late")  # of the record `owner`


def csv_table(results: list[dict]) -> str:
    """All results as one CSV text: who, what, points in all and by part, misconceptions, flags."""
    columns = list(dict.fromkeys(p["id"] for r in results for p in r.get("parts") or []))
    head = ["student", "assignment", "submission", "status", "score", "max_score", *columns]
    rows = [[*head, "misconceptions", "flags", "message", *OWNER, "late_penalty"]]
    for r in results:
        parts = {p["id"]: p for p in r.get("parts") or []}
        named = [m["id"] for p in parts.values() for m in _named(p)]
        rows.append(
            [
                *(r.get(key) for key in head[:6]),
                *(parts[c]["score"] if c in parts else None for c in columns),
                " ".join(named),
                " ".join(r.get("flags") or []),
                r.get("message"),
                *((r.get("owner") or {}).get(key) for key in OWNER[:5]),
                "late" if (r.get("owner") or {}).get("late") else None,
                r.get("late_penalty"),
            ]
        )
    return write_csv(rows)


def _named(part: dict) -> list[dict]:
    """The known mistakes that are named in a part; results of earlier versions have one at most."""
    return part.get("misconceptions") or [m for m in [part.get("misconception")] if m]


def write_csv(rows: list[list]) -> str:
    """Rows of any values as CSV text, each field defused."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([[cell(value) for value in row] for row in rows])
    return out.getvalue()
