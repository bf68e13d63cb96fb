"""Judges one hand-in: each part as it is, again with stand-ins, again with mistakes granted; then marks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from autograder.judging.catalogue import Mistake, name_of
from autograder.judging.follow_through import Mark, mark, passing
from autograder.judging.job import Job, JudgedPart, Judgement
from autograder.judging.numbers import numbers_of
from autograder.judging.plugin import Spec, Verdict
from autograder.judging.reference import Reference
from autograder.judging.replies import Use, describe_error
from autograder.judging.rounds import Rounds
from autograder.judging.standins import standins
from autograder.judging.student import CellOutcome, Standins, Student
from autograder.messages import Message, cell_name, sentence, table
from autograder.records import Cell, Misconception, Test
from autograder.submission.imports import foreign
from autograder.workers.client import Ended, Place
from autograder.workers.worker_messages import NO_PACKAGE
from course.syllabus import Exercise, Part, syllabus

if TYPE_CHECKING:
    from autograder.submission.hand_in import CodeCell

MOST_REMARKS = 10  # on cells
PACKAGE_MISSING, NOT_COMPILED = "package-missing", "not-compilable"  # flags


class HandIn:
    """A hand-in while it is judged: the verdicts of its tests, and who gave the answers."""

    def __init__(
        self,
        job: Job,
        exercise: Exercise,
        track: str,
        place: Place,
        rounds: Rounds,
        reference: Reference,
        mistakes: Mapping[str, Sequence[Mistake]],
        voided: Sequence[Spec] = (),
    ) -> None:
        """`mistakes`: the known ones of each part in this track; `voided`: tests that are not run and count nothing."""
        self.job, self.exercise, self.track, self.place = job, exercise, track, place
        self.rounds, self.reference, self.mistakes, self.voided = rounds, reference, mistakes, voided
        self.symbols = sorted({part.symbol for part in exercise.parts})
        self.verdicts: dict[str, Verdict] = {}
        self.used: dict[str, dict[str, Use]] = {}  # by part: ready-made attention that was seen at work
        self.players: dict[str, Student] = {}  # by part: the student's code that the verdicts are about

    def judge(self) -> Judgement:
        """Judge and mark all parts.

        Raises JudgeError and WorkerFailure where that is not possible, which costs the student nothing.
        """
        student = Student(self.place, self.job["cells"], self.symbols)
        try:
            outcomes = student.load()
        except Ended as ended:
            return self._without_verdicts(Message("None of it could be run: {ended}", ended=ended.message))
        for part in self.exercise.parts:
            student.take_used()
            self.verdicts |= self.rounds.plain(self.rounds.part(part.id), student)
            self.used[part.id] = student.take_used()
            self.players[part.id] = student
        remarks = _remarks(self.job["cells"], outcomes)
        stops = self._stops_compiled(student) if self.track == "tensorflow" else []
        remarks += stops
        student.close()
        self._judge_with_standins(student)
        parts = [self._part_result(part) for part in self.exercise.parts]
        student.close()
        errors = [describe_error(o["error"]) if o["error"] is not None else None for o in outcomes]
        cells: list[Cell] = [
            {
                "grade_id": cell["grade_id"],
                "label": cell["label"],
                "index": cell["index"],
                "output": outcome["output"],
                "error": sentence(error),
            }
            for cell, outcome, error in zip(self.job["cells"], outcomes, errors, strict=True)
        ]
        return {
            "cells": cells,
            "remarks": [sentence(remark) for remark in remarks],
            "flags": [PACKAGE_MISSING] * self._lacks_a_package(outcomes) + [NOT_COMPILED] * bool(stops),
            "words": table(*errors, *remarks),
            "parts": parts,
            "cpu_seconds": round(student.budget.cpu_used, 3),
            "peak_mb": student.budget.peak_kb >> 10,
        }

    def _stops_compiled(self, student: Student) -> list[Message]:
        """Remarks on modules that pass their tests but cannot be compiled for a training step.

        Each module is tried once, with static shapes. It costs no points: the notebook asks for a call, not for a
        graph.
        """
        told = []
        for part in self.exercise.parts:
            own = self._own(part)
            asked = [program for v in own for program, answer in v.log if answer.error is None]
            traced = next((t for program in asked if (t := program.traced())), None)
            if traced is None or passing(own) < 1 or student.out_of_time:
                continue
            error = student.run(traced).error
            if error is not None and error.kind == "exception":
                told.append(
                    Message(
                        "`{symbol}` passes. But training compiles it (`tf.function`, as `model.fit` does), and stops "
                        "there: {error}.",
                        symbol=part.symbol,
                        error=describe_error(error),
                    )
                )
        return told

    def _lacks_a_package(self, outcomes: Sequence[CellOutcome]) -> bool:
        """Whether a cell or an answer asked for a package that is not there: the instructor may want to add it."""
        errors = [outcome["error"] for outcome in outcomes]
        errors += [answer.error for verdict in self.verdicts.values() for _, answer in verdict.log]
        said = [getattr(error.message, "message", None) for error in errors if error is not None]
        return str(NO_PACKAGE) in said

    def _own(self, part: Part) -> list[Verdict]:
        return [v for v in self.verdicts.values() if v.spec.part == part.id]

    def _judge_with_standins(self, first: Student) -> None:
        """Judge parts again with stand-ins for other parts' wrong symbols that they use: parts are independent."""
        broken = {
            part.symbol: part.id for part in self.exercise.parts if any(v.outcome != "passed" for v in self._own(part))
        }
        known = standins(self.exercise, self.track)
        for part in self.exercise.parts:
            own = self._own(part)
            mentions = self.job.get("mentions", {}).get(part.symbol, [])
            names = [s for s in broken if s != part.symbol and s in known and s in mentions]
            if not names or all(v.outcome == "passed" for v in own) or first.out_of_time:
                continue
            source = "\n\n".join([known[""], *(known[name] for name in names)])
            instead: Standins = {"source": source, "names": names}
            student = Student(self.place, self.job["cells"], self.symbols, instead, first.budget)
            try:
                student.load()
            except Ended:
                continue
            again = self.rounds.plain(self.rounds.part(part.id), student)
            student.close()
            self.used[part.id] = student.take_used() | self.used[part.id]
            if sum(v.outcome == "passed" for v in again.values()) > sum(v.outcome == "passed" for v in own):
                self.verdicts.update(again)
                self.players[part.id] = student

    def _mark(self, part: Part) -> Mark:
        """Name the mistakes of a part and mark it, where it was judged and is not complete."""
        own = self._own(part)
        plain = passing(own)
        student = self.players.get(part.id)
        if student is None or plain == 1:
            return Mark("strict", plain, plain)
        items, first = self.rounds.part(part.id), {v.spec.name: v for v in own}

        def again(mistakes: tuple[str, ...]) -> dict[str, Verdict]:
            return self.rounds.granted(items, student, mistakes, first)

        try:
            strict = self.job.get("marking") == "strict"
            return mark(own, self.mistakes[part.id], self.reference, again, strict)
        finally:
            student.close()

    def _part_result(self, part: Part) -> JudgedPart:
        own = self._own(part)
        read = self.job.get("ready_made", {}).get(part.symbol) or []  # places where the answer's text names it
        seen = self.used.get(part.id, {})
        if part.id in self.players and (reach := self.job.get("reach", {}).get(part.symbol)):
            seen = self.players[part.id].kept(reach) | seen  # what an answer may have from a cell
        uses = seen | {use["name"]: Use(**use) for use in reversed(read)}  # the text gives the line
        rules = {name: self._rule(part, name) for name in uses}
        forbidden = [name for name in [*(use["name"] for use in read), *sorted(uses)] if rules[name] == "forbid"]
        if forbidden:
            use = uses[forbidden[0]]
            message = _at_work(use.name, cell_name(use.label) if use.label else None, use.line)
            for verdict in own:
                verdict.outcome, verdict.picture, verdict.message = "failed", None, message
            marked = Mark("strict", 0.0, 0.0)
        else:
            marked = self._mark(part)
        message = Message("This check does not count.")
        void = [Verdict(spec, "not_run", message) for spec in self.voided if spec.part == part.id]
        return {
            "id": part.id,
            "symbol": part.symbol,
            "title": part.title,
            "score": _points(part, marked.score),
            "max_score": float(part.points),
            "marking": marked.rule,
            "plain_score": _points(part, marked.plain),
            "follow_through_score": None if marked.following is None else _points(part, marked.following),
            "misconception": _misconception(marked.named[0]) if marked.named else None,
            "misconceptions": [
                {**_misconception(m), "weight": m.weight, "cost": _cost(part, m) if m in marked.counted else None}
                for m in marked.named
            ],
            "ready_made": any(rule != "allow" for rule in rules.values()),
            "raised": any(v.raised for v in own),
            "words": table(*(v.message for v in [*own, *void])),
            "tests": [
                *(_test_result(v, v.spec.name in marked.granted, not forbidden) for v in own),
                *map(_void_result, void),
            ],
        }

    def _rule(self, part: Part, name: str) -> str:
        """The part's rule for ready-made attention of this name; other packages' attention counts as a whole layer."""
        layers = syllabus().ready_made_layers
        return self.exercise.rule(part, next(iter(layers)) if foreign(name) else name, layers)

    def _without_verdicts(self, message: str) -> Judgement:
        """The reply for a hand-in that could not be loaded: every test failed, with the reason."""
        self.verdicts = {s.name: Verdict(s, "failed", message) for s in self.rounds.specs.values()}
        return {"cells": [], "parts": [self._part_result(part) for part in self.exercise.parts]}


def _remarks(cells: Sequence[CodeCell], outcomes: Sequence[CellOutcome]) -> list[Message]:
    """Remarks on what cells asked for and did not get, each once, for the student."""
    told = {
        str(note): Message("{cell}: {note}.", cell=cell_name(cell["label"]), note=note)
        for cell, outcome in reversed(list(zip(cells, outcomes, strict=True)))
        for note in reversed(outcome["notes"])
    }
    return list(reversed(told.values()))[:MOST_REMARKS]


def _points(part: Part, share: float) -> float:
    """A share of a part's points; full marks only where nothing is missing."""
    points = round(part.points * share, 2)
    return min(points, round(part.points - 0.01, 2)) if share < 1 else points


def _cost(part: Part, mistake: Mistake) -> float:
    return round(part.points * mistake.cost, 2)


def _misconception(mistake: Mistake) -> Misconception:
    return {"id": mistake.name, "title": mistake.title, "hint": mistake.hint}


def _test_result(verdict: Verdict, granted: bool, own: bool = True) -> Test:
    """The result of a test; `own`: the verdict is about the numbers that the answer gave."""
    result: Test = {
        "name": verdict.spec.name,
        "title": verdict.spec.title,
        "outcome": verdict.outcome,
        "message": sentence(verdict.message),
        "misconception": verdict.misconception and name_of(verdict.misconception),
        "share": verdict.spec.share,
        "granted": granted,
        "picture": verdict.picture,
    }
    if own and verdict.outcome == "failed" and (gave := numbers_of(verdict.log)):
        result["gave"] = gave
    return result


def _void_result(verdict: Verdict) -> Test:
    result = _test_result(verdict, False)
    result["void"] = True
    return result


def _at_work(name: str, cell: str | None = None, line: int | None = None) -> Message:
    """The sentence for an answer that uses ready-made attention, with the place where its text does, if it is known."""
    if cell is None:
        return Message(
            "The framework's own {name} is at work here; this exercise asks you to write it yourself.", name=name
        )
    return Message(
        "The framework's own {name} ({cell}, line {line}) is at work here; this exercise asks you to write it "
        "yourself.",
        name=name,
        cell=cell,
        line=line,
    )
