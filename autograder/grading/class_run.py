"""Grades a class: finds the hand-ins, reuses earlier results that still hold, grades the rest, keeps the results.

    run = ClassRun(["submitted"], source=Path("source"), course=Path("."), settings=Settings(jobs=2))
    results = run.grade()

The command line, the demo and Python programs use the same class. It prints nothing, and writes only the results that a
course keeps; pages, tables and gradebooks are made from what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from autograder.grading import grader, saved_results, seeds
from autograder.grading.people import for_everybody, owner_record, row_of
from autograder.records import Result
from autograder.settings.apply import counted
from autograder.settings.reading import read_settings
from autograder.settings.types import NO_RULES, NO_SETTINGS, Rules
from autograder.submission.attempts import of_one_assignment, one_each
from autograder.submission.copies import is_copy
from autograder.submission.course_folder import NO_COURSE, CourseFolder, read_course_folder
from autograder.submission.find import find
from autograder.submission.hand_in import Found, Submission
from autograder.submission.known_people import known_people
from autograder.submission.read import read
from autograder.submission.roster import Roster

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """How hand-ins are graded: `jobs` at a time (0: as many as there are cores).

    Without a seed it is the one that the course keeps for each assignment; outside a course, one is drawn.
    """

    jobs: int = 0
    seed: int | None = None
    device: str = "cpu"
    isolation: str = "full"
    checkpoint: str = "bert-mini"
    marking: str | None = None  # one of `course.syllabus.MARKING`; None: as the course or the syllabus says


class NothingToGrade(FileNotFoundError):
    """The paths hold no hand-in."""


class Attempts:
    """Runs steps that may raise OSError, and keeps a sentence about each that failed in `problems`."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def __call__(self, what: str, write: Callable[[], T]) -> T | None:
        """What `write` returns; None where it raised OSError. `what` names what is written."""
        try:
            return write()
        except OSError as error:
            problem = f"Could not write {what}: {error.strerror or error}."
            if problem not in self.problems:
                self.problems.append(problem)
            return None


class ClassRun:
    """One grading of the hand-ins at or below some paths.

    `source` is the folder of source notebooks. `course` is the folder of an nbgrader course, which keeps the results: a
    hand-in that has a result there is not graded again, unless `again`. Hand-ins for the assignments `quizzes` are not
    graded here; `self.quizzes` lists them as (student, assignment). `home` is the folder whose `course.toml` is used,
    by default that of `course`. `only` selects hand-ins: it is called with each, and returns whether to use it.

    Raises FileNotFoundError for a path that is not there, NothingToGrade where there is no hand-in, UnknownName for an
    `assignment` that the syllabus does not have, CourseSettingsError for a mistake in `course.toml`.
    """

    def __init__(
        self,
        paths: Iterable[str | Path],
        source: Path,
        *,
        settings: Settings | None = None,
        assignment: str | None = None,
        course: Path | None = None,
        quizzes: Collection[str] = (),
        again: bool = False,
        roster: Roster | None = None,
        keep_files: bool = False,
        home: Path | None = None,
        only: Callable[[Submission], bool] = lambda submission: True,
    ) -> None:
        self.paths, self.source, self.course = [str(path) for path in paths], source, course
        self.home = home or course
        self.course_settings = read_settings(self.home) if self.home else NO_SETTINGS
        self.roster, self.assignment = roster, assignment
        self.settings = settings or Settings()
        self.attempt = Attempts()
        self.folder = read_course_folder(course / "source") if course else NO_COURSE
        self.quizzes: list[tuple[str, str]] = []
        self.unknown: dict[str, int] = {}  # hand-ins in each folder that is no assignment of the course
        self.results: list[Result] = []
        self.data: dict[str, bytes] | None = {} if keep_files else None  # of the notebooks, by name
        read_all = (self._read(found) for found in self._exercises(frozenset(quizzes)))
        handed_in = of_one_assignment(one for one in read_all if one is not None)
        self.submissions: list[Submission] = [one for one in one_each(handed_in) if only(one)]
        people = known_people(course) if course else {}
        for submission in self.submissions:
            if submission.owner and submission.student in people:  # the folder was made from a platform's download
                submission.owner = people[submission.student].owner(submission.owner)
        if not self.submissions and not self.quizzes and not self.unknown:
            raise NothingToGrade(f"there is no notebook, .py file or zip in {', '.join(self.paths)}")
        self.rules = self._rules()
        self.known: list[Result | None] = [
            self._known(submission) if course and not again else None for submission in self.submissions
        ]

    @property
    def new(self) -> list[Submission]:
        """The hand-ins without an earlier result that still holds."""
        return [submission for submission, result in zip(self.submissions, self.known, strict=True) if result is None]

    def left_alone(self) -> list[str]:
        """A sentence for each folder that is no assignment of this course, and whose files are not graded."""
        return [
            f"{count} {'file' if count == 1 else 'files'} in folders called {name}, which is no assignment here, "
            f"{'is' if count == 1 else 'are'} left to nbgrader."
            for name, count in sorted(self.unknown.items())
        ]

    @property
    def failed(self) -> int:
        """The number of hand-ins that could be read but were not graded, because the grader or the machine failed."""
        return sum(
            result["status"] == "not_graded" and not submission.problem
            for submission, result in zip(self.submissions, self.results, strict=True)
        )

    def grade(self, progress: Callable[[Result], None] = lambda result: None) -> list[Result]:
        """The results in the order of the hand-ins; `progress` is called with each newly graded one.

        A result that cannot be saved in the course is still returned; `attempt.problems` says why it was not saved.
        """

        def finished(result: Result) -> None:
            course = self.course
            if course and result["assignment"]:
                self.attempt("the course's results", lambda: saved_results.save(course, result))
            progress(result)

        graded: list[Result] = []
        if self.new:
            with grader.Grader(source_root=self.source, rules=self.rules, **asdict(self.settings)) as started:
                graded = started.grade(self.new, finished)
        fresh = iter(graded)
        self.results = [next(fresh) if result is None else result for result in self.known]
        return self._rows()

    def _read(self, found: Found) -> Submission | None:
        """A hand-in; None if neither the file's folder nor its content names an assignment of this course."""
        submission = read(found, self.source, self.assignment)
        if self.course and submission.assignment is None and len(found.parts) > 2:
            self.unknown[found.parts[1]] = self.unknown.get(found.parts[1], 0) + 1
            return None
        if self.data is not None and found.data is not None and found.file.lower().endswith(".ipynb"):
            self.data[found.name] = found.data
        if self.course and "!" not in found.name:
            submission.copied = is_copy(self.course, Path(found.name))
        return submission

    def collected(self) -> list[Result]:
        """A row for everybody, without grading anything and without marks."""
        rows = [row_of(submission) for submission in self.submissions]
        asked = {self.assignment} if self.assignment else {r["assignment"] for r in rows if r["assignment"]}
        return for_everybody(rows, [s.owner for s in self.submissions], self.roster, filter(None, asked))

    def _rows(self) -> list[Result]:
        """The results, a row for everybody."""
        owners = [submission.owner for submission in self.submissions]
        rows: list[Result] = [
            {**self._counted(result), "owner": owner_record(owner)} if owner else self._counted(result)
            for result, owner in zip(self.results, owners, strict=True)
        ]
        asked = {self.assignment} if self.assignment else {r["assignment"] for r in rows if r["assignment"]}
        return for_everybody(rows, owners, self.roster, filter(None, asked))

    def _exercises(self, quizzes: frozenset[str]) -> Iterator[Found]:
        """The files that were found, without quizzes, which are added to `self.quizzes`."""
        noted: dict[tuple[str, str], None] = {}
        for found in find(self.paths, self._without(quizzes)):
            if len(found.parts) > 2 and found.parts[1] in quizzes:
                noted[found.parts[0], found.parts[1]] = None
                self.quizzes = list(noted)
            else:
                yield found

    def _without(self, quizzes: frozenset[str]) -> CourseFolder:
        """The course's assignments; quizzes are not among the instructor's own."""
        return replace(self.folder, own=self.folder.own - quizzes)

    def _rules(self) -> dict[str, Rules]:
        """The rules by which each assignment is graded in this run."""
        ids = sorted({one.assignment.id for one in self.submissions if one.assignment and not one.problem})
        if not self.home:
            return {}
        home, told = self.home, self.settings.seed
        rules = self.attempt("the course's seeds", lambda: seeds.rules_of_run(home, self.course_settings, ids, told))
        return {name: self.course_settings.of(name).rules for name in ids} if rules is None else rules

    def _counted(self, result: Result) -> Result:
        """A result with the points and corrections of `course.toml`."""
        return counted(result, self.course_settings, self.source) if self.home else result

    def _known(self, submission: Submission) -> Result | None:
        """The course's stored result of exactly this hand-in with these rules and settings; None if there is none."""
        assert self.course is not None
        if submission.assignment is None:
            return None
        rules = self.rules.get(submission.assignment.id, NO_RULES)
        rules = replace(rules, marking=self.settings.marking or rules.marking)
        how = {name: getattr(self.settings, name) for name in ("device", "isolation", "checkpoint")}
        return saved_results.finished(self.course, submission, rules, **how)
