"""What formgrader shows where a hand-in is not graded: the judge's reason, in place of Python's traceback."""

from __future__ import annotations

import re
from typing import Any

from nbgrader import utils

from autograder.nbgrader.errors import NotGraded

# A traceback in nbgrader's log; its formatter indents what follows the first line.
TRACEBACK = re.compile(rf"Traceback \(most recent call last\):\n(?:.*\n)*?.*\b{NotGraded.__name__}: (.+)")


def capture_log(app: Any, *more: Any) -> dict[str, Any]:
    """nbgrader's function of this name: runs a step, and says whether it succeeded, its log, and its error."""
    done: dict[str, Any] = utils.capture_log(app, *more)
    log = done.get("log") or ""
    reasons = list(dict.fromkeys(TRACEBACK.findall(log)))
    if reasons and not done["success"]:
        done["log"], done["error"] = TRACEBACK.sub(r"\1", log), "\n".join(reasons)
    return done
