"""Hidden tests of the exercise "Positional embedding".

Float32 tables have fewer than 128 rows: a correct float32 computation of larger angles is off by more than the
tolerance. The tests do not look at how an encoding is made or stored. The module with fixed positions may keep it in
float32.
"""

from __future__ import annotations

import numpy as np
import pytest

from autograder.exercises.shared import SHAPE_ONLY, agree_in_float64, check_device, picture_if_wrong, trainable
from autograder.judging.program import Program

TABLE = {"encoding": "position, width"}
EMBEDDED = {"embedding": "batch, position, width"}


def sinusoids(positions, d_model):
    """The encoding of any real positions, in float64: what relative_shift has to move."""
    angles = positions[:, None] / 10000.0 ** (np.arange(0, d_model, 2) / d_model)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(len(positions), d_model)


# -- the sinusoidal encoding ------------------------------------------------------------------------------------------


@pytest.mark.part("sinusoidal-encoding")
def test_shape(agree):
    """The encoding has a row for each position, a column for each dimension, in float32."""
    agree(Program.function("sinusoidal_encoding", 7, 10), names=("encoding",), axes=TABLE, rtol=SHAPE_ONLY)


@pytest.mark.part("sinusoidal-encoding", share=3, needs=("test_shape",))
@pytest.mark.parametrize("max_len, d_model", [(11, 16), (23, 6), (5, 38)], ids=["square", "tall", "wide"])
def test_values(agree, picture, student, reference, max_len, d_model):
    """Sines stand in the even columns and cosines in the odd ones, each pair with its own wavelength."""
    program = Program.function("sinusoidal_encoding", max_len, d_model)
    labels = {"title": "The encoding", "rows": "position", "columns": "dimension"}
    with picture_if_wrong(picture, student, reference, program, **labels):
        agree(program, names=("encoding",), axes=TABLE)


@pytest.mark.part("sinusoidal-encoding", needs=("test_shape",))
def test_far_positions(agree):
    """Positions far from the start are right too."""
    agree(Program.function("sinusoidal_encoding", 120, 14), names=("encoding",), axes=TABLE, rtol=1e-4)


@pytest.mark.part("sinusoidal-encoding", needs=("test_shape",))
@pytest.mark.parametrize("max_len, d_model", [(1, 8), (9, 2)], ids=["one position", "one pair of columns"])
def test_smallest(agree, max_len, d_model):
    """The smallest tables are right."""
    agree(Program.function("sinusoidal_encoding", max_len, d_model), names=("encoding",), axes=TABLE)


@pytest.mark.part("sinusoidal-encoding", needs=("test_shape", "test_values"))
def test_second_call(agree):
    """A second call with other sizes gives its own table."""
    program = Program.function("sinusoidal_encoding", 9, 6).call("sinusoidal_encoding", 13, 8)
    agree(program.call("sinusoidal_encoding", 9, 12), names=("encoding",), axes=TABLE)


@pytest.mark.part("sinusoidal-encoding", needs=("test_values",))
@pytest.mark.parametrize("d_model", [7, 1], ids=["seven columns", "one column"])
def test_odd_width(student, d_model):
    """An odd width raises ValueError, because sine and cosine come in pairs."""
    student.run(Program.function("sinusoidal_encoding", 5, d_model), expect_error="ValueError")


# -- trainable positions ----------------------------------------------------------------------------------------------


def learned(rng, vocab_size, max_len, d_model):
    """The module with known tables, and what they are called."""
    module = Program.module("PositionalEmbedding", vocab_size, max_len, d_model)
    tables = {"token.weight": rng.normal(vocab_size, d_model), "position.weight": rng.normal(max_len, d_model)}
    return module.load(tables)


@pytest.mark.part("trainable-positions")
def test_trainable_shape(agree, rng):
    """The embedding of a batch of ids has a vector for each id."""
    program = learned(rng, 17, 9, 6).apply(rng.ids(0, 17, 4, 5))
    agree(program, names=("embedding",), axes=EMBEDDED, rtol=SHAPE_ONLY)


@pytest.mark.part("trainable-positions", share=3, needs=("test_trainable_shape",))
@pytest.mark.parametrize(
    "batch, length",
    [(3, 5), (4, 9), (1, 6), (5, 1)],
    ids=["short sentences", "sentences of full length", "a batch of one", "sentences of one token"],
)
def test_trainable_values(agree, rng, batch, length):
    """Each vector is the token's embedding plus the embedding of its position, counted from 0."""
    program = learned(rng, 17, 9, 6).apply(rng.ids(0, 17, batch, length))
    agree(program, names=("embedding",), axes=EMBEDDED)


@pytest.mark.part("trainable-positions", share=2, needs=("test_trainable_shape", "test_trainable_values"))
def test_trainable_gradients(agree, rng):
    """Training reaches the rows of both tables that were used, and no others."""
    program = learned(rng, 13, 8, 4).apply(rng.ids(0, 13, 3, 6))
    agree(program.gradient(wrt=("token.weight", "position.weight"), cotangent=rng.normal(3, 6, 4)), what=("grad",))


@pytest.mark.part("trainable-positions", needs=("test_trainable_shape", "test_trainable_values"))
def test_trainable_parameters(student, rng, fail):
    """Both tables are trainable."""
    answer = student.run(learned(rng, 13, 8, 4).apply(rng.ids(0, 13, 3, 6)).parameters())
    if trainable(answer, fail) < 13 * 4 + 8 * 4:
        fail("An optimizer would not find both tables: keep them as layers of the module, in its attributes.")


@pytest.mark.part("trainable-positions", needs=("test_trainable_shape", "test_trainable_values"))
def test_trainable_float64(agree, student, rng):
    """In float64 the embedding is as precise as float64."""
    program = learned(rng, 15, 7, 10).apply(rng.ids(0, 15, 2, 6))
    agree_in_float64(agree, student, program, names=("embedding",), axes=EMBEDDED)


@pytest.mark.part("trainable-positions", needs=("test_trainable_shape", "test_trainable_values"))
def test_trainable_later_calls(agree, rng):
    """Later calls, with other ids and another length, give their own answers and leave the ids as they are."""
    program = learned(rng, 17, 9, 6).apply(rng.ids(0, 17, 3, 5)).apply(rng.ids(0, 17, 3, 5))
    program = program.apply(rng.ids(0, 17, 2, 8)).inputs_after()
    agree(program, names=("embedding",), axes=EMBEDDED)


@pytest.mark.part("trainable-positions", needs=("test_trainable_shape", "test_trainable_values"))
def test_trainable_save_and_load(agree, rng):
    """A module that is saved and loaded into a new one gives the same embedding."""
    ids = rng.ids(0, 17, 3, 5)
    agree(learned(rng, 17, 9, 6).apply(ids).copy().apply(ids), names=("embedding",), axes=EMBEDDED)


@pytest.mark.part("trainable-positions", needs=("test_trainable_shape", "test_trainable_values"))
def test_trainable_too_long(student, rng):
    """A sequence longer than max_len raises ValueError."""
    student.run(learned(rng, 17, 6, 4).apply(rng.ids(0, 17, 2, 7)), expect_error="ValueError")


@pytest.mark.part("trainable-positions", needs=("test_trainable_shape",), tracks=("pytorch",))
def test_trainable_device(student, rng, fail):
    """The embedding is made on the device where the module and the ids are."""
    program = Program.module("PositionalEmbedding", 17, 9, 6).apply(rng.ids(0, 17, 4, 5))
    check_device(student.run(program.on_device("meta")), fail)


# -- fixed positions in a module --------------------------------------------------------------------------------------


def fixed(rng, vocab_size, max_len, d_model):
    """The module with a known token table."""
    module = Program.module("SinusoidalEmbedding", vocab_size, max_len, d_model)
    return module.load({"token.weight": rng.normal(vocab_size, d_model)})


@pytest.mark.part("fixed-positions")
def test_fixed_shape(agree, rng):
    """The embedding of a batch of ids has a vector for each id."""
    program = fixed(rng, 19, 8, 6).apply(rng.ids(0, 19, 4, 5))
    agree(program, names=("embedding",), axes=EMBEDDED, rtol=SHAPE_ONLY)


@pytest.mark.part("fixed-positions", share=3, needs=("test_fixed_shape",))
@pytest.mark.parametrize(
    "batch, length",
    [(3, 7), (4, 11), (1, 6), (5, 1)],
    ids=["short sentences", "sentences of full length", "a batch of one", "sentences of one token"],
)
def test_fixed_values(agree, rng, batch, length):
    """Each vector is the token's embedding times the root of d_model, plus the encoding of its position."""
    program = fixed(rng, 19, 11, 14).apply(rng.ids(0, 19, batch, length))
    agree(program, names=("embedding",), axes=EMBEDDED)


@pytest.mark.part("fixed-positions", share=2, needs=("test_fixed_shape", "test_fixed_values"))
def test_fixed_parameters(student, rng, fail):
    """The token table is trained, the encoding is not."""
    answer = student.run(fixed(rng, 19, 9, 6).apply(rng.ids(0, 19, 4, 5)).parameters())
    count = trainable(answer, fail)
    if count > 19 * 6:
        fail("The module has more trainable numbers than its token table: the encoding must stay as it is in training.")
    if count < 19 * 6:
        fail("An optimizer would not find the token table: keep it as a layer of the module, in its attribute.")


@pytest.mark.part("fixed-positions", needs=("test_fixed_shape", "test_fixed_values"))
def test_fixed_gradients(agree, rng):
    """Training reaches the token table."""
    program = fixed(rng, 13, 9, 8).apply(rng.ids(0, 13, 3, 6))
    agree(program.gradient(wrt=("token.weight",), cotangent=rng.normal(3, 6, 8)), what=("grad",))


@pytest.mark.part("fixed-positions", needs=("test_fixed_shape", "test_fixed_values"))
def test_fixed_float64(agree, student, rng):
    """In float64 the embedding is a float64 tensor too."""
    program = fixed(rng, 15, 7, 10).apply(rng.ids(0, 15, 2, 6))
    # A table that was made in float32 and then converted has only float32's digits. That is accepted.
    agree_in_float64(agree, student, program, rtol=1e-6, names=("embedding",), axes=EMBEDDED)


@pytest.mark.part("fixed-positions", needs=("test_fixed_shape", "test_fixed_values"))
def test_fixed_later_calls(agree, rng):
    """Later calls, with other ids and another length, give their own answers and leave the ids as they are."""
    program = fixed(rng, 17, 9, 6).apply(rng.ids(0, 17, 3, 5)).apply(rng.ids(0, 17, 3, 5))
    program = program.apply(rng.ids(0, 17, 2, 8)).inputs_after()
    agree(program, names=("embedding",), axes=EMBEDDED)


@pytest.mark.part("fixed-positions", needs=("test_fixed_shape", "test_fixed_values"))
def test_fixed_save_and_load(agree, rng):
    """A module that is saved and loaded into a new one gives the same embedding."""
    ids = rng.ids(0, 17, 3, 5)
    agree(fixed(rng, 17, 9, 6).apply(ids).copy().apply(ids), names=("embedding",), axes=EMBEDDED)


@pytest.mark.part("fixed-positions", needs=("test_fixed_shape", "test_fixed_values"))
def test_fixed_too_long(student, rng):
    """A sequence longer than max_len raises ValueError."""
    student.run(fixed(rng, 17, 6, 4).apply(rng.ids(0, 17, 2, 7)), expect_error="ValueError")


@pytest.mark.part("fixed-positions", needs=("test_fixed_shape",), tracks=("pytorch",))
def test_fixed_device(student, rng, fail):
    """The encoding goes to the device where the module goes."""
    program = Program.module("SinusoidalEmbedding", 17, 9, 6).apply(rng.ids(0, 17, 4, 5))
    check_device(student.run(program.on_device("meta")), fail)


# -- relative positions are linear ------------------------------------------------------------------------------------


MATRIX = {"M": "row, column"}


def check_shift(agree, compare, offset, program):
    """Check the last matrix of a program by its effect on the encodings of many positions."""
    shift = list(agree(program, names=("M",), axes=MATRIX, rtol=SHAPE_ONLY).values.values())[-1]
    positions = np.arange(200)
    moved, expected = sinusoids(positions, len(shift)) @ shift.T, sinusoids(positions + offset, len(shift))
    compare(moved, expected, name="M @ encoding[p]", axes="position, width", rtol=1e-4)


@pytest.mark.part("relative-shift")
def test_shift_shape(agree):
    """The shift is a square matrix of the encoding's width."""
    agree(Program.function("relative_shift", 3, 10), names=("M",), axes=MATRIX, rtol=SHAPE_ONLY)


@pytest.mark.part("relative-shift", share=4, needs=("test_shift_shape",))
@pytest.mark.parametrize(
    "sign, d_model", [(1, 6), (1, 12), (-1, 8), (1, 2)], ids=["ahead", "ahead in a wider encoding", "back", "one pair"]
)
def test_shift_moves(agree, compare, rng, sign, d_model):
    """The matrix takes the encoding of every position to the encoding of the position that lies offset away."""
    offset = sign * rng.integer(2, 9)
    check_shift(agree, compare, offset, Program.function("relative_shift", offset, d_model))


@pytest.mark.part("relative-shift", needs=("test_shift_shape", "test_shift_moves"))
def test_shift_by_nothing(agree, compare):
    """The shift by 0 leaves every encoding where it is."""
    check_shift(agree, compare, 0, Program.function("relative_shift", 0, 6))


@pytest.mark.part("relative-shift", needs=("test_shift_shape", "test_shift_moves"))
def test_shift_second_call(agree, compare):
    """A second call with another offset gives its own matrix."""
    check_shift(agree, compare, 5, Program.function("relative_shift", 3, 6).call("relative_shift", 5, 6))


@pytest.mark.part("relative-shift", needs=("test_shift_shape", "test_shift_moves"))
def test_shift_odd_width(student):
    """An odd width raises ValueError."""
    student.run(Program.function("relative_shift", 2, 5), expect_error="ValueError")
