"""Visible checks: what a notebook runs after each answer, to show what is right already and what to look at.

`lesson(exercise, track)` gives a function `check`. `check("causal-mask")` looks the part's symbol up in the notebook,
runs the checks that `course.exercises` has for the part, and shows a report. Where something did not pass, it then
raises `CheckFailed`, in one line, so that the cell has failed for nbgrader too. A missing symbol, a stub or an
exception in the student's code is one more line in the report, with the student's own line of code.

The checks teach; they are not the grading. They use small examples that can be followed by hand, need neither the
grader nor the solutions, and say which slip would give the numbers that they see. The environment variable
COURSE_CHECKS=off makes `check` do nothing, for programs that run the notebook's code only for its definitions.
"""

from __future__ import annotations

import importlib
import linecache
import os
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from course import exceptions, i18n
from course.answers import Answer
from course.expectations import StudentError
from course.frameworks import Framework, Unexpected, framework
from course.i18n import _
from course.live import KERNEL, Stopped, similar, used
from course.report import FAILED, NOT_RUN, PASSED, Item, Report
from course.starting import one_thread, wake_devices
from course.syllabus import syllabus

LONGEST_MESSAGE = 500
LARGE = ("bert-finetuning",)  # exercises whose models may be large, so that more threads are worth it


Look = Callable[[Answer], None]  # a check: it raises Unexpected where something is wrong


class CheckFailed(AssertionError):
    """Some checks did not pass; the report above says which ones. IPython shows the error as one line."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class Checks:
    """The visible checks of an exercise, in the order in which they are shown.

    A check is a function of one argument, the student's answer as an `Answer`. Where a check marked `gate` fails (a
    wrong shape, for example), the later checks of its part are not run.
    """

    def __init__(self) -> None:
        self.parts: dict[str, list[Check]] = {}

    def __call__(self, part: str, title: str, gate: bool = False) -> Callable[[Look], Look]:
        """A decorator that adds a check to a part; `title` is what the student reads about it."""

        def register(function: Look) -> Look:
            self.parts.setdefault(part, []).append(Check(title, function, gate))
            return function

        return register


@dataclass(frozen=True)
class Check:
    """One visible check: what the student reads about it, and the function that makes it."""

    title: str
    function: Look
    gate: bool = False


# -- running ----------------------------------------------------------------------------------------------------------


def lesson(exercise: str, track: str, language: str | None = None) -> Callable[[str], None]:
    """The function `check` of a notebook.

    Arguments: the exercise's and the track's ids as in the syllabus; the language of the messages, where it is not the
    release's. `check` raises `course.syllabus.UnknownName` for an unknown exercise, track or part.
    """

    red: set[str] = set()  # the parts whose newest check did not pass

    def check(part: str) -> None:
        """Show what the visible checks say about a part; raises CheckFailed where something did not pass."""
        if _turned_off():
            return
        i18n.use(language)
        namespace = sys._getframe(1).f_globals
        report = run(exercise, track, part, namespace)
        if report.passed:
            red.discard(part)
        else:
            red.add(part)
            report = replace(report, note=_needs_first(exercise, part, red, namespace))
        show(report)
        if not report.passed:
            failed = sum(item.outcome == FAILED for item in report.items)
            text = (
                _("one check did not pass; the report above says what to look at")
                if failed == 1
                else _("{count} checks did not pass; the report above says what to look at").format(count=failed)
            )
            raise CheckFailed(text)

    if not _turned_off():
        if exercise not in LARGE:
            one_thread()
        wake_devices()
        KERNEL.watch()
    return check


def _needs_first(exercise: str, part: str, red: set[str], namespace: dict[str, Any]) -> str:
    """A sentence where an answer uses that of another part whose own checks did not pass; else nothing."""
    parts = syllabus().exercise(exercise).parts
    names = used(syllabus().exercise(exercise).part(part).symbol, namespace)
    below = next((other.symbol for other in parts if other.id in red and other.symbol in names), None)
    if below is None:
        return ""
    return _(
        "This answer uses `{symbol}`, and the checks of `{symbol}` did not pass. Correct `{symbol}` first."
    ).format(symbol=below)


def _turned_off() -> bool:
    return os.environ.get("COURSE_CHECKS", "").lower() == "off"


def run(exercise: str, track: str, part: str, namespace: dict[str, Any]) -> Report:
    """Run the visible checks of a part on the symbol of that name in a namespace.

    Raises `course.syllabus.UnknownName` for an unknown exercise, track or part.
    """
    the_exercise = syllabus().exercise(exercise)
    the_part = the_exercise.part(part)
    adapter = framework(syllabus().track(track).framework)
    checks = importlib.import_module(f"course.exercises.{the_exercise.module}.checks").checks.parts[part]

    symbol, title = the_part.symbol, _(the_part.title)
    problem = _problem_with(symbol, namespace, adapter)
    if problem is not None:
        return Report(title, (problem, *(Item(_(check.title), NOT_RUN) for check in checks)))

    answer = Answer(symbol, namespace[symbol], adapter, namespace)
    items: list[Item] = []
    stopped, first = False, ""  # first: the title of the first check that failed
    for check in checks:
        if stopped:
            items.append(Item(_(check.title), NOT_RUN))
            continue
        item, written = _run_one(check, answer)
        if item.outcome == FAILED and first and not item.certain:
            hint = _("This may have the same cause as “{title}” above. Correct that first.").format(title=first)
            item = replace(item, hint=hint)
        first = first or (item.title if item.outcome == FAILED else "")
        items.append(item)
        stopped = not written or (check.gate and item.outcome == FAILED)
    return Report(title, tuple(items))


def show(report: Report) -> None:
    """Show a report: as HTML in Jupyter, as text elsewhere."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        from IPython.display import display

        display(report)
    else:
        print(report)


def _problem_with(symbol: str, namespace: dict[str, Any], adapter: Framework) -> Item | None:
    title = _("`{symbol}` is defined").format(symbol=symbol)
    stopped = KERNEL.problem(symbol, namespace)
    if stopped is not None:
        return _stopped(stopped, symbol, namespace)
    if symbol not in namespace:
        other = similar(symbol, namespace)
        if other:
            hint = _("There is a `{other}`. The exercise spells the name `{symbol}`.").format(
                other=other, symbol=symbol
            )
        else:
            hint = _("Run the cell above first. Is the name spelled as the exercise spells it?")
        return Item(title, FAILED, _("There is no `{symbol}` yet.").format(symbol=symbol), hint)
    thing = namespace[symbol]
    if symbol[:1].isupper():
        if not (isinstance(thing, type) and issubclass(thing, adapter.module_type)):
            wanted = f"{adapter.module_type.__module__.split('.')[0]}: {adapter.module_type.__name__}"
            return Item(
                title,
                FAILED,
                _("`{symbol}` should be a class derived from {wanted}.").format(symbol=symbol, wanted=wanted),
            )
    elif not callable(thing):
        return Item(title, FAILED, _("`{symbol}` should be a function.").format(symbol=symbol))
    return None


def _stopped(stopped: Stopped, symbol: str, namespace: dict[str, Any]) -> Item:
    """What to say where the newest version of an answer, or of what it uses, is not in the kernel."""
    title = _("The newest version of `{symbol}` ran").format(symbol=stopped.name)
    error = f"{type(stopped.error).__name__}: {_plain(_error_text(stopped.error))}"
    if stopped.compiled:
        message = _("The cell that defines `{name}` stopped with an error before it got there.")
        hint = exceptions.hint(stopped.error, stopped.source, namespace)
    else:
        message = _("Python could not read the cell that defines `{name}`, so none of it ran.")
        hint = ""
    if stopped.name in namespace:
        message += " " + _("The notebook still has an older `{name}`, which is not tested.")
    where = ""
    if stopped.line is not None:
        where = _("line {line}: {source}").format(line=stopped.line, source=stopped.source)
    if stopped.count:
        where = f"[{stopped.count}] {where}"
    hint = hint or _("Correct this line and run the cell again.")
    return Item(title, FAILED, message.format(name=stopped.name) + "\n" + error, hint, where)


def _error_text(error: BaseException) -> str:
    """An error's message; of a syntax error without the made-up name of the cell's file."""
    return str(error.msg) if isinstance(error, SyntaxError) else str(error)


def _run_one(check: Check, answer: Answer) -> tuple[Item, bool]:
    """The check's line in the report, and whether the answer is written at all."""
    title = _(check.title)
    try:
        check.function(answer)
    except Unexpected as unexpected:
        item = Item(title, FAILED, unexpected.message, unexpected.hint, comparison=unexpected.comparison)
        return replace(item, certain=unexpected.certain), True
    except (ValueError, IndexError, TypeError):  # of the check's own arithmetic, on a result of an odd shape or kind
        message = _("The result has another shape or kind than this check can work with.")
        return Item(title, FAILED, message, _("Print the shapes of what you return, also for a batch of one.")), True
    except StudentError as error:
        original = error.original
        where = _where(original, answer.namespace)
        if _not_written(original, answer.namespace):
            return Item(
                title,
                FAILED,
                _("Not written yet."),
                _("Put your answer in the place of the line that raises NotImplementedError, and run the cell again."),
                where,
            ), False
        message = f"{type(original).__name__}: {_plain(str(original))}"
        hint = exceptions.hint(original, _source(original, answer.namespace), answer.namespace)
        message = _("Your code stopped with an error.") + "\n" + message
        return Item(title, FAILED, message, hint, where, certain=bool(hint)), True
    return Item(title, PASSED), True


def _not_written(error: BaseException, namespace: dict[str, Any]) -> bool:
    """Whether the error is the one that a part begins with: raised in the student's own code, by its own line.

    Frameworks raise the same type, for a missing `forward` or a device that there is not.
    """
    if not isinstance(error, NotImplementedError):
        return False
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_globals is namespace


def _source(error: BaseException, namespace: dict[str, Any]) -> str:
    """The text of the last line of the student's own code that the error came through."""
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_globals is namespace:
            found = linecache.getline(frame.f_code.co_filename, line).strip()
    return found


def _where(error: BaseException, namespace: dict[str, Any]) -> str:
    """The last line of the student's own code that the error came through."""
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_globals is namespace:
            source = linecache.getline(frame.f_code.co_filename, line).strip()
            found = _("line {line}: {source}").format(line=line, source=source) if source else ""
    return found


def _plain(message: str) -> str:
    """An exception's message without terminal colours and without what Keras wraps around it."""
    message = re.sub(r"\x1b\[[0-9;]*m", "", message)
    wrapped = re.match(r"Exception encountered when calling .*?\n\n(.*?)\n\nArguments received by", message, re.DOTALL)
    message = re.sub(r"\{\{function_node [^}]*\}\}\s*", "", wrapped.group(1) if wrapped else message)
    message = re.sub(r"\s*\[Op:\w+\](?: name:\s*)?", "", message).strip()
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"
