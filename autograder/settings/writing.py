"""Writes into `course.toml` what a verb decides, and leaves all else in it as a person wrote it, comments too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from autograder.settings.reading import CourseSettingsError, parse_settings
from autograder.settings.types import NAME, CourseSettings


def add_entry(course: Path, assignment: str, table: str, entry: dict[str, str]) -> CourseSettings:
    """Add an entry to a list of an assignment's, `void` or `accept`; gives the settings with it.

    The file is written only if it is right with the entry; raises CourseSettingsError where it is not, OSError where it
    cannot be written.
    """
    import tomlkit
    from tomlkit.items import AoT

    path = course / NAME
    text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    parse_settings(text.encode(), path)  # what is wrong before is said with its line
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
