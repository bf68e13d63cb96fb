"""A quiz that is marked: its sheet through nbgrader itself, handed in whole and damaged, and what an answer is worth.

One class goes the whole way once, in English, and one student in Danish; the tests read what became of it.
"""

from __future__ import annotations

import copy
import csv
import json
import re
from html import unescape

import pytest

pytest.importorskip("nbgrader")

import nbformat  # noqa: E402
from nbgrader.api import Gradebook  # noqa: E402
from support import forms  # noqa: E402

import autograder.nbgrader as plugin  # noqa: E402
from autograder import cli  # noqa: E402
from autograder.authoring.init import write_course  # noqa: E402
from autograder.authoring.leaks import find_leaks  # noqa: E402
from autograder.errors import AuthoringError  # noqa: E402
from autograder.paths import ROOT  # noqa: E402
from autograder.quizzes.marking import LONGEST, answer_line, asked, changed, mark_quiz, read_answers  # noqa: E402
from autograder.quizzes.notebooks import QuizError, marked_notebook, marked_sheet, read_quiz  # noqa: E402
from course import i18n  # noqa: E402
from course.quizzes import LETTERS  # noqa: E402

NAME = "quiz-post"
QUIZ = read_quiz(ROOT / "course" / "quizzes" / "post.toml")
QUESTIONS = {question["id"]: question for question in QUIZ["questions"]}


def key(question: dict) -> str:
    """The right answer, as a student would write it."""
    right = [n for n, option in enumerate(question["options"]) if option.get("right")]
    if question["kind"] == "number":
        return str(question["options"][right[0]]["value"])
    return "".join(LETTERS[n] for n in right)


KEY = {name: key(question) for name, question in QUESTIONS.items()}
SEVERAL = "cross-attention"  # three of its five options are right: a, d and e
HOSTILE = "</div><script>steal()</script>"


# -- hand-ins ---------------------------------------------------------------------------------------------------------


def cell(notebook, cell_id):
    return next(c for c in notebook["cells"] if c["id"] == cell_id)


def answered(released, **other):
    """The sheet with the right answers, or others."""
    notebook = copy.deepcopy(released)
    for question, right in KEY.items():
        line = answer_line(question, other.get(question.replace("-", "_"), right))
        cell(notebook, f"answer-{question}")["source"] = line
    return notebook


def code(source, cell_id="mine"):
    return {"cell_type": "code", "id": cell_id, "metadata": {}, "source": source, "outputs": [], "execution_count": 1}


def with_code(notebook):
    """Code that would leave a trace, and outputs that would be full marks if they were believed."""
    for c in notebook["cells"]:
        if c["cell_type"] == "code":
            data = {"text/plain": "1.0"}
            c["outputs"] = [{"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}]
    trace = "from pathlib import Path\nPath('was-run').touch()\nPath(__import__('tempfile').gettempdir())"
    notebook["cells"].insert(0, code(trace))
    cell(notebook, "answer-causal")["source"] = f"{trace}\nanswers['causal'] = max('abc')"
    return notebook


def rich(notebook):
    """Points, flags, the quiz and the language as a student would like them."""
    for c in notebook["cells"]:
        ours = c["metadata"]["nbgrader"]
        if "points" in ours:
            ours["points"] = 100.0
    notebook["metadata"]["course"] |= {"marked": False, "quiz": "pre", "asked": {}, "language": "da"}
    return notebook


def without_tests_and_questions(notebook):
    kept = [c for c in notebook["cells"] if c["id"].startswith("answer-")]
    return notebook | {"cells": kept}


def twice(notebook):
    """Each cell twice, and below all of it the blank lines once more."""
    blank = [code(answer_line(question), f"blank-{question}") for question in KEY]
    return notebook | {"cells": [c for c in notebook["cells"] for _ in range(2)] + blank}


def edited(notebook):
    cell(notebook, "question-causal")["source"] = "What I would rather be asked."
    cell(notebook, "test-causal")["source"] = "1.0"
    cell(notebook, "setup-answers")["source"] = "answers = dict(everything='right')"
    cell(notebook, "answer-shuffled")["source"] = KEY["shuffled"]  # the line is gone, its cell is there
    return notebook


def in_version_3(notebook):
    cells = [{"cell_type": "code", "input": c["source"], "language": "python", "outputs": [], "metadata": {}}
             for c in notebook["cells"] if c["cell_type"] == "code"]  # fmt: skip
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}


MARKED = {"why_scale": "a", SEVERAL.replace("-", "_"): "ad", "which_losses": "abcde", "how_many_masks": "x"}
NONSENSE = {"sums_to_one": HOSTILE, "why_scale": "b" * 5000, "causal": "", "how_many_masks": "many"}
CLASS = {
    "ann": answered,
    "bob": lambda released: answered(released, **MARKED),
    "nonsense": lambda released: answered(released, **NONSENSE),
    "untouched": copy.deepcopy,
    "coder": lambda released: with_code(answered(released)),
    "rich": lambda released: rich(answered(released, why_scale="a")),
    "deleted": lambda released: without_tests_and_questions(answered(released)),
    "reversed": lambda released: answered(released) | {"cells": answered(released)["cells"][::-1]},
    "twice": lambda released: twice(answered(released)),
    "edited": lambda released: edited(answered(released)),
    "version-3": lambda released: in_version_3(answered(released)),
    "vscode": lambda released: forms.vscode_old(answered(released)),
    "colab": lambda released: forms.colab_ids_only(answered(released)),
    "stripped": lambda released: forms.colab_stripped(answered(released)),
}
WHOLE = ["ann", "deleted", "reversed", "twice", "edited", "version-3", "vscode", "colab", "stripped"]


# -- the class --------------------------------------------------------------------------------------------------------


def hand_in(course, student, notebook):
    path = course / "submitted" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    encoding = "utf-16" if student == "version-3" else "utf-8"  # as some editors on Windows save it
    path.write_text(notebook if isinstance(notebook, str) else json.dumps(notebook), encoding=encoding)


def released_in(course):
    return nbformat.read(course / "release" / NAME / f"{NAME}.ipynb", as_version=4)


def grades(course, student):
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "attention") as gradebook:
        notebook = gradebook.find_submission_notebook(NAME, NAME, student)
        assert not any(grade.needs_manual_grade for grade in notebook.grades if grade.auto_score is not None)
        return {grade.name.removeprefix("test-"): (grade.auto_score, grade.max_score) for grade in notebook.grades}


def feedback(course, student):
    return (course / "feedback" / student / NAME / f"{NAME}.html").read_text(encoding="utf-8")


def read_by_people(page):
    """What stands on a page, on one line."""
    shown = re.sub(r"(?s)<(style|script).*?</\1>", "", page)
    return " ".join(unescape(re.sub(r"<[^>]*>", "", re.sub(r"</?(div|li|p|pre)\b[^>]*>", " ", shown))).split())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A course of `autograder init`: the quiz is given out, handed in, marked and given back; then once more in Danish.

    Returns: the course, and the sheet that was given out first.
    """
    course = tmp_path_factory.mktemp("quiz") / "course"
    write_course(ROOT, course, [], quizzes=[NAME])
    source = course / "source" / NAME / f"{NAME}.ipynb"
    ours = source.read_text(encoding="utf-8")
    # An instructor who notes the right answers down, as nbgrader's own source notebooks have them.
    with_answers = json.loads(ours)
    for question, right in KEY.items():
        cell(with_answers, f"answer-{question}")["source"] = f"# {right}\n{answer_line(question, right)}"
    source.write_text(json.dumps(with_answers), encoding="utf-8")
    api = plugin.api_of(course)
    assert api.generate_assignment(NAME)["success"]
    source.write_text(ours, encoding="utf-8")
    for student, change in CLASS.items():
        hand_in(course, student, change(released_in(course)))
    hand_in(course, "broken", '{"cells": [')
    done = api.autograde(NAME, "*")
    assert not done["success"] and "broken" in done["log"]
    for student in ("bob", "nonsense", "coder", "deleted", "edited"):
        assert api.generate_feedback(NAME, student)["success"]
    released = released_in(course)

    settings = course / "course.toml"
    english = settings.read_text(encoding="utf-8")
    assert english.count('language = "en"') == 1
    settings.write_text(english.replace('language = "en"', 'language = "da"'), encoding="utf-8")
    api = plugin.api_of(course)
    assert api.generate_assignment(NAME)["success"]
    hand_in(course, "dan", answered(released_in(course), **MARKED, sums_to_one="måske"))
    assert api.autograde(NAME, "dan")["success"]
    assert api.generate_feedback(NAME, "dan")["success"]
    return course, released


@pytest.fixture
def course(whole):
    return whole[0]


@pytest.fixture
def released(whole):
    return copy.deepcopy(whole[1])


# -- the sheet --------------------------------------------------------------------------------------------------------


def test_the_release_asks_everything_and_tells_nothing(course, released):
    text = "\n".join(c["source"] for c in released["cells"])
    for name, question in QUESTIONS.items():
        assert question["text"] in text and answer_line(name) in text
        assert all(option["text"] in text for option in question["options"] if "text" in option)
    assert not any(c.get("outputs") for c in released["cells"])
    assert find_leaks(ROOT, {f"{NAME}.ipynb": json.dumps(released).encode()}) == []
    # What an instructor noted down is gone.
    assert {c["source"] for c in released["cells"] if c["id"].startswith("answer-")} == set(map(answer_line, KEY))
    assert [path.name for path in (course / "release" / NAME).iterdir()] == [f"{NAME}.ipynb"]


def test_nothing_of_the_sheet_depends_on_which_option_is_right():
    other = copy.deepcopy(QUIZ)
    for question in other["questions"]:
        flags = [option.pop("right", False) for option in question["options"]]
        for option, flag in zip(question["options"], reversed(flags), strict=True):
            option["why"] = "Because."
            if flag:
                option["right"] = True
    assert marked_notebook(other, "post") == marked_notebook(QUIZ, "post")


def test_the_notebook_runs_as_it_is(released):
    """A student who runs all cells, or says `nbgrader validate`, gets no error."""
    space: dict = {}
    for c in answered(released)["cells"]:
        if c["cell_type"] == "code":
            exec(c["source"], space)
    assert space["answers"] == KEY


def test_the_course_says_that_there_is_a_quiz(course):
    assert f"- `{NAME}`: a quiz" in (course / "README.md").read_text(encoding="utf-8")
    assert "12 points" in (course / "README.md").read_text(encoding="utf-8")


# -- marks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("student", WHOLE)
def test_right_answers_have_full_marks_whatever_became_of_the_sheet(course, student):
    assert grades(course, student) == dict.fromkeys(KEY, (1.0, 1.0))


def test_wrong_and_partly_right_answers_have_what_they_are_worth(course):
    found = {name: score for name, (score, _most) in grades(course, "bob").items()}
    lost = {"why-scale": 0.0, "cross-attention": 2 / 3, "which-losses": 0.0, "how-many-masks": 0.0}
    assert found == pytest.approx(dict.fromkeys(KEY, 1.0) | lost, abs=1e-5)


def test_nonsense_has_no_points_and_a_sentence(course):
    found = {name: score for name, (score, _most) in grades(course, "nonsense").items()}
    assert found == dict.fromkeys(KEY, 1.0) | dict.fromkeys((n.replace("_", "-") for n in NONSENSE), 0.0)
    page = feedback(course, "nonsense")
    assert HOSTILE not in page and "<script>steal" not in page
    text = read_by_people(page)
    assert f"“{HOSTILE}” cannot be read as an answer. Write the letter of an option, such as b." in text
    assert f"“{'b' * LONGEST}…” cannot be read as an answer." in text
    assert "“many” cannot be read as an answer. Write a number, such as 8 or 0.75." in text
    assert "Nothing is written here." in text


def test_an_untouched_sheet_has_no_points(course):
    assert grades(course, "untouched") == dict.fromkeys(KEY, (0.0, 1.0))


def test_no_code_of_a_sheet_is_run_and_no_output_of_it_counts(course):
    assert {name for name, (score, _) in grades(course, "coder").items() if score < 1} == {"causal"}
    assert not list(course.rglob("was-run"))
    assert "Path('was-run').touch()" in read_by_people(feedback(course, "coder"))  # it is there to be read


def test_points_in_the_handed_in_metadata_are_not_believed(course):
    assert grades(course, "rich") == dict.fromkeys(KEY, (1.0, 1.0)) | {"why-scale": (0.0, 1.0)}


def test_a_hand_in_that_cannot_be_read_has_no_mark(course):
    assert not (course / "autograded" / "broken").exists()


# -- what students and instructors read -------------------------------------------------------------------------------


def test_feedback_has_the_questions_the_verdicts_and_the_reasons(course):
    text = read_by_people(feedback(course, "bob"))
    for question in QUESTIONS.values():
        assert question["text"].replace("`", "") in text
    wrong = QUESTIONS["why-scale"]
    assert f"✗ Not quite. Your answer: a a) {wrong['options'][0]['why']}" in text
    assert f"What is right: c) {wrong['options'][2]['why']}" in text
    assert "✗ Right so far, and there is more to find. Your answer: ad" in text
    assert f"✓ Right. Your answer: 8 8: {QUESTIONS['scale-of-a-head']['options'][0]['why']}".replace("`", "") in text


def test_a_question_is_in_the_feedback_also_where_the_student_deleted_it(course):
    assert QUESTIONS["causal"]["text"].replace("`", "") in read_by_people(feedback(course, "deleted"))
    assert "What I would rather be asked." not in feedback(course, "edited")


def test_marks_are_exported_with_the_others(course):
    exporter = plugin.MarksExporter(config=plugin.config_of(course), to=str(course / "marks.csv"))
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "attention") as gradebook:
        exporter.export(gradebook)
    with (course / "marks.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["student_id"], row["part"]): row for row in csv.DictReader(file)}
    assert {part for student, part in rows if student == "bob"} == {*KEY, "total"}
    assert (rows["bob", "cross-attention"]["score"], rows["bob", "total"]["max_score"]) == ("0.67", "12")
    assert rows["ann", "total"]["score"] == "12"
    assert rows["broken", "total"]["score"] == ""


def test_in_danish_all_of_it_is_danish(course):
    released = "\n".join(c["source"] for c in released_in(course)["cells"] if c["cell_type"] == "markdown")
    text = read_by_people(feedback(course, "dan"))
    with i18n.using("da"):
        for question in QUESTIONS.values():
            assert i18n._(question["text"]) in released and question["text"] not in released
            assert i18n._(question["text"]).replace("`", "") in text
        assert i18n._(QUESTIONS["why-scale"]["options"][0]["why"]) in text
    assert "### 1. (1 point)" in released and "Skriv dine svar mellem anførselstegnene" in released
    assert "»måske« kan ikke læses som et svar. Skriv bogstavet for en svarmulighed, for eksempel b." in text
    assert "✗ Ikke helt. Dit svar: a" in text and "Rigtigt er:" in text
    assert not re.search(r"Your answer|Right|Not quite|cannot be read|Write ", text)


# -- among the exercises, with `autograder grade` ---------------------------------------------------------------------


def test_autograder_grade_has_nbgrader_mark_the_quizzes(course, capsys):
    paths = [str(course / "submitted" / student) for student in ("bob", "broken")]
    assert cli.main(["grade", *paths]) == 0
    assert "2 hand-ins of quiz-post are left to nbgrader" in " ".join(capsys.readouterr().err.split())
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "attention") as gradebook:
        for grade in gradebook.find_submission_notebook(NAME, NAME, "bob").grades:
            grade.auto_score = None
        gradebook.db.commit()
    (course / "feedback" / "bob" / NAME / f"{NAME}.html").unlink()
    assert cli.main(["grade", *paths, "--nbgrader"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 2 quizzes were marked" in said
    assert re.search("broken, quiz-post: .*Save it once more in Jupyter", said)
    assert sum(score for score, _ in grades(course, "bob").values()) == pytest.approx(8 + 2 / 3, abs=1e-5)
    assert feedback(course, "bob")


# -- where the quiz has changed, or the course has lost its sheet -----------------------------------------------------


def spoiled(tmp_path, old, new):
    text = (ROOT / "course" / "quizzes" / "post.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "post.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    return tmp_path


def test_where_the_options_have_changed_nothing_is_marked(course, tmp_path, monkeypatch):
    old = "Each column: a word has one unit of attention to receive."
    changed = spoiled(tmp_path, old, "Something else.")
    for module in ("place", "sheets"):
        monkeypatch.setattr(f"autograder.nbgrader.{module}.QUIZZES", changed)
    api = plugin.api_of(course)
    done = api.autograde(NAME, "twice")
    assert not done["success"]
    assert "has changed since this sheet was made" in done["log"] + done["error"] and "sums-to-one" in done["log"]
    assert set(grades(course, "twice").values()) == {(None, 1.0)}
    monkeypatch.undo()
    assert api.autograde(NAME, "twice")["success"]


def test_a_mended_key_marks_the_same_sheets_anew():
    mended = copy.deepcopy(QUIZ)
    for option in mended["questions"][0]["options"]:
        option["right"] = "column" in option["text"]
    sheet = marked_sheet(ROOT, "post").metadata.course["asked"]
    assert changed(mended, sheet) == []
    assert mark_quiz(mended, {"sums-to-one": "a"})[0].score == 1
    mended["questions"][0]["options"].reverse()
    del mended["questions"][1]
    assert changed(mended, sheet) == ["sums-to-one", "why-scale"]


@pytest.mark.parametrize("loss", ["sheet", "metadata"])
def test_code_is_not_run_either_where_the_course_has_lost_its_sheet(course, loss):
    source = course / "source" / NAME / f"{NAME}.ipynb"
    ours = source.read_text(encoding="utf-8")
    try:
        if loss == "sheet":
            source.unlink()
        else:
            source.write_text(json.dumps(json.loads(ours) | {"metadata": {}}), encoding="utf-8")
        assert plugin.api_of(course).autograde(NAME, "coder")["success"]
        assert {name for name, (score, _) in grades(course, "coder").items() if score < 1} == {"causal"}
        assert not list(course.rglob("was-run"))
    finally:
        source.parent.mkdir(exist_ok=True)
        source.write_text(ours, encoding="utf-8")


# -- what an answer is, and what it is worth --------------------------------------------------------------------------


def worth(question, answer):
    return next(one for one in mark_quiz(QUIZ, {question: answer}) if one.id == question).score


@pytest.mark.parametrize(
    ("answer", "share"),
    [("ade", 1), ("EDA", 1), ("a, d, e", 1), ("a d;e", 1), ("aade", 1), ("a", 1 / 3), ("ad", 2 / 3), ("ab", 0),
     ("adb", 2 / 3 - 1 / 2), ("adeb", 1 / 2), ("abcde", 0), ("bc", 0), ("", 0), ("adez", 0), ("alle", 0)],
)  # fmt: skip
def test_of_several_right_options_each_counts_and_each_wrong_one_costs(answer, share):
    assert KEY[SEVERAL] == "ade" and len(QUESTIONS[SEVERAL]["options"]) == 5
    assert worth(SEVERAL, answer) == pytest.approx(share)


@pytest.mark.parametrize(
    ("answer", "share"), [("b", 1), ("B", 1), ("b)", 1), ("b.", 1), ("a", 0), ("ab", 0), ("bb", 1), ("", 0), ("z", 0)]
)
def test_one_option_is_right_or_wrong(answer, share):
    assert worth("sums-to-one", answer) == share


@pytest.mark.parametrize(
    ("answer", "share"), [("8", 1), ("8.0", 1), ("8,0", 1), ("64", 0), ("77", 0), ("eight", 0), ("8 or 64", 0)]
)
def test_a_number_is_right_or_wrong(answer, share):
    assert worth("scale-of-a-head", answer) == share


def test_points_are_those_of_the_quiz():
    quiz = copy.deepcopy(QUIZ)
    quiz["questions"][0]["points"] = 2.5
    assert [one.points for one in mark_quiz(quiz, KEY)] == [2.5] + [1] * 11
    assert mark_quiz(quiz, KEY)[0].score == 2.5 and mark_quiz(quiz, {})[0].score == 0
    sheet = marked_notebook(quiz, "post")
    assert cell(sheet, "test-sums-to-one").metadata.nbgrader["points"] == 2.5
    assert "(2.5 points)" in cell(sheet, "question-sums-to-one").source


def test_what_is_said_fits_what_was_answered():
    said = {
        answer: read_by_people(mark_quiz(QUIZ, {SEVERAL: answer})[7].report) for answer in ("ade", "ad", "adb", "bc")
    }
    assert mark_quiz(QUIZ, {})[7].id == SEVERAL
    assert said["ade"].startswith("✓ Right.") and "What is right" not in said["ade"]
    assert said["ad"].startswith("✗ Right so far")
    assert said["adb"].startswith("✗ Partly right.") and said["bc"].startswith("✗ Not quite.")
    several = read_by_people(mark_quiz(QUIZ, {"sums-to-one": "ab"})[0].report)
    assert several.startswith("✗ Several options are named, and one was asked for.")


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ('answers["q"] = "b"', "b"),
        ("  answers['q']='a, c'  # not sure", "a, c"),
        ("answers['q'] = b", "b"),
        ("answers[q] = 'b'", "b"),
        ("answers['q'] = 0,75", "0,75"),
        ("answers['q'] = ['a', 'c']", "['a', 'c']"),
        ('answers["q"] = """b"""', "b"),
        ('answers["q"] = "b";', "b"),
        ('answers["q"] = "a"\nanswers["q"] = "b"', "b"),
        ('answers["q"] = "b"\nanswers["q"] = ""', "b"),
        ('# answers["q"] = "a"\nanswers["q"] = "b"', "b"),
        ('answers["q"] == "b"', None),
        ('answers["q"] = ""', ""),
        ('answers["q"] = "b\u202e\x07"', "b"),
        ('answers["other"] = "b"', None),
    ],
)
def test_an_answer_is_read_as_it_is_written(source, answer):
    assert read_answers([code(source)]).get("q") == answer


@pytest.mark.parametrize("written", ["b", '"b"', "answers = 'b'", "# mine\nb", "my_answer = b"])
def test_without_its_line_the_cell_of_a_question_is_the_answer(written):
    assert read_answers([code(written, "answer-q")]) == {"q": "b"}
    assert read_answers([code(written, "answer-q"), code('answers["q"] = "c"')]) == {"q": "c"}
    assert read_answers([code(written)]) == {}


@pytest.mark.parametrize("thing", [None, 3, "x", {}, {"source": 4}, {"source": [None, 5]}, {"metadata": 1, "id": ["a"]},
                                   {"source": "\ud800", "id": "answer-\ud800"}])  # fmt: skip
def test_what_is_no_cell_is_no_answer(thing):
    assert not any(read_answers([thing, code('answers["q"] = ""')]).values())


# -- wrong use --------------------------------------------------------------------------------------------------------


def test_an_unknown_quiz_is_answered_with_those_that_there_are(tmp_path, capsys):
    where = tmp_path / "course"
    arguments = ["init", str(where), "--exercise", "self-attention", "--quiz", "quiz-during"]
    assert cli.main(arguments) == 2
    assert "no quiz is called 'quiz-during'; there is: quiz-post, quiz-pre" in " ".join(capsys.readouterr().err.split())
    assert not where.exists()


@pytest.mark.parametrize("points", ["0", "-1", '"two"', "true", "inf"])
def test_points_that_are_none_are_refused_with_the_question(tmp_path, points):
    path = spoiled(tmp_path, 'id = "why-scale"', f'id = "why-scale"\npoints = {points}') / "post.toml"
    with pytest.raises(QuizError, match="question 'why-scale': its `points` are not a number above 0"):
        read_quiz(path)


def test_an_id_that_nbgrader_cannot_keep_is_refused_where_it_is_marked():
    quiz = copy.deepcopy(QUIZ)
    quiz["questions"][2]["id"] = 'why "scale"'
    with pytest.raises(AuthoringError, match="question 'why \"scale\"'"):
        marked_notebook(quiz, "post")


def test_what_was_asked_is_the_options_in_their_order():
    question = QUESTIONS["causal"]
    turned = question | {"options": question["options"][::-1]}
    assert asked(question) != asked(turned)
    assert asked(question) == asked(question | {"points": 3})
    assert asked(QUESTIONS["scale-of-a-head"]) != asked(QUESTIONS["scale-of-a-head"] | {"decimals": 1})
