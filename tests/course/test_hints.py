"""Every part has three hints, folded, in each track and language, and none of them is the whole answer."""

from __future__ import annotations

import re
from itertools import product

import pytest

from autograder.notebooks.lessons import Cell, read_lesson
from autograder.notebooks.solution_markers import BEGIN, END
from autograder.paths import ROOT
from course import i18n
from course.syllabus import syllabus

NAMES = sorted(syllabus().assignments())
LANGUAGES = ["en", "da"]
FOLDED = re.compile(r"<details><summary>(.*?)</summary>\n\n(.*?)\n\n</details>", re.DOTALL)
RUNGS = {
    "en": ["Hint 1: the idea", "Hint 2: which calls", "Hint 3: how it begins"],
    "da": ["Vink 1: idéen", "Vink 2: hvilke kald", "Vink 3: sådan begynder det"],
}
BOTH = pytest.mark.parametrize(("name", "language"), list(product(NAMES, LANGUAGES)))


def by_part(name: str, language: str = "en") -> dict[str, list[tuple[str, str]]]:
    """What is folded between the heading of a part and its check, as title and text."""
    found, text = {}, ""
    for cell in read_lesson(ROOT, syllabus().assignment(name), language):
        if cell.role is None:
            text += "\n\n" + cell.source
        elif cell.role == "test":
            section = text.rpartition("\n## ")[2]
            found[cell.name] = FOLDED.findall(section)
            assert section.count("<details>") == len(found[cell.name])
            text = ""
    return found


def code(text: str) -> list[str]:
    """The lines of Python in a text or an answer without comments and white space."""
    return [line for raw in text.splitlines() if (line := re.sub(r"#.*|\s", "", raw))]


@BOTH
def test_every_part_has_three_rungs(name, language):
    exercise = syllabus().assignment(name).exercise
    found = by_part(name, language)
    assert list(found) == [part.id for part in exercise.parts]
    for part, hints in found.items():
        assert [title for title, _ in hints] == RUNGS[language], part
        idea, calls, first = (text for _, text in hints)
        assert len(idea) > 60 and "```" not in idea, part
        assert "`" in calls and "```" not in calls, part
        assert re.fullmatch(r"```python\n[^`]+\n```", first), part


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_show_the_same_code(name):
    english, danish = by_part(name), by_part(name, "da")
    for part, hints in english.items():
        assert hints[2][1] == danish[part][2][1]
        spans = [sorted(re.findall(r"`[^`]+`", said[part][1][1])) for said in (english, danish)]
        assert spans[0] == spans[1], part


def answers(cells: list[Cell]) -> dict[str, str]:
    return {
        cell.name: "\n".join(re.findall(rf"{re.escape(BEGIN)}\n(.*?){re.escape(END)}", cell.source, flags=re.DOTALL))
        for cell in cells
        if cell.role == "answer"
    }


@BOTH
def test_no_hint_has_a_whole_answer(name, language):
    for part, answer in answers(read_lesson(ROOT, syllabus().assignment(name), language)).items():
        hints, wanted = by_part(name, language)[part], code(answer)
        told = "".join(code("\n".join(text for _, text in hints)))
        told_lines = code(hints[2][1].removeprefix("```python\n").removesuffix("\n```"))
        assert not all(line.removeprefix("return") in told for line in wanted), part
        assert len(told_lines) <= max(1, (len(wanted) + 1) // 2), part
        assert not any(line.startswith("return") for line in told_lines), part


@pytest.mark.parametrize("name", NAMES)
def test_the_last_hint_is_python(name):
    for hints in by_part(name).values():
        source = hints[2][1].removeprefix("```python\n").removesuffix("\n```")
        compile(f"{source}\n    pass" if source.endswith(":") else source, "hint", "exec")


@pytest.mark.parametrize(("name", "language"), list(product(sorted(syllabus().released()), LANGUAGES)))
def test_help_and_the_answers_of_the_review_are_folded_in_every_notebook(name, language):
    text = "\n\n".join(c.source for c in read_lesson(ROOT, syllabus().assignment(name), language) if c.role is None)
    folded = FOLDED.findall(text)
    assert text.count("<details>") == text.count("</details>") == len(folded) and "{{" not in text
    with i18n.using(language):
        help_, answer = i18n._("If something goes wrong"), i18n._("Answer {number}")
    titles = [title for title, _ in folded]
    assert titles.count(help_) == 1
    [review] = re.findall(r"\n## (?:Review|Repetition)[^\n]*\n(.*?)(?:\n## |\Z)", text, flags=re.DOTALL)
    questions = re.findall(r"^\d+\. ", review, flags=re.MULTILINE)
    given = [title for title in titles if title in {answer.format(number=n) for n in range(1, 9)}]
    assert given == [answer.format(number=n + 1) for n in range(len(questions))] and len(given) >= 3
