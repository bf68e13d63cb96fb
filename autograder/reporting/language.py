"""A result in the reader's language. Stored results are English; what a person reads is translated here.

`spoken` gives a copy with every sentence for students in the language that `course.i18n` has chosen. Titles and hints
are looked up as they are, sentences with values in them by the result's table `words` (see `autograder.messages`).
Other texts, such as an exception's message, stay as they are.
"""

from __future__ import annotations

from autograder.messages import Message, again, cell_name, sentence
from autograder.records import Cell, Misconception, Part, Result, Test
from course.i18n import _


def spoken(result: Result) -> Result:
    """The result in the language that is chosen now; parts and tests without a title get one."""
    words = result.get("words") or {}

    def say(text: str) -> str:
        return sentence(again(words[text])) if text in words else _(text)

    def maybe(text: str | None) -> str | None:
        return say(text) if isinstance(text, str) else text

    def cell(c: Cell) -> Cell:
        name = cell_name(str(c.get("label")))
        label = again(name.told()) if isinstance(name, Message) else c.get("label", "")
        return {**c, "label": label, "error": maybe(c.get("error"))}

    def test(t: Test) -> Test:
        base, case = titles(t)
        title = f"{base.rstrip('.')} ({case})." if case else base
        said: Test = {**t, "title": title, "message": maybe(t.get("message"))}
        picture = t.get("picture")
        if picture:
            said["picture"] = picture = {**picture}
            if above := picture.get("title"):
                picture["title"] = _(above)
            if rows := picture.get("rows"):
                picture["rows"] = _(rows)
            if columns := picture.get("columns"):
                picture["columns"] = _(columns)
        return said

    def part(p: Part) -> Part:
        title = p.get("title")
        named = p.get("misconception")
        return {
            **p,
            "title": _(title) if title else p["id"],
            "accepted": maybe(p.get("accepted")),
            "misconception": _spoken_mistake(named) if named else None,
            "misconceptions": [_spoken_mistake(known) for known in p.get("misconceptions") or []],
            "tests": [test(t) for t in p["tests"]],
        }

    return {
        **result,
        "message": maybe(result.get("message")),
        "cells": [cell(c) for c in result.get("cells") or []],
        "remarks": [say(remark) for remark in result.get("remarks") or []],
        "parts": [part(p) for p in result.get("parts") or []],
    }


def titles(test: Test) -> tuple[str, str]:
    """The title of a test of an English result without its case, and the case, both in the language chosen now.

    The test `test_values[a batch]` is the case "a batch" of `test_values`; the case is empty where a test has none.
    """
    case = test["name"].partition("[")[2].removesuffix("]")
    title = test.get("title") or test["name"]
    for written in (case, case.replace("-", ", ")):
        title = title.replace(f" ({written})", "", 1) if case else title
    return _(title), ", ".join(_(name) for name in _names(case))


def _names(case: str) -> list[str]:
    """The names in a case of several parameters, "a batch-with a mask"; a name may itself have a hyphen."""
    return [case] if _(case) != case else case.split("-")


def _spoken_mistake(known: Misconception) -> Misconception:
    return {**known, "title": _(known["title"]), "hint": _(known["hint"])}
