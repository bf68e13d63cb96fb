"""Gradescope's `results.json`: one entry of `tests` for each part of the exercise.

Source: Gradescope's autograder documentation, "Specifications", section "Output format".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from autograder.records import Result
from autograder.reporting.text import clean
from autograder.writers.view import only, parts_of, remarks_of


def write(results: Sequence[Result]) -> str:
    """The file for one hand-in. Raises OnePersonOnly for several.

    Where a hand-in was not graded, the file has neither `score` nor `tests`. Gradescope then reports that the
    autograder failed, and gives no mark.
    """
    result = only(results, "Gradescope")
    told = "\n\n".join(remarks_of(result))
    document: dict[str, Any] = {"output": told, "output_format": "text", "stdout_visibility": "hidden"}
    document["execution_time"] = max(1, round(float(result.get("seconds") or 0.0)))
    if result["status"] == "graded":
        document["tests"] = [
            {
                "name": part.title,
                "number": str(number),
                "score": part.score,
                "max_score": part.max_score,
                "status": "passed" if part.complete else "failed",
                "output": part.html,
                "output_format": "html",
                "visibility": "visible",
                "tags": [part.id, *(mistake.id for mistake in part.misconceptions)],
                "extra_data": {"checks": [vars(check) for check in part.checks]},
            }
            for number, part in enumerate(parts_of(result), 1)
        ]
        document["leaderboard"] = [{"name": "points", "value": clean(result["score"])}]
    document["extra_data"] = {
        key: result.get(key) for key in ("assignment", "status", "flags", "seed", "content", "versions", "isolation")
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
