"""A quiz in the formats that platforms import: Moodle XML, GIFT and QTI, in the language that is chosen now.

Marks are as in `autograder.quizzes.marking`: where several options are right, each right one adds its share, and each
wrong one takes off its share. QTI has no such shares: there the platform decides. A number is right if it is so after
rounding to the question's decimals. Common wrong numbers have feedback of their own; all others share one text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from autograder.quizzes.marking import Question, QuizRecord, points_of
from autograder.quizzes.notebooks import QuizError
from course.i18n import _

QTI_DECIMALS = 3  # text2qti writes four, and the limits of a range need one more than the number


def moodle(quiz: QuizRecord, name: str) -> bytes:
    """A quiz as a file of Moodle XML, in a category with the quiz's title."""
    top = Element("quiz")
    category = SubElement(top, "question", type="category")
    _text(SubElement(category, "category"), f"$course$/top/{_category(_(quiz['title']))}")
    _text(SubElement(category, "info", format="html"), _html(_(quiz["intro"])))
    for question in quiz["questions"]:
        top.append(_moodle_question(question, name))
    ElementTree.indent(top)
    written: bytes = ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _moodle_question(question: Question, name: str) -> Element:
    number = question["kind"] == "number"
    made = Element("question", type="numerical" if number else "multichoice")
    _text(SubElement(made, "name"), f"{name}: {question['id']}")
    _text(SubElement(made, "questiontext", format="html"), _html(_(question["text"])))
    SubElement(made, "defaultgrade").text = f"{points_of(question):g}"
    if not number:
        SubElement(made, "single").text = "true" if question["kind"] == "one" else "false"
        SubElement(made, "shuffleanswers").text = "false"
        SubElement(made, "answernumbering").text = "abc"
    for option, share in zip(question["options"], _shares(question), strict=True):
        answer = SubElement(made, "answer", fraction=share, format="moodle_auto_format" if number else "html")
        SubElement(answer, "text").text = f"{option['value']}" if number else _html(_(option["text"]))
        if number:
            SubElement(answer, "tolerance").text = _tolerance(question)
        _text(SubElement(answer, "feedback", format="html"), _html(_(option["why"])))
    if number:
        answer = SubElement(made, "answer", fraction="0", format="moodle_auto_format")
        SubElement(answer, "text").text = "*"  # matches any other number
        SubElement(answer, "tolerance").text = "0"
        _text(SubElement(answer, "feedback", format="html"), _html(_(question["otherwise"])))
    return made


def gift(quiz: QuizRecord, name: str) -> bytes:
    """A quiz as a file in Moodle's GIFT format, which has no points."""
    lines = [f"// {' '.join(_(quiz['intro']).split())}", f"$CATEGORY: {_category(_(quiz['title']))}", ""]
    for question in quiz["questions"]:
        number = question["kind"] == "number"
        lines.append(
            f"::{_gift(name + ': ' + question['id'])}::[html]{_gift(_html(_(question['text'])))} {{{'#' * number}"
        )
        for option, share in zip(question["options"], _shares(question), strict=True):
            if number:
                start = "=" + ("" if share == "100" else f"%{share}%") + f"{option['value']}:{_tolerance(question)}"
            elif question["kind"] == "one":
                start = ("=" if share == "100" else "~") + _gift(_html(_(option["text"])))
            else:
                start = f"~%{share}%" + _gift(_html(_(option["text"])))
            lines.append(f"{start}#{_gift(_html(_(option['why'])))}")
        if number:
            lines.append(f"~#{_gift(_html(_(question['otherwise'])))}")
        lines += ["}", ""]
    return "\n".join(lines).encode()


def qti(quiz: QuizRecord, name: str) -> bytes:
    """A quiz as a zip of QTI 1.2, made by text2qti.

    Raises ModuleNotFoundError where text2qti is not installed, and QuizError for what it cannot express.
    """
    from text2qti.config import Config
    from text2qti.err import Text2qtiError
    from text2qti.qti import QTI
    from text2qti.quiz import Quiz

    try:
        packed: bytes = QTI(Quiz(qti_source(quiz, name), config=Config(), source_name=name)).zip_bytes()
    except Text2qtiError as error:
        raise QuizError(f"{name}: text2qti cannot write it: {error}") from None
    return packed


def qti_source(quiz: QuizRecord, name: str) -> str:
    """A quiz in the Markdown that text2qti reads.

    Raises QuizError for a number with more decimals than text2qti writes.
    """
    lines = [
        f"Quiz title: {' '.join(_(quiz['title']).split())}",
        f"Quiz description: {_markdown(_(quiz['intro']))}",
        "",
    ]
    for place, question in enumerate(quiz["questions"], 1):
        lines += [f"Title: {name}: {question['id']}", f"Points: {points_of(question):g}"]
        lines.append(f"{place}. {_markdown(_(question['text']))}")
        lines += [*_qti_answers(question, name), ""]
    return "\n".join(lines)


def _qti_answers(question: Question, name: str) -> Iterator[str]:
    if question["kind"] == "number":
        if question["decimals"] > QTI_DECIMALS:
            raise QuizError(f"{name}: question {question['id']!r}: QTI takes at most {QTI_DECIMALS} decimals")
        right = next(option for option in question["options"] if option.get("right"))
        others = [f"{option['value']}: {_(option['why'])}" for option in question["options"] if option is not right]
        yield f"+ {_markdown(_(right['why']))}"
        yield "- " + _markdown("\n".join([_(question["otherwise"]), *others]))  # QTI has one text for all wrong numbers
        yield f"= {right['value']} +- {_tolerance(question)}"
        return
    for letter, option in zip("abcdefghijklmnopqrstuvwxyz", question["options"], strict=False):
        marked = option.get("right", False)
        if question["kind"] == "one":
            start = f"*{letter})" if marked else f"{letter})"
        else:
            start = "[*]" if marked else "[ ]"
        yield f"{start} {_markdown(_(option['text']))}"
        yield f"... {_markdown(_(option['why']))}"


FORMATS: dict[str, tuple[Callable[[QuizRecord, str], bytes], str]] = {  # the writer, and how its files end
    "moodle": (moodle, ".xml"),
    "gift": (gift, ".gift.txt"),
    "qti": (qti, ".qti.zip"),
}


def _shares(question: Question) -> list[str]:
    """The share of each option in per cent, as Moodle writes them: five decimals at most."""
    right = sum(option.get("right", False) for option in question["options"])
    wrong = len(question["options"]) - right
    less = -100 / wrong if question["kind"] == "several" and wrong else 0.0
    shares = [100 / right if option.get("right") else less for option in question["options"]]
    return [f"{share:.5f}".rstrip("0").rstrip(".") for share in shares]


def _tolerance(question: Question) -> str:
    """The largest difference at which a number still rounds to the right one; a half rounds up, so it is less."""
    return f"{0.499 * 10.0 ** -question['decimals']:.9f}".rstrip("0")


def _text(element: Element, text: str) -> None:
    SubElement(element, "text").text = text


def _html(text: str) -> str:
    """A text of the quiz file as HTML: `code` in backquotes, and its lines."""
    return _marked(text, lambda piece: html.escape(piece, quote=False))


def _markdown(text: str) -> str:
    """A text of the quiz file as Markdown: every sign that could have a meaning there is written as an entity."""
    return _marked(
        text, lambda piece: re.sub(r"[^\w\s,]", lambda sign: f"&#{ord(sign[0])};", piece).replace("_", "&#95;")
    )


def _marked(text: str, escape: Callable[[str], str]) -> str:
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a backquote without its partner is no code
        pieces = [text]
    made = (f"<code>{escape(piece)}</code>" if n % 2 else escape(piece) for n, piece in enumerate(pieces))
    return "".join(made).replace("\r\n", "\n").replace("\n", "<br>")


def _gift(text: str) -> str:
    """A text with the signs of GIFT escaped."""
    return re.sub(r"([\\~=#{}:])", r"\\\1", text)


def _category(title: str) -> str:
    """A title as the name of a category, in which a slash is written twice."""
    return " ".join(title.split()).replace("/", "//")
