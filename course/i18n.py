"""Translation of the texts that students read. English is the source language and the fallback.

Strings are marked with `_("...")`. They are looked up when they are shown, not when a module is imported, so that the
language can be chosen later. Put values in with `.format`, after the look-up:
`_("{name} is not defined").format(name=name)`.

Catalogues are gettext's, in `course/locale/<language>/LC_MESSAGES/`. A checkout has the texts that people write, `.po`,
and reads them with Babel. A release for students has only `course.mo`, compiled, which needs nothing but the standard
library, and a file `course/locale/default` that names the language. `autograder.authoring.translate` says what is in
which file. Everything except the lessons is looked up by `_`. The catalogues of quizzes, hints and feedback are never
released, because they contain answers.
"""

from __future__ import annotations

import gettext
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

LOCALE = Path(__file__).parent / "locale"
SOURCE_LANGUAGE = "en"
DEFAULT = "default"  # the file that names a release's language
LESSONS = "lessons"  # the folder of catalogues that are looked up by themselves, when a notebook is released
QUOTED = re.compile(r'msg(ctxt|id|id_plural|str|str\[\d\]) ".*"')
NO_DATE = datetime(1980, 1, 1, tzinfo=UTC)  # so that the same catalogue gives the same bytes

_chosen: str | None = None


class CatalogueError(ValueError):
    """A catalogue cannot be read; the message names the file and the line."""


class UnknownLanguage(LookupError):
    """There is no catalogue of this language; the message lists the languages that have one."""


def languages() -> tuple[str, ...]:
    """The source language, then the languages that have a catalogue, in the order of the alphabet."""
    found = {path.parent.parent.name for kind in ("mo", "po") for path in LOCALE.glob(f"*/LC_MESSAGES/course.{kind}")}
    return (SOURCE_LANGUAGE, *sorted(found - {SOURCE_LANGUAGE}))


def known(language: str) -> str:
    """Return the language; raises UnknownLanguage if it has no catalogue."""
    if language not in languages():
        raise UnknownLanguage(f"no language is called {language!r}; there is: {', '.join(languages())}")
    return language


def use(language: str | None) -> None:
    """Choose the language from now on; None goes back to COURSE_LANGUAGE, the release's language, or English."""
    global _chosen
    _chosen = language


@contextmanager
def using(language: str | None) -> Iterator[None]:
    """Choose the language within a `with` block."""
    before = _chosen
    use(language)
    try:
        yield
    finally:
        use(before)


def language() -> str:
    """The language of messages now: the chosen one, COURSE_LANGUAGE, the release's, or English."""
    return _chosen or os.environ.get("COURSE_LANGUAGE") or _released()


def _(message: str) -> str:
    """The message in the chosen language; itself where the catalogue does not have it."""
    return _catalogue(language()).gettext(message) if message else message


def N_(message: str) -> str:
    """The message unchanged, but marked for translation; the code that shows it looks it up with `_(message)`."""
    return message


@cache
def lesson_text(language: str, exercise: str) -> gettext.NullTranslations:
    """The catalogue of a lesson's paragraphs."""
    return _read(LOCALE / language / "LC_MESSAGES" / LESSONS / f"{exercise}.po")


def parsed(path: Path) -> Catalog:
    """A `.po` file as Babel's Catalog. Raises CatalogueError with file and line where it is no catalogue."""
    from babel.messages import pofile

    try:
        lines = path.read_text(encoding="utf-8").splitlines(True)
        for number, line in enumerate(lines, 1):  # Babel takes any two letters for quotation marks
            if line.startswith("msg") and not QUOTED.fullmatch(line.strip()):
                raise CatalogueError(f"{path}:{number}: not a catalogue: {line.strip()[:60]}")
        return pofile.read_po(lines, abort_invalid=True)
    except pofile.PoFileError as error:
        raise CatalogueError(f"{path}:{error.lineno + 1}: not a catalogue: {error}") from None
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{path}:1: not a catalogue: it is not UTF-8: {error}") from None


def compiled(path: Path) -> bytes:
    """The bytes of the `.mo` file that a `.po` file gives, without entries that are empty or marked as fuzzy.

    Raises CatalogueError as `parsed` does.
    """
    from babel.messages import mofile

    catalogue = parsed(path)
    catalogue.creation_date = catalogue.revision_date = NO_DATE
    buffer = io.BytesIO()
    mofile.write_mo(buffer, catalogue)
    return buffer.getvalue()


@cache
def _released() -> str:
    try:
        return (LOCALE / DEFAULT).read_text(encoding="utf-8").strip()
    except OSError:
        return SOURCE_LANGUAGE


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    folder = LOCALE / language / "LC_MESSAGES"
    catalogue = gettext.NullTranslations()
    for path in sorted([*folder.rglob("*.po"), *folder.rglob("*.mo")]):
        if LESSONS not in path.relative_to(folder).parts:
            catalogue.add_fallback(_read(path))
    return catalogue


def _read(path: Path) -> gettext.NullTranslations:
    """The catalogue in a file, a new object for each call, because `add_fallback` changes it."""
    if not path.is_file():
        return gettext.NullTranslations()
    return gettext.GNUTranslations(io.BytesIO(path.read_bytes() if path.suffix == ".mo" else compiled(path)))
