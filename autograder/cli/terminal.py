"""Output on the terminal: two consoles, tables that cut nothing off, a progress bar that also works in a log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from autograder.grading.people import known_as
from autograder.records import Result
from autograder.reporting.text import shown_name
from course.i18n import _

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)
LOG_SECONDS = 60.0  # between two lines of progress in a log

Advance = Callable[..., None]


def tell_error(text: str) -> None:
    """Print on standard error; a leading "autograder:" is in red."""
    name, colon, rest = text.partition(":")
    err.print(f"[bold red]{name}:[/]{escape(rest)}" if name == "autograder" and colon else escape(text))


def table(*headers: str) -> Table:
    """A table that breaks what is too long for its column, and cuts nothing off."""
    return Table(*(Column(header, overflow="fold") for header in headers))


def marks_table(results: Sequence[Result]) -> Table:
    """The table at the end of a grading: student, assignment (above it, where it is the same), mark, what stood out."""
    assignments = {str(result["assignment"] or "?") for result in results}
    several = len(assignments) != 1
    marks = table("Student", *(["Assignment"] if several else []), "Mark", "What stood out")
    marks.title = None if several else next(iter(assignments))
    for result in sorted(results, key=lambda r: (str(r["assignment"]), str(r["student"]))):
        if result["status"] == "graded":
            mark = f"{result['score']:g} / {result['max_score']:g}"
            notes = [p["misconception"]["title"] for p in result["parts"] if p["misconception"]]
            notes += _late(result)
            notes += [flag.replace("-", " ") for flag in result["flags"]]
            note = escape("; ".join(dict.fromkeys(notes)))
        elif result["status"] == "by_hand":
            mark, note = "–", escape("; ".join([_("waits for a person"), *result["remarks"]]))
        else:
            mark, note = "[red]–[/]", f"[red]{escape(result['message'] or '')}[/]"
        marks.add_row(
            escape(shown_name(known_as(result), 200)),
            *([str(result["assignment"] or "?")] if several else []), mark, note,
        )  # fmt: skip
    return marks


def _late(result: Result) -> list[str]:
    """How late a hand-in is and what that costs; nothing for one in time."""
    lateness = result.get("lateness")
    seconds = lateness["late_seconds"] if lateness else 0
    penalty = result.get("late_penalty")
    if not seconds and not penalty:
        owner = result.get("owner")
        return ["late"] if owner and owner["late"] else []  # the platform does not say how late
    days, rest = divmod(int(seconds), 86400)
    by = f" by {f'{days} d ' if days else ''}{rest // 3600} h {rest % 3600 // 60} min" if seconds else ""
    return [f"late{by}: {f'{penalty:g} points off' if penalty else 'nothing off'}"]


def printable(text: str) -> str:
    """A name without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else "�" for c in text)


def progress_bar() -> Progress:
    """A bar on standard error: what is being done, how much of it is done, and for how long."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err
    )


@contextmanager
def bar(title: str, total: int) -> Iterator[Advance]:
    """A progress bar, with a function that advances it by one or sets (done, of). A log gets a line a minute."""
    told = time.monotonic()
    with progress_bar() as bars:
        task = bars.add_task(title, total=total)

        def advance(done: int | None = None, of: int | None = None) -> None:
            nonlocal told
            if done is None:
                bars.advance(task)
            else:
                bars.update(task, completed=done, total=of)
            if not err.is_terminal and time.monotonic() - told > LOG_SECONDS:
                told, now = time.monotonic(), bars.tasks[task]
                err.print(f"{title}: {now.completed:.0f} of {now.total or 0:.0f}")

        yield advance


def write_json(results: Sequence[Result], where: str) -> None:
    """Write the results as JSON to a file, or to standard output for "-". Raises OSError."""
    text = json.dumps(results, ensure_ascii=False, indent=1)
    print(text) if where == "-" else Path(where).write_text(text + "\n", encoding="utf-8")
