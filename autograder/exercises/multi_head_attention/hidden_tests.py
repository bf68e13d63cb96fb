"""Hidden tests of the exercise "Multi-head attention".

The module is tested twice. "Multi-head attention" loads known weights and compares with the formula. "In use" loads
nothing and compares the module with itself: permuting, padding, saving and another precision must not change the
result. So an answer that lacks a projection loses points only in the first part.
"""

from __future__ import annotations

import numpy as np
import pytest

from autograder.exercises.shared import SHAPE_ONLY, check_device, close, picture_if_wrong, unpack
from autograder.judging.program import Program
from autograder.messages import Message

HEADS = {"names": ("heads",), "axes": {"heads": "batch, head, position, head width"}}
MERGED = {"names": ("merged",), "axes": {"merged": "batch, position, width"}}
AXES = {"output": "batch, query, width", "weights": "batch, head, query, key"}


# -- splitting into heads ---------------------------------------------------------------------------------------------


@pytest.mark.part("split-heads")
def test_split_shape(agree, rng):
    """A batch of sequences becomes a batch of heads of narrower sequences."""
    agree(Program.function("split_heads", rng.normal(2, 5, 12), 3), **HEADS, rtol=SHAPE_ONLY)


@pytest.mark.part("split-heads", share=3, needs=("test_split_shape",))
@pytest.mark.parametrize("num_heads", [3, 2, 6], ids=["three heads", "two heads", "six heads"])
def test_split_values(agree, rng, num_heads):
    """Each head gets a block of neighbouring columns, and every position keeps its own numbers."""
    agree(Program.function("split_heads", rng.normal(2, 5, 12), num_heads), **HEADS)


@pytest.mark.part("split-heads", needs=("test_split_shape",))
@pytest.mark.parametrize(
    "shape, num_heads",
    [((1, 4, 6), 2), ((3, 1, 6), 2), ((2, 4, 6), 1), ((2, 4, 6), 6)],
    ids=["a batch of one", "a sequence of one", "one head", "a head for each column"],
)
def test_split_small_sizes(agree, rng, shape, num_heads):
    """Sizes of 1 work like any other size."""
    agree(Program.function("split_heads", rng.normal(*shape), num_heads), **HEADS)


@pytest.mark.part("split-heads", needs=("test_split_shape", "test_split_values"))
def test_split_gradient(agree, rng):
    """Gradients and float64 pass through unharmed."""
    program = Program.function("split_heads", rng.normal(2, 5, 12), 4)
    program = program.gradient(wrt=("a0",), cotangent=rng.normal(2, 4, 5, 3)).inputs_after()
    agree(program.in_dtype("float64"), **HEADS)


@pytest.mark.part("split-heads", needs=("test_split_shape", "test_split_values"))
def test_split_unequal(student, rng):
    """A width that the heads cannot share equally raises ValueError."""
    student.run(Program.function("split_heads", rng.normal(2, 5, 10), 4), expect_error="ValueError")


# -- merging the heads ------------------------------------------------------------------------------------------------


@pytest.mark.part("merge-heads")
def test_merge_shape(agree, rng):
    """The heads become one sequence of the whole width."""
    agree(Program.function("merge_heads", rng.normal(2, 3, 5, 4)), **MERGED, rtol=SHAPE_ONLY)


@pytest.mark.part("merge-heads", share=3, needs=("test_merge_shape",))
@pytest.mark.parametrize("num_heads", [3, 2, 6], ids=["three heads", "two heads", "six heads"])
def test_merge_values(agree, rng, num_heads):
    """The heads of a position stand side by side, in order."""
    agree(Program.function("merge_heads", rng.normal(2, num_heads, 5, 4)), **MERGED)


@pytest.mark.part("merge-heads", needs=("test_merge_shape",))
@pytest.mark.parametrize(
    "shape",
    [(1, 2, 4, 3), (3, 2, 1, 5), (2, 1, 4, 6), (2, 6, 4, 1)],
    ids=["a batch of one", "a sequence of one", "one head", "heads of one column"],
)
def test_merge_small_sizes(agree, rng, shape):
    """Sizes of 1 work like any other size."""
    agree(Program.function("merge_heads", rng.normal(*shape)), **MERGED)


@pytest.mark.part("merge-heads", needs=("test_merge_shape", "test_merge_values"))
def test_merge_gradient(agree, rng):
    """Gradients and float64 pass through unharmed."""
    program = Program.function("merge_heads", rng.normal(2, 4, 5, 3))
    program = program.gradient(wrt=("a0",), cotangent=rng.normal(2, 5, 12)).inputs_after()
    agree(program.in_dtype("float64"), **MERGED)


# -- multi-head attention ---------------------------------------------------------------------------------------------

PARAMETERS = tuple(f"W_{name}.{leaf}" for name in "qkvo" for leaf in ("weight", "bias"))


def loaded(rng, d_model=12, num_heads=3):
    """The module with known weights, large enough that attention is far from uniform."""
    shapes = {"weight": (d_model, d_model), "bias": (d_model,)}
    weights = {name: rng.normal(*shapes[name.split(".")[1]], scale=1.5 / d_model**0.5) for name in PARAMETERS}
    return Program.module("MultiHeadAttention", d_model, num_heads).load(weights)


@pytest.mark.part("multi-head-attention")
def test_shapes(agree, rng):
    """The output has the queries' shape, and each head has its own weights."""
    agree(loaded(rng).apply(rng.normal(2, 5, 12)), axes=AXES, rtol=SHAPE_ONLY)


@pytest.mark.part("multi-head-attention", share=4, needs=("test_shapes",))
@pytest.mark.parametrize("num_heads", [3, 4, 1, 12], ids=["three heads", "four heads", "one head", "twelve heads"])
def test_self_attention(agree, rng, picture, student, reference, num_heads):
    """A sequence that attends to itself: output and weights follow the formula."""
    program = loaded(rng, num_heads=num_heads).apply(rng.normal(2, 5, 12))
    with picture_if_wrong(picture, student, reference, program, "Weights of the first head", item=1):
        agree(program, axes=AXES)


@pytest.mark.part("multi-head-attention", share=2, needs=("test_shapes",))
def test_keys_of_another_sequence(agree, rng):
    """Queries of one sequence, keys of another: the values are the keys' sequence where none are given."""
    agree(loaded(rng).apply(rng.normal(2, 4, 12), rng.normal(2, 7, 12)), axes=AXES)


@pytest.mark.part("multi-head-attention", share=2, needs=("test_shapes",))
def test_values_of_their_own(agree, rng):
    """Queries, keys and values may be three different tensors."""
    program = loaded(rng).apply(rng.normal(2, 4, 12), rng.normal(2, 7, 12), rng.normal(2, 7, 12))
    agree(program, axes=AXES)


@pytest.mark.part("multi-head-attention", needs=("test_shapes", "test_self_attention"))
@pytest.mark.parametrize(
    "batch, queries, keys",
    [(1, 4, 6), (3, 1, 5), (2, 4, 1)],
    ids=["a batch of one", "one query", "one key"],
)
def test_small_sizes(agree, rng, batch, queries, keys):
    """Sizes of 1 work like any other size."""
    agree(loaded(rng).apply(rng.normal(batch, queries, 12), rng.normal(batch, keys, 12)), axes=AXES)


@pytest.mark.part("multi-head-attention", share=5, needs=("test_shapes", "test_keys_of_another_sequence"))
@pytest.mark.parametrize(
    "shape",
    [(2, 1, 1, 7), (4, 7), (2, 1, 4, 7), (1, 3, 4, 7), (2, 3, 4, 7)],
    ids=[
        "a padding mask",
        "one mask for all",
        "a mask for each example",
        "a mask for each head",
        "a mask for each head of each example",
    ],
)
def test_masks(agree, rng, shape):
    """The mask broadcasts against the weights of all heads; masked keys get weight 0."""
    program = loaded(rng).apply(rng.normal(2, 4, 12), rng.normal(2, 7, 12), mask=rng.mask(*shape, keep=0.5))
    agree(program, axes=AXES)


@pytest.mark.part("multi-head-attention", needs=("test_shapes", "test_keys_of_another_sequence"))
def test_no_mask(agree, rng):
    """mask=None, and a mask that allows everything, change nothing."""
    x, y = rng.normal(2, 4, 12), rng.normal(2, 7, 12)
    agree(loaded(rng).apply(x, y, None, None).apply(x, y, mask=np.ones((4, 7), bool)), axes=AXES)


@pytest.mark.part("multi-head-attention", needs=("test_shapes", "test_self_attention"))
def test_large_scores(agree, rng):
    """Scores of several hundreds, masked or not, give finite numbers, and masked keys still get weight 0."""
    x = rng.normal(2, 6, 12, scale=15)
    # Scores of this size carry float32's rounding into the weights, so only rough agreement can be asked for.
    agree(loaded(rng).apply(x).apply(x, mask=rng.mask(2, 1, 6, 6, keep=0.4)), axes=AXES, rtol=1e-2)


@pytest.mark.part("multi-head-attention", share=2, needs=("test_shapes", "test_values_of_their_own"))
def test_gradients_of_inputs(agree, rng):
    """The gradients of output and weights reach queries, keys and values."""
    q, k, v = rng.normal(2, 4, 12), rng.normal(2, 7, 12), rng.normal(2, 7, 12)
    # The three arrays come after the eight of the weights.
    program = loaded(rng).apply(q, k, v, mask=rng.mask(2, 1, 1, 7, keep=0.6))
    agree(program.gradient(wrt=("a8", "a9", "a10"), of=0, cotangent=rng.normal(2, 4, 12)), what=("grad",))
    agree(program.gradient(wrt=("a8", "a9"), of=1, cotangent=rng.normal(2, 3, 4, 7)), what=("grad",))


@pytest.mark.part("multi-head-attention", share=2, needs=("test_shapes", "test_values_of_their_own"))
def test_gradients_of_parameters(agree, rng):
    """The gradients reach the weights and biases of the four projections."""
    q, k, v = rng.normal(2, 4, 12), rng.normal(2, 7, 12), rng.normal(2, 7, 12)
    program = loaded(rng).apply(q, k, v, mask=rng.mask(2, 1, 4, 7, keep=0.6))
    # The bias of the keys adds the same to all scores of a query: its gradient is zero but for rounding.
    wrt = tuple(name for name in PARAMETERS if name != "W_k.bias")
    agree(program.gradient(wrt=wrt, of=0, cotangent=rng.normal(2, 4, 12)), what=("grad",))


@pytest.mark.part("multi-head-attention", needs=("test_shapes", "test_self_attention"))
def test_float64(agree, rng):
    """In float64 output and weights are as precise as float64."""
    program = loaded(rng).apply(rng.normal(2, 5, 12), mask=rng.mask(2, 1, 5, 5))
    agree(program.in_dtype("float64"), axes=AXES)


@pytest.mark.part("multi-head-attention", needs=("test_shapes", "test_self_attention"))
def test_later_calls(agree, rng):
    """Later calls, with new contents or other lengths, give their own answers and change no input."""
    program = loaded(rng).apply(rng.normal(2, 5, 12)).apply(rng.normal(2, 5, 12))
    program = program.apply(rng.normal(3, 4, 12), rng.normal(3, 6, 12), mask=rng.mask(3, 1, 4, 6))
    agree(program.inputs_after(), axes=AXES)


@pytest.mark.part("multi-head-attention", needs=("test_shapes", "test_self_attention"))
def test_unequal_heads(student):
    """The constructor raises ValueError for a width that the heads cannot share equally."""
    # The module is not called: the error has to come from the constructor.
    student.run(Program.module("MultiHeadAttention", 10, 4), expect_error="ValueError")


# -- multi-head attention in use --------------------------------------------------------------------------------------


def fresh(d_model=8, num_heads=2):
    """The module with the weights that it starts with."""
    return Program.module("MultiHeadAttention", d_model, num_heads)


def outputs(student, fail, program, *queries):
    """The outputs of a program's calls, without the weights; each has to have the shape of its query."""
    values = student.run(program).values
    found = [unpack(values.get(f"out{n}" if n > 1 else "out"), fail)[0] for n in range(1, len(queries) + 1)]
    for output, query in zip(found, queries, strict=True):
        if output.shape != query.shape:
            fail("The output has another shape than the query: (batch, length, d_model) goes in and comes out.")
        if output.dtype.kind != "f":
            fail(Message("The output is of {dtype}: vectors go in and come out.", dtype=output.dtype))
        if not np.isfinite(output).all():
            fail("The output has infinite numbers in it, or NaN.")
    return found


@pytest.mark.part("multi-head-in-use")
def test_use_attends(student, rng, fail):
    """A position takes in information from the others."""
    x = rng.normal(2, 5, 8)
    changed = x.copy()
    changed[:, 2] += rng.normal(2, 8, scale=3)
    before, after = outputs(student, fail, fresh().apply(x).apply(changed), x, changed)
    if close(np.delete(before, 2, axis=1), np.delete(after, 2, axis=1)):
        fail("Changing one position of a sequence changed nothing at the others: do they attend to it?")


@pytest.mark.part("multi-head-in-use", share=2, needs=("test_use_attends",))
def test_use_permutation(student, rng, fail):
    """Without positions, attention knows no order: permuted words give the same vectors, permuted."""
    x, order = rng.normal(2, 6, 8, scale=2), rng.permutation(6)
    shuffled = np.ascontiguousarray(x[:, order])
    straight, permuted = outputs(student, fail, fresh().apply(x).apply(shuffled), x, shuffled)
    if not close(permuted, straight[:, order]):
        fail("The same words in another order gave other vectors: does something in the module depend on the position?")


@pytest.mark.part("multi-head-in-use", share=2, needs=("test_use_attends",))
def test_use_examples_apart(student, rng, fail):
    """The examples of a batch do not affect each other."""
    x = rng.normal(3, 5, 8, scale=2)
    changed = x.copy()
    changed[1] = rng.normal(5, 8, scale=4)
    first = x[:1].copy()
    program = fresh().apply(x).apply(changed).apply(first)
    before, after, alone = outputs(student, fail, program, x, changed, first)
    if not close(after[[0, 2]], before[[0, 2]]) or not close(alone, before[:1]):
        fail("Another example in the batch changed the output of this one: along which axis do queries look?")


@pytest.mark.part("multi-head-in-use", share=3, needs=("test_use_attends",))
def test_use_padding(student, rng, fail):
    """With a padding mask, each sentence gives what it gives alone, whatever its padding holds."""
    x, lengths = rng.normal(3, 6, 8, scale=2), (4, 6, 2)
    mask = (np.arange(6) < np.array(lengths)[:, None])[:, None, None, :]
    program = fresh().apply(x, mask=mask)
    sentences = [x[row : row + 1, :length].copy() for row, length in enumerate(lengths)]
    for sentence in sentences:
        program = program.apply(sentence)
    together, *alone = outputs(student, fail, program, x, *sentences)
    for row, length in enumerate(lengths):
        if not close(together[row : row + 1, :length], alone[row]):
            fail("A padded sentence gave other vectors than the same sentence alone: is each example's own mask used?")


@pytest.mark.part("multi-head-in-use", share=2, needs=("test_use_attends",))
def test_use_save_and_load(student, rng, fail):
    """A module that is saved and loaded into a new one gives the same output."""
    x = rng.normal(2, 5, 8, scale=2)
    original, copy = outputs(student, fail, fresh().apply(x).copy().apply(x), x, x)
    if not close(copy, original):
        fail("The saved module did not come back: are all projections layers that the module knows of?")


@pytest.mark.part("multi-head-in-use", needs=("test_use_attends",))
def test_use_training(student, rng, fail):
    """There is no dropout: the module gives the same in training mode as in evaluation mode."""
    x = rng.normal(4, 9, 8)
    values = student.run(fresh().apply(x).mode(True).apply(x)).values
    (before, weights), (training, weights_in_training) = (unpack(values.get(name), fail) for name in ("out", "out2"))
    if not close(weights_in_training, weights) or not close(training, before):
        fail(
            "In training mode the module gives something else than in evaluation: no dropout is asked for here.",
            "weights-dropped" if close(weights.sum(axis=-1), 1.0 + 0 * weights[..., 0]) else None,
        )


@pytest.mark.part("multi-head-in-use", needs=("test_use_attends",))
def test_use_fresh_projections(student, rng, fail):
    """Queries and keys have projections of their own. They may start alike: training tells them apart."""
    values = student.run(fresh(6, 1).apply(rng.normal(4, 5, 6)).parameters()).values
    _, weights = unpack(values.get("out"), fail)
    if weights.ndim < 3 or weights.shape[-2:] != (5, 5) or not weights.size or not weights.min() > 1e-30:
        return  # judged elsewhere
    # Scores that are symmetric up to terms of one position alone, as they are where queries and keys share a
    # projection, cancel around a triangle of positions.
    scores = np.log(weights.astype(float))
    twist = scores - np.swapaxes(scores, -1, -2)
    triangles = twist[..., 0, 1] + twist[..., 1, 2] + twist[..., 2, 0]
    alike = np.abs(twist).max() > 1e-3 and np.abs(triangles).max() < 1e-4 * np.abs(scores).max()
    if alike and values["parameters"]["trainable"] < 4 * 6 * 6:
        fail("Queries and keys share one projection: each needs weights of its own.")


@pytest.mark.part("multi-head-in-use", needs=("test_use_attends", "test_use_permutation"))
def test_use_float64(student, rng, fail):
    """In float64 the module computes in float64 all the way."""
    x, order = rng.normal(3, 11, 8), rng.permutation(11)  # long enough that another order rounds otherwise
    shuffled = np.ascontiguousarray(x[:, order])
    program = fresh().apply(x).apply(shuffled).in_dtype("float64")
    straight, permuted = outputs(student, fail, program, x, shuffled)
    if straight.dtype != np.float64:
        fail(Message("The input is float64, the output {dtype}: follow the dtype of the input.", dtype=straight.dtype))
    if not close(permuted, straight[:, order], 1e-11):
        fail("The output has only the digits of float32: is there a conversion inside?")


@pytest.mark.part("multi-head-in-use", needs=("test_use_attends",), tracks=("pytorch",))
@pytest.mark.parametrize("masked", [False, True], ids=["without a mask", "with a mask"])
def test_use_device(student, rng, fail, masked):
    """The module works on the device where its weights and inputs are."""
    mask = {"mask": rng.mask(2, 1, 1, 5)} if masked else {}
    check_device(student.run(fresh().apply(rng.normal(2, 5, 8), **mask).on_device("meta")), fail)
