"""Sentences for students that can be said again in another language.

The judge speaks English, so that no language can touch a mark or a replay. `Message` is that English sentence, and
remembers the message and the values that it was made of; a result keeps these in its table `words`, by sentence, and
`autograder.reporting` says it in the reader's language. A message is marked for translation by being an argument here.
"""

from __future__ import annotations

import re
from typing import Any

from course.i18n import _


class Message(str):
    """A message with its values put in: `Message("the {name} is {kind}", name="mask", kind=Message("a tensor"))`."""

    message: str
    values: dict[str, Any]

    def __new__(cls, message: str, /, **values: Any) -> Message:
        self = super().__new__(cls, message.format(**values) if values else message)
        self.message, self.values = message, values
        return self

    def told(self) -> dict[str, Any]:
        """The same as plain JSON data."""
        values = {k: v.told() if isinstance(v, Message) else str(v) for k, v in self.values.items()}
        return {"message": self.message, "values": values}


def listed(*items: str) -> Message:
    """The items with commas between them, each of which may be said in another language by itself."""
    return Message(", ".join(f"{{item{i}}}" for i in range(len(items))), **{f"item{i}": x for i, x in enumerate(items)})


def cell_name(label: str) -> str:
    """A cell's label, as a message where it is none of the student's own names."""
    place = re.fullmatch(r"(cell|setup) ([0-9]+)", label)
    if place is None:
        return Message("added cell") if label == "added cell" else label
    n = place.group(2)
    return Message("cell {n}", n=n) if place.group(1) == "cell" else Message("setup {n}", n=n)


def sentence(message: str | None) -> str | None:
    """A message as a student reads it: with a capital, unless it begins with code, in backticks or `like_this`."""
    return message if not message or re.match(r"\w+_", message) else message[:1].upper() + message[1:]


def table(*messages: str | None) -> dict[str, Any]:
    """The table `words` of a result: how each of these messages was made, by how it reads."""
    return {sentence(text): text.told() for text in messages if isinstance(text, Message)}


def again(told: Any) -> str:
    """What `told` gave, said in the language that is chosen now; anything else as it is."""
    if not isinstance(told, dict):
        return _(str(told)) if _(str(told)) != str(told) else _(f"{told}.").removesuffix(".")  # a title, quoted
    message, values = _(str(told.get("message", ""))), told.get("values") or {}
    # A value that the message has in backticks is code, and no message even where it reads like one.
    return message.format(
        **{k: v if isinstance(v, str) and f"`{{{k}}}`" in message else again(v) for k, v in values.items()}
    )
