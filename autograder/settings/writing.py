"""Adds entries to `course.toml`, and leaves everything else in the file as it was, including comments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from autograder.settings.reading import CourseSettingsError, parse_settings
from autograder.settings.types import NAME, CourseSettings


def add_entry(course: Path, assignment: str, table: str, entry: dict[str, str]) -> CourseSettings:
    """Add an entry to an assignment's list `void` or `accept`, and return the new settings.

    The file is written only if it is valid with the entry. Raises CourseSettingsError if it is not, and OSError if it
    cannot be written.
    """
    import tomlkit
    from tomlkit.items import AoT

    path = course / NAME
    text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    parse_settings(text.encode(), path)  # reports a mistake that was there before, with its line
    document: Any = tomlkit.parse(text)
    assignments = document.setdefault("assignments", tomlkit.table(is_super_table=True))
    if assignment not in assignments:
        assignments[assignment] = tomlkit.table()
    own = assignments[assignment]
    made: Any = tomlkit.table()
    made.update(entry)
    if table not in own:
        own[table] = tomlkit.aot()
    elif not isinstance(own[table], AoT):  # written as `void = [{…}]`
        made = tomlkit.inline_table()
        made.update(entry)
    own[table].append(made)
    written = tomlkit.dumps(document).encode()
    try:
        settings = parse_settings(written, path)
    except CourseSettingsError as error:
        raise CourseSettingsError(f"{path} is left as it was: {str(error).partition(': ')[2]}") from None
    part = path.with_suffix(".part")
    part.write_bytes(written)
    os.replace(part, path)
    return settings
