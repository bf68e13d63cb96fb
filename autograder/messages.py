"""Sentences for students that can be translated when they are shown.

The judge writes English, so that the language cannot change a mark or a replay. A `Message` is that English sentence.
It also keeps the message template and the values. A result stores these in its table `words`, by sentence,
and `autograder.reporting` translates them for the reader. `autograder translate` finds messages to translate by looking
for the arguments of `Message`.
"""

from __future__ import annotations

import re
from typing import overload

from autograder.records import MessageParts
from course.i18n import _


class Message(str):
    """A message with its values put in: `Message("the {name} is {kind}", name="mask", kind=Message("a tensor"))`."""

    message: str
    values: dict[str, object]

    def __new__(cls, message: str, /, **values: object) -> Message:
        """The sentence; `values` go into the braces of `message`, by name."""
        self = super().__new__(cls, message.format(**values) if values else message)
        self.message, self.values = message, values
        return self

    def told(self) -> MessageParts:
        """The message and its values as plain JSON data; `again` makes a sentence of it."""
        values = {k: v.told() if isinstance(v, Message) else str(v) for k, v in self.values.items()}
        return {"message": self.message, "values": values}


def listed(*items: str) -> Message:
    """The items with commas between them. Items that are messages are translated one by one."""
    return Message(", ".join(f"{{item{i}}}" for i in range(len(items))), **{f"item{i}": x for i, x in enumerate(items)})


def cell_name(label: str) -> str:
    """A cell's label; a `Message`, which can be translated, where the grader gave the label."""
    place = re.fullmatch(r"(cell|setup) ([0-9]+)", label)
    if place is None:
        return Message("added cell") if label == "added cell" else label
    n = place.group(2)
    return Message("cell {n}", n=n) if place.group(1) == "cell" else Message("setup {n}", n=n)


@overload
def sentence(message: str) -> str: ...


@overload
def sentence(message: None) -> None: ...


def sentence(message: str | None) -> str | None:
    """A message as a student reads it: with a capital, unless it begins with code, in backticks or `like_this`."""
    return message if not message or re.match(r"\w+_", message) else message[:1].upper() + message[1:]


def table(*messages: str | None) -> dict[str, MessageParts]:
    """The table `words` of a result: how each sentence was made, by the sentence as the student reads it."""
    return {sentence(text): text.told() for text in messages if isinstance(text, Message)}


def again(told: object) -> str:
    """The sentence that `Message.told` described, in the language that is chosen now.

    Anything else than a dict is looked up as text, and stays as it is where no catalogue has it.
    """
    if not isinstance(told, dict):
        return _(str(told)) if _(str(told)) != str(told) else _(f"{told}.").removesuffix(".")  # a title, quoted
    message, values = _(str(told.get("message", ""))), told.get("values") or {}
    # A value that the message has in backticks is code, and no message even where it reads like one.
    return message.format(
        **{k: v if isinstance(v, str) and f"`{{{k}}}`" in message else again(v) for k, v in values.items()}
    )
