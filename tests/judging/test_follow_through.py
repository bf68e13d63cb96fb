"""What the judge names, on which evidence, and how a part is marked when a mistake is named."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.judging import follow_through
from autograder.judging.catalogue import CatalogueError, Change, Mistake, combine
from autograder.judging.compare import Odd
from autograder.judging.evidence import Stance, same, stance, wording
from autograder.judging.plugin import Spec, Verdict
from autograder.judging.program import Answer, Program, StudentError
from autograder.judging.replies import student_error
from autograder.workers import worker_messages

# -- diagnosis --------------------------------------------------------------------------------------------------------


class Oracle:
    """The trusted side of a part with two mistakes: doubling, and adding one. The reference changes nothing."""

    ways = {None: lambda x: x, "doubled": lambda x: 2 * x, "plus-one": lambda x: x + 1, "same": lambda x: x,
            "doubled:and-more": lambda x: 2.5 * x, "large-lost": lambda x: np.where(x > 10, 0, x)}  # fmt: skip

    def run(self, program: Program, *mistakes: str) -> Answer:
        x = program.arrays["a0"]
        for mistake in sorted(mistakes):
            x = self.ways[mistake](x)
        return Answer({"out": x})

    def go_together(self, first: str, second: str) -> bool:
        return first != second


def verdict(name: str, *pairs, outcome: str = "failed") -> Verdict:
    return Verdict(Spec(name, name, name, name, "part", 1.0, ()), outcome, log=list(pairs))


def pair(answer, at=(1.0, 2.0, 5.0)):
    x = np.array(at)
    out = answer(x) if callable(answer) else answer
    return Program.function("f", x), out if isinstance(out, Answer) else Answer({"out": out})


MISTAKES = [
    Mistake("plus-one", "part", "Plus one", "Do not add.", (), "serious", {}),
    Mistake("doubled", "part", "Doubled", "Do not double.", (), "serious", {}),
    Mistake("doubled:and-more", "part", "Doubled", "Do not double.", (), "serious", {}),
    Mistake("large-lost", "part", "Large ones lost", "Keep them.", (), "slip", {}),
    Mistake("same", "part", "Same", "Nothing.", (), "slip", {}),
]


def marked(*verdicts, waiting=(), strict=False) -> follow_through.Mark:
    """The part's mark; a test passes with mistakes granted if its answers are theirs. `waiting` are their logs."""

    def again(mistakes: tuple[str, ...]) -> dict[str, Verdict]:
        logs = {v.spec.name: (v, v.log or dict(waiting).get(v.spec.name, [])) for v in verdicts}
        return {
            name: Verdict(
                v.spec, "passed" if all(same(a, Oracle().run(p, *mistakes)) for p, a in log) else "failed", log=log
            )
            for name, (v, log) in logs.items()
        }

    return follow_through.mark(verdicts, MISTAKES, Oracle(), again, strict)


def name(*verdicts) -> str | None:
    named = marked(*verdicts).named if verdicts else ()
    return named[0].id if named else None


def test_a_mistake_that_gives_the_same_answers_is_named():
    failing = verdict("a", pair(lambda x: 2 * x))
    assert name(failing, verdict("b", pair(lambda x: 2 * x, (3.0, 4.0)))) == "doubled"
    assert failing.misconception == "doubled"


def test_a_mistake_that_explains_half_of_the_answers_is_named_for_that_test_alone():
    one, other = verdict("a", pair(lambda x: 2 * x)), verdict("b", pair(lambda x: x * 7))
    assert name(one, other) == "doubled"
    assert (one.misconception, other.misconception) == ("doubled", None)


def test_where_no_mistake_fits_none_is_named():
    assert name(verdict("a", pair(lambda x: 7 * x))) is None
    assert name(verdict("a", pair(lambda x: x[:2]))) is None
    assert name(verdict("a", pair(lambda x: Odd("str")))) is None
    assert name(verdict("a", pair(lambda x: 2 * x), outcome="passed")) is None
    assert name() is None


def test_a_mistake_that_changes_nothing_is_never_named():
    assert name(verdict("a", pair(lambda x: x))) is None


def test_an_answer_that_never_came_is_no_evidence():
    for kind in ("timeout", "exhausted", "missing"):
        gone = Answer({}, StudentError(kind, (), "gone"))
        assert name(verdict("a", pair(lambda x, gone=gone: gone))) is None


def test_a_stub_is_held_against_no_mistake(monkeypatch):
    """To ask what each mistake would have given is dear where that trains a model."""
    asked = []
    monkeypatch.setattr(Oracle, "run", lambda self, program, *mistakes: asked.append(mistakes))
    stub = Answer({}, StudentError("exception", ("NotImplementedError", "RuntimeError"), "NotImplementedError"))
    assert name(verdict("a", pair(lambda x: stub))) is None
    assert asked == []


def test_a_result_on_another_device_is_not_that_mistake():
    elsewhere = Answer({"out": np.array([2.0, 4.0, 10.0])}, None, "cuda")
    assert name(verdict("a", pair(elsewhere))) is None


def said(message: worker_messages.Said) -> str:
    """A worker's message as the judge has it once it has come over the wire."""
    return student_error({"message": str(message), **message.header()}).message


@pytest.mark.parametrize(
    ("student", "mistake", "named"),
    [
        ("shapes (2,) and (3,)", "shapes (4,) and (5,)", True),  # what a library says has the values of the day in it
        (
            said(worker_messages.NO_LOGITS.said(type="BertModel")),
            said(worker_messages.NO_LOGITS.said(type="BertForMaskedLM")),
            True,
        ),
        (
            said(worker_messages.MODULE_WITHOUT_LOGITS.said()),
            said(worker_messages.MODULE_WITHOUT_GRADIENT.said()),
            False,
        ),  # the same exception for other reasons
        (said(worker_messages.MODULE_WITHOUT_LOGITS.said()), "shapes (4,) and (5,)", False),
        (
            said(worker_messages.OUT_OF_RANGE_ON_A_GPU.said()),
            "index out of range in self",
            True,
        ),  # the mistake stopped on the CPU already
    ],
)
def test_an_exception_is_known_by_its_class_and_by_what_a_worker_says_of_it(monkeypatch, student, mistake, named):
    raised = [Answer({}, StudentError("exception", ("ValueError",), text)) for text in (student, mistake)]
    monkeypatch.setattr(Oracle, "run", lambda self, program, *mistakes: (
        raised[1] if "doubled" in mistakes else Answer({"out": program.arrays["a0"]})
    ))  # fmt: skip
    assert name(verdict("a", pair(raised[0]))) == ("doubled" if named else None)


KERAS = (
    "Exception encountered when calling {name}.call().\n\n\x1b[1mwrong axis {n}\x1b[0m\n\nArguments received by {name}:"
)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("expected a bool tensor but got float", "Dimensions must be equal, but are 3 and 4", False),
        ("shapes [2, 3, 4] and [2,3,5]", "shapes [7, 1, 4] and [2,3]", True),
        (
            KERAS.format(name="Own", n=3),
            KERAS.format(name="Mine", n=4),
            True,
        ),
        ("{{function_node __wrapped__Mul_device_/x}} compute Mul", "{{function_node __a}} compute Add", False),
        ("name 'scores' is not defined", "name 's' is not defined", True),
        ("f() got an unexpected keyword argument 'pad'", "f() missing 1 required positional argument: 'pad'", False),
        ("forward() missing 1 argument: 'key'", "call() missing 2 argument: 'key'", True),
    ],
)  # fmt: skip
def test_messages_are_compared_without_numbers_and_names(one, other, alike):
    assert (wording(one) == wording(other)) == alike


def floats(*values, kind="float32"):
    return Answer({"out": np.array(values, kind)})


@pytest.mark.parametrize(
    ("answer", "mistaken", "right", "says"),
    [
        (floats(2, 4), floats(2, 4), floats(1, 2), Stance.FOR),
        (floats(2, 4), floats(2, 4), floats(2, 4), Stance.NOTHING),
        (floats(1, 2), floats(2, 4), floats(1, 2), Stance.AGAINST),
        (floats(3, 7), floats(2, 4), floats(1, 2), Stance.OTHER),
        (floats(3, 7), floats(1, 2), floats(1, 2), Stance.OTHER),  # something is wrong that this mistake does not touch
        # The deviation is finer than the tolerance of float32: half way between the two it is neither.
        (floats(1.00003, 2), floats(1.00006, 2), floats(1, 2), Stance.NOTHING),
        (floats(1.000001, 2, kind="float64"), floats(1.00001, 2, kind="float64"), floats(1, 2, kind="float64"),
         Stance.OTHER),
        (floats(1.00001, 2, kind="float64"), floats(1.00001, 2, kind="float64"), floats(1, 2, kind="float64"),
         Stance.FOR),
        (floats(np.nan, 2), floats(np.nan, 2), floats(1, 2), Stance.FOR),
        (floats(1, np.nan), floats(np.nan, 2), floats(1, 2), Stance.OTHER),
        (floats(7e29, 2), floats(1e30, 2), floats(1, 2), Stance.OTHER),  # each is measured by its own size
        (floats(3, 2), floats(1e30, 2), floats(1, 2), Stance.OTHER),
        (floats(1, 2, 3), floats(1, 2, 3), floats(1, 2), Stance.FOR),  # by its shape
        (floats(1, 2), floats(1, 2, 3), floats(1, 2), Stance.AGAINST),
        (floats(1, 2, kind="float64"), floats(1, 2, kind="float64"), floats(1, 2), Stance.FOR),
    ],
)  # fmt: skip
def test_an_answer_speaks_for_what_it_is_clearly_nearer_to(answer, mistaken, right, says):
    assert stance(answer, mistaken, right) is says


def test_one_value_that_is_the_references_rules_a_mistake_out():
    passed = verdict("b", pair(lambda x: x, (3.0, 4.0)), outcome="passed")
    degenerate = verdict("a", pair(lambda x: 2 * x, (1.0,)))  # with one number, doubling is adding one
    assert name(degenerate) is not None
    assert name(degenerate, passed) is None


def test_below_half_of_the_failing_tests_a_mistake_is_not_named():
    one = verdict("a", pair(lambda x: 2 * x))
    others = [verdict(n, pair(lambda x: x * 7)) for n in "bc"]
    assert name(one, *others) is None
    assert [v.misconception for v in (one, *others)] == [None] * 3


# -- follow-through ---------------------------------------------------------------------------------------------------


def test_a_named_mistake_costs_its_weight_and_what_waited_counts_if_it_passes_then():
    first, waits = verdict("a", pair(lambda x: 2 * x)), verdict("b", outcome="not_run")
    mark = marked(first, waits, waiting={"b": [pair(lambda x: 2 * x, (7.0, 9.0))]})
    assert (mark.rule, mark.plain, mark.score, mark.following) == ("follow-through", 0, 0.7, 0.7)
    assert mark.granted == {"a", "b"} and [m.id for m in mark.counted] == ["doubled"]


def test_a_mark_is_never_below_plain_counting():
    passed = [verdict(f"p{i}", pair(lambda x: x, (0.0,)), outcome="passed") for i in range(9)]  # 0 is its own double
    mark = marked(verdict("a", pair(lambda x: 2 * x)), *passed)
    assert (mark.rule, mark.plain, mark.score, mark.following) == ("strict", 0.9, 0.9, 0.7)
    assert [m.id for m in mark.named] == ["doubled"] and not mark.counted


def test_where_nothing_is_named_nothing_changes():
    mark = marked(verdict("a", pair(lambda x: 7 * x)), verdict("b", outcome="not_run"))
    assert mark == follow_through.Mark("strict", 0.0, 0.0)


def test_strict_marks_count_each_test_and_name_all_the_same():
    mark = marked(verdict("a", pair(lambda x: 2 * x)), strict=True)
    assert (mark.rule, mark.score, mark.following) == ("strict", 0.0, 0.7) and mark.named[0].id == "doubled"


def test_a_second_mistake_is_looked_for_with_the_first_one_granted():
    one, two = verdict("a", pair(lambda x: 2 * x)), verdict("b", pair(np.array([8.0, 0.0]), (4.0, 6.0)))
    mark = marked(one, two)
    assert [m.id for m in mark.named] == ["doubled", "large-lost"]
    assert mark.score == pytest.approx(0.6)  # both weights; half with the first alone would be 0.35
    assert (one.misconception, two.misconception) == ("doubled", "large-lost")


def test_a_mistake_that_is_made_in_two_ways_is_counted_once():
    """What fails with the first way granted is not laid to a second way to make the same mistake."""
    verdicts = [verdict("a", pair(lambda x: 2 * x)), verdict("b", pair(lambda x: 5 * x, at=(3.0, 4.0)))]
    mark = marked(*verdicts)
    assert [mistake.id for mistake in mark.named] == ["doubled"]
    alone = marked(verdict("a", pair(lambda x: 2.5 * x)))
    assert [(mistake.id, mistake.name) for mistake in alone.named] == [("doubled:and-more", "doubled")]


def test_two_mistakes_that_only_together_give_the_answers_are_both_named():
    mark = marked(verdict("a", pair(lambda x: 2 * x + 1)))
    assert sorted(m.id for m in mark.named) == ["doubled", "plus-one"] and mark.score == pytest.approx(0.4)


def test_what_speaks_against_a_mistake_when_it_is_granted_takes_its_name_away():
    first, waits = verdict("a", pair(lambda x: 2 * x)), verdict("b", outcome="not_run")
    assert marked(first, waits, waiting={"b": [pair(lambda x: x, (7.0, 9.0))]}).named == ()


# -- two mistakes in one source ----------------------------------------------------------------------------------------

SOURCE = "def f(x):\n    return x + 1\n\n\ndef g(x):\n    return f(x) * 2\n"


def change(*pairs: tuple[str, str], code: str = "") -> Change:
    return Change("file.toml: some-id (pytorch)", pairs, code)


def test_two_changes_stand_in_one_source_whichever_comes_first():
    one, other = change(("x + 1", "x - 1")), change(("* 2", "* 3"))
    assert combine(SOURCE, one, other) == SOURCE.replace("x + 1", "x - 1").replace("* 2", "* 3")
    needs_the_other = change(("x - 1", "x - 5"))
    assert combine(SOURCE, needs_the_other, one) == combine(SOURCE, one, needs_the_other)


def test_a_text_is_replaced_in_the_definition_that_counts():
    whole = change(code="def f(x):\n    return x + 1 + 7")
    assert combine(SOURCE, change(("x + 1", "x - 1")), whole).endswith("return x - 1 + 7\n")
    other = change(code="def g(x):\n    return 0")
    assert combine(SOURCE, whole, other).count("def ") == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (change(("x + 1", "x - 1")), change(("x + 1", "x * 1"))),  # one place
        (change(("x + 1", "x - 1")), change(code="def f(x):\n    return 0")),  # in a definition that no longer counts
        (change(code="def f(x):\n    return 1"), change(code="def f(x):\n    return 0")),
    ],
)
def test_changes_of_one_place_do_not_go_together(one, other):
    with pytest.raises(CatalogueError, match="file.toml: some-id"):
        combine(SOURCE, one, other)
    with pytest.raises(CatalogueError, match="file.toml: some-id"):
        combine(SOURCE, other, one)
