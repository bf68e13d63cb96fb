"""One session with the gradebook for a whole class, in which a student's marks are entered in one transaction.

nbgrader opens the gradebook again for each of about twenty small steps on a hand-in. Each time it connects, compiles
every query, and commits. While `OneSession` is open, every gradebook with its URL uses this session:

    with OneSession(db_url, course_id) as session:
        for student in students:
            with session.transaction():
                ...  # any of nbgrader's steps

Results of queries are cached until something is written, by this or another program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nbgrader.api import Comment, Grade, Gradebook, MissingEntry, Student, SubmittedAssignment, SubmittedNotebook
from sqlalchemy import text
from sqlalchemy.orm import Session, scoped_session, sessionmaker, undefer

SOURCE = ("find_student", "find_assignment", "find_notebook", "find_source_cell", "find_graded_cell")
SUBMITTED = ("find_submission", "find_submission_notebook")
IN_NOTEBOOK = {"find_grade": "grades", "find_comment": "comments"}
OF_A_STUDENT = (Student, SubmittedAssignment, SubmittedNotebook, Grade, Comment)


class _Waiting(Session):
    """A session whose commits wait until `commit_all`. What was changed is sent when something is looked up."""

    changed: set[type]  # the types of changed objects since `OneSession` looked last

    def commit(self) -> None:
        """Note the changed objects; the commit comes later."""
        dirty = (one for one in self.dirty if self.is_modified(one))
        self.changed = getattr(self, "changed", set()) | {type(one) for one in [*self.new, *dirty, *self.deleted]}

    def commit_all(self) -> None:
        """End the transaction."""
        super().commit()


class OneSession:
    """All gradebooks with one URL, while it is open. Raises the errors that nbgrader's Gradebook raises."""

    def __init__(self, db_url: str, course_id: str) -> None:
        self._url, self._course = db_url, course_id
        self._real: dict[str, Callable[..., Any]] = {}

    def __enter__(self) -> OneSession:
        book = Gradebook(self._url, self._course)  # makes the tables where there are none
        book.db.remove()
        self._engine = book.engine
        made = sessionmaker(class_=_Waiting, bind=self._engine, autoflush=True, expire_on_commit=False, future=True)
        self._db: Any = scoped_session(made)
        self._found: dict[tuple[Any, ...], Any] = {}
        self._of_student: dict[tuple[Any, ...], Any] = {}
        self._version: object = None
        names = ("__init__", "close", *SOURCE, *SUBMITTED, *IN_NOTEBOOK)
        self._real = {name: getattr(Gradebook, name) for name in names}
        for name, method in self._ours().items():
            setattr(Gradebook, name, method)
        return self

    def __exit__(self, *_error: object) -> None:
        for name, method in self._real.items():
            setattr(Gradebook, name, method)
        self._db.remove()
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction: its changes become visible to other programs at its end, and are undone after an error."""
        self._begin()
        try:
            yield
            self._db().commit_all()
        except BaseException:
            self._db.rollback()
            self._forget()
            raise

    def _begin(self) -> None:
        self._of_student.clear()
        version = None
        if self._engine.dialect.name == "sqlite":
            version = self._db.execute(text("PRAGMA data_version")).scalar()
        if version is None or version != self._version:
            self._forget()
        self._version = version

    def _forget(self) -> None:
        """Clear the cache, so that everything is queried again."""
        self._found.clear()
        self._of_student.clear()
        self._db.expunge_all()
        self._db().changed = set()

    def _fresh(self) -> None:
        """Expire computed values after something was written."""
        session = self._db()
        if not session.is_active:  # a step failed in the database
            session.rollback()
            self._forget()
        changed: set[type] = getattr(session, "changed", set())
        if not changed:
            return
        session.flush()
        session.changed = set()
        if any(not issubclass(kind, OF_A_STUDENT) for kind in changed):
            session.expire_all()
            self._found.clear()
        self._of_student.clear()

    # -- in place of Gradebook's methods ------------------------------------------------------------------------------

    def _ours(self) -> dict[str, Callable[..., Any]]:
        one, real = self, self._real

        def opened(book: Any, db_url: str, course_id: str = "default_course", authenticator: Any = None) -> None:
            if db_url != one._url:
                real["__init__"](book, db_url, course_id, authenticator)
                return
            book.engine, book.db, book.course_id, book.authenticator = one._engine, one._db, course_id, authenticator
            one._fresh()

        def closed(book: Any) -> None:
            if book.db is not one._db:
                real["close"](book)

        return {
            "__init__": opened,
            "close": closed,
            **{name: self._remembering(name, self._found) for name in SOURCE},
            **{name: self._remembering(name, self._of_student) for name in SUBMITTED},
            **{name: self._in_notebook(name, attribute) for name, attribute in IN_NOTEBOOK.items()},
        }

    def _remembering(self, name: str, found: dict[tuple[Any, ...], Any]) -> Callable[..., Any]:
        real = self._real[name]

        def look_up(book: Any, *names: str) -> Any:
            if book.db is not self._db:
                return real(book, *names)
            key = (name, *names)
            if key not in found:
                one = real(book, *names)  # raises MissingEntry
                if isinstance(one, (SubmittedAssignment, SubmittedNotebook)):
                    self._load(one)
                found[key] = one
            return found[key]

        return look_up

    def _load(self, one: SubmittedAssignment | SubmittedNotebook) -> None:
        """Load a submission's computed values and grades as they are in the database now."""
        db = self._db
        db.refresh(one)
        if isinstance(one, SubmittedNotebook):
            for kind, more in ((Grade, [undefer(Grade.max_score)]), (Comment, [])):
                db.query(kind).options(*more).filter(kind.notebook_id == one.id).populate_existing().all()

    def _in_notebook(self, name: str, attribute: str) -> Callable[..., Any]:
        real = self._real[name]

        def look_up(book: Any, cell: str, *names: str) -> Any:
            if book.db is not self._db:
                return real(book, cell, *names)
            for one in getattr(book.find_submission_notebook(*names), attribute):
                if one.cell.name == cell:
                    return one
            raise MissingEntry(f"{name}: {'/'.join(map(str, names))} has no {cell}")

        return look_up
