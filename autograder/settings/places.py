"""Finds the lines of keys in a TOML file, because Python's TOML reader does not report them."""

from __future__ import annotations

import re
import tomllib

Where = tuple[str | int, ...]  # the path to a value: keys, and indexes of lists from 0

_HEADER = re.compile(r"\s*(\[\[?)(.+?)\]\]?\s*(#.*)?$")
_NAME = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")


def lines_of(text: str) -> dict[Where, int]:
    """The line, from 1, of each table and key. Keys inside a value are not included."""
    found: dict[Where, int] = {}
    counts: dict[Where, int] = {}
    table: Where = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _in_lists(_keys(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            keys = _keys(key[1])
            for end in range(1, len(keys) + 1):  # `parts.mask.points = 3` is where `parts` and `parts.mask` begin, too
                found.setdefault((*table, *keys[:end]), number)
    return found


def line_of(found: dict[Where, int], where: Where) -> int | None:
    """The line of a value, or of the nearest table around it."""
    for end in range(len(where), 0, -1):
        if where[:end] in found:
            return found[where[:end]]
    return None


def _keys(dotted: str) -> Where:
    """The keys in `a."b.c".d`; the text itself if it is not TOML, which the TOML reader reports."""
    keys: list[str | int] = []
    try:
        inside = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return (dotted,)
    while isinstance(inside, dict):
        (key,) = inside
        keys.append(key)
        inside = inside[key]
    return tuple(keys)


def _in_lists(keys: Where, counts: dict[Where, int]) -> Where:
    """A path with an index for each list on it: that of the list's last table so far."""
    way: Where = ()
    for key in keys[:-1]:
        way = (*way, key)
        if way in counts:
            way = (*way, counts[way])
    return (*way, *keys[-1:])
