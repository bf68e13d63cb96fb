"""Zip archives: what is in them, under which names, and an entry's bytes. Nothing is unpacked to disk."""

from __future__ import annotations

import lzma
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from autograder.submission import hand_in

MAX_ENTRIES = 20_000
MAX_DEPTH = 2  # zips in zips in a zip
_ENCRYPTED, _UTF8 = 0x1, 0x800  # flags of an entry
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
    def modified(self) -> float:
        """When the file was written, in seconds since 1970 (local time); 0 where the archive says nonsense."""
        try:
            return datetime(*self.info.date_time).timestamp()
        except (ValueError, OverflowError, OSError):
            return 0.0


def entries_of(archive: zipfile.ZipFile) -> list[Entry]:
    """The files of an archive, by name."""
    found = [Entry(info, PurePosixPath(name_of(info))) for info in archive.infolist() if not info.is_dir()]
    return sorted((entry for entry in found if entry.parts), key=lambda entry: str(entry.path))


def name_of(info: zipfile.ZipInfo) -> str:
    """An entry's name: UTF-8 where its bytes are UTF-8, flagged or not, else the code page that gives more letters."""
    name = info.filename
    if not info.flag_bits & _UTF8 and not name.isascii():
        try:
            data = name.encode("cp437")  # what zipfile has read it as
        except UnicodeEncodeError:
            data = b""
        try:
            name = data.decode("utf-8") if data else name
        except UnicodeDecodeError:
            name = max((data.decode("cp850"), name), key=lambda text: sum(map(str.isalpha, text)))
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """An entry's bytes, at most one more than `hand_in.MAX_BYTES`; the size that the archive states is not believed."""
    with archive.open(info) as file:
        return file.read(hand_in.MAX_BYTES + 1)[: hand_in.MAX_BYTES + 1]
