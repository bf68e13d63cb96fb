"""Quizzes in a notebook, each answer explained at once.

    from course import quiz
    quiz("pre")

A quiz shows itself as HTML that needs nothing but a browser: no kernel, no widget library, no network. Widgets of
ipywidgets do nothing in a notebook without a kernel, and need an extension in each front end. A list with a small
script works in JupyterLab, VS Code and Colab, in a saved notebook, and as a page of its own (`page`). Without the
script it is a plain list of questions and options, and `quiz("pre").answer("bottleneck", "b")` gives verdict and
explanation.

This folder has the sealed form of a quiz, `<name>.json`, which `autograder build` makes. For each option it has a
salted hash of whether the option is right, and the explanation, encrypted with a key that is computed from the salt. So
nobody reads an answer by accident before clicking. It is not secret: a program can try all options, as a click does.

The script quiz.js knows the same hash and the same key. A mark is the SHA-256 of `salt|answer|right` or of
`salt|answer|wrong`, where the answer is the option's number from 0, or what was typed, with as many decimals as the
question says. An explanation is UTF-8, xored with the SHA-256 of `salt|number|0`, `salt|number|1`, ..., in base64.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from course.i18n import N_, _
from course.report import prose
from course.syllabus import UnknownName

HOME = Path(__file__).parent
SCRIPT = "quiz.js"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
LONGEST_NUMBER = 15
# What the script says. The sealed form has these too, so that all of a released quiz is in one language.
WORDS = {
    "check": N_("Check"),
    "right": N_("Right."),
    "wrong": N_("Not quite."),
    "more": N_("Right so far, and there is more to find."),
    "none": N_("Tick what you think is true, then check."),
    "number": N_("Write a number, such as 8 or 0.75."),
    "your number": N_("Your number"),
    "several": N_("There may be more than one."),
    "score": N_("Right at the first try: {right} of {count}."),
    "still": N_("Nothing to click on? Run the cell, or open {page} in a browser."),
}


def quiz(name: str) -> Quiz:
    """A quiz, "pre" or "post", that shows itself where a cell ends with it.

    Raises `course.syllabus.UnknownName` for an unknown quiz.
    """
    path = HOME / f"{name}.json"
    if name not in (names := sorted(path.stem for path in HOME.glob("*.json"))):
        raise UnknownName(f"no quiz is called {name!r}; there is: {', '.join(names) or 'none'}")
    return Quiz(json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Quiz:
    """A quiz in its sealed form: what <name>.json says."""

    sealed: dict[str, Any]

    def answer(self, question: str, *answers: str | float) -> str:
        """Whether an answer is right, and why, in words.

        Arguments: the question's id; letters of options, or a number.
        Raises UnknownName for an unknown question or option.
        """
        asked = {entry["id"]: entry for entry in self.sealed["questions"]}
        if question not in asked:
            raise UnknownName(f"no question is called {question!r}; there is: {', '.join(asked)}")
        entry = asked[question]
        if entry["kind"] == "number":
            return self._answer_number(entry, *answers)
        letters = LETTERS[: len(entry["options"])]
        for given in answers:
            if len(str(given)) != 1 or str(given) not in letters:
                raise UnknownName(f"{question} has no option {given!r}; there is: {', '.join(letters)}")
        chosen = {letters.index(str(given)) for given in answers}
        right = {n for n, option in enumerate(entry["options"]) if option["mark"] == mark(entry["salt"], n, True)}
        verdict = "right" if chosen == right else "more" if chosen and chosen < right else "wrong"
        reasons = [f"{letters[n]}) {_reason(entry, n)}" for n in sorted(chosen)]
        return "\n".join([self.word(verdict), *reasons])

    def _answer_number(self, entry: dict[str, Any], *answers: str | float) -> str:
        typed = canonical(answers[0], entry["decimals"]) if len(answers) == 1 else None
        if typed is None:
            return self.word("number")
        for number, option in enumerate(entry["options"]):
            for verdict in ("right", "wrong"):
                if option["mark"] == mark(entry["salt"], typed, verdict == "right"):
                    return f"{self.word(verdict)}\n{_reason(entry, number)}"
        return f"{self.word('wrong')}\n{_reason(entry, len(entry['options']))}"

    def word(self, key: str) -> str:
        """A sentence of the quiz's script, one of WORDS, in the chosen language. Raises KeyError for another key."""
        return _(self.sealed["words"][key])

    def question(self, entry: dict[str, Any]) -> str:
        """The text of a question in the chosen language, which says so where several options may be right."""
        text = _(entry["text"])
        return f"{text} {self.word('several')}" if entry["kind"] == "several" else text

    # -- as text ------------------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        lines = [_(self.sealed["title"]), "", _(self.sealed["intro"])]
        for number, entry in enumerate(self.sealed["questions"], 1):
            lines += ["", f"{number}. {self.question(entry)}   [{entry['id']}]"]
            if entry["kind"] != "number":
                lines += [f"   {LETTERS[n]}) {_(option['text'])}" for n, option in enumerate(entry["options"])]
        return "\n".join(lines)

    __repr__ = __str__

    # -- as HTML ------------------------------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        words = {key: self.word(key) for key in self.sealed["words"]}
        still = words["still"].format(page=f"quiz-{self.sealed['name']}.html")
        items = "".join(_item(entry, self.question(entry)) for entry in self.sealed["questions"])
        facts = {
            "name": self.sealed["name"],
            "words": words,
            "questions": {entry["id"]: _facts(entry) for entry in self.sealed["questions"]},
        }
        script = (HOME / SCRIPT).read_text(encoding="utf-8")
        data = json.dumps(facts, ensure_ascii=True, sort_keys=True).replace("<", "\\u003c")
        return (
            f'<div data-quiz="{escape(self.sealed["name"])}" style="max-width: 46em; line-height: 1.45">'
            f"<p><b>{prose(_(self.sealed['title']))}</b></p><p>{prose(_(self.sealed['intro']))}</p>"
            f'<p data-still=""><i>{escape(still)}</i></p><ol>{items}</ol></div>'
            f"<script>\n(function () {{\nconst facts = {data};\n{script}}})();\n</script>"
        )

    def page(self) -> str:
        """The quiz as a page of its own, to be opened in a browser."""
        language, title = escape(self.sealed["language"]), escape(_(self.sealed["title"]))
        body = self._repr_html_()
        [script] = re.findall("<script>(.*?)</script>", body, re.DOTALL)
        allowed = b64encode(sha256(script.encode()).digest()).decode()
        return (
            f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            f"script-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'\">\n"
            f"<title>{title}</title>\n"
            "<style>body { font-family: system-ui, sans-serif; margin: 2em auto; max-width: 46em; padding: 0 1em }\n"
            f"</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
        )


def _item(entry: dict[str, Any], question: str) -> str:
    options = "".join(
        f'<li data-option="{n}" style="margin: 4px 0px; list-style-type: lower-alpha">{prose(_(option["text"]))}</li>'
        for n, option in enumerate(entry["options"])
        if entry["kind"] != "number"
    )
    # An `ol` with letters; JupyterLab gives nested lists its own signs unless each item says otherwise.
    return (
        f'<li data-question="{escape(entry["id"])}" style="margin: 18px 0px"><div>{prose(question)}</div>'
        + (f'<ol style="margin: 6px 0px">{options}</ol>' if options else "")
        + "</li>"
    )


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    """What the script needs of a question: as sealed, with the explanations in the reader's language and as HTML."""
    kept: dict[str, Any] = {key: entry[key] for key in ("kind", "salt", "decimals") if key in entry}
    options = [
        {"mark": option["mark"], "why": seal(prose(_reason(entry, n)), entry["salt"], n)}
        for n, option in enumerate(entry["options"])
    ]
    if "otherwise" in entry:
        kept["otherwise"] = seal(prose(_reason(entry, len(options))), entry["salt"], len(options))
    return {**kept, "options": options}


def _reason(entry: dict[str, Any], number: int) -> str:
    """The explanation of an option; the number after the last one asks for that of all other numbers."""
    options = entry["options"]
    return _(unseal(options[number]["why"] if number < len(options) else entry["otherwise"], entry["salt"], number))


# -- sealing, as quiz.js knows it too ---------------------------------------------------------------------------------


def mark(salt: str, answer: int | str, right: bool) -> str:
    """The hash that an option, or a typed number, has if it is right, or if it is wrong."""
    return sha256(f"{salt}|{answer}|{'right' if right else 'wrong'}".encode()).hexdigest()


def seal(text: str, salt: str, number: int) -> str:
    """An explanation, made unreadable, in base64; `unseal` reads it. `number` is that of its option, from 0."""
    return b64encode(_xor(text.encode(), salt, number)).decode()


def unseal(sealed: str, salt: str, number: int) -> str:
    """The explanation that `seal` was given. Raises ValueError where the text is not sealed, or by another salt."""
    return _xor(b64decode(sealed), salt, number).decode()


def _xor(data: bytes, salt: str, number: int) -> bytes:
    key = b"".join(sha256(f"{salt}|{number}|{block}".encode()).digest() for block in range(len(data) // 32 + 1))
    return bytes(a ^ b for a, b in zip(data, key, strict=False))


def canonical(typed: str | float, decimals: int) -> str | None:
    """A number as it is hashed: "0,750" with two decimals is "0.75". None if it is no number."""
    text = str(typed).strip().replace(",", ".", 1).replace("\N{MINUS SIGN}", "-", 1)
    if not NUMBER.fullmatch(text) or len(text) > LONGEST_NUMBER:
        return None
    rounded = Decimal(float(text)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)  # as JavaScript's toFixed
    return f"{abs(rounded) if rounded == 0 else rounded:f}"
