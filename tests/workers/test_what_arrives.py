"""What arrives at an answer: whole numbers of a type, copies, weights in its own type, an embedding that changes."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.judging.program import Embedding, Program

ANSWERS = {
    "pytorch": """
import torch
from torch import nn

def same(x):
    return x

def cleared(x):
    kept = x * 1.0
    with torch.no_grad():
        x.zero_()
    return kept

def constant(x):
    return torch.zeros((), dtype=x.dtype)

class Taken(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 2, bias=False)

    def load_arrays(self, arrays):
        self.inner.weight = nn.Parameter(torch.from_numpy(arrays["W"]).T)

    def forward(self, x):
        return self.inner(x)

class Tied(nn.Module):
    def __init__(self, embedding):
        super().__init__()
        self.embedding = embedding

    def forward(self, x):
        return x @ self.embedding.weight.T
""",
    "tensorflow": """
import keras
import tensorflow as tf

def same(x):
    return x

def constant(x):
    return tf.zeros((), x.dtype)

def softened(x):
    return keras.layers.Softmax()(x)

class Taken(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.w = self.add_weight(shape=(3, 2))
        self.one = tf.ones((), self.compute_dtype)  # until the weights come, after a first call

    def load_arrays(self, arrays):
        self.w.assign(arrays["W"])
        self.one = tf.ones_like(arrays["W"][0, 0])  # in the type of the arrays

    def call(self, x):
        return self.one * tf.matmul(x, self.w)

class Tied(keras.layers.Layer):
    def __init__(self, embedding):
        super().__init__()
        self.embedding = embedding

    def call(self, x):
        return tf.matmul(x, self.embedding.embeddings, transpose_b=True)
""",
}


@pytest.fixture(scope="module", params=list(ANSWERS))
def answers(request, workshop):
    with workshop.inside(request.param, cpu_seconds=600.0) as inside:
        inside.define(ANSWERS[request.param])
        yield inside


@pytest.fixture(scope="module")
def pytorch(workshop):
    with workshop.inside("pytorch", cpu_seconds=600.0) as inside:
        inside.define(ANSWERS["pytorch"])
        yield inside


rng = np.random.default_rng(5)
X, W = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_whole_numbers_arrive_in_the_type_that_is_asked_for(answers, dtype):
    answer = answers.run(Program.function("same", np.arange(6).reshape(2, 3)).integers(dtype))
    assert answer.out.dtype == dtype
    assert answer.out.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert answers.run(Program.function("same", X).integers(dtype)).out.dtype == np.float32


def test_an_answer_may_write_into_a_copy_and_gradients_pass_through_it(pytorch):
    program = Program.function("cleared", X).given_as_copies().gradient(("a0",), np.ones((4, 3))).inputs_after()
    answer = pytorch.run(program)
    assert answer.error is None
    assert np.allclose(answer.grad["a0"], 1.0)
    assert np.allclose(answer.values["after"]["a0"], X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_load_arrays_gets_its_arrays_in_the_modules_type(answers, dtype):
    answer = answers.run(Program.module("Taken").load({"W": W}).apply(X).in_dtype(dtype))
    assert answer.error is None
    assert answer.out.dtype == dtype
    assert np.allclose(answer.out, X @ W, atol=1e-5)


def test_an_embedding_that_was_handed_over_changes_before_a_call_and_after_it(answers):
    tables = [rng.normal(size=(5, 3)) for _ in range(3)]
    program = Program.module("Tied", Embedding(tables[0])).embed(tables[1]).apply(X).embed(tables[2]).apply(X)
    values = answers.run(program).values
    assert np.allclose(values["out"], X @ tables[1].T, atol=1e-5)
    assert np.allclose(values["out2"], X @ tables[2].T, atol=1e-5)


@pytest.fixture(scope="module")
def tensorflow(workshop):
    with workshop.inside("tensorflow", cpu_seconds=600.0) as inside:
        inside.define(ANSWERS["tensorflow"])
        yield inside


def test_a_layer_inside_a_function_has_keras_type_where_it_is_left_alone(tensorflow):
    program = Program.function("softened", X).in_dtype("float64")
    assert tensorflow.run(program).out.dtype == np.float64
    assert tensorflow.run(program.without_layers()).out.dtype == np.float32
    assert tensorflow.run(program).out.dtype == np.float64


@pytest.mark.parametrize(("function", "flows"), [("same", True), ("constant", False)])
def test_a_constant_is_told_from_what_depends_on_its_input(answers, function, flows):
    shape = (4, 3) if function == "same" else ()
    program = Program.function(function, X).gradient(("a0",), np.ones(shape)).flow(("a0",))
    assert answers.run(program).values["flow"] is flows
