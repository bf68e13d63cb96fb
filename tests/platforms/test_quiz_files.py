"""Quizzes as platforms import them: each form is read back, and asks, marks and explains what the quiz file does."""

from __future__ import annotations

import html
import io
import re
import zipfile
from xml.etree import ElementTree

import pytest

from autograder import cli
from autograder.paths import ROOT
from autograder.platforms import quiz_files
from autograder.quizzes.notebooks import QuizError, read_quiz
from course import i18n
from course.i18n import _

HARD = {
    "title": "A/B: {hard}",
    "intro": "50% of *this* = ~odd~ #1 $x$",
    "questions": [
        {
            "id": "odd", "kind": "one", "text": "1. What is `a[i] = {x: 'y'} # <b>`?\n* two & lines $x$ ~ \\ ^",
            "options": [
                {"text": "a) **=** `~`", "right": True, "why": "%50% -> \"yes\" = #1: {ok} \\"},
                {"text": "... [*] ![i](http://x/y.png)", "why": "+ `` <script> _x_ __y__ __"},
            ],
        },
        {
            "id": "number", "kind": "number", "text": "How much?", "decimals": 2, "otherwise": "No = {idea}",
            "options": [{"value": 2.5, "right": True, "why": "Yes: #"}, {"value": -4, "why": "A ~sign"}],
        },
    ],
}  # fmt: skip


def quizzes():
    found = [read_quiz(ROOT / "course" / "quizzes" / f"{name}.toml") for name in ("pre", "post")]
    return [*found, HARD]


def wanted(quiz):
    """What a form has to say: for each question its text, its answers with share, and what each is told."""
    found = []
    for question in quiz["questions"]:
        answers = [
            (answer_of(option), bool(option.get("right")), text_of(_(option["why"]))) for option in question["options"]
        ]
        otherwise = text_of(_(question["otherwise"])) if "otherwise" in question else None
        found.append((text_of(_(question["text"])), answers, otherwise))
    return found


def answer_of(option):
    return str(option["value"]) if "value" in option else text_of(_(option["text"]))


def text_of(text):
    """A text of the quiz file as a reader sees it."""
    return " ".join((text.replace("`", "") if text.count("`") % 2 == 0 else text).split())


def seen(marked):
    """HTML as a reader sees it."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " " if "<br" in marked else "", marked)).split()).strip()


def squeezed(questions):
    """Without spaces, which line breaks and tags differ in."""

    def squeeze(text):
        return None if text is None else re.sub(r"\s+", "", text)

    return [
        (squeeze(text), [(squeeze(answer), right, squeeze(why)) for answer, right, why in answers], squeeze(otherwise))
        for text, answers, otherwise in questions
    ]


def read_moodle(data):
    found = []
    for question in ElementTree.fromstring(data).findall("question"):
        if question.get("type") == "category":
            continue
        number, otherwise, answers = question.get("type") == "numerical", None, []
        for answer in question.findall("answer"):
            text, why = answer.findtext("text"), seen(answer.findtext("feedback/text"))
            if text == "*" and number:
                otherwise = why
            else:
                answers.append((text if number else seen(text), float(answer.get("fraction")) > 0, why))
        found.append((seen(question.findtext("questiontext/text")), answers, otherwise))
    return found


SIGNS = re.compile("[~=#{}:]")  # what has a meaning in GIFT, where it stands without a backslash


def read_gift(data):
    """A small reader of GIFT, by its rules of escaping."""
    found = []
    for block in re.findall(r"^::.*?^\}$", data.decode(), re.DOTALL | re.MULTILINE):
        block = re.sub(r"\\(.)", lambda sign: f"\ue000{ord(sign[1]):04x}", block)
        plain = lambda text: seen(re.sub("\ue000(....)", lambda code: chr(int(code[1], 16)), text))  # noqa: E731
        head, body = re.fullmatch(r"::.*?::\[html\](.*?) \{(.*)\}", block, re.DOTALL).groups()
        number, answers, otherwise = body.startswith("#"), [], None
        assert not SIGNS.search(head)
        for sign, share, text, why in re.findall(r"^([=~])(?:%(-?[\d.]+)%)?([^#\n]*)#(.*)$", body, re.MULTILINE):
            right = float(share) > 0 if share else sign == "="
            assert not SIGNS.search(why) and (number or not SIGNS.search(text))
            if number and sign == "~":
                otherwise = plain(why)
            else:
                answers.append((text.partition(":")[0] if number else plain(text), right, plain(why)))
        found.append((plain(head), answers, otherwise))
    return found


LANGUAGES = ("en", "da")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form, read", [("moodle", read_moodle), ("gift", read_gift)])
def test_a_form_asks_marks_and_explains_what_the_quiz_file_does(form, read, language):
    write, _ending = quiz_files.FORMATS[form]
    for quiz in quizzes():
        with i18n.using(language):
            assert squeezed(read(write(quiz, "quiz-x"))) == squeezed(wanted(quiz))


@pytest.mark.parametrize("language", LANGUAGES)
def test_qti_asks_marks_and_explains_what_the_quiz_file_does(language):
    pytest.importorskip("text2qti")
    for quiz in quizzes():
        with i18n.using(language):
            data, questions = quiz_files.qti(quiz, "quiz-x"), squeezed(wanted(quiz))
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (name,) = [n for n in archive.namelist() if n.endswith(".xml") and "meta" not in n and "manifest" not in n]
            top = ElementTree.fromstring(re.sub(rb' xmlns="[^"]*"', b"", archive.read(name)))
        items = list(top.iter("item"))
        assert len(items) == len(questions)
        for item, (text, answers, otherwise) in zip(items, questions, strict=True):
            assert re.sub(r"\s+", "", seen(item.findtext("presentation/material/mattext"))) == text
            told = {f.get("ident"): re.sub(r"\s+", "", seen("".join(f.itertext()))) for f in item.iter("itemfeedback")}
            if otherwise is not None:
                right = next(answer for answer in answers if answer[1])
                assert told["correct_fb"] == right[2]
                assert otherwise in told["general_incorrect_fb"]
                assert all(a[0] + ":" + a[2] in told["general_incorrect_fb"] for a in answers if not a[1])
                low, high = (float(item.find(f".//{end}").text) for end in ("vargte", "varlte"))
                assert low <= float(right[0]) <= high
                continue
            labels = [(each.get("ident"), each.findtext("material/mattext")) for each in item.iter("response_label")]
            assert [re.sub(r"\s+", "", seen(label)) for _id, label in labels] == [answer[0] for answer in answers]
            assert [told[f"{ident}_fb"] for ident, _label in labels] == [answer[2] for answer in answers]
            scoring = next(c for c in item.iter("respcondition") if c.find("setvar") is not None)
            wrong = {each.text for each in scoring.findall(".//not/varequal")}
            right = {each.text for each in scoring.iter("varequal")} - wrong
            assert [ident in right for ident, _label in labels] == [answer[1] for answer in answers]


def test_where_several_are_right_the_shares_are_those_of_the_marking():
    quiz = read_quiz(ROOT / "course" / "quizzes" / "post.toml")
    top = ElementTree.fromstring(quiz_files.moodle(quiz, "quiz-post"))
    several = [question for question in top.findall("question") if question.findtext("single") == "false"]
    assert several
    for question in several:
        shares = [float(answer.get("fraction")) for answer in question.findall("answer")]
        assert sum(share for share in shares if share > 0) == pytest.approx(100, abs=0.001)
        assert sum(share for share in shares if share < 0) == pytest.approx(-100, abs=0.001)


def test_the_danish_form_is_danish():
    quiz = read_quiz(ROOT / "course" / "quizzes" / "pre.toml")
    with i18n.using("da"):
        danish = [question for question, _answers, _other in wanted(quiz)]
    assert all(one != other for one, (other, *_rest) in zip(danish, wanted(quiz), strict=True))


@pytest.mark.parametrize("form, ending", [("moodle", ".xml"), ("gift", ".gift.txt"), ("qti", ".qti.zip")])
def test_the_verb_writes_a_file(tmp_path, form, ending):
    if form == "qti":
        pytest.importorskip("text2qti")
    assert cli.main(["quiz", "pre", "--format", form, "--language", "da", "--output", str(tmp_path / "new")]) == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"quiz-pre-da{ending}"]


def test_unknown_quizzes_and_languages_are_wrong_use(capsys):
    assert cli.main(["quiz", "quiz-mid", "--format", "gift"]) == 2
    assert "quiz-pre" in capsys.readouterr().err
    assert cli.main(["quiz", "quiz-pre", "--format", "gift", "--language", "xx"]) == 2


def test_qti_refuses_decimals_that_it_would_cut_off():
    number = {**HARD["questions"][1], "decimals": 5}
    with pytest.raises(QuizError, match="at most 3 decimals"):
        quiz_files.qti_source({**HARD, "questions": [number]}, "quiz-x")
