"""Translation: collects all messages, updates the catalogues of a language, and finds missing translations.

    course/locale/<language>/LC_MESSAGES/
        course.po               what the course package says: visible checks, figures, titles of the syllabus
        feedback.po             what a grading says: pages, remarks, the judge's sentences
        quizzes.po              questions, options, explanations
        lessons/<exercise>.po   the lesson, a message for each paragraph
        lessons/overview.po     the page before them
        hints/<module>.po       titles and hints of known mistakes, titles and messages of hidden tests

The sources are in English. `update` brings the catalogues of a language up to date: new messages are added without a
translation, messages that have changed keep their old one marked "fuzzy", and messages that are gone are removed.
`problems` lists what a catalogue lacks, with file and line. `autograder translate LANGUAGE` begins another language.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder import paths
from autograder.errors import AuthoringError
from autograder.notebooks.lessons import OVERVIEW, paragraphs, raw_cells
from course import i18n
from course.syllabus import syllabus

if TYPE_CHECKING:
    from babel.messages import Catalog

MARKS = {"_", "N_", "Message", "WorkerMessage"}  # a call of these has the message as its first argument
HIDDEN_MARKS = {"fail": 0, "Mismatch": 0, "picture": 0, "picture_if_wrong": 4}  # in hidden tests, and where it stands
NAMES, AXES = {"names", "name", "title", "rows", "columns"}, {"axes"}  # in hidden tests: words, unless they are code
WORDS = re.compile(r"[A-Za-z][a-z]+( [a-z]{2,})*")
LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|TBD)\b")
# What a translation must keep: values that are put in, facts of the syllabus, and code.
PLACEHOLDER = re.compile(r"\{\{.*?\}\}|\{\w*(?:[!:][^{}]*)?\}")
CODE = re.compile(r"`[^`\n]+`")
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]*\$", re.DOTALL)  # braces in formulas are no values; the words may change
FEW_WORDS = 4  # texts of so few words may be the same in two languages


@dataclass(frozen=True)
class Problem:
    """A mistake in a catalogue; `kind` is missing, stale, unfinished or broken."""

    path: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


# -- the messages that there are ---------------------------------------------------------------------------------------


def messages(root: Path) -> dict[str, dict[str, list[tuple[str, int]]]]:
    """By catalogue, "course" or "lessons/self-attention": each message, with the files and lines that have it."""
    root = Path(root)
    found: dict[str, dict[str, list[tuple[str, int]]]] = {}

    def add(catalogue: str, path: Path, texts: Iterable[tuple[str, int]]) -> None:
        table = found.setdefault(catalogue, {})
        for text, line in texts:
            if text.strip():
                table.setdefault(text, []).append((path.relative_to(root).as_posix(), line))

    table = root / "course" / "syllabus.toml"
    add("course", table, _in_toml(table, _syllabus_texts))
    for path in sorted((root / "course").rglob("*.py")):
        add("course", path, _in_python(path))
    for path in sorted((root / "autograder").rglob("*.py")):
        if path.name != "hidden_tests.py":
            of_quizzes = path.parent == root / "autograder" / "quizzes"
            add("quizzes" if of_quizzes else "feedback", path, _in_python(path, HIDDEN_MARKS))
    for path in sorted((root / "autograder" / "reporting" / "templates").glob("*.j2")):
        add("feedback", path, _in_template(path))
    for path in sorted((root / "course" / "quizzes").glob("*.toml")):
        add("quizzes", path, _in_toml(path, _quiz_texts))
    for exercise in (*syllabus().exercises.values(), *syllabus().by_hand.values()):
        path = paths.lesson(root, exercise)
        if path.is_file():
            add(f"lessons/{exercise.id}", path, _in_lesson(path))
        path = paths.mistakes(root, exercise)
        if path.is_file():
            add(f"hints/{exercise.module}", path, _in_toml(path, _hint_texts))
        path = paths.hidden_tests(root, exercise)
        if path.is_file():
            add(f"hints/{exercise.module}", path, _in_hidden_tests(path))
    if (path := paths.overview(root)).is_file():
        add(f"lessons/{OVERVIEW}", path, _spoken(path.read_text(encoding="utf-8"), 1))
    for name, texts in found.items():  # a message of the course is in its catalogue only
        if name in ("feedback", "quizzes") or name.startswith("hints/"):
            for text in found["course"].keys() & texts.keys():
                del texts[text]
        if name.startswith("hints/"):
            for text in found["feedback"].keys() & texts.keys():
                del texts[text]
    return found


def _in_python(path: Path, more: dict[str, int] | None = None) -> Iterator[tuple[str, int]]:
    places = dict.fromkeys(MARKS, 0) | (more or {})
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in places and len(node.args) > places[name]:
                yield from _constants(node.args[places[name]])


def _constants(node: ast.expr) -> Iterator[tuple[str, int]]:
    """A text, or the two of `a if b else c`."""
    if isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value, node.lineno


def _in_hidden_tests(path: Path) -> Iterator[tuple[str, int]]:
    """Titles (docstrings of tests), names of cases, of compared values and of their axes, and messages of tests."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    shared = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield " ".join((ast.get_docstring(node) or "").split()), node.lineno
        elif isinstance(node, ast.Call):
            yield from _case_names(node)
            yield from _compared(node, shared)
        elif isinstance(node, ast.Dict):  # keyword arguments that several tests share
            for key, value in zip(node.keys, node.values, strict=True):
                yield from _named(getattr(key, "value", None), value, shared)
    yield from _in_python(path, HIDDEN_MARKS)


def _case_names(call: ast.Call) -> Iterator[tuple[str, int]]:
    """The `ids` of a parametrize, or its values where these are texts."""
    if getattr(call.func, "attr", "") == "parametrize":
        ids = [keyword.value for keyword in call.keywords if keyword.arg == "ids"] or call.args[1:2]
        for item in getattr(ids[0], "elts", []):
            if isinstance(item, ast.Constant) and isinstance(item.value, str):
                yield item.value, item.lineno


def _compared(call: ast.Call, shared: dict[str, ast.expr]) -> Iterator[tuple[str, int]]:
    """The names that a test gives to values and axes, and the titles of pictures."""
    for keyword in call.keywords:
        yield from _named(keyword.arg, keyword.value, shared)
    if getattr(call.func, "id", "") == "compare":
        for word, value in zip(("name", "axes"), call.args[2:4], strict=False):
            yield from _named(word, value, shared)


def _named(word: str | None, value: ast.expr, shared: dict[str, ast.expr]) -> Iterator[tuple[str, int]]:
    """The words in `names=("scores", "M")` or `axes={"scores": "batch, key"}`, without what is code.

    `shared`: the values of the file's own names, which may be used there.
    """
    value = shared.get(getattr(value, "id", ""), value)
    if word in NAMES or word in AXES:
        kept = value.values if isinstance(value, ast.Dict) else getattr(value, "elts", [value])
        for item in kept:
            if isinstance(item, ast.Constant) and isinstance(item.value, str):
                texts = item.value.split(", ") if word in AXES else [item.value]
                yield from ((text, item.lineno) for text in texts if WORDS.fullmatch(text))


def _in_template(path: Path) -> Iterator[tuple[str, int]]:
    text = path.read_text(encoding="utf-8")
    for match in re.finditer(r'\b_\("([^"]*)"\)', text):
        yield match.group(1), text.count("\n", 0, match.start()) + 1


def _in_toml(path: Path, texts: Callable[[dict[str, Any]], Iterable[str]]) -> Iterator[tuple[str, int]]:
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    for text in texts(tomllib.loads(source)):
        head = text.split("\n")[0][:30].replace('"', '\\"')
        yield text, next((n for n, line in enumerate(lines, 1) if head in line), 1)


def _syllabus_texts(table: dict[str, Any]) -> Iterator[str]:
    yield table["course"]["title"]
    for exercise in table["exercises"]:
        yield exercise["title"]
        yield from (part["title"] for part in exercise["parts"])
    for assignment in table["by_hand"]:
        yield assignment["title"]
        yield from (task["title"] for task in assignment["tasks"])


def _quiz_texts(table: dict[str, Any]) -> Iterator[str]:
    yield from (table["title"], table["intro"])
    for question in table["questions"]:
        yield question["text"]
        for option in question["options"]:
            yield from (option[key] for key in ("text", "why") if isinstance(option.get(key), str))
        yield question.get("otherwise", "")


def _hint_texts(table: dict[str, Any]) -> Iterator[str]:
    for mistake in table.get("mistake", []):
        yield from (mistake[key] for key in ("title", "hint") if key in mistake)  # a further way to make one has none


def _in_lesson(path: Path) -> Iterator[tuple[str, int]]:
    for cell, line in raw_cells(path):
        if cell.cell_type == "markdown":
            yield from _spoken(cell.source, line)


def _spoken(text: str, line: int) -> Iterator[tuple[str, int]]:
    return ((block, line + offset) for offset, block, spoken in paragraphs(text) if spoken)


# -- catalogues --------------------------------------------------------------------------------------------------------


def folder(root: Path, language: str) -> Path:
    """The folder of a language's catalogues."""
    return Path(root) / "course" / "locale" / language / "LC_MESSAGES"


def read(path: Path) -> Catalog:
    """A catalogue. Raises AuthoringError, with file and line, where it cannot be read."""
    try:
        return i18n.parsed(path)
    except i18n.CatalogueError as error:
        raise AuthoringError(str(error)) from None


def update(root: Path, language: str) -> dict[str, tuple[int, int]]:
    """Bring the catalogues of a language up to date with the sources.

    Returns: by catalogue, how many messages are translated, and how many there are.
    Raises AuthoringError for a wrong code of a language, and for a catalogue that cannot be read.
    """
    from babel.messages import Catalog

    if not LANGUAGE.fullmatch(language) or language == i18n.SOURCE_LANGUAGE:
        raise AuthoringError(f"{language!r} is not the code of a language to translate to; write a code such as 'da'")
    counts, home = {}, folder(root, language)
    for name, texts in messages(root).items():
        template, path = Catalog(), home / f"{name}.po"
        for text, places in texts.items():
            template.add(text, locations=[(place, 0) for place in dict.fromkeys(place for place, _line in places)])
        catalogue = read(path) if path.is_file() else Catalog()
        catalogue.update(template)
        catalogue.obsolete.clear()
        path.parent.mkdir(parents=True, exist_ok=True)
        text = written(catalogue, language)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        counts[name] = (sum(bool(m.id and m.string and not m.fuzzy) for m in catalogue), len(texts))
    return counts


def written(catalogue: Catalog, language: str) -> str:
    """A catalogue as the text of its file: without dates and line numbers, which change although no message does."""
    import io

    from babel.messages import pofile

    head = f'"Language: {language}\\n"\n"MIME-Version: 1.0\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    buffer = io.BytesIO()
    pofile.write_po(buffer, catalogue, width=110, omit_header=True, include_lineno=False)
    body = buffer.getvalue().decode().strip("\n")
    return f'msgid ""\nmsgstr ""\n{head}"Content-Transfer-Encoding: 8bit\\n"\n\n{body}\n'


def problems(root: Path, language: str) -> list[Problem]:
    """The mistakes in the catalogues of a language."""
    found: list[Problem] = []
    for name, texts in messages(root).items():
        path = folder(root, language) / f"{name}.po"
        catalogue = {str(m.id): m for m in read(path) if m.id} if path.is_file() else {}
        for text, places in texts.items():
            message = catalogue.get(text)
            at = (message.lineno if message else None) or 1
            where, line = places[0]
            if message is None or not message.string:
                found.append(Problem(path, at, "missing", f"no translation for {where}:{line}: {_short(text)}"))
            elif message.fuzzy:
                found.append(Problem(path, at, "unfinished", f"marked as fuzzy: {_short(text)}"))
            else:
                found += [Problem(path, at, *p) for p in _wrong(text, str(message.string))]
        for text in catalogue.keys() - texts.keys():
            at = catalogue[text].lineno or 1
            found.append(Problem(path, at, "stale", f"no source has this message any more: {_short(text)}"))
    return found


def _wrong(text: str, said: str) -> Iterator[tuple[str, str]]:
    for pattern, what in ((PLACEHOLDER, "placeholders"), (CODE, "code")):
        want, has = (sorted(set(pattern.findall(FORMULA.sub("", t)))) for t in (text, said))
        if want != has:
            lacks, extra = [x for x in want if x not in has], [x for x in has if x not in want]
            told = [f"lacks {', '.join(lacks)}"] * bool(lacks) + [f"has {', '.join(extra)} instead"] * bool(extra)
            yield "broken", f"other {what} than in the message: {'; '.join(told)}"
    if UNFINISHED.search(said) or (said == text and len(re.findall(r"\w{2,}", CODE.sub("", text))) > FEW_WORDS):
        yield "unfinished", f"not translated: {_short(text)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 70 else line[:69] + "…"
