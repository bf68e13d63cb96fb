"""Whatever happens in a term, eight places say the same mark of every student, and it is the right one.

The places: the terminal's table, --csv, --json, the student's page, the class page, the gradebook, nbgrader's feedback,
nbgrader's export. All goes through the command line. The judge is a stand-in (`support/term_judge.py`).
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")
pytest.importorskip("tomlkit")

import hypothesis.strategies as st  # noqa: E402
from hypothesis import HealthCheck, Phase, settings  # noqa: E402
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test  # noqa: E402
from nbgrader.plugins import CsvExportPlugin  # noqa: E402
from support import term_judge  # noqa: E402
from support.term import ASSIGNMENT, NOTEBOOK, PARTS, ROOT, answered, book, make_course, release, submit  # noqa: E402

import autograder.nbgrader as plugin  # noqa: E402
from autograder.cli import requirements  # noqa: E402
from autograder.cli.entry import main  # noqa: E402
from autograder.grading import class_run, warm_grader  # noqa: E402
from autograder.reporting.text import points as told  # noqa: E402
from autograder.settings import hidden_tests  # noqa: E402
from autograder.settings.types import Rules  # noqa: E402
from course.syllabus import syllabus  # noqa: E402

STUDENTS = ("ann", "bo")
DUE = "2026-09-10T12:00:00Z"
TIMES = {"in time": ("2026-09-09 12:00:00 UTC", 0), "a day late": ("2026-09-11 11:00:00 UTC", 1),
         "five days late": ("2026-09-15 11:00:00 UTC", 5)}  # fmt: skip
FIRST = {part: next(t.name for t in hidden_tests.of(syllabus().assignment(ASSIGNMENT)) if t.part == part)
         for part in PARTS}  # fmt: skip
GRADE = ["grade", "submitted", "--nbgrader", "--jobs", "1", "--csv", "marks.csv", "--json", "marks.json", "--html"]


@pytest.fixture(autouse=True)
def the_judge(monkeypatch, tmp_path):
    monkeypatch.setattr(class_run.grader, "Grader", term_judge.StandIn)
    monkeypatch.setattr(warm_grader, "grade_one", term_judge.grade_one)
    monkeypatch.setattr(requirements, "require_walls", lambda isolation: None)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("COLUMNS", "200")


class Term(RuleBasedStateMachine):
    """A course of two, what happens in it, and what the marks should be."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.course = make_course(Path(self.folder.name).resolve() / "course")
        self.released = release(self.course)
        self.parts = {part: {} for part in PARTS}  # what course.toml says of each
        self.extended, self.late, self.void, self.accepted = set(), False, set(), set()
        self.worth, self.time, self.by_hand = {}, {}, {student: {} for student in STUDENTS}
        for student in STUDENTS:
            self.hand_in(student, 0.5, "in time")
        self.write()
        self.grade(False)

    def hand_in(self, student, worth, time):
        self.worth[student], self.time[student] = worth, time
        submit(self.course, student, answered(self.released, worth), time=TIMES[time][0])

    def write(self):
        """Write course.toml; what the verbs have written into it is kept."""
        path = self.course / "course.toml"
        old = path.read_text() if path.exists() else ""
        kept = re.findall(r"(?ms)^\[\[assignments.*?(?=^\[|\Z)", old)
        lines = ['[late]\nmethod = "per-day"\nper_day = 0.1\nat_most = 0.3\n'] if self.late else []
        lines.append(f"[assignments.{ASSIGNMENT}]\ndue = {DUE}\n")
        lines += [f"extensions.{student}.days = 2\n" for student in self.extended]
        for part, said in self.parts.items():
            lines += [f"parts.{part}.{key} = {json.dumps(value)}\n" for key, value in said.items()]
        path.write_text("".join([*lines, *kept]))

    def run(self, *command, status=0):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(io.StringIO()) as problems:
            assert main(list(command)) == status, (command, shown.getvalue(), problems.getvalue())
        return shown.getvalue()

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(again=st.booleans())
    def grade(self, again):
        table = self.run(*GRADE, "pages", *(["--again"] if again else []))
        self.one_truth(table)

    @rule(student=st.sampled_from(STUDENTS), worth=st.sampled_from([0.0, 0.5, 1.0]), time=st.sampled_from(list(TIMES)))
    def resubmit(self, student, worth, time):
        if worth != self.worth[student]:
            self.accepted = {pair for pair in self.accepted if pair[0] != student}  # of another answer
        self.hand_in(student, worth, time)
        self.grade(False)

    @rule(student=st.sampled_from(STUDENTS), part=st.sampled_from(list(PARTS)), mark=st.sampled_from([None, 0.0, 1.5]))
    def mark_by_hand(self, student, part, mark):
        with book(self.course) as gradebook:
            grade = gradebook.find_grade(f"test-{part}", NOTEBOOK, ASSIGNMENT, student)
            grade.manual_score, grade.needs_manual_grade = mark, False
            gradebook.db.commit()
        self.by_hand[student][part] = mark
        self.grade(False)

    @rule(part=st.sampled_from(list(PARTS)),
          said=st.sampled_from([{}, {"points": 6}, {"points": 1}, {"drop": True}, {"bonus": True}]))  # fmt: skip
    def change_points(self, part, said):
        others = [one for name, one in self.parts.items() if name != part]
        if said.keys() & {"drop", "bonus"} and all(one.keys() & {"drop", "bonus"} for one in others):
            return
        self.parts[part] = said
        self.write()
        self.grade(False)

    @rule(late=st.booleans(), extended=st.sets(st.sampled_from(STUDENTS)))
    def change_dates(self, late, extended):
        self.late, self.extended = late, extended
        self.write()
        self.grade(False)

    @rule(part=st.sampled_from(list(PARTS)))
    def void(self, part):
        if part not in self.void:
            self.run("void", ASSIGNMENT, FIRST[part], "--why", "it was wrong")
            self.void.add(part)
            self.grade(False)

    @rule(student=st.sampled_from(STUDENTS), part=st.sampled_from(list(PARTS)))
    def accept(self, student, part):
        if (student, part) not in self.accepted:
            self.run("accept", student, part, "--why", "another reading")
            self.accepted.add((student, part))
            self.grade(False)

    @rule(student=st.sampled_from(STUDENTS))
    def interrupt(self, student):
        self.hand_in(student, 1.0 if self.worth[student] != 1.0 else 0.0, "in time")
        self.accepted = {pair for pair in self.accepted if pair[0] != student}
        term_judge.interrupted.append(True)
        with contextlib.suppress(KeyboardInterrupt):
            self.run(*GRADE, "pages", status=130)
        term_judge.interrupted.clear()
        self.grade(False)

    @rule(student=st.sampled_from(STUDENTS))
    def autograde(self, student):
        done = plugin.api_of(self.course).autograde(ASSIGNMENT, student, force=True)
        assert done["success"], done
        self.grade(False)

    # -- what is right ------------------------------------------------------------------------------------------------

    def share(self, student, part):
        """The share of a part that the judge, or an accepted answer, gives."""
        if (student, part) in self.accepted:
            return 1.0
        void = (FIRST[part],) if part in self.void else ()
        known = syllabus().assignment(ASSIGNMENT)
        made = {"id": part, "max_score": 1000.0}
        return term_judge.judged(known, made, self.worth[student], Rules(void=void))[0] / 1000

    def right(self, student):
        """What the mark should be: (points, of how many)."""
        score = most = 0.0
        for part, known in PARTS.items():
            said = self.parts[part]
            points = 0.0 if said.get("drop") else said.get("points", known.points)
            most += 0.0 if said.get("bonus") else points
            mark = self.by_hand[student].get(part)
            score += points * self.share(student, part) if mark is None else mark
        days = max(0, TIMES[self.time[student]][1] - (2 if student in self.extended else 0))
        return (score * (1 - (min(0.3, 0.1 * days) if self.late else 0)), most)

    def one_truth(self, table):
        for student in STUDENTS:
            said = dict(self.places(student, table))
            right = self.right(student)
            for place, mark in said.items():
                assert mark == pytest.approx(right, abs=0.06), (student, place, said, right)
            assert len({told(score) for place, (score, _most) in said.items() if place not in ROUNDED}) == 1, said

    def places(self, student, table):
        row = re.search(rf"{student}\b.*?([\d.]+) / ([\d.]+)", table)
        yield "table", (float(row[1]), float(row[2]))
        row = next(r for r in csv.DictReader(Path("marks.csv").open()) if r["student"] == student)
        yield "csv", (float(row["score"]), float(row["max_score"]))
        result = next(r for r in json.loads(Path("marks.json").read_text()) if r["student"] == student)
        yield "json", (result["score"], result["max_score"])
        (page,) = Path("pages").glob(f"{student}-*.html")
        found = re.search(r"([\d.]+)</b> of ([\d.]+) points", page.read_text())
        yield "page", (float(found[1]), float(found[2]))
        listed = re.search(rf'(?s)href="{page.name}">{student}</a></td>\s*(<td class="number".*?)</tr>',
                           Path("pages/index.html").read_text())[1]  # fmt: skip
        found = re.findall(r"<b>([\d.]+)</b><span class=\"soft\">&thinsp;/&thinsp;([\d.]+)", listed)[-1]
        yield "class page", (float(found[0]), float(found[1]))
        with book(self.course) as gradebook:
            one = gradebook.find_submission(ASSIGNMENT, student)
            yield "gradebook", (max(0.0, one.score - (one.late_submission_penalty or 0.0)), one.max_score)
            exporter = CsvExportPlugin(parent=plugin.api_of(self.course))
            exporter.to = "export.csv"
            exporter.export(gradebook)
        row = next(r for r in csv.DictReader(Path("export.csv").open()) if r["student_id"] == student)
        yield "export", (float(row["score"]), float(row["max_score"]))
        page = (self.course / "feedback" / student / ASSIGNMENT / f"{NOTEBOOK}.html").read_text()
        found = re.search(r"\(Score: (-?[\d.]+) / ([\d.]+)\)</h4>", page)
        yield "feedback", (float(found[1]), float(found[2]))

    def teardown(self):
        os.chdir(ROOT)
        if hasattr(self, "folder"):
            self.folder.cleanup()


ROUNDED = ("gradebook", "export", "feedback", "json", "csv")  # not all round to two digits as the pages do


def terms(count, steps):
    run_state_machine_as_test(
        Term,
        settings=settings(
            max_examples=count, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate],  # to shrink takes minutes
        ),
    )  # fmt: skip


def test_eight_places_have_one_truth():
    terms(2, 4)


@pytest.mark.slow
def test_eight_places_have_one_truth_in_long_terms():
    terms(int(os.environ.get("TERM_EXAMPLES", "8")), 12)
