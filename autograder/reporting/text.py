"""Cleaning text for people: what students wrote may hold terminal escapes, control characters and formulas.

Cleaning is not escaping. The templates escape HTML, all of it, as the last step. This module removes characters that no
report needs: terminal escapes, control characters, marks that reverse the direction of text, and halves of surrogate
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

BLANKS = "".join(map(chr, range(33))) + "\xa0\xad\u200b\u200c\u200d\u2060\u3000\ufeff"  # invisible
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


# Small letters of other alphabets that look like Latin ones, and the capitals whose small letter does not show it.
_TWINS = set("аеорсухіјѕһԁԛԝӏѵгпαονρικυχγηωτАВЕЅІЈКМНОРСТУХԌԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")
_UNSEEN = {*map(chr, (0xAD, 0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, 0xFEFF))}
_EAST_ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC")


def shown_name(value: object, longest: int = 80) -> str:
    """A person's or a file's name on one line, in which misleading characters are shown as codes.

    Marks that turn the direction around, and characters that cannot be seen, are shown as their code, `⟨U+202E⟩`. A
    letter that stands among those of another alphabet has its code behind it, and so has each in a name of nothing but
    letters that look like Latin ones.
    """
    text = value if isinstance(value, str) else str(value)
    text = _ESCAPES.sub("", text[: longest * 4])
    pairs = zip(" " + text, text, strict=False)
    seen = "".join(_code(c) if _DIRECTION.match(c) or _hidden(c, before) else c for before, c in pairs)
    letters = [c for c in text if unicodedata.category(c) in ("Lu", "Ll", "Lt", "Lo")]
    alone = bool(letters) and all(c in _TWINS for c in letters)
    words = re.split(r"([^\W_]+)", seen)  # platforms separate words of file names by "_"
    words[1::2] = [_told_apart(word, alone) for word in words[1::2]]
    return line("".join(words), longest)


def _told_apart(word: str, always: bool) -> str:
    """A word in which each letter of a foreign alphabet is followed by its code."""
    alphabets = {alphabet for c in word if (alphabet := _alphabet(c))}
    if always or len(alphabets) > 1 or alphabets & {"FULLWIDTH", "MATHEMATICAL", "CIRCLED", "SMALL"}:
        odd = alphabets - {"LATIN"} if "LATIN" in alphabets or always or len(alphabets) == 1 else alphabets
        return "".join(c + _code(c) if _alphabet(c) in odd else c for c in word)
    return word


def _alphabet(c: str) -> str:
    """The alphabet of a letter; empty if it is no letter; the same name for all letters of East Asia."""
    if c.isascii():
        return "LATIN" if c.isalpha() else ""
    if unicodedata.category(c) not in ("Lu", "Ll", "Lt", "Lo"):
        return ""
    first = unicodedata.name(c, "UNKNOWN").split()[0]
    return "EAST" if first.startswith(_EAST_ASIAN) else first


def _hidden(c: str, before: str) -> bool:
    """Whether a character is invisible; joiners between letters of Persian or Hindi have a visible effect."""
    if c in "\u200c\u200d" and _alphabet(before) not in ("", "LATIN", "GREEK", "CYRILLIC"):
        return False
    return c in _UNSEEN or unicodedata.category(c) == "Cf"


def _code(c: str) -> str:
    return f"⟨U+{ord(c):04X}⟩"


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

    Leading blanks are ignored, because some programs trim them first.
    """
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return points(value) if math.isfinite(value) else ""
    text = clean(value, 2000)  # clean first, because cleaning can change the first character
    risky = text[:1] in "\t\r\n" or text.lstrip(BLANKS).startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    return "'" + text if text and risky else text
