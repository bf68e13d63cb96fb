"""Cleaning text for people: what students wrote may hold terminal escapes, control characters and formulas.

Cleaning is not escaping. The templates escape HTML, all of it, as the last step. Here is removed what has no place in
any report: terminal escapes, control characters, marks that reverse the direction of text, and halves of surrogate
pairs, which cannot be written as UTF-8.
"""

from __future__ import annotations

import math
import re
import unicodedata

# CSI and the string sequences (OSC, DCS, PM, APC, SOS) with their contents, then any other two-character escape.
_ESCAPES = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b.?", re.S)
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

BLANKS = "".join(map(chr, range(33))) + "\xa0\xad\u200b\u200c\u200d\u2060\u3000\ufeff"  # nothing to some eyes
LONGEST = 20_000  # characters of one text in a report


def clean(value: object, longest: int = LONGEST) -> str:
    """Any value as text that is safe to show, not longer than `longest`."""
    text = value if isinstance(value, str) else str(value)
    cut = len(text) > longest
    text = text[: longest + 1]
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", _DIRECTION.sub("", text)).encode("utf-8", "replace").decode("utf-8")
    return text[:longest] + " …" if cut else text


def line(value: object, longest: int = 200) -> str:
    """Any value as clean text on one line, for names and headings."""
    return " ".join(clean(value, longest).split())


def points(value: object) -> str:
    """A number of points as people write it: 3, 2.5, 1.33; a dash where there is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return "–"
    return f"{round(float(value), 2):.2f}".rstrip("0").rstrip(".")


def slug(value: object, longest: int = 40) -> str:
    """A name reduced to lower-case ASCII letters, digits and hyphens, for file names; may be empty."""
    plain = unicodedata.normalize("NFKD", line(value)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:longest].strip("-")


def cell(value: object) -> str:
    """A value for a spreadsheet: what would be read as a formula gets an apostrophe in front.

    Also behind blanks, because some programs trim them before they look.
    """
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return points(value) if math.isfinite(value) else ""
    text = clean(value, 2000)  # first: after cleaning, another sign may be the first
    risky = text[:1] in "\t\r\n" or text.lstrip(BLANKS).startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    return "'" + text if text and risky else text
