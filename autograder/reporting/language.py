"""A result in the reader's language. Results are English, all of them; what a person reads is said again here.

`spoken` gives a copy with every sentence for students in the language that `course.i18n` has chosen: titles and hints
by themselves, sentences with values in them by the result's table `words` (see `autograder.messages`). What is in
neither, such as an exception's message, stays as it is.
"""

from __future__ import annotations

from typing import Any

from autograder.messages import Message, again, cell_name, sentence
from course.i18n import _


def spoken(result: dict) -> dict:
    """The result in the language that is chosen now; each test also gets its title without the case, and the case."""
    words = result.get("words") or {}

    def say(text: Any) -> Any:
        if not isinstance(text, str):
            return text
        return sentence(again(words[text])) if text in words else _(text)

    def cell(c: dict) -> dict:
        name = cell_name(str(c.get("label")))
        label = again(name.told()) if isinstance(name, Message) else c.get("label")
        return {**c, "label": label, "error": say(c.get("error"))}

    def part(p: dict) -> dict:
        def named(known: dict | None) -> dict | None:
            return {**known, "title": _(known["title"]), "hint": _(known["hint"])} if known else None

        title = _(p["title"]) if p.get("title") else p["id"]
        several = [named(m) for m in p.get("misconceptions") or []]
        return {**p, "title": title, "misconception": named(p.get("misconception")), "misconceptions": several,
                "tests": [test(t) for t in p["tests"]]}  # fmt: skip

    def test(t: dict) -> dict:
        picture = t.get("picture")
        if picture:
            names = {key: _(picture[key]) for key in ("title", "rows", "columns") if picture.get(key)}
            picture = {**picture, **names}
        base, case = _titles(t)
        whole = f"{base.rstrip('.')} ({case})." if case else base
        return {**t, "title": whole, "base": base, "case": case, "message": say(t.get("message")), "picture": picture}

    return {
        **result,
        "message": say(result.get("message")),
        "cells": [cell(c) for c in result.get("cells") or []],
        "remarks": [say(remark) for remark in result.get("remarks") or []],
        "parts": [part(p) for p in result.get("parts") or []],
    }


def _titles(test: dict) -> tuple[str, str]:
    """A test's title, and the name of its case: `test_values[a batch]` is the case "a batch" of test_values."""
    case = test["name"].partition("[")[2].removesuffix("]")
    title = test.get("title") or test["name"]
    for written in (case, case.replace("-", ", ")):
        title = title.replace(f" ({written})", "", 1) if case else title
    return _(title), ", ".join(_(name) for name in _names(case))


def _names(case: str) -> list[str]:
    """The names in a case of several parameters, "a batch-with a mask"; a name may have a hyphen in itself."""
    return [case] if _(case) != case else case.split("-")
