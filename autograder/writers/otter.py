"""Results as Otter-Grader keeps them: a question for each part, a test case for each check."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from autograder.records import Result
from autograder.writers.view import only, parts_of, remarks_of


def write(results: Sequence[Result]) -> str:
    """The file for one hand-in. Raises OnePersonOnly for several. What was not graded has a null score."""
    result = only(results, "Otter")
    document: dict[str, Any] = {
        "total": result["score"],
        "possible": result["max_score"],
        "output": "\n".join(remarks_of(result)),
        "tests": {
            part.id: {
                "name": part.title,
                "score": part.score,
                "possible": part.max_score,
                "output": part.text,
                "test_cases": [
                    {
                        "name": check.title,
                        "hidden": False,
                        "passed": check.outcome == "passed",
                        "message": check.message or None,
                    }
                    for check in part.checks
                ],
            }
            for part in parts_of(result)
        },
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
