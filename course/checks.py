"""Visible checks: what a notebook runs after each answer, to show what is right already and what to look at.

`lesson(exercise, track)` gives a function `check`; `check("causal-mask")` looks the part's symbol up where it was
called from, runs the checks that `course.exercises` has for the part, and shows a report. Where something did not pass
it raises `CheckFailed` afterwards, in one line, so that the cell has failed for nbgrader too. A missing symbol, a
stub or an exception in the student's code is one more line in the report, with the student's own line of code.

The checks teach; they are not the grading. They use small examples that can be followed by hand, need neither the
grader nor the solutions, and say which slip would give the numbers that they see. The environment variable
COURSE_CHECKS=off makes `check` do nothing, for whoever runs the notebook's code for its definitions alone.
"""

from __future__ import annotations

import importlib
import linecache
import os
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from course import exceptions, i18n
from course.expectations import StudentError
from course.frameworks import Framework, Unexpected, framework
from course.i18n import _
from course.live import KERNEL, Stopped, similar, used
from course.report import FAILED, NOT_RUN, PASSED, Item, Report
from course.starting import one_thread, wake_devices
from course.syllabus import syllabus

LONGEST_MESSAGE = 500
LARGE = ("bert-finetuning",)  # exercises whose models may be large, so that more threads are worth it


class CheckFailed(AssertionError):
    """Some checks did not pass; the report above says which. IPython shows it as one line."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class Checks:
    """The visible checks of an exercise, in the order in which they are shown.

    A check is a function of one argument, the student's answer as an `Answer`. A check marked `gate` decides whether
    the later ones of its part make sense: after a wrong shape they are not run.
    """

    def __init__(self) -> None:
        self.parts: dict[str, list[Check]] = {}

    def __call__(self, part: str, title: str, gate: bool = False) -> Callable[[Callable], Callable]:
        def register(function: Callable[[Answer], None]) -> Callable[[Answer], None]:
            self.parts.setdefault(part, []).append(Check(title, function, gate))
            return function

        return register


@dataclass(frozen=True)
class Check:
    title: str
    function: Callable[[Answer], None]
    gate: bool = False


@dataclass
class Answer:
    """The student's function or module class; arrays go in and come out as NumPy arrays."""

    symbol: str
    thing: Any
    framework: Framework
    namespace: dict[str, Any] = field(repr=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function. Also sees to it that the call leaves its arguments as they were."""
        return self._call(self.thing, self.symbol, args, kwargs)

    def plain(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and take what it gives as it is: a model, a dict, a list of numbers.

        Arrays are given as tensors; whatever is a tensor already, or contains some, is handed over itself.
        """
        given = [self.framework.given(value) for value in (*args, *kwargs.values())]
        positional, keywords = given[: len(args)], dict(zip(kwargs, given[len(args) :], strict=True))
        return self._guard(lambda: self.thing(*positional, **keywords))

    def gradients(self, *arrays: Any, output: int | None = None) -> list[np.ndarray]:
        """The gradients of (one of) the results for the float arrays, in their order; zeros where none arrives."""
        return self._guard(lambda: self.framework.gradients(self.thing, arrays, output))

    def pair(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Call the function, which is to return two tensors."""
        return _pair(self(*args, **kwargs), self.symbol)

    def module(self, *args: Any, **kwargs: Any) -> Module:
        """Construct the module."""
        return Module(self, self._guard(lambda: self.thing(*args, **kwargs)))

    def _call(self, thing: Callable, name: str, args: tuple, kwargs: dict) -> Any:
        given = [self.framework.given(value) for value in (*args, *kwargs.values())]
        positional, keywords = given[: len(args)], dict(zip(kwargs, given[len(args) :], strict=True))
        result = self._guard(lambda: thing(*positional, **keywords))
        for before, after in zip((*args, *kwargs.values()), given, strict=True):
            if isinstance(before, np.ndarray) and not np.array_equal(
                self.framework.array(after), self.framework.array(self.framework.given(before))
            ):
                raise Unexpected(
                    _("`{name}` changed one of its arguments.").format(name=name),
                    _("The caller still needs it: make a new tensor instead of writing into the old one."),
                )
        return self.framework.taken(result, name)

    def _guard(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Unexpected:
            raise
        except Exception as error:
            raise StudentError(error) from error


@dataclass
class Module:
    """A module that the student's class gave."""

    answer: Answer
    thing: Any

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        framework = self.answer.framework
        return self.answer._call(lambda *a, **k: framework.run(self.thing, a, k), self.answer.symbol, args, kwargs)

    def pair(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return _pair(self(*args, **kwargs), self.answer.symbol)

    def gradients(self, *arrays: Any, output: int | None = None) -> list[np.ndarray]:
        """The gradients of (one of) the results for the float arrays, then for the module's trainable weights."""
        self(*arrays)  # lazy layers build their weights
        guard, framework = self.answer._guard, self.answer.framework
        return guard(lambda: framework.gradients(self.thing, arrays, output, self.thing))

    def received(self, name: str, *args: Any, **kwargs: Any) -> list[np.ndarray]:
        """What a layer in the module was given, a call each, while the module was called."""
        layer = self.attribute(name)
        self(*args, **kwargs)
        return self.answer._guard(lambda: self.answer.framework.received(layer, lambda: self(*args, **kwargs)))

    def applied(self, name: str, x: np.ndarray) -> np.ndarray:
        """What a layer of the module makes of x."""
        layer, framework = self.attribute(name), self.answer.framework
        return self.answer._call(lambda *a, **k: framework.run(layer, a, k), name, (x,), {})

    def training(self, *args: Any, **kwargs: Any) -> Any:
        """Call it in training mode, where dropout acts."""
        run = self.answer.framework.run
        return self.answer._call(lambda *a, **k: run(self.thing, a, k, True), self.answer.symbol, args, kwargs)

    def fit(self, ids: np.ndarray, labels: np.ndarray, steps: int, rate: float) -> np.ndarray:
        """Train a classifier on a few texts; the loss of each step."""
        return self.answer._guard(lambda: self.answer.framework.fit(self.thing, ids, labels, steps, rate))

    def attribute(self, name: str) -> Any:
        """A layer that the docstring names."""
        layer = getattr(self.thing, name, None)
        if layer is None:
            raise Unexpected(
                _("The module has no attribute `{path}`.").format(path=name),
                _("Keep the layer in `self.{path}`, as the docstring says.").format(path=name),
            )
        return layer

    def silence(self, *names: str) -> Module:
        """Set all weights of these layers to zero: the framework's own attention then gives nothing but zeros."""
        for name in names:
            layer = self.attribute(name)
            self.answer._guard(lambda layer=layer: self.answer.framework.silence(layer))
        return self

    def load(self, weights: dict[str, np.ndarray], *example: np.ndarray) -> Module:
        """Put weights into the module, after a first call with the example, which makes lazy layers build their own."""
        self(*example)

        self.answer._guard(lambda: self.answer.framework.load(self.thing, weights))
        return self

    def trainable(self) -> int:
        """The number of trainable numbers in it."""
        return self.answer.framework.trainable(self.thing)

    def copied_to(self, other: Module) -> Module:
        """The other module after it was given this one's state, in the framework's own way."""
        self.answer._guard(lambda: self.answer.framework.copy_state(self.thing, other.thing))
        return other


def _pair(result: Any, name: str) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        count = len(result) if isinstance(result, tuple) else _("nothing") if result is None else 1
        raise Unexpected(
            _("`{name}` should return two tensors, the output and the weights; it returned {count}.").format(
                name=name, count=count
            ),
            _("End with `return output, weights`."),
        )
    return result


# -- running ----------------------------------------------------------------------------------------------------------


def lesson(exercise: str, track: str, language: str | None = None) -> Callable[[str], None]:
    """The `check` of a notebook.

    Arguments: the exercise's and the track's ids as in the syllabus; the language of the messages.
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

    Raises `course.syllabus.UnknownName` for an exercise, track or part that there is not.
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
    """As HTML in Jupyter, as text elsewhere."""
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
