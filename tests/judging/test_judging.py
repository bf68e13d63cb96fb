"""The judge: how it compares and draws, what it names, which hidden tests it refuses, when it gives no verdict."""

from __future__ import annotations

import contextlib
import textwrap

import numpy as np
import pytest

from autograder import paths
from autograder.grading import references, worker_pool
from autograder.grading.grader import Grader, solution_source
from autograder.judging.compare import Abstract, Mismatch, NoTensor, Odd, agree, difference
from autograder.judging.fixtures import AskStudent, _compare
from autograder.judging.plugin import Desk, Spec, Verdict
from autograder.judging.program import Answer, Program, StudentError
from autograder.judging.random_inputs import RandomInputs
from autograder.judging.replies import describe_error
from autograder.paths import ROOT
from autograder.proof.sample_class import answered
from autograder.submission.hand_in import Submission
from autograder.submission.read import of_source, read_notebook, read_script
from course.syllabus import syllabus

WANT = np.array([[1.0, -2.0], [3.0, 4.0]], "float32")


# -- the comparator: wire type, shape, dtype, finite, value -----------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (None, "expected a tensor for the result, got None"),
        (3.0, "expected a tensor for the result, got the float 3.0"),
        ((WANT,), "expected a tensor for the result, got a tuple of 1"),
        (Odd("Sequential"), "expected a tensor for the result, got a Sequential"),
        (WANT[0], "expected shape (2, 2) for the result, got (2,)"),
        (np.zeros((0, 2), "float32"), "expected shape (2, 2) for the result, got (0, 2)"),
        (np.array(1, "float32"), "expected shape (2, 2) for the result, got ()"),
        (WANT[None].astype("float64") * np.nan, "expected shape (2, 2) for the result, got (1, 2, 2)"),
        (Abstract("bfloat16", (2, 2), "cpu"), "expected dtype float32 for the result, got bfloat16"),
        (Abstract("bfloat16", (2,), "cpu"), "expected shape (2, 2) for the result, got (2,)"),
        (WANT.astype("float16"), "expected dtype float32 for the result, got float16"),
        (WANT.astype("float64") * np.nan, "expected dtype float32 for the result, got float64"),
        (WANT.astype("int64"), "expected dtype float32 for the result, got int64"),
        (WANT * np.float32("nan"), "there is NaN in the result"),
        (WANT * np.float32("inf"), "there are infinite values in the result"),
        (WANT * 0, "there are only zeros in the result"),
    ],
)
def test_the_first_thing_that_differs_is_told(got, said):
    assert difference(got, WANT) == said


IDS = np.array([[1, 2], [3, 4]])


@pytest.mark.parametrize("ids", [IDS, NoTensor(IDS), NoTensor(IDS.astype("int32")), IDS.tolist(), list(IDS)])
def test_ids_are_ids_whatever_holds_them(ids):
    assert difference(ids, IDS) is None
    assert difference(ids, IDS + 1) == "no entry of the result is as expected"
    assert difference(ids, WANT) is not None


@pytest.mark.parametrize(
    ("got", "want", "said"),
    [
        (NoTensor(WANT), WANT, "expected a tensor for the result, got an array of NumPy's"),
        (NoTensor(WANT), IDS, "expected a tensor for the result, got an array of NumPy's"),
        (NoTensor(IDS[0]), IDS, "expected shape (2, 2) for the result, got (2,)"),
        ([[1, 2], [3]], IDS, "expected a tensor for the result, got a list of 2"),
        ([[1, 2.0], [3, 4]], IDS, "expected a tensor for the result, got a list of 2"),
        ([[1, "2"], [3, 4]], IDS, "expected a tensor for the result, got a list of 2"),
        ([], IDS, "expected a tensor for the result, got a list of 0"),
    ],
)
def test_what_holds_no_ids_is_no_tensor(got, want, said):
    assert difference(got, want) == said


def test_what_agrees_is_not_spoken_of():
    assert difference(WANT.copy(), WANT) is None
    assert difference(WANT * (1 + 5e-6), WANT) is None
    assert difference([WANT, WANT], (WANT, WANT)) is None  # a list where a tuple was asked for
    assert difference(np.zeros((0, 2)), np.zeros((0, 2))) is None
    assert difference(np.array([1, 2], "int32"), np.array([1, 2], "int64")) is None
    assert difference(None, None) is None


def test_a_difference_is_told_by_its_size_and_share_and_never_by_the_input():
    got = WANT.copy()
    got[0, 0] += 1
    said = difference(got, WANT)
    assert (
        "25% of the entries" in said
        and "the largest difference is 1," in said
        and "largest expected value is 4" in said
    )
    assert "all entries of the result differ" in difference(WANT * np.float32(1 + 1e-4), WANT)
    assert (
        difference(np.array([True, False]), np.array([True, True]))
        == "50% of the entries of the result are not as expected"
    )


def test_one_entry_in_thousands_is_under_one_percent():
    want = np.ones(1000, "float32")
    got = want.copy()
    got[7] = 2
    assert "under 1% of the entries" in difference(got, want)


def test_a_gradient_that_is_zero_everywhere_asks_whether_something_is_detached():
    assert "detached" in difference({"x": WANT * 0}, {"x": WANT}, "gradient")
    assert "got None" in difference({"x": None}, {"x": WANT}, "gradient")


def test_items_of_a_tuple_are_called_by_name_and_axes_are_explained():
    want, names = (WANT, WANT), ("output", "weights")
    assert difference(WANT, want, names=names) == "expected a tuple of 2 (output, weights) for the result, got a tensor"
    assert (
        difference((WANT,), want, names=names) == "expected a tuple of 2 (output, weights) for the result, got 1 items"
    )
    said = difference((WANT, WANT[:1]), want, axes={"weights": "query, key"}, names=names)
    assert said == "expected shape (2, 2) (query, key) for the weights, got (1, 2)"


def test_numbers_are_not_taken_for_each_other():
    assert difference(1, True) and difference(True, 1) and difference(1.0, 1)
    assert difference(2, 2) is None


def test_infinite_values_may_be_wanted():
    want = np.array([0, -np.inf])
    assert agree(np.array([0, -np.inf]), want)
    assert not agree(np.array([0.0, 1.0]), want)


def test_precision_decides_the_tolerance():
    assert difference(WANT.astype("float64") * (1 + 1e-7), WANT.astype("float64"))
    assert difference(WANT * np.float32(1 + 1e-6), WANT) is None


def test_a_test_compares_arrays_of_its_own_in_the_precision_that_it_got():
    _compare(WANT, WANT.astype("float64") * (1 + 1e-6))
    with pytest.raises(Mismatch):
        _compare(WANT, WANT.astype("float64") * 1.01)
    with pytest.raises(Mismatch, match="shape"):
        _compare(WANT[0], WANT)


# -- what is drawn ----------------------------------------------------------------------------------------------------


def everything(rng: RandomInputs) -> list:
    return [
        rng.normal(3, 4),
        rng.uniform(1, 2, 5),
        rng.ids(0, 9, 4),
        rng.permutation(6),
        rng.lengths(4, 7),
        rng.mask(3, 5),
    ]


def test_the_same_seed_and_test_draw_the_same_and_others_draw_otherwise():
    one, same = everything(RandomInputs(1, "test_a[x]")), everything(RandomInputs(1, "test_a[x]"))
    assert all((a == b).all() for a, b in zip(one, same, strict=True))
    for other in (everything(RandomInputs(2, "test_a[x]")), everything(RandomInputs(1, "test_a[y]"))):
        assert not (one[0] == other[0]).any()


@pytest.mark.parametrize("seed", range(30))
def test_draws_keep_their_promises(seed):
    rng = RandomInputs(seed, "test")
    for keep in (0.0, 0.3, 0.7, 1.0):
        mask = rng.mask(2, 4, 5, keep=keep)
        assert mask.any(-1).all() and not mask.all(-1).any()
    assert rng.mask(3, 1).all()  # a row of one has no room for a False
    assert (rng.permutation(2) == [1, 0]).all() and rng.permutation(1).tolist() == [0]
    lengths = rng.lengths(3, 6)
    assert lengths.max() == 6 and lengths.min() >= 1 and len(set(lengths)) > 1
    ids = rng.ids(2, 5, 100)
    assert ids.min() >= 2 and ids.max() < 5


# -- which hidden tests are taken -------------------------------------------------------------------------------------

SOUND = '''
import numpy as np
import pytest
from autograder.judging.program import Program

@pytest.mark.part("causal-mask")
def test_first(agree):
    """The first test."""
    agree(Program.function("causal_mask", 4))
'''
ASSIGNMENT = syllabus().assignment("self-attention-pytorch")


class LabPool(worker_pool.WorkerPool):
    """Judges of its own, on the workers of another grader; a failure does not restart those."""

    lender: worker_pool.WorkerPool

    def start_zygote(self, track, packages=()):
        return self.lender.start_zygote(track, packages)

    def start_reference(self, track, packages=()):
        return self.lender.start_reference(track, packages)

    def restart(self, workshop, generation) -> None:
        self.close()


class Lab(Grader):
    """A grader with hidden tests of our own, on the workers of another."""

    def __init__(self, grader: Grader, hidden, monkeypatch, marking: str) -> None:
        super().__init__(jobs=1, seed=4, marking=marking)
        self.lender = grader.pool
        start = worker_pool.ServerProcess

        def process(arguments, path, log):
            if arguments[1] == "autograder.judging.session":
                code = (
                    "import sys; from pathlib import Path; from autograder.judging import session; "
                    f"session.ROOT = Path({str(hidden)!r}); sys.exit(session.main(*sys.argv[1:]))"
                )
                arguments = ["-c", code, *arguments[2:]]
            return start(arguments, path, log)

        monkeypatch.setattr(worker_pool, "ServerProcess", process)

    def __enter__(self):
        super().__enter__()
        self.pool.__class__ = LabPool
        self.pool.lender = self.lender
        return self


@pytest.fixture
def lab(tmp_path, grader, monkeypatch):
    """Grade an answer with a file of hidden tests: `lab(tests, answer)` gives the result."""
    with contextlib.ExitStack() as stack:

        def grade(tests: str, answer: str | None = None, marking: str = "strict") -> dict:
            file = paths.hidden_tests(tmp_path, ASSIGNMENT.exercise)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(tests))
            the_lab = stack.enter_context(Lab(grader, tmp_path, monkeypatch, marking))
            submission = Submission("me", "me", ASSIGNMENT)
            read_script(submission, answer or solution_source(ASSIGNMENT), "answers.py", ROOT / "source")
            return the_lab.grade([submission])[0]

        yield grade


def scored(result: dict) -> dict:
    assert result["status"] == "graded", result["message"]
    return {part["id"]: part["score"] for part in result["parts"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"causal-mask"', '"casual-mask"'), "the syllabus has no part 'casual-mask'"),
        (('"""The first test."""', ""), "a hidden test's docstring is its title"),
        (('@pytest.mark.part("causal-mask")', ""), "a hidden test needs @pytest.mark.part"),
        (
            ('"causal-mask")', '"causal-mask", needs=("test_zeroth",))'),
            "needs 'test_zeroth', which is no test of the part",
        ),
        (("import numpy as np", "import no_such_module"), "no_such_module"),
        (("def test_first", "def first"), "no hidden test is there for"),
    ],
    ids=[
        "an unknown part",
        "no docstring",
        "no mark",
        "a need that is not there",
        "an import that fails",
        "no test at all",
    ],
)
def test_hidden_tests_that_are_not_sound_grade_nobody(lab, change, said):
    assert change[0] in SOUND
    result = lab(SOUND.replace(*change, 1))
    assert result["status"] == "not_graded" and result["score"] is None and result["parts"] == []
    assert said in result["message"], result["message"]


def test_a_test_cannot_need_one_of_another_part(lab):
    other = SOUND.replace("causal-mask", "padding-mask").replace("test_first", "test_other")
    needing = SOUND.partition("Program\n")[2].replace('"causal-mask")', '"causal-mask", needs=("test_other",))')
    result = lab(other + needing)
    assert result["status"] == "not_graded" and "which is no test of the part causal-mask" in result["message"]


FULL = '''
import numpy as np
import pytest
from autograder.judging.program import Program

@pytest.mark.part("scaled-dot-product")
def test_a(agree, rng):
    """A."""
    agree(Program.function("scaled_dot_product_attention", *(rng.normal(2, 3, 4) for _ in range(3))))

@pytest.mark.part("padding-mask")
def test_b(agree, rng):
    """B."""
    agree(Program.function("padding_mask", rng.ids(0, 2, 3, 4)))

@pytest.mark.part("causal-mask", share=1)
def test_c(student):
    """C."""
    {body}

@pytest.mark.part("causal-mask", share=2, needs=("test_c",))
def test_d(agree):
    """D."""
    agree(Program.function("causal_mask", 3))

@pytest.mark.part("combine-masks")
def test_e(agree, rng):
    """E."""
    agree(Program.function("combine_masks", rng.mask(3, 4), rng.mask(3, 4)))
'''
WRONG = solution_source(ASSIGNMENT).replace("positions[:, None] >=", "positions[:, None] >")
MISMATCH = "from autograder.judging.compare import Mismatch\n"
SURPRISED = [
    "assert student.run(Program.function('causal_mask', 1)).out[0, 0]",
    "student.run(Program.function('causal_mask', 1)).out[0, 0] or pytest.skip('odd')",
    "student.run(Program.function('causal_mask', 1)).out[0, 0] or pytest.fail('odd')",
    "student.run(Program.function('causal_mask', 1)).out[0, 0] or pytest.exit('odd', 0)",
    "student.run(Program.function('causal_mask', 1)).out[0, 0] or __import__('sys').exit(0)",
    "student.run(Program.function('causal_mask', 1)).out[0, 0] or __import__('os')._exit(0)",
]


@pytest.mark.parametrize(
    "body", SURPRISED, ids=["an assert", "a skip", "pytest.fail", "pytest.exit", "sys.exit", "os._exit"]
)
def test_a_hidden_test_that_is_surprised_gives_no_mark(lab, body):
    result = lab(FULL.format(body=body), WRONG)
    assert result["status"] == "not_graded" and result["score"] is None and result["parts"] == []
    assert "not your fault" in result["message"]


FALLS = [
    "{True: 1}[bool(student.run(Program.function('causal_mask', 1)).out[0, 0])]",
    "1 // int(student.run(Program.function('causal_mask', 1)).out[0, 0])",
    "student.run(Program.function('causal_mask', 1)).out[0, 0] or None[1]",
]


@pytest.mark.parametrize("body", FALLS, ids=["a KeyError", "a division", "an index into nothing"])
def test_a_hidden_test_that_falls_over_an_answer_fails_it_and_shows(lab, body):
    """The reference has passed the test: so nobody escapes a mark by giving back what the test does not expect."""
    result = lab(FULL.format(body=body), WRONG)
    assert result["status"] == "graded" and scored(result)["causal-mask"] == 0 and "check-raised" in result["flags"]
    messages = {t["name"]: t["message"] for p in result["parts"] for t in p["tests"]}
    assert "cannot make sense" in messages["test_c"]


def test_the_same_tests_grade_where_nothing_is_surprising(lab):
    assert scored(lab(FULL.format(body=SURPRISED[0]))) == {p.id: p.points for p in ASSIGNMENT.exercise.parts}


def test_a_reference_that_fails_its_own_tests_grades_nobody(lab):
    result = lab(MISMATCH + FULL.format(body="raise Mismatch('no')"))
    assert result["status"] == "not_graded" and "the reference does not pass its own tests" in result["message"]


def test_a_judge_that_does_not_work_is_tried_twice_for_a_class_and_everyone_reads_why(monkeypatch):
    """Two at a time: the one whose workers the other replaces is tried again, and says the same."""
    starts, start = [], worker_pool.ServerProcess.__init__

    def counted(self, arguments, path, log):
        starts.append(path.stem)
        start(self, arguments, path, log)

    monkeypatch.setattr(worker_pool.ServerProcess, "__init__", counted)
    monkeypatch.setattr(
        references, "sources_of", lambda assignment: {assignment.exercise.module: "def nothing(): pass"}
    )
    with Grader(jobs=2, seed=4) as broken:
        results = broken.grade([of_source(ASSIGNMENT, solution_source(ASSIGNMENT)) for _ in range(5)])
        assert broken.generations.total() == 1
    assert starts.count("judge") == 2, starts
    for result in results:
        assert result["status"] == "not_graded" and "self-attention (pytorch) does not work here" in result["message"]


def test_shares_divide_the_points_and_what_builds_on_a_failure_is_not_run(lab):
    body = "if not student.run(Program.function('causal_mask', 1)).out[0, 0]:\n        raise Mismatch('wrong')"
    tests = MISMATCH + FULL
    result = lab(tests.format(body=body), WRONG)
    assert scored(result) == {"scaled-dot-product": 6, "padding-mask": 3, "causal-mask": 0, "combine-masks": 2}
    outcomes = {t["name"]: (t["outcome"], t["message"]) for p in result["parts"] for t in p["tests"]}
    assert outcomes["test_c"] == ("failed", "Wrong")
    assert outcomes["test_d"] == ("not_run", "Not checked yet: it builds on “C”.")

    free = tests.replace(', needs=("test_c",)', "").replace('agree(Program.function("causal_mask", 3))', "pass")
    assert scored(lab(free.format(body=body), WRONG))["causal-mask"] == 2.0  # two thirds of three points


def test_the_rule_of_marking_is_the_runs(lab):
    body = "if not student.run(Program.function('causal_mask', 1)).out[0, 0]:\n        raise Mismatch('wrong')"
    result = lab((MISMATCH + FULL).format(body=body), WRONG, marking="follow-through")
    part = next(p for p in result["parts"] if p["id"] == "causal-mask")
    assert (part["marking"], part["score"], part["plain_score"]) == ("follow-through", 2.1, 0)
    assert part["misconceptions"][0]["id"] == "diagonal-excluded" and part["misconceptions"][0]["cost"] == 0.9
    assert all(test["granted"] for test in part["tests"])
    strict = lab((MISMATCH + FULL).format(body=body), WRONG)
    part = next(p for p in strict["parts"] if p["id"] == "causal-mask")
    assert (part["marking"], part["score"], part["follow_through_score"]) == ("strict", 0, 2.1)
    assert part["misconception"]["id"] == "diagonal-excluded" and part["misconceptions"][0]["cost"] is None


def verdict(name: str, *pairs, outcome: str = "failed") -> Verdict:
    return Verdict(Spec(name, name, name, name, "part", 1.0, ()), outcome, log=list(pairs))


class Stub(Desk):
    """A desk whose player gives one answer to everything."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(0, "pytorch", self)
        self.verdict, self.answer = verdict("a"), answer

    def run(self, program: Program) -> Answer:
        return self.answer


def demanded(*types: str) -> str | None:
    """What is said of an answer that raises this where a ValueError is asked for."""
    answer = Answer({}, StudentError("exception", types, "odd")) if types else Answer({"out": 1})
    try:
        AskStudent(Stub(answer)).run(Program.function("f"), expect_error="ValueError")
    except Mismatch as mismatch:
        return str(mismatch).lower()
    return None


def test_an_exception_that_is_demanded_is_no_failure_and_another_is():
    assert demanded("ValueError", "Exception") is None
    assert demanded("MyError", "ValueError", "Exception") is None
    assert "no valueerror was raised" in demanded()
    assert "valueerror was expected" in demanded("TypeError", "Exception")
    assert "valueerror was expected" in demanded("NotImplementedError", "RuntimeError")  # a stub refuses everything


@pytest.mark.parametrize(
    ("message", "source", "asked"),
    [
        ("missing a required argument: 'key'", None, True),
        ("padding_mask() got an unexpected keyword argument 'pad_id'", None, True),
        ("forward() takes 2 positional arguments but 3 were given", None, True),
        ("unsupported operand type(s) for +: 'int' and 'str'", None, False),
        ("help_me() missing 1 required positional argument: 'x'", "help_me()", False),  # inside the answer
    ],
)
def test_where_a_symbol_takes_other_arguments_it_is_asked_whether_they_are_the_notebooks(message, source, asked):
    error = StudentError(
        "exception", ("TypeError", "Exception"), message, cell="cell 1" if source else None, line=3, source=source
    )
    said = str(describe_error(error))
    assert message in said
    assert ("order and defaults" in said) is asked


# -- parts are independent --------------------------------------------------------------------------------------------


def test_a_wrong_part_does_not_cost_another_that_uses_it(grader):
    assignment = syllabus().assignment("multi-head-attention-pytorch")
    source = solution_source(assignment)
    start = source.index("def split_heads")
    end = source.index("\n\n\n", start)
    wrong = source[:start] + "def split_heads(x, num_heads):\n    return x" + source[end:]
    submission = Submission("me", "me", assignment)
    read_notebook(submission, answered(ROOT / "source", assignment, wrong), ROOT / "source")
    parts = {p["id"]: (p["score"], p["max_score"]) for p in grader.grade([submission])[0]["parts"]}
    lost = [part for part, (score, most) in parts.items() if score < most]
    assert lost == ["split-heads"], parts
