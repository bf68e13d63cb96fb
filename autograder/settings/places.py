"""On which lines of a TOML file its keys stand; Python's reader of TOML does not say."""

from __future__ import annotations

import re
import tomllib

Where = tuple[str | int, ...]  # the way to a value: keys, and places in lists from 0

_HEADER = re.compile(r"\s*(\[\[?)(.+?)\]\]?\s*(#.*)?$")
_NAME = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")


def lines_of(text: str) -> dict[Where, int]:
    """The line, from 1, of each table and key. What stands in a value is not looked for."""
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
    """The line of a value, or of the nearest thing around it that has a line."""
    for end in range(len(where), 0, -1):
        if where[:end] in found:
            return found[where[:end]]
    return None


def _keys(dotted: str) -> Where:
    """The keys in `a."b.c".d`; the text itself where that is no TOML, which its reader reports."""
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
    """A way with the place in each list that it leads through: the last table of that list so far."""
    way: Where = ()
    for key in keys[:-1]:
        way = (*way, key)
        if way in counts:
            way = (*way, counts[way])
    return (*way, *keys[-1:])
