"""Diagrams that come before the code: each shows a concept of the lesson, drawn from numbers that are computed here.

A lesson asks for one by name, `+++ {"figure": "attention"}`, and it becomes an image in a text cell of the notebook,
which needs no kernel and no file. Title, labels and the alternative text are in the language of the notebook. The
notebooks that students get have the images alone, and not this package.
"""

from __future__ import annotations

from collections.abc import Callable

from course.diagrams import attention, layers, translator
from course.diagrams.svg import Diagram

DIAGRAMS: dict[str, Callable[[], Diagram]] = {
    "translator": translator.translator,
    "steps": translator.steps,
    "attention": attention.attention,
    "heads": attention.heads,
    "block": layers.block,
    "three-attentions": translator.three_attentions,
    "masked-words": layers.masked_words,
}


def diagram(name: str) -> Diagram:
    """The diagram of this name in the language in use. Raises LookupError, with the names there are, for another."""
    if name not in DIAGRAMS:
        raise LookupError(f"there is no figure {name!r}; there is: {', '.join(DIAGRAMS)}")
    return DIAGRAMS[name]()
