"""The words that students read, in their language. English is the source and the fallback.

Strings are marked with `_("...")` and looked up when they are shown, never when a module is imported, so that the
language may be chosen later. Catalogues are gettext's, `course/locale/<language>/LC_MESSAGES/course.mo`.
Those of the quizzes are `quizzes.mo` beside it, which students do not get: it has the explanations in plain words, and
what is released is sealed in the language that it is released in.
Put values in with `.format`, after the look-up: `_("{name} is not defined").format(name=name)`.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
SOURCE_LANGUAGE = "en"

_chosen: str | None = None


def languages() -> tuple[str, ...]:
    """The languages that there are: the source language, then those with a catalogue."""
    found = sorted(path.parent.parent.name for path in LOCALE.glob("*/LC_MESSAGES/course.mo"))
    return (SOURCE_LANGUAGE, *(name for name in found if name != SOURCE_LANGUAGE))


def use(language: str | None) -> None:
    """Choose the language from now on; None goes back to the environment variable COURSE_LANGUAGE, or English."""
    global _chosen
    _chosen = language


@contextmanager
def using(language: str | None) -> Iterator[None]:
    """Choose the language for a while."""
    before = _chosen
    use(language)
    try:
        yield
    finally:
        use(before)


def _(message: str) -> str:
    """The message in the chosen language; itself where the catalogue does not have it."""
    return _catalogue(_chosen or os.environ.get("COURSE_LANGUAGE") or SOURCE_LANGUAGE).gettext(message)


def N_(message: str) -> str:
    """Marks a string for translation where it stands; whoever shows it says `_(message)`."""
    return message


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    catalogue = gettext.translation("course", localedir=LOCALE, languages=[language], fallback=True)
    catalogue.add_fallback(gettext.translation("quizzes", localedir=LOCALE, languages=[language], fallback=True))
    return catalogue
