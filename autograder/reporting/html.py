"""Pages and fragments that people read: feedback for a student, a report for an nbgrader cell, a page for the class.

Every page is one file, without scripts, and loads nothing from other places. The templates clean (`text.py`) and escape
everything that they print, so that whatever a student wrote is only text. A part looks
the same everywhere because one macro draws it, `templates/part.html.j2`, with its styles inline: an nbgrader cell's
output has no style sheet of its own. Its colours are CSS variables with light defaults, which the pages redefine for
dark screens; in a notebook the fragment is a light card on any background.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from autograder.grading.people import GROUP, NO_HAND_IN, known_as
from autograder.records import Outcome, Result
from autograder.reporting import class_views, pictures
from autograder.reporting.language import spoken
from autograder.reporting.text import clean, line, points, shown_name, slug
from autograder.reporting.views import PartView, part_views
from course import i18n
from course.i18n import _
from course.receipt import number_of
from course.report import prose
from course.syllabus import UnknownName, syllabus


def feedback_page(result: Result) -> str:
    """A full HTML page for one student about one hand-in."""
    result = _whole(result)
    said, parts = spoken(result), part_views(result)
    return render("student.html.j2", result=said, parts=parts, verdict=_verdict(said, parts))


def part_report(result: Result, part_id: str) -> str:
    """The report below a test cell: an HTML fragment with inline styles."""
    part = _part(result, part_id)
    return render("cell.html.j2", part=part, message=None if part else _missing(result)).strip()


def hand_in_report(result: Result) -> str:
    """Remarks on the hand-in as a whole, as an HTML fragment for the top of a notebook; empty where there are none."""
    said = spoken(_whole(result))
    if not said.get("remarks") and not said.get("message"):
        return ""
    return render("hand_in.html.j2", result=said).strip()


def part_text(result: Result, part_id: str) -> str:
    """The report below a test cell, as plain text."""
    part = _part(result, part_id)
    if part is None:
        return line(_missing(result))
    lines = [f"{line(part['title'])}: {_points(part['score'])} / {_points(part['max_score'])}"]
    for known in part["misconceptions"]:
        cost = f"−{_points(known['cost'])}  " if part["follows"] and known.get("cost") else ""
        lines += [f"  {cost}{line(known['title'])}", f"  {line(known['hint'], 1000)}"]
    if part["follows"]:
        lines += [f"  {_rest(part)}", ""]
    for test in part["tests"]:
        mark = {"passed": "✓", "failed": "✗"}.get(test["outcome"], "·")
        follows = part["follows"] and test.get("granted")
        lines.append(f"  {'↳' if follows else mark} {line(test['title'])}")
        if follows:
            lines.append(f"      {_consequence(test['outcome'])}")
        elif test["outcome"] != "passed" and (message := test.get("message")):
            lines += [f"      {row}" for row in clean(message, 2000).split("\n")]
    return "\n".join(lines)


def _rest(part: PartView) -> str:
    """A sentence on the rest of a part in which known mistakes were counted by themselves."""
    one = sum(m.get("cost") is not None for m in part["misconceptions"]) == 1
    if part["failed"] or part["waiting"]:
        if one:
            return _("The rest of this part was checked as if this were right.")
        return _("The rest of this part was checked as if these were right.")
    if one:
        return _("Everything else in this part is right, given that.")
    return _("Everything else in this part is right, given these.")


def _consequence(outcome: Outcome) -> str:
    """A sentence on a check that does not pass, and would if the mistakes above it were granted."""
    return _("Follows from the above.") if outcome == "failed" else _("Right, given the above.")


def class_page(results: Sequence[Result], links: Sequence[str] | None = None) -> str:
    """The instructor's page for a class; `links` are the addresses of the students' pages, one for each result."""
    links = links or [""] * len(results)
    members = class_views.members([_whole(result) for result in results], links)
    sections = class_views.sections(members)
    overview = class_views.overview(members)
    return render(
        "class.html.j2",
        teaching=class_views.teaching(sections),
        sections=sections,
        overview=overview,
        numbers={group.name: number for number, group in enumerate(overview["groups"], 1)},
        reasons_of=class_views.reasons_of,
        count=len({_hand_in(member.result) for member in members if NO_HAND_IN not in member.result["flags"]}),
    )


def _hand_in(result: Result) -> tuple[object, ...]:
    """The facts that all rows of one hand-in share; a group's hand-in has a row for each of its members."""
    return result["submission"], result["assignment"], "" if GROUP in result["flags"] else result["student"]


def write_pages(results: Sequence[Result], directory: str | Path, seen: Sequence[Result] | None = None) -> Path:
    """Write `index.html` and a page for each hand-in. Returns the path of the index.

    `seen` are the results that students may see now, if that is less.
    A file's name is made of the student and the assignment, without letters that could do harm, and of a hash of both
    and of the hand-in's name. So no name can leave the folder, and no two are the same.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    for result, own in zip(results, seen or results, strict=True):
        who, what = result.get("student") or "", result.get("assignment") or ""
        key = "\0".join(map(str, (who, what, result.get("submission") or "")))
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        stem = "-".join(filter(None, (slug(who), slug(what), digest)))
        name, number = f"{stem}.html", 1
        while name in names:
            number += 1
            name = f"{stem}-{number}.html"
        names.append(name)
        (directory / name).write_text(feedback_page(own), encoding="utf-8")
    index = directory / "index.html"
    index.write_text(class_page(results, names), encoding="utf-8")
    return index


# -- pieces -----------------------------------------------------------------------------------------------------------

_DEFAULTS: Result = {
    "student": None, "owner": None, "submission": "", "assignment": None, "status": "not_graded", "message": None,
    "score": None, "max_score": None, "flags": [], "remarks": [], "cells": [], "parts": [], "versions": {},
    "receipt": None, "late_penalty": 0.0, "lateness": None,
}  # fmt: skip


def _whole(result: Result) -> Result:
    """The result with every field that the pages print."""
    return {**_DEFAULTS, **result}


def _part(result: Result, part_id: str) -> PartView | None:
    return next((part for part in part_views(result) if part["id"] == part_id), None)


def _missing(result: Result) -> str:
    return spoken(result).get("message") or _("This part could not be found in the grading.")


def _verdict(result: Result, parts: list[PartView]) -> str:
    """The sentence under the score."""
    if result["status"] == "by_hand":
        return _("A person will read your work. You need not do anything.")
    if NO_HAND_IN in result["flags"]:
        return _("Nothing was handed in.")
    if result["status"] != "graded":
        return _("This hand-in could not be graded. It costs you nothing: your instructor sees it too.")
    if all(p["by_hand"] for p in parts):
        return _("Read by a person; the remarks are beside each part.")
    if "waits-for-a-person" in result["flags"]:
        return _("The automatic part is done. A person still has to read the rest, and the mark can go up.")
    done = [p for p in parts if p["complete"]]
    open_ = [p for p in parts if not p["complete"]]
    if not open_:
        return _("Everything passed. Well done!")
    following = line(open_[0]["title"])
    if not result["score"]:
        return _(
            "Nothing passes yet, and that is where everybody starts. Begin with “{part}”: the first check that "
            "failed says what to look at."
        ).format(part=following)
    if not done:
        return _("You are on the way. Look at “{part}” next.").format(part=following)
    return _("{done} of {all} parts complete. Look at “{part}” next.").format(
        done=len(done), all=len(parts), part=following
    )


def _title(assignment: object) -> str:
    """An assignment for people, `Self-attention, PyTorch`, where the syllabus knows it."""
    try:
        known = syllabus().assignment(str(assignment))
    except UnknownName:
        return line(assignment or _("Hand-in"), 80)
    return f"{_(known.exercise.title)}, {known.track.title}"


# A cell's output in a notebook has no style sheet, so the style is inline.
_CODE = (
    '<code style="font:0.92em ui-monospace,Menlo,Consolas,monospace;background:var(--ax-code,#eef1f5);'
    'color:inherit;padding:1px 4px;border-radius:4px">'
)

# -- rendering --------------------------------------------------------------------------------------------------------


def _prose(value: object) -> Markup:
    """A sentence as escaped HTML, with `names` between backticks as code."""
    return Markup(prose(clean(value)).replace("<code>", _CODE))  # anything else that looks like a tag is escaped


def _points(value: Any) -> str:
    """Points with the decimal sign of the reader's language; its translation of "3.5" shows which sign that is."""
    written = re.fullmatch(r"3(\D)5", _("3.5"))
    return points(value).replace(".", written[1] if written else ".")


def _no_mark(result: Result) -> str:
    """The text that replaces a missing mark."""
    if result["status"] == "by_hand":
        return _("waits for a person")
    return _("nothing handed in") if NO_HAND_IN in result["flags"] else _("not graded")


def _finalize(value: Any) -> Any:
    """The last step before escaping, for every value that any template prints."""
    return value if isinstance(value, Markup) else clean(value)


_environment = Environment(
    loader=PackageLoader("autograder.reporting", "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    finalize=_finalize,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    prose=_prose,
    points=_points,
    line=line,
    shown_name=shown_name,
    known_as=known_as,
    clean=clean,
    title_of=_title,
    no_mark=_no_mark,
    receipt=number_of,
    about=class_views.about,
)
_environment.globals.update(
    _=lambda message: _(message),
    rest=_rest,
    consequence=_consequence,
    heatmaps=pictures.heatmaps,
    histogram=pictures.histogram,
    language=i18n.language,
)


def render(template: str, **values: Any) -> str:
    """A template of this room with these values, which are cleaned and escaped."""
    return _environment.get_template(template).render(**values)
