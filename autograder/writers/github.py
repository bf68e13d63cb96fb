"""Markdown for a step summary of GitHub Actions: append it to the file that `$GITHUB_STEP_SUMMARY` names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from autograder.records import Result
from autograder.reporting.text import clean, line, points
from autograder.writers.view import PartView, parts_of, remarks_of
from course.i18n import _

_SIGN = {"passed": "✓", "failed": "✗", "not_run": "·"}


def write(results: Sequence[Result]) -> str:
    """The summary for any number of hand-ins: a table of parts for each, and below it what to look at."""
    return "\n".join(_summary(result) for result in results)


def _summary(result: Result) -> str:
    who = _plain(line(result["student"] or result["submission"]))
    rows = [f"## {who}: {_plain(line(result['assignment'] or '?'))}", ""]
    rows += [f"> {_plain(line(remark, 1000))}" for remark in remarks_of(result)]
    if result["status"] != "graded":
        return "\n".join([*rows, ""])
    parts = parts_of(result)
    rows += ["", f"| {_('Part')} | {_('Points')} | {_('of')} |", "|---|---:|---:|"]
    rows += [f"| {_plain(part.title)} | {points(part.score)} | {points(part.max_score)} |" for part in parts]
    rows += [f"| **{_('Total')}** | **{points(result['score'])}** | **{points(result['max_score'])}** |", ""]
    for part in parts:
        if not part.complete:
            rows += _details(part)
    return "\n".join(rows)


def _details(part: PartView) -> list[str]:
    rows = [f"### {_plain(part.title)}", ""]
    rows += [f"**{_plain(mistake.title)}** {_plain(mistake.hint)}\n" for mistake in part.misconceptions]
    for check in part.checks:
        rows.append(f"- {_SIGN[check.outcome]} {_plain(check.title)}")
        if check.outcome == "failed" and check.message:
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", check.message)), default=0))
            rows += ["", *(f"  {row}" for row in [fence, *clean(check.message).split("\n"), fence]), ""]
    return [*rows, ""]


def _plain(text: str) -> str:
    """A text that Markdown shows as it is: every sign that has a meaning there gets a backslash."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~@-])", r"\\\1", text)
