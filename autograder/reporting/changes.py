"""The page about the changes between two gradings: whose mark, by how much, why, and who must be told."""

from __future__ import annotations

from typing import Any

from autograder.grading.comparison import REASONS, Change, Comparison, moved
from autograder.reporting.html import render
from course.i18n import _


def changes_page(comparison: Comparison) -> str:
    """A full page, without scripts, in the language that `course.i18n` has chosen."""
    rows: list[dict[str, Any]] = [{**change, "why": _why(change)} for change in moved(comparison)]
    tell = [row for row in rows if row["tell"]]
    return render("changes.html.j2", rows=rows, tell=tell, counts=comparison["counts"], outcomes=_outcomes())


def _why(change: Change) -> str:
    return "; ".join(_(REASONS[reason]) for reason in change["reasons"])


def _outcomes() -> dict[str | None, str]:
    return {
        "passed": _("passed"),
        "failed": _("failed"),
        "not_run": _("not run"),
        "void": _("does not count"),
        None: _("not there"),
    }
