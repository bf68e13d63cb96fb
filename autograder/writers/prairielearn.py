"""PrairieLearn's `results.json` of an external grader: points from 0 to 1, and a test for each part.

Source: PrairieLearn's documentation, "External grading", section "Grading results".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from autograder.records import Result
from autograder.writers.view import only, parts_of, remarks_of


def write(results: Sequence[Result]) -> str:
    """The file for one hand-in. Raises OnePersonOnly for several. What was not graded is `gradable: false`."""
    result = only(results, "PrairieLearn")
    told = remarks_of(result)
    if result["status"] != "graded":
        return json.dumps({"gradable": False, "format_errors": told}, ensure_ascii=False, indent=1) + "\n"
    parts = parts_of(result)
    whole = float(result["max_score"] or 0.0)
    document: dict[str, Any] = {
        "gradable": True,
        "score": round(float(result["score"] or 0.0) / whole, 6) if whole else 0.0,
        "message": "\n".join(told),
        "tests": [
            {
                "name": part.title,
                "points": part.score,
                "max_points": part.max_score,
                "message": "\n".join(f"{mistake.title}: {mistake.hint}" for mistake in part.misconceptions),
                "output": part.text,
            }
            for part in parts
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
