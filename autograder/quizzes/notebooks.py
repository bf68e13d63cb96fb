"""Quizzes: `course/quizzes/<name>.toml` is read, checked, sealed, and put into a notebook of its own.

    title, intro                    what stands above the questions
    [[questions]]
    id                              unique in the quiz
    kind                            "one" right option, "several", or a "number" to be typed
    text                            `code` in backquotes
    decimals, otherwise             a number's: how many decimals count, and what any other number is told
    points                          what it is worth where the quiz is marked; 1 unless said
    [[questions.options]]
    text, or a number's value       what is clicked, or typed: the right number, and common wrong ones
    right = true                    for a right option
    why                             why it is right or wrong, shown on the click

`build_quizzes` makes two files from it. `course/quizzes/<name>.json` is the sealed form that `course.quizzes` shows and
that students get; the TOML is never released. `source/quiz-<name>/quiz-<name>.ipynb` shows it.

A quiz has its own notebook, because it belongs to the lecture and not to an exercise or track. The notebook needs no
framework. It is released with its output, so that students can answer before any kernel runs. It carries no marks,
because students can click until an answer is right.

For marks there is another notebook, `marked_notebook`, which `autograder init --quiz` puts into a course. It has the
questions, a line for each answer, and no right answers, sealed or not. `autograder.quizzes.marking` marks it.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeGuard, cast

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from autograder import paths
from autograder.errors import AuthoringError
from autograder.notebooks.cells import as_nbgraders, python_notebook
from autograder.quizzes.marking import Question, QuizRecord, answer_line, asked, points_of
from course import i18n
from course.i18n import N_, _
from course.quizzes import LETTERS, WORDS, Quiz, canonical, mark, seal
from course.syllabus import syllabus

KINDS = ("one", "several", "number")
PREFIX = "quiz-"  # of a quiz's notebook and of its zip
FIELDS = {"id", "kind", "text", "options", "points"}
INTRO = N_(
    "Answer by clicking. Nothing is sent anywhere and nothing is marked: change your mind as often as you like, and "
    "read the explanations."
)


class QuizError(AuthoringError):
    """A mistake in a quiz; the message names the file and the question's id."""


def quiz_names(root: Path) -> list[str]:
    """The names of all quizzes, those of their TOML files."""
    return sorted(path.stem for path in (root / "course" / "quizzes").glob("*.toml"))


def named(root: Path, quizzes: Iterable[str]) -> list[str]:
    """The quizzes of these names, "quiz-pre" for example, each once. Raises AuthoringError for an unknown name."""
    known = [f"{PREFIX}{name}" for name in quiz_names(root)]
    for quiz in (quizzes := list(dict.fromkeys(quizzes))):
        if quiz not in known:
            raise AuthoringError(f"no quiz is called {quiz!r}; there is: {', '.join(known)}")
    return quizzes


def build_quizzes(root: Path, check: bool = False) -> list[Path]:
    """Build the sealed quizzes and their notebooks that are out of date; with `check`, only see that none is.

    Returns: the files that were written; with `check`, all files that were compared.
    Raises QuizError for a mistake in a quiz and, with `check`, AuthoringError for files that are out of date.
    """
    wanted: dict[Path, str] = {}
    for name in quiz_names(root):
        sealed = sealed_quiz(root, name)
        wanted[root / "course" / "quizzes" / f"{name}.json"] = sealed_text(sealed)
        wanted[notebook_path(root, name)] = nbformat.writes(notebook(sealed)) + "\n"
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if check:
        if stale:
            names = "\n  ".join(str(path.relative_to(root)) for path in stale)
            raise AuthoringError(f"stale quizzes; run `autograder build`:\n  {names}")
        return list(wanted)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(wanted[path], encoding="utf-8")
        unfinished.replace(path)
    return stale


def notebook_path(root: Path, name: str) -> Path:
    """The notebook that shows a quiz."""
    return paths.source(root) / f"{PREFIX}{name}" / f"{PREFIX}{name}.ipynb"


def sealed_text(sealed: dict[str, Any]) -> str:
    """The JSON text of a sealed quiz, the same each time."""
    return json.dumps(sealed, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def notebook(sealed: dict[str, Any]) -> NotebookNode:
    """The notebook of a sealed quiz, with the output that running it gives."""
    quiz = Quiz(sealed)
    shown = new_output("execute_result", {"text/html": quiz._repr_html_(), "text/plain": str(quiz)}, execution_count=1)
    code = f'from course import quiz\n\nquiz("{sealed["name"]}")'
    made = python_notebook(
        [
            new_markdown_cell(f"# {_(syllabus().title)}\n\n## {_(sealed['title'])}\n\n{_(INTRO)}", id="text-1"),
            new_code_cell(code, id=f"{PREFIX}{sealed['name']}", execution_count=1, outputs=[shown]),
        ],
        {"quiz": sealed["name"], "language": sealed["language"]},
    )
    nbformat.validate(made)
    return made


MARKED_INTRO = N_(
    "Write your answers between the quotation marks: the letter of an option, such as `b`; letters, such as `ac`, "
    "where several may be right; or a number. Save the notebook and hand it in. Nothing needs to be run. What is "
    "right, and why, you will read in your feedback."
)
MARKED_ID = re.compile(r"[A-Za-z0-9_-]+")  # the ids that nbgrader allows
MARKED_HERE = "# Your mark for question {number} will stand here."  # a graded cell's; code is English in every language


def marked_notebook(quiz: QuizRecord, name: str) -> NotebookNode:
    """The sheet of a quiz that is handed in, as nbgrader's source notebook, in the language that is chosen now.

    Every cell has nbgrader's metadata, so that a damaged hand-in can be repaired with its questions. Nothing says what
    is right. The notebook's metadata has a hash of each question: see `asked`.
    Raises QuizError for an id that nbgrader does not allow.
    """
    head = f"# {_(syllabus().title)}\n\n## {_(quiz['title'])}\n\n{_(MARKED_INTRO)}"
    cells = [
        as_nbgraders(new_markdown_cell(head), "text-1"),
        as_nbgraders(new_code_cell("answers = {}"), "setup-answers"),
    ]
    for number, question in enumerate(quiz["questions"], 1):
        id = question["id"]
        if not MARKED_ID.fullmatch(id):
            raise QuizError(
                f"{PREFIX}{name}: question {id!r}: to be marked, an id has letters of A to Z, digits, _ and -"
            )
        cells += [
            as_nbgraders(new_markdown_cell(_question_text(number, question)), f"question-{id}"),
            as_nbgraders(new_code_cell(answer_line(id)), f"answer-{id}", solution=True),
            as_nbgraders(
                new_code_cell(MARKED_HERE.format(number=number)), f"test-{id}", grade=True, points=points_of(question)
            ),
        ]
    course = {
        "quiz": name,
        "marked": True,
        "language": i18n.language(),
        "asked": {question["id"]: asked(question) for question in quiz["questions"]},
    }
    made = python_notebook(cells, course)
    nbformat.validate(made)
    return made


def marked_sheet(root: Path, name: str, language: str = i18n.SOURCE_LANGUAGE) -> NotebookNode:
    """The sheet of a quiz by its name, in a language. Raises QuizError as `read_quiz` and `marked_notebook` do."""
    with i18n.using(language):
        return marked_notebook(read_quiz(root / "course" / "quizzes" / f"{name}.toml"), name)


def translate_sheet(root: Path, name: str, sheet: NotebookNode, language: str) -> NotebookNode:
    """A sheet with its text cells in a language; a cell that an instructor has rewritten stays. Changes the sheet."""
    english, other = (
        {cell.id: cell.source for cell in marked_sheet(root, name, spoken).cells}
        for spoken in (i18n.SOURCE_LANGUAGE, i18n.known(language))
    )
    for cell in sheet.cells:
        if cell.cell_type == "markdown" and english.get(cell.get("id")) == cell.source:
            cell.source = other[cell.id]
    if "course" in sheet.metadata:
        sheet.metadata.course["language"] = language
    return sheet


def _question_text(number: int, question: Question) -> str:
    points = f"{points_of(question):g}"
    lines = [
        f"### {number}. " + (_("({points} point)") if points == "1" else _("({points} points)")).format(points=points),
        _(question["text"]),
    ]
    if question["kind"] == "several":
        lines.append(_(WORDS["several"]))
    if question["kind"] != "number":
        options = zip(LETTERS, question["options"], strict=False)
        lines.append("\n".join(f"- **{letter})** {_(option['text'])}" for letter, option in options))
    return "\n\n".join(lines)


# -- sealing ----------------------------------------------------------------------------------------------------------


def sealed_quiz(root: Path, name: str, language: str = i18n.SOURCE_LANGUAGE) -> dict[str, Any]:
    """A quiz in which the right answers cannot be read, as `course.quizzes` shows it; its texts in a language.

    Salts are made from the quiz itself, so that sealing twice gives the same. Raises QuizError as `read_quiz` does.
    """
    quiz = read_quiz(root / "course" / "quizzes" / f"{name}.toml")
    with i18n.using(language):
        return {
            "name": name,
            "language": language,
            "title": _(quiz["title"]),
            "intro": _(quiz["intro"]),
            "words": {key: _(text) for key, text in WORDS.items()},
            "questions": [_sealed_question(name, question) for question in quiz["questions"]],
        }


def _sealed_question(name: str, question: Question) -> dict[str, Any]:
    salt = sha256(json.dumps([name, question], sort_keys=True).encode()).hexdigest()[:16]
    sealed: dict[str, Any] = {"id": question["id"], "kind": question["kind"], "text": _(question["text"]), "salt": salt}
    options = []
    for number, option in enumerate(question["options"]):
        entry = {"why": seal(_(option["why"]), salt, number)}
        answer: int | str | None = number
        if question["kind"] == "number":
            answer = canonical(option["value"], question["decimals"])
        else:
            entry["text"] = _(option["text"])
        assert answer is not None, "read_quiz refuses a number that nobody can type"
        options.append(entry | {"mark": mark(salt, answer, option.get("right", False))})
    if question["kind"] == "number":
        sealed["decimals"] = question["decimals"]
        sealed["otherwise"] = seal(_(question["otherwise"]), salt, len(options))
    return {**sealed, "options": options}


# -- reading and refusing ---------------------------------------------------------------------------------------------


def read_quiz(path: Path) -> QuizRecord:
    """A quiz as its TOML file has it, checked.

    Raises QuizError for a file that is missing or is no TOML, and for a question with an unknown kind, a repeated id,
    no text or explanation, or another number of right options than its kind asks for.
    """
    try:
        quiz = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise QuizError(f"{path}: there is no such quiz") from None
    except (ValueError, RecursionError) as error:  # of the encoding, of TOML, of a number too long to be one
        raise QuizError(f"{path}: cannot be read as TOML: {error}") from None
    for field in ("title", "intro"):
        if not _is_text(quiz.get(field)):
            raise QuizError(f"{path}: the quiz lacks {field!r}")
    if unknown := set(quiz) - {"title", "intro", "questions"}:
        raise QuizError(f"{path}: nothing is called {sorted(unknown)[0]!r} in a quiz")
    if not _is_list_of_tables(quiz.get("questions")):
        raise QuizError(f"{path}: the quiz has no [[questions]]")
    seen: set[str] = set()
    for number, question in enumerate(quiz["questions"], 1):
        name = question.get("id")
        if not _is_text(name):
            raise QuizError(f"{path}: question number {number} has no id")
        problem = f"there are two questions with the id {name!r}" if name in seen else _problem(question)
        if problem:
            raise QuizError(f"{path}: question {name!r}: {problem}")
        seen.add(name)
    return cast(QuizRecord, quiz)  # the checks above have shown that it is one


def _problem(question: dict[str, Any]) -> str | None:
    """What is wrong with a question; None for nothing."""
    kind = question.get("kind")
    if kind not in KINDS:
        return f"unknown kind {kind!r}; there is: {', '.join(KINDS)}"
    extra = {"decimals", "otherwise"} if kind == "number" else set()
    if unknown := set(question) - FIELDS - extra:
        return f"nothing is called {sorted(unknown)[0]!r} in a question of the kind {kind!r}"
    if not _is_text(question.get("text")):
        return "it has no text"
    if not (_is_number(question.get("points", 1)) and question.get("points", 1) > 0):
        return "its `points` are not a number above 0"
    if kind == "number":
        if type(question.get("decimals")) is not int or not 0 <= question["decimals"] <= 6:
            return "a number needs `decimals`, from 0 to 6"
        if not _is_text(question.get("otherwise")):
            return "a number needs `otherwise`, the explanation of any other number"
    options = question.get("options")
    if not _is_list_of_tables(options):
        return "it has no options"
    if not (1 if kind == "number" else 2) <= len(options) <= len(LETTERS):
        return f"it has {len(options)} option{'s' * (len(options) != 1)}"
    told, given = ("value" if kind == "number" else "text"), []
    for number, option in enumerate(options, 1):
        if unknown := set(option) - {told, "right", "why"}:
            return f"nothing is called {sorted(unknown)[0]!r} in option {number}"
        value = option.get(told)
        if not (_is_number(value) if kind == "number" else _is_text(value)):
            return f"option {number} has no {told}"
        if not _is_text(option.get("why")):
            return f"option {number} has no explanation, `why`"
        if type(option.get("right", False)) is not bool:
            return f"`right` of option {number} is neither true nor false"
        given.append(canonical(str(value), question["decimals"]) if kind == "number" else value)
        if given[-1] is None:
            return f"option {number} has a value that nobody could type"
    if twice := [value for value in given if given.count(value) > 1]:
        return f"two options are the same: {twice[0]}"
    right = sum(option.get("right", False) for option in options)
    if right == 0:
        return "no option is right"
    if right > 1 and kind != "several":
        return f"{right} options are right, where one is asked for"
    return None


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_list_of_tables(value: object) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)
