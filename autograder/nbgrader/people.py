"""The people of a class in nbgrader's gradebook: names, e-mail addresses, platforms' ids, and who handed in nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nbgrader.api import Gradebook, Student
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import DatabaseError

from autograder.grading.people import NO_HAND_IN
from autograder.nbgrader.configuration import config_of
from autograder.nbgrader.errors import GradebookError
from autograder.nbgrader.gradebook import database_told
from autograder.nbgrader.hand_over import no_student
from autograder.records import Result
from autograder.submission.known_people import ON_THE_LIST, Known, known_people, remember
from autograder.submission.owner import Person, platforms
from autograder.submission.roster import Member, Roster


def enter_people(course_root: str | Path, results: Sequence[Result], roster: Roster | None) -> list[str]:
    """Enter what is known of the people of some results, and everybody on the class list.

    A person who is in the gradebook keeps the id there. A new person who handed in nothing gets the first id of the
    class list. The class list decides; without one, only the platform's id is entered.
    Returns: a sentence for each person that nbgrader cannot keep.
    Raises GradebookError where the gradebook cannot be used, and OSError.
    """
    course = Path(course_root).resolve()
    directory = CourseDirectory(config=config_of(course))
    try:
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            _enter_keys(gradebook, results)
            return _enter_roster(gradebook, course, roster) if roster else []
    except DatabaseError as error:
        raise GradebookError(database_told(error)) from error


def _enter_keys(gradebook: Gradebook, results: Sequence[Result]) -> None:
    """Enter the platform's id of each person who handed in something, where the platform gives one."""
    for result in results:
        owner, student = result.get("owner"), str(result.get("student") or "")
        if owner and owner["platform"] in platforms() and NO_HAND_IN not in result["flags"] and not no_student(student):
            gradebook.update_or_create_student(student, lms_user_id=owner["key"])


def ids_on_roster(course_root: str | Path, roster: Roster) -> dict[Member, str]:
    """The student ids that people on a class list have in the gradebook. Raises GradebookError."""
    course = Path(course_root).resolve()
    directory = CourseDirectory(config=config_of(course))
    try:
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            found = _students_of(gradebook, roster, known_people(course))
            return {member: max(of, key=lambda s: len(s.submissions)).id for member, of in found.items()}
    except DatabaseError as error:
        raise GradebookError(database_told(error)) from error


def _students_of(gradebook: Gradebook, roster: Roster, known: Mapping[str, Known]) -> dict[Member, list[Student]]:
    """The students of the gradebook that are on a class list."""
    students: dict[Member, list[Student]] = {}
    for student in gradebook.students:
        if member := _member(roster, student, known.get(student.id)):
            students.setdefault(member, []).append(student)
    return students


def _enter_roster(gradebook: Gradebook, course: Path, roster: Roster) -> list[str]:
    known = known_people(course)
    students = _students_of(gradebook, roster, known)
    problems: list[str] = []
    new: dict[str, Known] = {}
    gone: set[str] = set()
    for member in roster.members:
        there = students.get(member, [])
        made = [s for s in there if s.id in known and known[s.id].rule == ON_THE_LIST and not s.submissions]
        for student in made[len(there) == len(made) :]:  # entered before a hand-in with another id came
            gradebook.remove_student(student.id)
            gone.add(student.id)
        ids = [student.id for student in there if student.id not in gone] or [member.key]
        for student_id in ids:
            if message := no_student(student_id):
                problems.append(f"{member.name}, line {member.line} of the class list: {message}")
                continue
            says = {"first_name": member.first, "last_name": member.last, "email": member.email}
            gradebook.update_or_create_student(student_id, **{field: value for field, value in says.items() if value})
            if not there:
                person = Person(member.key, member.name, member.email)
                new[student_id] = Known(ON_THE_LIST, member.key, member.name, (person,))
    remember(course, new, frozenset(gone))
    return problems


def _member(roster: Roster, student: Student, known: Known | None) -> Member | None:
    """A student's row of the class list; None where none fits, or it is a group's folder."""
    if known is not None:
        return roster.find(known.members[0]) if len(known.members) == 1 else None
    name = " ".join(filter(None, (student.first_name, student.last_name))) or student.id
    tries = (Person(key, name, student.email or "") for key in filter(None, (student.lms_user_id, student.id)))
    return next(filter(None, map(roster.find, tries)), None)
