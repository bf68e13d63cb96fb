"""The two comments around the body of a solution: nbgrader's markers. No other file looks for them."""

from __future__ import annotations

from typing import Literal

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


def marker(line: str) -> Literal["begin", "end"] | None:
    """Which marker a line of source has; None for a line without one."""
    if BEGIN in line:
        return "begin"
    return "end" if END in line else None
