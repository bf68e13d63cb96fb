"""Reads a file as rows and cells, and replaces single cells; all other bytes stay the same."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass


class NotATable(ValueError):
    """A file that cannot be read as rows and cells; the message says where and why."""


@dataclass(frozen=True)
class Cell:
    """A cell: its value, and its start and end in the text, with quotation marks."""

    value: str
    start: int
    end: int
    quoted: bool


@dataclass(frozen=True)
class Row:
    """A row of cells, and the line on which it starts, from 1."""

    cells: tuple[Cell, ...]
    line: int


@dataclass(frozen=True)
class Decoded:
    """The text of a file, and the encoding that writes the same bytes again."""

    text: str
    codec: str
    mark: bytes  # the byte order mark, maybe empty

    def encoded(self, text: str) -> bytes:
        """Another text in the same encoding. Raises UnicodeEncodeError for letters that the encoding lacks."""
        return self.mark + text.encode(self.codec)


_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decoded(data: bytes) -> Decoded:
    """The text of a file in UTF-8, UTF-16 or, where it is neither, Windows-1252 or Latin-1.

    Raises NotATable where the text does not give the same bytes again.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _kept(data, codec, mark)
    if b"\0" in data[:2]:  # heads are ASCII, so every other byte of UTF-16 is 0
        return _kept(data, "utf-16-be" if data[:1] == b"\0" else "utf-16-le", b"")
    for codec in ("utf-8", "cp1252"):
        try:
            return _kept(data, codec, b"")
        except NotATable:
            continue
    return _kept(data, "latin-1", b"")


def _kept(data: bytes, codec: str, mark: bytes) -> Decoded:
    body = data[len(mark) :]
    try:
        text = body.decode(codec)
        same = text.encode(codec) == body
    except UnicodeError as error:
        raise NotATable(f"it cannot be read as {codec}: {error}") from None
    if not same:
        raise NotATable(f"it does not stay the same when it is read and written as {codec}")
    return Decoded(text, codec, mark)


def rows_of(text: str, delimiter: str) -> list[Row]:
    """The rows of a text; a cell in quotation marks may hold delimiters, ends of lines and doubled quotation marks.

    Empty lines are left out. Raises NotATable for a quotation mark that is not closed.
    """
    rows: list[Row] = []
    cells: list[Cell] = []
    place, line, first_line = 0, 1, 1
    while place < len(text):
        cell = _cell(text, place, delimiter, line)
        cells.append(cell)
        line += _ends(text[cell.start : cell.end])
        place = cell.end
        if text.startswith(delimiter, place):
            place += 1
            if place < len(text):
                continue
            cells.append(Cell("", place, place, False))
        place += 2 if text.startswith("\r\n", place) else 1
        line += 1
        if len(cells) > 1 or cells[0].end > cells[0].start:
            rows.append(Row(tuple(cells), first_line))
        cells, first_line = [], line
    return rows


def _cell(text: str, start: int, delimiter: str, line: int) -> Cell:
    place = start
    if text.startswith('"', start):
        place += 1
        while True:
            place = text.find('"', place)
            if place < 0:
                raise NotATable(f"line {line}: a quotation mark is not closed")
            if not text.startswith('""', place):
                break
            place += 2
        place += 1
        if place == len(text) or text[place] in (delimiter, "\r", "\n"):
            return Cell(text[start + 1 : place - 1].replace('""', '"'), start, place, True)
    while place < len(text) and text[place] not in (delimiter, "\r", "\n"):
        place += 1
    return Cell(text[start:place], start, place, False)


def _ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def replaced(text: str, delimiter: str, new: Mapping[Cell, str]) -> str:
    """The text with new values in some cells, in quotation marks where the old ones were or where they must be."""
    pieces, place = [], 0
    for cell in sorted(new, key=lambda cell: cell.start):
        word = new[cell]
        quote = cell.quoted or any(letter in word for letter in (delimiter, '"', "\r", "\n"))
        pieces += [text[place : cell.start], '"' + word.replace('"', '""') + '"' if quote else word]
        place = cell.end
    return "".join([*pieces, text[place:]])
