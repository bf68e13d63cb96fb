"""Pages and fragments that people read: feedback for a student, a report for an nbgrader cell, a page for the class.

Every page is one file: no scripts, nothing fetched from anywhere. The templates escape whatever they print, and
whatever they print is cleaned first (`text.py`), so that nothing a student wrote is ever more than text. A part looks
the same everywhere because one macro draws it, `templates/part.html.j2`, with its styles inline: an nbgrader cell's
output has no style sheet of its own. Its colours are CSS variables with light defaults, which the pages redefine for
dark screens; in a notebook the fragment is a light card on any background.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from autograder.reporting import pictures
from autograder.reporting.language import spoken
from autograder.reporting.text import clean, line, points, slug
from course import i18n
from course.i18n import _
from course.syllabus import UnknownName, syllabus


def feedback_page(result: dict) -> str:
    """A full page for one student about one hand-in."""
    result = spoken({**_DEFAULTS, **result})
    return _render("student.html.j2", result=result, parts=_parts(result), verdict=_verdict(result))


def part_report(result: dict, part_id: str) -> str:
    """What the student reads below a test cell: an HTML fragment with inline styles."""
    result = spoken(result)
    part = next((p for p in _parts(result) if p["id"] == part_id), None)
    return _render("cell.html.j2", part=part, message=None if part else _missing(result)).strip()


def hand_in_report(result: dict) -> str:
    """What is to be said about the hand-in as a whole, for the top of a notebook; empty where there is nothing."""
    result = spoken({**_DEFAULTS, **result})
    if not result["remarks"] and not result["message"]:
        return ""
    return _render("hand_in.html.j2", result=result).strip()


def part_text(result: dict, part_id: str) -> str:
    """The same as plain text."""
    result = spoken(result)
    part = next((p for p in _parts(result) if p["id"] == part_id), None)
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
        elif test["outcome"] != "passed" and test["message"]:
            lines += [f"      {row}" for row in clean(test["message"], 2000).split("\n")]
    return "\n".join(lines)


def _rest(part: dict) -> str:
    """What is to be said of a part in which known mistakes were counted by themselves, beside them."""
    one = sum(m.get("cost") is not None for m in part["misconceptions"]) == 1
    if part["failed"] or part["waiting"]:
        if one:
            return _("The rest of this part was checked as if this were right.")
        return _("The rest of this part was checked as if these were right.")
    if one:
        return _("Everything else in this part is right, given that.")
    return _("Everything else in this part is right, given these.")


def _consequence(outcome: str) -> str:
    """What is said of a check that does not pass, and does if the mistakes above it are granted."""
    return _("Follows from the above.") if outcome == "failed" else _("Right, given the above.")


def part_views(result: dict) -> list[dict]:
    """The parts in the reader's language, each with its `checks`: a check is all the cases of one hidden test."""
    return [{**part, "checks": _checks(part)} for part in _parts(spoken(result))]


def class_page(results: list[dict], links: list[str] | None = None) -> str:
    """The instructor's page for a class; `links` are the addresses of the students' pages, one a result."""
    results = [spoken({**_DEFAULTS, **result}) for result in results]
    links = links or [""] * len(results)
    groups: dict[str, list[tuple[dict, str]]] = {}
    for result, link in zip(results, links, strict=True):
        groups.setdefault(str(result.get("assignment") or "?"), []).append((result, link))
    sections = [_section(name, members) for name, members in sorted(groups.items())]
    return _render("class.html.j2", sections=sections, overview=_overview(results, links), results=results)


def write_pages(results: list[dict], directory: str | Path) -> Path:
    """Write `index.html` and a page for each hand-in; gives the path of the index.

    A file is named after the student and the assignment, as far as their letters are harmless, and a hash of the rest,
    so that no name can leave the folder and no two can meet.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    for result in results:
        who, what = result.get("student") or "", result.get("assignment") or ""
        key = "\0".join(map(str, (who, what, result.get("submission") or "")))
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        stem = "-".join(filter(None, (slug(who), slug(what), digest)))
        name, number = f"{stem}.html", 1
        while name in names:
            number += 1
            name = f"{stem}-{number}.html"
        names.append(name)
        (directory / name).write_text(feedback_page(result), encoding="utf-8")
    index = directory / "index.html"
    index.write_text(class_page(results, names), encoding="utf-8")
    return index


# -- a result as the templates like it --------------------------------------------------------------------------------

_DEFAULTS: dict[str, Any] = {
    "student": None, "submission": None, "assignment": None, "message": None, "score": None, "max_score": None,
    "flags": [], "remarks": [], "cells": [], "parts": [], "versions": {},
}  # fmt: skip


def _parts(result: dict) -> list[dict]:
    """The parts with every field there, the error that their cell ended with, and their tests as checks."""
    errors = {c.get("grade_id"): c.get("error") for c in result.get("cells") or []}
    parts = []
    for raw in result.get("parts") or []:
        part = {"title": raw["id"], "symbol": "", "misconception": None, "by_hand": False, "comment": None, **raw}
        part["misconceptions"] = raw.get("misconceptions") or [m for m in [part["misconception"]] if m]
        part["follows"] = raw.get("marking") == "follow-through" and not part["by_hand"]
        part["error"] = errors.get(f"answer-{raw['id']}")
        part["tests"] = [
            {"message": None, "picture": None, "misconception": None, **t, "title": t.get("title") or t["name"]}
            for t in raw["tests"]
        ]
        checks = _checks(part)
        part["consequences"] = [c for c in checks if c["granted"]]
        checks = [c for c in checks if not c["granted"]]
        for outcome in ("passed", "failed"):
            part[outcome] = [c for c in checks if c["outcome"] == outcome]
        waiting: dict[str, list[dict]] = {}
        for check in checks:
            if check["outcome"] == "not_run":
                waiting.setdefault(check["message"] or _("A check that these build on did not pass."), []).append(check)
        part["waiting"] = waiting  # by reason
        part["complete"] = part["score"] >= part["max_score"] - 1e-9
        parts.append(part)
    return parts


def _checks(part: dict) -> list[dict]:
    """The tests as a student counts them: the cases of one test, `test_values[a batch]` and so on, are one check.

    A check has failed if one of its cases has; it shows the message and the picture of the first that did. It is
    granted if all of it follows from mistakes that are counted by themselves; then these have taken their points off,
    and the checks share what is left.
    """
    left = float(part["max_score"])
    if part["follows"]:
        left -= sum(m.get("cost") or 0.0 for m in part["misconceptions"])
    whole = sum(float(t.get("share") or 1) for t in part["tests"]) or 1.0
    checks: dict[str, dict] = {}
    for t in part["tests"]:
        name, case = t["name"].partition("[")[0], t["case"]
        check = checks.setdefault(
            name, {"name": name, "title": t["base"], "cases": [], "outcome": "passed", "message": None, "picture": None,
                   "worth": 0.0, "earned": 0.0, "granted": False}
        )  # fmt: skip
        worth = max(0.0, left) * float(t.get("share") or 1) / whole
        granted = part["follows"] and bool(t.get("granted"))
        check["worth"] += worth
        check["earned"] += worth * (t["outcome"] == "passed" or granted)
        check["cases"].append({"label": case, "outcome": t["outcome"], "granted": granted})
        rank = ("passed", "not_run", "failed").index
        if rank(t["outcome"]) > rank(check["outcome"]):
            check |= {"outcome": t["outcome"], "message": t["message"], "picture": t["picture"]}
    for check in checks.values():
        open_ = [case for case in check["cases"] if case["outcome"] != "passed"]
        check["granted"] = bool(open_) and all(case["granted"] for case in open_)
    return list(checks.values())


def _missing(result: dict) -> str:
    return result.get("message") or _("This part could not be found in the grading.")


def _verdict(result: dict) -> str:
    """The sentence under the score."""
    if result["status"] == "by_hand":
        return _("A person will read your work. You need not do anything.")
    if result["status"] != "graded":
        return _("This hand-in could not be graded. It costs you nothing: your instructor sees it too.")
    parts = _parts(result)
    if all(p["by_hand"] for p in parts):
        return _("Read by a person; the remarks stand with each part.")
    if "waits-for-a-person" in result["flags"]:
        return _("The machine's part is done. A person has still to read the rest, and the mark will grow.")
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


def _name(result: dict) -> str:
    return line(result.get("student") or result.get("submission") or "?", 80)


def _title(assignment: object) -> str:
    """An assignment for people, `Self-attention, PyTorch`, where the syllabus knows it."""
    try:
        known = syllabus().assignment(str(assignment))
    except UnknownName:
        return line(assignment or _("Hand-in"), 80)
    return f"{_(known.exercise.title)}, {known.track.title}"


def _share(score: Any, most: Any) -> float | None:
    return float(score) / float(most) if isinstance(score, (int, float)) and most else None


def _overview(results: list[dict], links: list[str]) -> dict:
    """Students by assignments, and those who could not be graded."""
    columns = sorted({str(r.get("assignment") or "?") for r in results})
    rows: dict[str, dict[str, list]] = {}
    for r, link in zip(results, links, strict=True):
        rows.setdefault(_name(r), {}).setdefault(str(r.get("assignment") or "?"), []).append((r, link))
    failed = [
        {
            "name": _name(r),
            "assignment": r.get("assignment"),
            "submission": r.get("submission"),
            "message": r.get("message"),
            "link": link,
        }
        for r, link in zip(results, links, strict=True)
        if r["status"] == "not_graded"
    ]
    waiting = [
        {"name": _name(r), "assignment": r.get("assignment"), "remarks": r["remarks"], "link": link}
        for r, link in zip(results, links, strict=True)
        if r["status"] == "by_hand" or "waits-for-a-person" in (r["flags"] or [])
    ]
    return {
        "waiting": waiting,
        "columns": columns,
        "rows": sorted(rows.items(), key=lambda item: item[0].casefold()),
        "failed": failed,
    }


def _section(name: str, members: list[tuple[dict, str]]) -> dict:
    """One assignment: marks by part, distribution, misconceptions by frequency, pass rates."""
    members = sorted(members, key=lambda m: _name(m[0]).casefold())
    graded = [(r, link) for r, link in members if r["status"] == "graded"]
    columns: dict[str, str] = {}
    known: dict[tuple[str, str], dict] = {}
    tests: dict[tuple[str, str], dict] = {}
    for result, link in graded:
        for part in _parts(result):
            columns.setdefault(part["id"], part["title"])
            found = part["misconception"]
            if found:
                entry = known.setdefault((part["id"], found["id"]), {**found, "part": part["title"], "who": []})
                entry["who"].append((_name(result), link))
            for test in part["tests"]:
                entry = tests.setdefault(
                    (part["id"], test["name"]), {"part": part["title"], "title": test["title"], "counts": Counter()}
                )
                entry["counts"][test["outcome"]] += 1
    rows = [
        {
            "name": _name(r),
            "link": link,
            "result": r,
            "parts": {p["id"]: p for p in _parts(r)},
            "share": _share(r.get("score"), r.get("max_score")),
        }
        for r, link in members
    ]
    shares = sorted(row["share"] for row in rows if row["share"] is not None)
    middle = len(shares) // 2
    median = (shares[middle] + shares[~middle]) / 2 if shares else None
    order = list(columns)
    return {
        "name": name,
        "columns": columns,
        "rows": rows,
        "shares": shares,
        "mean": sum(shares) / len(shares) if shares else None,
        "median": median,
        "misconceptions": sorted(known.values(), key=lambda m: (-len(m["who"]), m["title"])),
        "tests": [t for _key, t in sorted(tests.items(), key=lambda item: order.index(item[0][0]))],
    }


# -- rendering --------------------------------------------------------------------------------------------------------


def _prose(value: object) -> Markup:
    """A sentence of ours or of a student's: escaped, `names` between backticks as code."""
    text = str(escape(clean(value)))
    code = (
        '<code style="font:0.92em ui-monospace,Menlo,Consolas,monospace;background:var(--ax-code,#eef1f5);'
        'color:inherit;padding:1px 4px;border-radius:4px">{}</code>'
    )
    return Markup(re.sub(r"`([^`\n]{1,200})`", lambda m: code.format(m[1]), text))


def _points(value: Any) -> str:
    """Points with the decimal sign of the reader's language, which is seen from how it writes three and a half."""
    written = re.fullmatch(r"3(\D)5", _("3.5"))
    return points(value).replace(".", written[1] if written else ".")


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
_environment.filters.update(prose=_prose, points=_points, line=line, clean=clean, title_of=_title)
_environment.globals.update(
    _=lambda message: _(message),
    rest=_rest,
    consequence=_consequence,
    heatmaps=pictures.heatmaps,
    histogram=pictures.histogram,
    language=i18n.language,
)


def _render(template: str, **values: Any) -> str:
    return _environment.get_template(template).render(**values)
