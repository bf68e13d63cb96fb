"""The time of a hand-in, from the file `timestamp.txt` as people and programs write it."""

from __future__ import annotations

import codecs
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from nbgrader.utils import parse_utc

from autograder.nbgrader.errors import NotGraded
from autograder.reporting.text import line

NAME = "timestamp.txt"
LONGEST = 1000  # bytes of such a file
MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def get_existing_timestamp(self: Any, dest_path: str) -> datetime | None:
    """nbgrader's method of a course folder: the time in a folder's `timestamp.txt`, in UTC without a zone.

    Byte order marks and UTF-16, which Windows' Notepad writes, are read too. A time without a zone is UTC, as nbgrader
    has it. None where there is no such file, or nothing in it. Raises NotGraded where no time can be read.
    """
    path = Path(dest_path, NAME)
    try:
        data = path.read_bytes()[: LONGEST + 1] if path.is_file() else None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    if data is None:
        return None
    text = _text(data).strip().strip("\ufeff\0").strip()
    if not text:
        self.log.warning("Empty timestamp file: %s", path)
        return None
    try:
        # Without the colon nbgrader would read +0200 as 200 seconds.
        return parse_utc(re.sub(r"\s([+-]\d\d):?(\d\d)$", r"\1:\2", text))
    except (ValueError, OverflowError, TypeError, AttributeError):
        raise _unreadable(path, f"it says {line(text, 60)!r}") from None


def _text(data: bytes) -> str:
    encoding = json.detect_encoding(data) if data.startswith(MARKS) or b"\0" in data else "utf-8"
    return data.decode(encoding, "replace")


def _unreadable(path: Path, why: str) -> NotGraded:
    return NotGraded(
        f"The time in {line(path)} cannot be read: {why}. Write it as 2026-09-09 12:30:00 UTC, or delete the file, "
        "and run the command again."
    )
