"""Workers: what an answer meets inside a contestant (tensors, weights, gradients, copies), and how contestants end.

Everything here goes through a real contestant in its jail, from the judge's end of the wire.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autograder.grading.grader import Grader
from autograder.judging.program import Program, Ref
from autograder.judging.replies import describe_error
from autograder.judging.student import Student
from autograder.workers import worker_messages
from autograder.workers.client import Contestant, Ended, Killed, Place, WorkerFailure
from course.syllabus import syllabus

TRACKS = ("pytorch", "tensorflow")
both_tracks = pytest.mark.parametrize("track", TRACKS)

# The same answers in both frameworks, so that a test says the same of both.
ANSWERS = {
    "pytorch": """
import torch
from torch import nn

def kind(x):
    return type(x).__module__ + "." + type(x).__name__, str(x.dtype), list(x.shape), x.requires_grad

def product(x, y):
    return x @ y, (x ** 2).sum()

def spoil(x):
    x.zero_()
    return x

class Affine(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.W = nn.Linear(width, out)
    def forward(self, x):
        return self.W(x)

class Late(nn.Module):
    def __init__(self, out):
        super().__init__()
        self.W = nn.LazyLinear(out)
    def forward(self, x):
        return self.W(x)

class Scale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.norm = nn.LayerNorm(width)
        self.table = nn.Embedding(5, width)
    def forward(self, ids):
        return self.norm(self.table(ids)) * self.scale

class Own(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.both = nn.Parameter(torch.zeros(width + 1, out))
    def load_arrays(self, arrays):
        self.seen = sorted(arrays)
        with torch.no_grad():
            self.both[:-1] = torch.from_numpy(arrays["W.weight"])
            self.both[-1] = torch.from_numpy(arrays["W.bias"])
    def forward(self, x):
        return x @ self.both[:-1] + self.both[-1]

class Outer(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.inner = Own(width, out)
    def forward(self, x):
        return self.inner(x)

class Outermost(Outer):
    def load_arrays(self, arrays):
        self.seen = sorted(arrays)
        self.inner.load_arrays({k.removeprefix("inner."): v for k, v in arrays.items()})

class Hidden(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 2)]
    def forward(self, x):
        return self.layers[0](x)

class Framework(nn.Module):
    def __init__(self, width, other=False):
        super().__init__()
        self.cell = nn.GRUCell(width, width + other)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.net = nn.Sequential(nn.Linear(width, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, width)))
    def forward(self, x):
        return self.net(self.attention(x, x, x)[0])

class LateFramework(Framework):
    def __init__(self, width):
        super().__init__(width)
        self.net = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(width))

def seen(module):
    return module.seen

def half(x):
    return x.to(torch.bfloat16)

def elsewhere(x):
    return x + torch.ones(x.shape, device="cpu")

def ready_made(x):
    return nn.functional.scaled_dot_product_attention(x, x, x)

def by_another_name(x):
    return nn.MultiheadAttention(x.shape[-1], 1, batch_first=True)(x, x, x)[0]
""",
    "tensorflow": """
import keras
import tensorflow as tf

def kind(x):
    return "tensorflow.Tensor" if isinstance(x, tf.Tensor) else "?", x.dtype.name, list(x.shape), False

def product(x, y):
    return x @ y, tf.reduce_sum(x ** 2)

class Affine(keras.layers.Layer):
    def __init__(self, width, out):
        super().__init__()
        self.W = keras.layers.Dense(out)
    def call(self, x):
        return self.W(x)

class Late(keras.layers.Layer):
    def __init__(self, out):
        super().__init__()
        self.out = out
    def build(self, shape):
        self.W = keras.layers.Dense(self.out)
    def call(self, x):
        return self.W(x)

class Scale(keras.layers.Layer):
    def __init__(self, width):
        super().__init__()
        self.scale = self.add_weight(shape=(width,), initializer="ones", name="scale")
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5)
        self.table = keras.layers.Embedding(5, width)
    def call(self, ids):
        return self.norm(self.table(ids)) * self.scale

class Own(keras.layers.Layer):
    def __init__(self, width, out):
        super().__init__()
        self.both = self.add_weight(shape=(width + 1, out), name="both")
    def load_arrays(self, arrays):
        self.seen = sorted(arrays)
        self.both.assign(tf.concat([arrays["W.weight"], arrays["W.bias"][None]], 0))
    def call(self, x):
        return x @ self.both[:-1] + self.both[-1]

class Outer(keras.layers.Layer):
    def __init__(self, width, out):
        super().__init__()
        self.inner = Own(width, out)
    def call(self, x):
        return self.inner(x)

class Outermost(Outer):
    def load_arrays(self, arrays):
        self.seen = sorted(arrays)
        self.inner.load_arrays({k.removeprefix("inner."): v for k, v in arrays.items()})

class Framework(keras.layers.Layer):
    def __init__(self, width, other=False):
        super().__init__()
        self.cell = keras.layers.GRUCell(width + other)
        self.attention = keras.layers.MultiHeadAttention(2, width // 2)
        self.net = keras.Sequential([keras.layers.Dense(3, "relu"), keras.layers.Dense(width)])
    def call(self, x):
        x = self.attention(x, x)
        self.cell(x[:, 0], [tf.zeros((x.shape[0], self.cell.units), x.dtype)])
        return self.net(x)

class LateFramework(Framework):
    def build(self, shape):
        self.attention = keras.layers.MultiHeadAttention(2, shape[-1] // 2)

def ready_made(x):
    return keras.ops.dot_product_attention(x[:, :, None], x[:, :, None], x[:, :, None])

def by_another_name(x):
    return keras.layers.MultiHeadAttention(1, 4)(x, x)

def half(x):
    return tf.cast(x, tf.bfloat16)
""",
}


@pytest.fixture(scope="module", params=TRACKS)
def answers(request, workshop):
    """A contestant that holds the answers above, for tests that do it no harm."""
    with workshop.inside(request.param, cpu_seconds=600.0) as inside:
        inside.track = request.param
        inside.define(ANSWERS[request.param])
        yield inside


@pytest.fixture(scope="module")
def pytorch(workshop):
    with workshop.inside("pytorch", cpu_seconds=600.0) as inside:
        inside.define(ANSWERS["pytorch"])
        yield inside


rng = np.random.default_rng(3)
X, W, B = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)


# -- arrays become tensors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "array"), [("float32", X), ("float64", X), ("float64", X.astype("float32"))])
def test_floats_arrive_in_the_programs_precision(answers, dtype, array):
    name, got, shape, gradient = answers.run(Program.function("kind", array).in_dtype(dtype)).out
    assert got.endswith(dtype) and shape == [4, 3] and "Tensor" in name and not gradient


def test_integers_and_booleans_stay_what_they_are(answers):
    integers = answers.run(Program.function("kind", np.array([1, 2]))).out[1]
    assert integers.endswith("int64" if answers.track == "pytorch" else "int32")
    assert answers.run(Program.function("kind", np.array([True]))).out[1].endswith("bool")


def test_results_come_back_with_values_shape_and_dtype(answers):
    out = answers.run(Program.function("product", X, W).in_dtype("float64")).out
    assert isinstance(out, tuple) and out[0].dtype == np.float64 and out[1].shape == ()
    np.testing.assert_allclose(out[0], X @ W, rtol=1e-12)


def test_an_earlier_result_can_be_an_argument(answers):
    program = Program.function("product", X, W).call("product", Ref("out", 0), W.T).in_dtype("float64")
    np.testing.assert_allclose(answers.run(program).values["out2"][0], X @ W @ W.T, rtol=1e-12)


def test_a_dtype_that_numpy_has_not_is_told_by_name(answers):
    out = answers.run(Program.function("half", X)).out
    assert out.dtype == "bfloat16" and out.shape == (4, 3)


def test_an_answer_that_overwrites_its_input_leaves_the_judges_alone(pytorch):
    mine = X.copy()
    answer = pytorch.run(Program.function("spoil", mine).inputs_after())
    assert not answer.values["after"]["a0"].any()
    assert (mine == X).all()


def test_values_that_are_no_tensors_are_told_by_type(pytorch):
    pytorch.define(
        "def odd():\n    return [1, 2.5, 'x', None, {'a': (True,)}, object(), {1, 2}, b'x', 1 << 80, float('nan')]"
    )
    out = pytorch.run(Program.function("odd")).out
    assert out[:5] == [1, 2.5, "x", None, {"a": (True,)}]
    assert [o.type_name for o in out[5:9]] == ["object", "set", "bytes", "int"]
    assert np.isnan(out[9])


def test_subclasses_of_numbers_and_strings_are_not_taken_for_them(pytorch):
    pytorch.define(
        "class Yes(float):\n    def __eq__(self, other): return True\n"
        "class Sly(str):\n    pass\n"
        "def sly():\n    return [Yes(3.0), Sly('x'), type('Int', (int,), {})(1)]"
    )
    assert [o.type_name for o in pytorch.run(Program.function("sly")).out] == ["Yes", "Sly", "Int"]


def test_a_structure_without_end_is_cut(pytorch):
    pytorch.define("def deep():\n    a = []\n    a.append(a)\n    return a\ndef wide():\n    return list(range(10**6))")
    assert "too large" in repr(pytorch.run(Program.function("deep")).out)
    assert "too large" in repr(pytorch.run(Program.function("wide")).out[-1])


# -- gradients --------------------------------------------------------------------------------------------------------


def test_gradients_agree_with_finite_differences(answers):
    cotangent = rng.normal(size=(4, 2))
    program = Program.function("product", X, W).gradient(("a0", "a1"), cotangent, of=0).in_dtype("float64")
    gradient = answers.run(program).grad
    for name, at in {"a0": X, "a1": W}.items():
        numeric = np.zeros_like(at)
        for i in np.ndindex(at.shape):
            step = np.zeros_like(at)
            step[i] = 1e-6
            up, down = (((X + s) @ W if name == "a0" else X @ (W + s)) for s in (step, -step))
            numeric[i] = (cotangent * (up - down)).sum() / 2e-6
        np.testing.assert_allclose(gradient[name], numeric, rtol=1e-6)


def test_where_no_gradient_flows_it_is_zero(answers):
    program = Program.function("product", X, W).gradient(("a0", "a1"), np.array(1.0), of=1).in_dtype("float64")
    gradient = answers.run(program).grad
    np.testing.assert_allclose(gradient["a0"], 2 * X)
    assert not gradient["a1"].any() and gradient["a1"].shape == W.shape


def test_a_gradient_of_a_result_that_has_none_is_said_in_words(answers):
    tensor = "torch.Tensor" if answers.track == "pytorch" else "tf.Tensor"
    answers.define("def number(x):\n    return 3.0")
    answer = answers.run(Program.function("number", X).gradient(("a0",), np.zeros((4, 3))))
    assert describe_error(answer.error) == f"the result is a float, expected a {tensor}"
    answer = answers.run(Program.function("product", X, W).gradient(("a0",), np.zeros((4, 2)), of=5))
    assert "no item 6" in describe_error(answer.error)
    answer = answers.run(Program.function("product", X, W).gradient(("a0",), np.zeros((7, 7)), of=0))
    assert describe_error(answer.error) == "the result has shape (4, 2), expected (7, 7)"


def test_parameters_have_gradients_in_the_mathematical_layout(answers):
    cotangent = rng.normal(size=(4, 2))
    program = Program.module("Affine", 3, 2).load({"W.weight": W, "W.bias": B}).apply(X)
    program = program.gradient(("W.weight", "W.bias"), cotangent).in_dtype("float64")
    gradient = answers.run(program).grad
    np.testing.assert_allclose(gradient["W.weight"], X.T @ cotangent, rtol=1e-9)
    np.testing.assert_allclose(gradient["W.bias"], cotangent.sum(0), rtol=1e-9)


def test_a_parameter_in_a_layout_of_its_own_has_no_gradient_to_show(answers):
    program = (
        Program.module("Own", 3, 2).load({"W.weight": W, "W.bias": B}).apply(X).gradient(("W.weight",), np.ones((4, 2)))
    )
    assert answers.run(program).grad == {"W.weight": None}


# -- modules ----------------------------------------------------------------------------------------------------------

AFFINE = {"W.weight": W, "W.bias": B}


@pytest.mark.parametrize(
    "made", [("Affine", 3, 2), ("Late", 2), ("Own", 3, 2)], ids=["plain", "late", "in its own layout"]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_canonical_weights_are_loaded(answers, made, dtype):
    out = answers.run(Program.module(*made).load(AFFINE).apply(X).in_dtype(dtype)).out
    assert out.dtype == dtype
    np.testing.assert_allclose(out, X @ W + B, rtol=1e-9 if dtype == "float64" else 1e-5)


def test_tables_norms_and_bare_parameters_are_loaded(answers):
    table, scale, gain, shift = (rng.normal(size=s) for s in ((5, 4), (4,), (4,), (4,)))
    weights = {"table.weight": table, "scale.weight": scale, "norm.weight": gain, "norm.bias": shift}
    ids = np.array([[0, 4, 2]])
    out = answers.run(Program.module("Scale", 4).load(weights).apply(ids).in_dtype("float64")).out
    rows = table[ids]
    normal = (rows - rows.mean(-1, keepdims=True)) / np.sqrt(rows.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(out, (normal * gain + shift) * scale, rtol=1e-6)


def test_an_inner_module_gets_its_keys_without_their_prefix(answers):
    weights = {"inner.W.weight": W, "inner.W.bias": B}
    answers.define(
        "made = []\n"
        "class Watched(Outer):\n"
        "    def __init__(self, *a):\n"
        "        super().__init__(*a)\n"
        "        made.append(self)"
    )
    answers.define("def seen():\n    return made[-1].inner.seen")
    program = Program.module("Watched", 3, 2).load(weights).apply(X).call("seen").in_dtype("float64")
    answer = answers.run(program)
    np.testing.assert_allclose(answer.out, X @ W + B)
    assert answer.values["out2"] == ["W.bias", "W.weight"]


def test_the_outermost_load_arrays_wins(answers):
    weights = {"inner.W.weight": W, "inner.W.bias": B}
    np.testing.assert_allclose(
        answers.run(Program.module("Outermost", 3, 2).load(weights).apply(X).in_dtype("float64")).out, X @ W + B
    )


def test_a_layer_that_defines_load_arrays_gets_its_own_two_weights(answers):
    answers.define(
        "class Turned(Own):\n"
        "    def load_arrays(self, arrays):\n"
        "        super().load_arrays({f'W.{name}': array for name, array in arrays.items()})\n"
        "class Around(Outer):\n"
        "    def __init__(self, *a):\n"
        "        super().__init__(*a)\n"
        "        self.inner = Turned(*a)"
    )
    program = Program.module("Around", 3, 2).load({"inner.weight": W, "inner.bias": B}).apply(X).in_dtype("float64")
    np.testing.assert_allclose(answers.run(program).out, X @ W + B)


def test_a_weight_without_a_place_is_said_in_words(answers):
    answer = answers.run(Program.module("Affine", 3, 2).load({"V.weight": W}).apply(X))
    assert describe_error(answer.error) == (
        "Affine has no attribute `V`. Keep each parameter in the attribute that the docstring names, or define "
        "`load_arrays(self, arrays)`."
    )
    answer = answers.run(Program.module("Affine", 3, 2).load({"W.weight": rng.normal(size=(3, 5))}).apply(X))
    assert describe_error(answer.error).startswith("`W.weight` has shape (3, 2), expected (3, 5)")
    answer = answers.run(Program.module("Scale", 4).load({"table.bias": B}).apply(np.array([[0]])))
    assert "`table.bias` cannot be loaded" in describe_error(answer.error)


def filled(made, *args, seed=5, dtype="float64"):
    weights = {"net.0.weight": rng_weights(4, 3), "net.0.bias": rng_weights(3), "net.1.weight": rng_weights(3, 4),
               "net.1.bias": rng_weights(4)}  # fmt: skip
    x = np.random.default_rng(1).normal(size=(2, 5, 4))
    program = Program.module(made, 4, *args).load(weights).fill(seed, "attention", "cell").apply(x)
    return program.gradient(("net.1.weight",), np.ones((2, 5, 4))).in_dtype(dtype)


def rng_weights(*shape):
    return np.random.default_rng(shape).normal(size=shape)


def test_what_is_the_frameworks_own_is_filled_alike(answers):
    one, late, other = (answers.run(filled(*a)) for a in (("Framework",), ("LateFramework",), ("Framework", True)))
    assert one.error is None, describe_error(one.error)
    np.testing.assert_allclose(one.out, late.out, rtol=1e-12)
    np.testing.assert_allclose(one.grad["net.1.weight"], late.grad["net.1.weight"], rtol=1e-12)
    assert set(one.values["filled"]) == {"attention", "cell"}
    assert one.values["filled"] == late.values["filled"] != other.values["filled"]
    assert len(one.values["filled"]["attention"]) == (4 if answers.track == "pytorch" else 8)
    assert np.abs(answers.run(filled("Framework", seed=6)).out - one.out).max() > 1e-3


def test_what_cannot_be_filled_is_said_in_words(answers):
    program = Program.module("Framework", 4).fill(1, "nothing").apply(np.zeros((1, 2, 4)))
    assert "no attribute `nothing`" in describe_error(answers.run(program).error)
    program = Program.module("Framework", 4).load({"net.2.bias": B}).apply(np.zeros((1, 2, 4)))
    assert "has 2 linear layers in it, expected 3 or more" in describe_error(answers.run(program).error)


def test_what_is_no_module_is_said_in_words(answers):
    kind = "an nn.Module" if answers.track == "pytorch" else "a Keras layer"
    answers.define("def Fake(width):\n    return 'a module'")
    assert (
        describe_error(answers.run(Program.module("Fake", 3).apply(X)).error) == f"`Fake(...)` gives a str, not {kind}"
    )
    assert "`Nobody` is not defined: did the cell run?" == describe_error(answers.run(Program.module("Nobody")).error)
    answers.define("number = 3")
    assert describe_error(answers.run(Program.function("number")).error) == (
        "`number` is not a function or a class, but of type int"
    )


def test_parameters_are_counted(answers):
    counted = answers.run(Program.module("Affine", 3, 2).apply(X).parameters()).values["parameters"]
    assert counted["trainable"] == 8 and sorted(map(len, counted["shapes"])) == [1, 2]


@pytest.mark.parametrize("made", [("Affine", 3, 2), ("Late", 2)], ids=["plain", "late"])
def test_a_copy_gives_the_same(answers, made):
    program = Program.module(*made).load(AFFINE).apply(X).copy().apply(X)
    values = answers.run(program).values
    np.testing.assert_array_equal(values["out"], values["out2"])


def test_a_parameter_that_is_not_registered_does_not_survive_a_copy(pytorch):
    values = pytorch.run(Program.module("Hidden").apply(X[:, :2]).copy().apply(X[:, :2])).values
    assert np.abs(values["out"] - values["out2"]).max() > 1e-3


def test_the_same_program_gives_the_same_answer_whatever_ran_before(answers):
    program = Program.module("Affine", 3, 2).apply(X)
    one = answers.run(program).out
    answers.run(Program.module("Affine", 5, 7))
    np.testing.assert_array_equal(one, answers.run(program).out)


def test_tensorflow_runs_without_onednn(workshop):
    """With it, a product that broadcasts over four axes may crash: see the adapter."""
    with workshop.inside("tensorflow") as inside:
        inside.define("from tensorflow.python.util._pywrap_util_port import IsMklEnabled")
        inside.define("def onednn(x):\n    return IsMklEnabled()")
        assert inside.run(Program.function("onednn", X)).out is False


def test_shapes_alone_tell_of_an_answer_that_names_a_device(pytorch):
    shapes = pytorch.run(Program.function("product", X, W).on_device("meta"))
    assert shapes.out[0].shape == (4, 2) and shapes.out[0].device == "meta" and shapes.device == "meta"
    answer = pytorch.run(Program.function("elsewhere", X).on_device("meta"))
    assert answer.error is not None and "device" in answer.error.message
    assert pytorch.run(Program.module("Affine", 3, 2).load(AFFINE).apply(X).on_device("meta")).out.shape == (4, 2)


def test_what_depends_on_data_is_no_fault_where_there_is_none(pytorch):
    pytorch.define("def positive(x):\n    return x if x.sum().item() > 0 else -x")
    assert pytorch.run(Program.function("positive", X).on_device("meta")).error.kind == "data-dependent"
    assert pytorch.run(Program.module("Late", 2).apply(X).on_device("meta")).error.kind == "data-dependent"


@pytest.mark.parametrize(
    "line",
    [
        "torch.rand(3, generator=torch.Generator(x.device), device=x.device)",
        "torch.func.vmap(lambda row: row + row.new_tensor(1.0))(x)",
        "f'{x.sum():.3f}'",
    ],
    ids=["a generator of its own", "a number inside vmap", "a number with so many digits"],
)
def test_what_any_device_but_the_imaginary_one_can_do_is_no_fault(pytorch, line):
    pytorch.define(f"def usual(x):\n    {line}\n    return x")
    assert pytorch.run(Program.function("usual", X)).error is None
    assert pytorch.run(Program.function("usual", X).on_device("meta")).error.kind == "data-dependent"


@pytest.mark.parametrize("symbol", ["ready_made", "by_another_name"])
def test_the_ready_made_attention_leaves_a_note(answers, symbol):
    program = Program.function(symbol, rng.normal(size=(2, 5, 4)))
    header, _ = answers.contestant.ask({"op": "run", "program": program.header()}, program.arrays)
    assert header.get("error") is None and any("ttention" in use["name"] for use in header["used"])
    header, _ = answers.contestant.ask({"op": "run", "program": Program().header()}, {})
    assert header["used"] == []


# -- exceptions -------------------------------------------------------------------------------------------------------


def test_a_syntax_error_in_a_cell_is_told_with_its_line(pytorch):
    error, _ = pytorch.cell("x = 1\ndef f(:\n    pass", "cell 7")
    assert (error["types"][0], error["cell"], error["line"], error["source"]) == ("SyntaxError", "cell 7", 2, "def f(:")


def test_an_exception_is_told_with_the_students_own_line(pytorch):
    pytorch.cell("def divide(x):\n    y = x * 2\n    return helper(y)", "cell 3")
    pytorch.cell("def helper(x):\n    return torch.matmul(x, x)", "cell 4")
    error = pytorch.run(Program.function("divide", X)).error
    assert (error.types[0], error.cell, error.line) == ("RuntimeError", "cell 4", 2)
    assert "(cell 4, line 2: `return torch.matmul(x, x)`)" in describe_error(error)


def test_an_answer_that_is_not_written_yet_is_told_so(pytorch):
    pytorch.cell("def todo(x):\n    raise NotImplementedError", "cell 5")
    assert describe_error(pytorch.run(Program.function("todo", X)).error) == (
        "this is not written yet (cell 5, line 2: `raise NotImplementedError`)"
    )


@pytest.mark.parametrize(
    "source",
    [
        "raise BaseException('mine')",
        "raise KeyboardInterrupt",
        "import sys\nsys.exit(0)",
        "exit()",
        "raise GeneratorExit",
        "class Rude(Exception):\n    def __str__(self):\n        raise Rude\nraise Rude",
        "class Rude(Exception):\n    @property\n    def __traceback__(self):\n        raise SystemExit\nraise Rude",
        "raise type('x' * 10**6, (Exception,), {})('y' * 10**7)",
        "def f():\n    f()\nf()",
    ],
    ids=["BaseException", "interrupt", "sys.exit", "exit", "GeneratorExit", "rude", "ruder", "long", "recursion"],
)
def test_whatever_a_cell_raises_is_told_and_the_next_one_runs(workshop, source):
    with workshop.inside() as inside:
        error, _ = inside.cell(source)
        assert error["types"] and len(error["types"][0]) <= 100 and len(error["message"]) <= 2000
        assert inside.cell("print('still here')") == (None, "still here\n")


def test_the_names_of_built_in_exceptions_cannot_be_borrowed(pytorch):
    pytorch.define("class ValueError(Exception):\n    pass\ndef refuse(x):\n    raise ValueError('odd')")
    error = pytorch.run(Program.function("refuse", X)).error
    pytorch.define("del ValueError")
    assert error.types[1:] == ("Exception", "BaseException")


# -- how contestants end ----------------------------------------------------------------------------------------------


def test_the_way_a_cell_ends_the_process_is_told(workshop):
    ways = {
        "import os\nos._exit(0)": ("exit", "exit code 0"),
        "import os\nos._exit(7)": ("exit", "exit code 7"),
        "import ctypes\nctypes.string_at(0)": ("crash", "SIGSEGV"),
        "import os\nos.abort()": ("crash", "brought the Python process down"),
    }
    for source, (kind, phrase) in ways.items():
        with workshop.inside() as inside:
            with pytest.raises(Ended) as end:
                inside.cell(source)
            assert end.value.kind == kind and phrase in str(end.value), source


def student(workshop, cells: list[str], track: str = "pytorch", device: str = "", **limits) -> Student:
    numbered = [{"label": f"cell {i + 1}", "source": source} for i, source in enumerate(cells)]
    return Student(workshop.place(track, device=device, **limits), numbered, [])


GOOD = "def double(x):\n    return 2 * x"


@pytest.mark.parametrize(
    "fatal",
    ["import os\nos._exit(0)", "import ctypes\nctypes.string_at(0)", "while True:\n    pass"],
    ids=["exit", "crash", "loop"],
)
def test_a_cell_that_ends_the_process_is_left_out_and_the_others_count(workshop, fatal):
    player = student(workshop, ["import torch", fatal, GOOD], cpu_seconds_per_call=1.0, wall_factor=60)
    outcomes = player.load()
    assert [bool(o["error"]) for o in outcomes] == [False, True, False]
    np.testing.assert_allclose(player.run(Program.function("double", X)).out, 2 * X, rtol=1e-6)
    player.close()


def test_a_call_that_ends_the_process_costs_that_call_alone(workshop):
    player = student(workshop, [GOOD + "\ndef fatal(x):\n    import os\n    os._exit(3)"])
    player.load()
    assert player.run(Program.function("fatal", X)).error.kind == "exit"
    np.testing.assert_allclose(player.run(Program.function("double", X)).out, 2 * X, rtol=1e-6)
    player.close()


def test_restarts_come_to_an_end(workshop):
    player = student(workshop, [GOOD + "\ndef fatal(x):\n    import os\n    os._exit(3)"], restarts=2)
    player.load()
    kinds = [player.run(Program.function("fatal", X)).error.kind for _ in range(5)]
    assert kinds == ["exit", "exit", "exit", "exhausted", "exhausted"]
    player.close()


# As on a GPU, where an index out of range leaves the process without one.
LOSE_THE_GPU = """
def lose_the_gpu(x=None):
    import sys
    sys.modules["autograder.workers.pytorch"].Adapter.is_spent = lambda self: True
    raise RuntimeError("CUDA error: device-side assert triggered\\nCompile with ...")
"""


def test_an_answer_that_loses_the_gpu_costs_its_call_alone_however_often(workshop):
    player = student(workshop, [GOOD, LOSE_THE_GPU], device="cuda", restarts=2)
    player.load()
    for _ in range(5):
        error = player.run(Program.function("lose_the_gpu", X)).error
        assert error.is_a("IndexError") and "out of range" in describe_error(error)
        np.testing.assert_allclose(player.run(Program.function("double", X)).out, 2 * X, rtol=1e-6)
    player.spent_left = 0  # an answer that says so for ever comes to an end
    kinds = [player.run(Program.function("lose_the_gpu", X)).error.kind for _ in range(4)]
    assert kinds[0] == "exception" and kinds[-1] == "exhausted"
    player.close()


def test_tensors_on_two_devices_are_spoken_of_as_on_the_device_without_contents(workshop):
    met = "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
    cell = f"def add(x):\n    raise RuntimeError({met!r})"
    player = student(workshop, [cell, "add(1)"])
    outcomes = player.load()
    for error in (player.run(Program.function("add", X)).error, outcomes[1]["error"]):
        assert (
            error.message == worker_messages.ON_THE_CPU
            and error.is_a("RuntimeError")
            and "device=x.device" in describe_error(error)
        )
    player.close()


def test_a_cell_that_loses_the_gpu_is_left_out_and_the_others_count(workshop):
    player = student(workshop, [LOSE_THE_GPU + "lose_the_gpu()", GOOD], device="cuda")
    outcomes = player.load()
    assert [bool(o["error"]) for o in outcomes] == [True, False] and "out of range" in describe_error(
        outcomes[0]["error"]
    )
    np.testing.assert_allclose(player.run(Program.function("double", X)).out, 2 * X, rtol=1e-6)
    player.close()


def test_the_word_of_an_answer_that_its_gpu_is_lost_counts_for_nothing_where_there_is_none(workshop):
    player = student(workshop, [GOOD, LOSE_THE_GPU], device="cpu")
    player.load()
    process = player.contestant
    assert player.run(Program.function("lose_the_gpu", X)).error is not None
    assert player.contestant is process
    player.close()


def test_on_a_gpu_a_mistake_comes_to_the_gpu_only_if_it_ends_well_on_the_cpu():
    from autograder.workers import harness, wire
    from autograder.workers.pytorch import Adapter

    on_the_gpu = []

    class NoGPU(Adapter):
        def running(self, dtype, device, gradient, training=False):
            on_the_gpu.append(device is None)
            return super().running(dtype, device or "cpu", gradient, training)

    adapter = NoGPU()
    adapter.home = "cuda"
    adapter.is_spent = lambda: False
    reference = harness.Reference(adapter)
    sources = {
        "twice": GOOD,
        "twice/thrice": GOOD.replace("2 *", "3 *"),
        "twice/too-far": GOOD.replace("2 * x", "x[len(x)]"),
    }
    assert len(set(sources.values())) == 3
    reference.answer({"op": "sources", "sources": sources}, {})
    program = Program.function("double", X)

    def ask(source):
        on_the_gpu.clear()
        request = {"op": "run", "source": source, "digest": program.digest(), "program": program.header()}
        header, arrays = wire.parse(reference.answer(request, program.arrays))
        return header.get("error"), arrays

    assert ask("twice")[0] is None and on_the_gpu == [True]
    error, arrays = ask("twice/thrice")
    assert error is None and on_the_gpu == [False, True]
    np.testing.assert_allclose(next(iter(arrays.values())), 3 * X, rtol=1e-6)
    assert ask("twice/too-far")[0]["types"][0] == "IndexError" and on_the_gpu == [False]


def test_a_hand_in_of_nothing_but_fatal_cells_is_given_up(workshop):
    player = student(workshop, ["import os\nos._exit(0)"] * 4, restarts=2)
    with pytest.raises(Ended):
        player.load()
    player.close()


def test_a_contestant_that_is_killed_from_outside_is_tried_once_more(workshop):
    player = student(workshop, [GOOD])
    player.load()
    os.kill(player.contestant.pid, signal.SIGKILL)
    np.testing.assert_allclose(player.run(Program.function("double", X)).out, 2 * X, rtol=1e-6)
    player.close()


def test_computing_time_and_goes_of_a_contestant_that_is_killed_do_not_count(workshop):
    burn = "import time\nstart = time.process_time()\nwhile time.process_time() - start < 0.5:\n    pass"
    player = student(workshop, [GOOD, burn], restarts=0)
    player.load()
    os.kill(player.contestant.pid, signal.SIGKILL)
    answer = player.run(Program.function("double", X))
    np.testing.assert_allclose(answer.out, 2 * X, rtol=1e-6)
    assert (player.budget.cpu_left, player.restarts_left) == (player.place.limits.cpu_seconds, 0)
    assert player.budget.cpu_used >= 0.5
    player.close()


def test_a_contestant_that_is_always_killed_is_no_mark(workshop, monkeypatch):
    player = student(workshop, [GOOD])
    player.load()
    ask = Contestant.ask

    def killed(contestant, header, arrays=None):
        if header["op"] == "run":
            os.kill(contestant.pid, signal.SIGKILL)
        return ask(contestant, header, arrays)

    monkeypatch.setattr(Contestant, "ask", killed)
    with pytest.raises(Killed, match="killed from outside, perhaps because the machine ran out of memory"):
        player.run(Program.function("double", X))
    player.close()


def test_cells_that_are_always_killed_are_no_mark(workshop, monkeypatch):
    ask = Contestant.ask

    def killed(contestant, header, arrays=None):
        os.kill(contestant.pid, signal.SIGKILL)
        return ask(contestant, header, arrays)

    monkeypatch.setattr(Contestant, "ask", killed)
    player = student(workshop, [GOOD])
    with pytest.raises(Killed):
        player.load()
    player.close()


def test_a_hand_in_shares_its_computing_time_over_all_its_contestants(workshop):
    loop = "def loop(x):\n    while True:\n        pass"
    player = student(
        workshop, [GOOD + "\n" + loop], cpu_seconds=2.0, cpu_seconds_per_call=1.2, wall_factor=60, restarts=50
    )
    player.load()
    kinds = [player.run(Program.function("loop", X)).error.kind for _ in range(4)]
    assert kinds[0] == "timeout" and kinds[-1] == "exhausted"
    player.close()


def test_what_a_contestant_forges_as_output_is_cut(workshop):
    forge = """
import json, os, stat
line, = [fd for fd in range(3, 4096) if _socket(fd)]
body = json.dumps({'error': None, 'output': 'x' * (1 << 20)}).encode()
os.write(line, b'AXW1' + len(body).to_bytes(4, 'little') + (0).to_bytes(8, 'little') + body)
"""
    helper = """
import os, stat
def _socket(fd):
    try:
        return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError:
        return False
"""
    player = student(workshop, [helper, forge], output_kb=4)
    outcomes = player.load()
    assert 4096 <= len(outcomes[1]["output"]) < 4500
    player.close()


# -- stand-ins --------------------------------------------------------------------------------------------------------


@both_tracks
def test_stand_ins_take_the_place_of_a_symbol(workshop, track):
    from autograder.judging.standins import standins

    table = standins(syllabus().exercise("multi-head-attention"), track)
    player = student(workshop, [ANSWERS[track], "def split_heads(x, num_heads):\n    return None"], track)
    player.standins = {"source": table[""] + "\n\n" + table["split_heads"], "names": ["split_heads"]}
    player.load()
    assert player.run(Program.function("split_heads", rng.normal(size=(2, 5, 6)), 3)).out.shape == (2, 3, 5, 2)
    player.close()


# -- the processes of a run -------------------------------------------------------------------------------------------


def processes_of(folder: Path) -> list[int]:
    """Processes that have the folder of a run in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:
            pass
    return found


def test_a_zygote_that_dies_is_no_fault_of_the_contestant_and_nothing_is_left_behind():
    with Grader(jobs=1) as grader:
        zygote = grader.start_zygote("pytorch")
        reference = grader.start_reference("pytorch")
        place = Place(str(zygote.path), str(reference), replace(syllabus().limits, cpu_seconds_per_call=30.0))
        Contestant(place, 60.0).close()
        assert processes_of(grader.folder)
        zygote.process.kill()
        zygote.process.wait()
        with pytest.raises(WorkerFailure):
            Contestant(place, 60.0)
        folder = grader.folder
    deadline = time.monotonic() + 20
    while processes_of(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes_of(folder) and not folder.exists()
