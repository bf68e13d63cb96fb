"""Visible checks of exercise 2: fixed and trainable positions.

The worked numbers use tables that can be followed by hand: word r has the vector (r, r, ...), so the position shows.
"""

import numpy as np

from course import behaviour
from course import expectations as expect
from course.answers import Answer
from course.checks import Checks
from course.i18n import N_, _

checks = Checks()


@checks("sinusoidal-encoding", N_("It is a table of the shape (max_len, d_model), float32"), gate=True)
def encoding_shape(answer: Answer) -> None:
    table = answer(5, 6)
    expect.shape(table, (5, 6), _("encoding"), "(max_len, d_model)", _("A row is a position, a column a wave."))
    expect.kind(table, "float32", _("encoding"))


@checks("sinusoidal-encoding", N_("Position 0: every sine is 0 and every cosine is 1, by turns"))
def encoding_start(answer: Answer) -> None:
    expect.equal(
        answer(3, 6)[0],
        [0, 1, 0, 1, 0, 1],
        _("row 0"),
        _("Sines stand in the even columns, cosines in the odd ones; the first position is 0."),
        {
            _("Sine and cosine have changed places: sines go into the even columns."): [1, 0, 1, 0, 1, 0],
            _("All sines come before all cosines here; they should take turns."): [0, 0, 0, 1, 1, 1],
        },
    )


@checks("sinusoidal-encoding", N_("A worked example: position 100 with d_model = 4"))
def encoding_example(answer: Answer) -> None:
    def row(first: float, second: float) -> list[float]:
        return [np.sin(first), np.cos(first), np.sin(second), np.cos(second)]

    expect.equal(
        answer(101, 4)[100],
        row(100, 1),
        _("row 100"),
        _("The first pair turns by 100 / 10000^0 = 100, the second by 100 / 10000^(2/4) = 1 (in radians)."),
        {
            _("The exponent is 2i/d_model for pair i: 0 and 2/4 here; you seem to take i/d_model."): row(100, 10),
            _(
                "The exponent is 2i/d_model, in which 2i is the even column itself; you seem to double it once more."
            ): row(100, 0.01),
            _("Positions count from 0: row 100 is position 100."): row(101, 1.01),
        },
    )


@checks("sinusoidal-encoding", N_("An odd width raises ValueError"))
def encoding_odd(answer: Answer) -> None:
    expect.raises(ValueError, lambda: answer(4, 5), _("an odd d_model"))


WORDS = np.repeat(np.arange(6.0)[:, None], 2, axis=1)  # word r is (r, r)
PLACES = np.array([[10.0, 100.0], [20.0, 200.0], [30.0, 300.0], [40.0, 400.0]])


@checks("trainable-positions", N_("ids (B, L) give vectors (B, L, D)"), gate=True)
def trainable_shape(answer: Answer) -> None:
    out = answer.module(6, 4, 2)(np.array([[1, 5, 2], [0, 3, 3]]))
    expect.shape(out, (2, 3, 2), _("output"), "(B, L, D)", _("Add the two vectors, do not put them side by side."))


@checks("trainable-positions", N_("A worked example: the word's vector plus the place's vector"))
def trainable_example(answer: Answer) -> None:
    ids = np.array([[5, 1, 5]])
    module = answer.module(6, 4, 2).load({"token.weight": WORDS, "position.weight": PLACES}, ids)
    words = WORDS[ids]
    expect.equal(
        module(ids),
        words + PLACES[:3],
        _("output"),
        _("Word 5 at place 0 is (5, 5) + (10, 100)."),
        {
            _("The first place is number 0."): words + PLACES[1:4],
            _("The places are missing."): words,
            _("All words get the vector of place 0; number the places along the sentence."): words + PLACES[0],
        },
    )


@checks("trainable-positions", N_("Places are counted along each sentence, not along the batch"))
def trainable_batch(answer: Answer) -> None:
    ids = np.array([[2, 2, 2], [2, 2, 2]])
    module = answer.module(6, 4, 2).load({"token.weight": WORDS, "position.weight": PLACES}, ids)
    out = module(ids)
    expect.equal(
        out,
        np.broadcast_to(WORDS[2] + PLACES[:3], (2, 3, 2)),
        _("output"),
        _("Two equal sentences get equal vectors; the same word at two places gets two."),
    )


@checks("trainable-positions", N_("Any length up to max_len works"))
def trainable_lengths(answer: Answer) -> None:
    module = answer.module(6, 4, 2)
    for length in (1, 2, 4):
        out = module(np.ones((1, length), dtype="int64"))
        expect.shape(
            out,
            (1, length, 2),
            _("output"),
            "(B, L, D)",
            _("The number of places is the length of these ids, not max_len."),
        )


@checks("trainable-positions", N_("A sentence longer than max_len raises ValueError"))
def trainable_too_long(answer: Answer) -> None:
    module = answer.module(6, 4, 2)
    expect.raises(ValueError, lambda: module(np.ones((1, 5), dtype="int64")), _("5 ids and max_len = 4"))


@checks("trainable-positions", N_("Both tables are trainable, and nothing else is"))
def trainable_count(answer: Answer) -> None:
    module = answer.module(6, 4, 2)
    module(np.array([[1, 2]]))
    expect.equal(
        np.array(module.trainable()),
        6 * 2 + 4 * 2,
        _("number of trainable numbers"),
        _("6 words and 4 places with a vector of 2 each."),
    )


STEPS = np.repeat(np.arange(6.0)[:, None], 4, axis=1)  # word r is (r, r, r, r)
TURNS = np.array([[0, 1, 0, 1], [np.sin(1), np.cos(1), np.sin(0.01), np.cos(0.01)]])


@checks("trainable-positions", N_("A gradient reaches both tables"))
def trainable_gradient(answer: Answer) -> None:
    behaviour.gradient_reaches(answer.module(7, 5, 4), np.array([[1, 2, 3]]))


@checks("trainable-positions", N_("It works on another device too"))
def trainable_device(answer: Answer) -> None:
    behaviour.follows_device(answer.module(7, 5, 4), np.array([[1, 2, 3]]))


@checks("fixed-positions", N_("ids (B, L) give vectors (B, L, D)"), gate=True)
def fixed_shape(answer: Answer) -> None:
    out = answer.module(6, 4, 8)(np.array([[1, 5, 2], [0, 3, 3]]))
    expect.shape(out, (2, 3, 8), _("output"), "(B, L, D)", _("Take as many rows of the encoding as there are ids."))


@checks("fixed-positions", N_("A worked example: the word's vector times √4, plus the encoding"))
def fixed_example(answer: Answer) -> None:
    ids = np.array([[3, 1]])
    module = answer.module(6, 4, 4).load({"token.weight": STEPS}, ids)
    words = STEPS[ids]
    expect.equal(
        module(ids),
        2 * words + TURNS,
        _("output"),
        _("Word 3 at place 0 is 2 · (3, 3, 3, 3) + (0, 1, 0, 1)."),
        {
            _("The factor √d_model is missing."): words + TURNS,
            _("√d_model multiplies the word's vector alone, not the encoding."): 2 * (words + TURNS),
            _("√d_model multiplies the word's vector, not the encoding."): words + 2 * TURNS,
            _("That is d_model where its root should be."): 4 * words + TURNS,
        },
    )


@checks("fixed-positions", N_("Only the words are trainable; the encoding stays as it is"))
def fixed_count(answer: Answer) -> None:
    module = answer.module(6, 4, 8)
    module(np.array([[1, 2]]))
    expect.equal(
        np.array(module.trainable()),
        6 * 8,
        _("number of trainable numbers"),
        _("6 words with a vector of 8. The encoding is no parameter: keep it as a buffer, or compute it again."),
    )


@checks("fixed-positions", N_("A sentence longer than max_len, or an odd width, raises ValueError"))
def fixed_errors(answer: Answer) -> None:
    module = answer.module(6, 4, 8)
    expect.raises(ValueError, lambda: module(np.ones((1, 5), dtype="int64")), _("5 ids and max_len = 4"))
    # At the latest when it is called: an encoding that is made anew each time is not there before.
    expect.raises(ValueError, lambda: answer.module(6, 4, 7)(np.ones((1, 3), dtype="int64")), _("an odd d_model"))


@checks("fixed-positions", N_("It works on another device too"))
def fixed_device(answer: Answer) -> None:
    behaviour.follows_device(answer.module(7, 5, 4), np.array([[1, 2, 3]]))


@checks("relative-shift", N_("It is a square matrix of d_model rows"), gate=True)
def shift_shape(answer: Answer) -> None:
    expect.shape(answer(2, 6), (6, 6), _("matrix"), "(d_model, d_model)")


@checks("relative-shift", N_("A worked example: one step with d_model = 2"))
def shift_example(answer: Answer) -> None:
    sin, cos = np.sin(1), np.cos(1)
    expect.equal(
        answer(1, 2),
        [[cos, sin], [-sin, cos]],
        _("matrix"),
        _("sin(p + 1) = cos 1 · sin p + sin 1 · cos p is the first row; cos(p + 1) is the second."),
        {
            _("This matrix goes one step back; the signs of the sines are the other way round."): [
                [cos, -sin],
                [sin, cos],
            ]
        },
    )


@checks("relative-shift", N_("The same matrix moves every position"))
def shift_moves(answer: Answer) -> None:
    def encoding(p: np.ndarray) -> np.ndarray:  # d_model = 4: the waves turn by p and by p / 100
        return np.stack([np.sin(p), np.cos(p), np.sin(p / 100), np.cos(p / 100)], axis=-1)

    matrix = answer(3, 4)
    positions = np.arange(5.0)
    expect.equal(
        encoding(positions) @ matrix.T,
        encoding(positions + 3),
        _("M @ encoding[p] for p = 0 to 4, as rows"),
        _("A block of two by two for each pair of columns, along the diagonal, each with the speed of its pair."),
    )


@checks("relative-shift", N_("A step of 0 is the identity, and a step back undoes a step"))
def shift_back(answer: Answer) -> None:
    expect.equal(answer(0, 4), np.eye(4), _("matrix of offset 0"), _("cos 0 is 1 and sin 0 is 0."))
    expect.equal(answer(-2, 4) @ answer(2, 4), np.eye(4), _("product of the steps -2 and 2"))


@checks("relative-shift", N_("An odd width raises ValueError"))
def shift_odd(answer: Answer) -> None:
    expect.raises(ValueError, lambda: answer(1, 3), _("an odd d_model"))
