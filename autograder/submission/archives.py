"""Zip archives: lists their entries with decoded names, and reads an entry's bytes. Nothing is unpacked to disk."""

from __future__ import annotations

import itertools
import lzma
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from autograder.messages import Message
from autograder.submission import hand_in
from autograder.submission.budget import Budget

MAX_DEPTH = 2  # zips in zips in a zip
_ENCRYPTED, _UTF8 = 0x1, 0x800  # flags of an entry
# Other methods unpack a whole block at once, whatever its size.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Code pages of names that are not UTF-8: two of DOS, which Windows uses for zips, Windows's own, and Cyrillic ones.
CODE_PAGES = ("cp437", "cp850", "cp1252", "cp866", "cp1251")
MOST_NAMES = 2_000  # names of an archive that are looked at for its code page
_CHUNK = 1 << 20  # bytes that are unpacked between two checks of the budget
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
)


@dataclass(frozen=True)
class Entry:
    """A file in an archive."""

    info: zipfile.ZipInfo
    path: PurePosixPath

    @property
    def parts(self) -> tuple[str, ...]:
        """The names on its path, in Unicode's composed form."""
        return self.path.parts

    @property
    def leads_out(self) -> bool:
        """Whether its path leads out of the archive."""
        return self.path.is_absolute() or ".." in self.path.parts

    @property
    def encrypted(self) -> bool:
        """Whether it needs a password."""
        return bool(self.info.flag_bits & _ENCRYPTED)

    @property
    def problem(self) -> Message | None:
        """Why its bytes are not unpacked, a sentence for the student; None where they can be."""
        if self.encrypted:
            return Message("The file is locked with a password in the zip. Hand in the notebook itself.")
        if self.info.compress_type not in _METHODS:
            return Message("The zip is packed in a way that is not read here. Hand in the notebook itself.")
        return hand_in.too_large(self.info.file_size) if self.info.file_size > hand_in.MAX_BYTES else None

    @property
    def modified(self) -> float:
        """When the file was written, in seconds since 1970 (local time); 0 where the archive has no valid date."""
        try:
            return datetime(*self.info.date_time).timestamp()
        except (ValueError, OverflowError, OSError):
            return 0.0


def opened(file: Path | BinaryIO, budget: Budget) -> zipfile.ZipFile:
    """An open archive; the size of its table of contents is checked before it is read.

    Raises Exceeded where the budget does not allow it, and one of DAMAGED where it cannot be opened.
    """
    with budget.clock():
        if isinstance(file, Path):
            with file.open("rb") as stream:
                end = zipfile._EndRecData(stream)  # type: ignore[attr-defined]  # as `ZipFile` itself does
        else:
            end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
        if end is not None:
            budget.directory(end[5])  # the size of the table of contents
        return zipfile.ZipFile(file)


def entries_of(archive: zipfile.ZipFile, folders: bool = False) -> list[Entry]:
    """The files of an archive, by name, with its folders if asked for."""
    infos = [info for info in archive.infolist() if folders or not info.is_dir()]
    page = code_page(infos)
    found = [Entry(info, PurePosixPath(name_of(info, page))) for info in infos]
    return sorted((entry for entry in found if entry.parts), key=lambda entry: str(entry.path))


def name_of(info: zipfile.ZipInfo, page: str) -> str:
    """An entry's name: as UTF-8 where it is valid UTF-8, else in a code page."""
    data = _bytes_of(info)
    name = info.filename if data is None else _decoded(data, page) or info.filename
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def code_page(infos: Iterable[zipfile.ZipInfo]) -> str:
    """The code page of an archive's names that are not UTF-8: the one that gives the most plausible words."""
    names = [data for info in infos if (data := _bytes_of(info)) is not None and _utf_8(data) is None][:MOST_NAMES]
    return max(CODE_PAGES, key=lambda page: sum(_likeness(_decoded(data, page) or "\0") for data in names))


def _bytes_of(info: zipfile.ZipInfo) -> bytes | None:
    """A name's bytes, where the archive does not say that they are UTF-8."""
    if info.flag_bits & _UTF8 or info.filename.isascii():
        return None
    try:
        return info.filename.encode("cp437")  # zipfile decodes such names as cp437
    except UnicodeEncodeError:
        return None


def _utf_8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _decoded(data: bytes, page: str) -> str | None:
    if (text := _utf_8(data)) is not None:
        return text
    try:
        return data.decode(page)
    except UnicodeDecodeError:
        return None


def _likeness(text: str) -> int:
    """A score of how much a text looks like names: letters of one script in each word, capitals at the front."""
    points = 0
    for word in re.split(r"[\s/_.\-\\()']+", text):
        foreign = [letter for letter in word if not letter.isascii()]
        points += sum(2 if letter.isalpha() else -3 for letter in foreign)
        if foreign:
            scripts = {unicodedata.name(letter, "?").partition(" ")[0] for letter in word if letter.isalpha()}
            points -= 4 * (len(scripts) - 1)
            points -= 3 * sum(a.islower() and b.isupper() for a, b in itertools.pairwise(word))
            points -= 3 * (scripts == {"LATIN"} and len(word) > 2 and len(foreign) == len(word))
    return points


def unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> bytes:
    """An entry's bytes, at most one more than `hand_in.MAX_BYTES`, whatever size the archive states.

    Raises Exceeded as soon as the budget is used up, and one of DAMAGED where it cannot be read.
    """
    pieces, rest = [], hand_in.MAX_BYTES + 1
    with budget.clock(), archive.open(info) as file:
        budget.file()
        while rest and (piece := file.read(min(rest, _CHUNK))):
            budget.take(len(piece))
            pieces.append(piece)
            rest -= len(piece)
    return b"".join(pieces)
