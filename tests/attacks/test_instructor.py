"""What a student wrote, wherever an instructor reads it: text, and nothing that a browser, sheet or terminal obeys."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest
from forge import Forge
from support.timing import cpu_time_below

from autograder.reporting.html import class_page, feedback_page, hand_in_report, part_report, part_text, write_pages
from autograder.reporting.marks import csv_table
from autograder.reporting.text import cell, clean, shown_name

NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    "`<b onclick=alert(1)>`",
    "{{ 7 * 7 }}{% include 'x' %}",
    "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "\u202egnp.exe\u2066",
    "=cmd|'/C calc'!A0",
    "\x1b[m=cmd|'/C calc'!A0",
    "\u202e@SUM(1)",
    "\ufeff=1+1",
    "[bold red]marks[/]",
    "\ud800",
    "../../../etc/passwd",
    "two\nlines",
]


@pytest.fixture(scope="module")
def results(arena):
    """One hand-in for each, with the text as the student's name, a print, an exception, its name, and a type's name."""
    forge = Forge("self-attention-pytorch")
    hand_ins = []
    for text in NASTY:
        bad = (
            f"class Odd: pass\nOdd.__name__ = {text!r}\n"
            f"def causal_mask(length, device=None):\n    return type({text!r}, (), {{}})()\n"
        )
        raises = f"def padding_mask(ids, pad_id=0):\n    raise type({text!r}, (ValueError,), {{}})({text!r})\n"
        hand_in = forge.hand_in(
            text.replace("/", "-"), {"causal-mask": bad, "padding-mask": raises}, after=(f"print({text!r})",)
        )
        hand_in.student = text
        hand_in.remarks.append(text)
        hand_ins.append(hand_in)
    return arena.grade(hand_ins)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "xlink:href")]


def check_page(page: str) -> None:
    parser = Page()
    parser.feed(page)
    assert not parser.tags & {"script", "img", "iframe", "object", "form"}
    assert not {a for a in parser.attributes if a.startswith("on")}
    assert not [link for link in parser.links if not re.fullmatch(r"#[\w.-]*|[\w.-]+\.html", link)]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
    page.encode("utf-8")


def test_they_are_graded(results):
    assert {result["status"] for result in results} == {"graded"}
    assert {result["score"] for result in results} == {8.0}
    json.dumps(results, ensure_ascii=False).encode("utf-8")


def test_pages_hold_text_only(results, tmp_path):
    for result in results:
        check_page(feedback_page(result))
        check_page(hand_in_report(result))
        for part in result["parts"]:
            check_page(part_report(result, part["id"]))
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", part_text(result, part["id"]))
    check_page(class_page(results))
    index = write_pages(results, tmp_path / "pages")
    assert {p.parent for p in tmp_path.rglob("*.html")} == {index.parent}


def test_no_field_of_a_table_is_a_formula(results):
    rows = list(csv.reader(io.StringIO(csv_table(results))))
    assert len(rows) == len(results) + 1
    for field in (field for row in rows for field in row):
        assert not field.lstrip("\ufeff\u200b \t").startswith(("=", "+", "-", "@")), field
        assert "\x1b" not in field and "\u202e" not in field


@pytest.mark.parametrize("before", ["", " ", "\t", "\r", "\n", "\x1b[m", "\u202e", "\ufeff", "\u200b", "\x00", "\xa0"])
@pytest.mark.parametrize("sign", "=+-@＝")
def test_a_formula_behind_what_is_taken_out_is_one_too(before, sign):
    assert cell(f"{before}{sign}cmd").startswith("'")


def test_the_table_on_the_terminal_obeys_nobody(results):
    from rich.console import Console

    from autograder.cli.terminal import marks_table

    out = io.StringIO()
    Console(file=out, width=300, force_terminal=True, color_system=None).print(marks_table(results))
    shown = out.getvalue()
    assert "\x9b" not in shown and "\u202e" not in shown and "\x07" not in shown and "\x1b]" not in shown
    assert "[bold red]marks" in shown  # markup of a student's is text


def test_cleaning_takes_little_time():
    for text in ("\x1b[" * 50_000, "\x9b" + "0" * 10**6, "\x1b]" * 50_000, "`" * 10**6, "\x1b[0;" * 10**5):
        with cpu_time_below(1):
            clean(text)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Zo\xeb Nu\xf1ez-\u00d8stergaard", "Zo\xeb Nu\xf1ez-\u00d8stergaard"),
        ("\u0410\u043d\u043d\u0430 \u041f\u0435\u0442\u0440\u043e\u0432\u0430",) * 2,
        ("\u738b\u5c0f\u660e", "\u738b\u5c0f\u660e"),
        ("\u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0645", "\u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0645"),
        ("eve", "eve"),
        ("\u0435ve", "\u0435\u27e8U+0435\u27e9ve"),  # a Cyrillic letter among Latin ones
        ("\u0430\u0441\u0435", "\u0430\u27e8U+0430\u27e9\u0441\u27e8U+0441\u27e9\u0435\u27e8U+0435\u27e9"),
        ("\uff45\uff56\uff45", "\uff45\u27e8U+FF45\u27e9\uff56\u27e8U+FF56\u27e9\uff45\u27e8U+FF45\u27e9"),
        ("eve\u202egnp", "eve\u27e8U+202E\u27e9gnp"),
        ("e\u200bve", "e\u27e8U+200B\u27e9ve"),
        ("eve\u3164", "eve\u27e8U+3164\u27e9"),
    ],
)  # fmt: skip
def test_what_misleads_the_eye_in_a_name_is_shown_as_such(written, shown):
    assert shown_name(written) == shown


def test_pages_and_tables_show_names_so(results):
    result = {**results[0], "student": "\u0435ve\u202e"}
    told = "\u27e8U+0435\u27e9ve\u27e8U+202E\u27e9"
    assert told in feedback_page(result) and told in class_page([result]) and told in csv_table([result])
