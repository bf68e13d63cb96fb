"""The minutes in the syllabus are those of the measure in docs/authoring.md: what is read, and what is written."""

from __future__ import annotations

import re

import pytest

from autograder import paths
from autograder.notebooks.lessons import Cell, read_lesson
from autograder.notebooks.solution_markers import BEGIN, END
from autograder.paths import ROOT
from course.syllabus import Exercise, syllabus

WORDS_A_MINUTE = 100  # of a technical text in a second language, with tables and formulas
MINUTES_A_LINE = 2.5  # of the reference answer: to think of it, write it, run the check, and correct it
MINUTES_A_FIGURE = 2  # or another cell that shows something
REVIEW = 15  # the questions, answered aloud, and a look at the papers
NO_ANSWER = 5  # for a part without a cell of its own, whose check may send students back
WITHIN = 10  # minutes by which the syllabus may differ from the measure, so that a text can change a little


def words(text: str) -> int:
    return len(re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL).split())


def lines(answer: str) -> int:
    bodies = re.findall(rf"{re.escape(BEGIN)}\n(.*?){re.escape(END)}", answer, flags=re.DOTALL)
    return sum(1 for body in bodies for line in body.splitlines() if re.match(r"\s*[^#\s]", line))


def measured(cells: list[Cell]) -> dict[str, float]:
    """Minutes by part, and those for the reading under ""; the text of a part is from its heading to its check."""
    found, text, figures, answer = {"": float(REVIEW)}, 0, 0, ""
    for cell in cells:
        if cell.role is None:
            before, heading, section = cell.source.rpartition("\n## ")
            if heading or cell.source.startswith("## "):
                found[""] += (text + words(before)) / WORDS_A_MINUTE
                text = 0
            text += words(section if heading else cell.source)
        elif cell.role == "demo":
            figures += 1
        elif cell.role == "answer":
            answer = cell.source
        elif cell.role == "test":
            write = lines(answer) * MINUTES_A_LINE if answer else NO_ANSWER
            found[cell.name] = text / WORDS_A_MINUTE + write
            text, answer = 0, ""
    found[""] += text / WORDS_A_MINUTE + figures * MINUTES_A_FIGURE
    return found


def slower_track(exercise: Exercise) -> dict[str, float]:
    tracks = [measured(read_lesson(ROOT, syllabus().assignment(f"{exercise.id}-{t}"))) for t in syllabus().tracks]
    return {name: max(track[name] for track in tracks) for name in tracks[0]}


@pytest.mark.parametrize("exercise", syllabus().exercises.values(), ids=lambda e: e.id)
def test_the_minutes_are_those_of_the_measure(exercise):
    stated = {part.id: part.minutes for part in exercise.parts} | {"": exercise.reading}
    wrong = {
        name or "reading": (stated[name], round(minutes))
        for name, minutes in slower_track(exercise).items()
        if abs(stated[name] - minutes) > WITHIN
    }
    assert wrong == {}, "stated and measured minutes differ; docs/authoring.md says how they are measured"


def test_the_guide_states_the_measure():
    guide = " ".join((ROOT / "docs" / "authoring.md").read_text(encoding="utf-8").split())
    assert f"{WORDS_A_MINUTE} words a minute" in guide
    assert f"{MINUTES_A_LINE} minutes for each line of the reference answer" in guide
    assert f"{MINUTES_A_FIGURE} minutes for each demonstration" in guide


@pytest.mark.parametrize("name", sorted(syllabus().released()))
def test_minutes_and_difficulty_stand_in_the_table_and_the_sum_at_the_top(name):
    assignment = syllabus().assignment(name)
    exercise = assignment.exercise
    texts = [cell.source for cell in read_lesson(ROOT, assignment) if cell.role is None]
    top = "\n\n".join(texts).split("\n## ")[0]
    hours, rest = divmod(exercise.minutes, 60)
    assert f"about {hours} h{f' {rest} min' if rest else ''}*" in top
    for part in exercise.parts:
        assert re.search(rf"^\|.*\| {part.points:g} \| {part.minutes} \| {part.difficulty} \|$", top, re.MULTILINE)
    assert paths.lesson(ROOT, exercise).read_text(encoding="utf-8").count("{{ time note }}") == 1
