"""Check results against the documented format, `result.schema.json` (JSON Schema 2020-12) beside this file."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


class NotAResult(ValueError):
    """A value that is not in the result format; the message says where and why."""


@cache
def schema() -> dict[str, Any]:
    """The documented format of a list of results, as a JSON Schema."""
    return json.loads((resources.files("autograder.reporting") / "result.schema.json").read_text(encoding="utf-8"))


def validate(results: Any) -> None:
    """Check that this is a list of results as `autograder grade --json` writes it.

    Raises NotAResult where it is not, and RuntimeError where the package jsonschema is not installed.
    """
    try:
        from jsonschema import Draft202012Validator  # comes with nbgrader; the core of grading does without
    except ImportError:
        raise RuntimeError("checking results needs the package jsonschema: pip install jsonschema") from None

    error = next(iter(Draft202012Validator(schema()).iter_errors(results)), None)
    if error is not None:
        where = "".join(f"[{step!r}]" for step in error.absolute_path) or "the whole"
        raise NotAResult(f"{where}: {error.message[:500]}")
