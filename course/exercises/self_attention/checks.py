"""Visible checks of exercise 3: scaled dot-product attention and its masks.

The numbers are chosen to be done in the head: a query (2, 0, 0, 0) and a key (ln 3, 0, 0, 0) have the dot product
2 ln 3, over the root of 4 that is ln 3, and exp(ln 3) : exp(0) is 3 : 1.
"""

from typing import Any

import numpy as np

from course import behaviour
from course import expectations as expect
from course.answers import Answer
from course.checks import Checks
from course.frameworks import Unexpected
from course.i18n import N_, _

checks = Checks()

QUERY = np.array([[[2.0, 0.0, 0.0, 0.0]]])  # (B 1, L 1, Dk 4)
KEY = np.array([[[np.log(3.0), 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]])  # (1, S 2, Dk 4)
VALUE = np.array([[[4.0, 0.0], [8.0, 4.0]]])  # (1, S 2, Dv 2)


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=shape)


@checks("scaled-dot-product", N_("It returns the output (..., L, Dv) and the weights (..., L, S)"), gate=True)
def shapes(answer: Answer) -> None:
    output, weights = answer.pair(_random(2, 3, 4), _random(2, 5, 4), _random(2, 5, 6))
    transposed = _("Multiply the queries by the *transposed* keys, so that there is a score for each query and key.")
    expect.shape(weights, (2, 3, 5), _("weights"), "(B, L, S)", transposed)
    expect.shape(output, (2, 3, 6), _("output"), "(B, L, Dv)", _("The output is the weights times the values."))


@checks("scaled-dot-product", N_("A worked example: scores ln 3 and 0 give the weights 3/4 and 1/4"))
def worked_example(answer: Answer) -> None:
    output, weights = answer.pair(QUERY, KEY, VALUE)
    expect.equal(
        weights,
        [[[0.75, 0.25]]],
        _("weights"),
        _("Scores are dot products divided by √Dk; the softmax of the scores gives the weights."),
        {
            _("These are the weights without the division by √Dk."): [[[0.9, 0.1]]],
            _("You divide by Dk; divide by its root."): _softmax([[[np.log(3) / 2, 0]]]),
            _("A softmax over the queries, of which there is one here. Take it over the keys, the last axis."): [
                [[1.0, 1.0]]
            ],
            _("These are the scores; the weights are their softmax."): [[[np.log(3), 0.0]]],
        },
    )
    expect.equal(output, [[[5.0, 1.0]]], _("output"), _("3/4 of the first value and 1/4 of the second is (5, 1)."))


@checks("scaled-dot-product", N_("The weights of every query sum to one"))
def sums_to_one(answer: Answer) -> None:
    _output, weights = answer.pair(_random(2, 3, 4), _random(2, 5, 4), _random(2, 5, 6))
    expect.equal(
        weights.sum(axis=-1),
        np.ones((2, 3)),
        _("sum of each query's weights"),
        _("The softmax goes over the keys: the last axis of the scores."),
    )


@checks("scaled-dot-product", N_("Where the mask is False the weight is exactly 0, and the rest still sums to one"))
def mask_hides(answer: Answer) -> None:
    key = np.array([[[2.0, 0, 0, 0], [0.0, 0, 0, 0], [2.0, 0, 0, 0]]])
    value = np.array([[[1.0], [2.0], [30.0]]])
    mask = np.array([[True, True, False]])
    _output, free = answer.pair(QUERY, key, value)  # the student's own weights without a mask, right or wrong
    output, weights = answer.pair(QUERY, key, value, mask=mask)
    zero_for_score = (
        free * [1, 1, 0] + free * [0, 1, 0] @ np.eye(3)[[0, 2, 1]]
    )  # the second score is 0, the third too now
    expect.equal(
        weights,
        _shared_out(free * mask),
        _("weights"),
        _("Before the softmax, put a very large negative number where the mask is False."),
        {
            _("A score of 0 is not nothing: exp(0) is 1. Put a very negative number there."): _shared_out(
                zero_for_score
            ),
            _("The mask is the wrong way round: True means that a key may be looked at."): [[[0.0, 0.0, 1.0]]],
            _("The mask has no effect: is it used?"): free,
            _("Mask the scores, not the weights: after the softmax the others no longer sum to one."): free * mask,
        },
    )
    if weights[0, 0, 2] != 0:
        expect.equal(
            np.sign(weights[0, 0, 2:]),
            [0.0],
            _("sign of the hidden weight"),
            _("The number in the place of a hidden score is not negative enough: its weight must vanish."),
        )
    expect.equal(output, weights @ value, _("output"), _("The output is the weights times the values."))


@checks("scaled-dot-product", N_("Each example of a batch has its own mask"))
def mask_per_example(answer: Answer) -> None:
    query, key, value = _random(2, 3, 4), _random(2, 3, 4), _random(2, 3, 2)
    mask = np.array([[[True, False, True]], [[True, True, False]]])  # (B, 1, S)
    _output, weights = answer.pair(query, key, value, mask=mask)
    expect.equal(
        weights > 0,
        np.broadcast_to(mask, (2, 3, 3)),
        _("places with a weight above 0"),
        _("The whole mask counts: it broadcasts against the scores as it is, with no reshape and no [0]."),
    )


@checks("scaled-dot-product", N_("Further axes in front, such as heads, make no difference"))
def leading_axes(answer: Answer) -> None:
    query, key, value = _random(2, 3, 4, 5), _random(2, 3, 6, 5), _random(2, 3, 6, 7)
    output, weights = answer.pair(query, key, value)
    expect.shape(
        weights,
        (2, 3, 4, 6),
        _("weights"),
        "(B, H, L, S)",
        _("Transpose the last two axes of the keys, and only these."),
    )
    one, _weights = answer.pair(query[1], key[1], value[1])
    expect.equal(output[1], one, _("output of the second example, in a batch and alone"))


@checks("scaled-dot-product", N_("Each query may have a mask of its own, and each head"))
def mask_per_query(answer: Answer) -> None:
    query, key, value = _random(2, 2, 3, 4), _random(2, 2, 3, 4), _random(2, 2, 3, 2)
    causal = np.tril(np.ones((3, 3), bool))
    by_head = np.array([[[[True, False, True]], [[True, True, False]]]])  # (1, H, 1, S)
    for mask, axes in ((causal, "(L, S)"), (by_head, "(1, H, 1, S)")):
        _output, weights = answer.pair(query, key, value, mask=mask)
        expect.equal(
            weights > 0,
            np.broadcast_to(mask, (2, 2, 3, 3)),
            _("places with a weight above 0, mask {axes}").format(axes=axes),
            _("The whole mask counts. It broadcasts against the scores as it is."),
            {
                _("The mask is the wrong way round: True means that a key may be looked at."): ~np.broadcast_to(
                    mask, (2, 2, 3, 3)
                )
            },
        )


@checks("scaled-dot-product", N_("Large scores are safe, in real places and in masked ones"))
def large_scores(answer: Answer) -> None:
    query = np.array([[[1600.0, 0.0, 0.0, 0.0]]])  # the root of 4 makes scores of 800 of it
    key = np.array([[[1.0, 0, 0, 0], [1.0, 0, 0, 0], [0.0, 0, 0, 0]]])
    value = np.array([[[1.0], [2.0], [30.0]]])
    _output, weights = answer.pair(query, key, value)
    expect.equal(
        weights,
        [[[0.5, 0.5, 0.0]]],
        _("weights of the scores 800, 800 and 0"),
        _("exp(800) is infinite. The framework's softmax takes off the largest score first."),
    )
    mask = np.array([[False, False, True]])
    _output, weights = answer.pair(query, key, value, mask=mask)
    expect.equal(
        weights,
        [[[0.0, 0.0, 1.0]]],
        _("weights of the scores 800, 800 and 0, the first two masked"),
        _("Mask the scores before the softmax: afterwards nothing is left of the third."),
    )


@checks("scaled-dot-product", N_("Gradients reach queries, keys and values, and double precision is kept"))
def gradients(answer: Answer) -> None:
    names, arrays = ("query", "key", "value"), (_random(1, 3, 4), _random(1, 3, 4), _random(1, 3, 2))
    behaviour.gradient_reaches(answer, *arrays, names=names, output=0)
    behaviour.gradient_reaches(answer, *arrays, names=names[:2], output=1)
    query, key = np.full((1, 1, 4), 100.0), np.array([[[10.0, 10, 10, 10], [0.0, 0, 0, 0]]])
    behaviour.gradient_is_finite(answer, query, key, _random(1, 2, 2), np.array([[[False, True]]]), output=0)
    scores = arrays[0] @ arrays[1].swapaxes(-1, -2) / 2
    behaviour.exact(answer, lambda: answer.pair(*arrays)[1], _softmax(scores), _("weights"))


@checks("scaled-dot-product", N_("It works on another device too"))
def attention_device(answer: Answer) -> None:
    mask = np.tril(np.ones((3, 3), bool))
    behaviour.follows_device(answer, _random(1, 3, 4), _random(1, 3, 4), _random(1, 3, 2), mask)


@checks("padding-mask", N_("It is boolean and of the shape (B, 1, 1, S)"), gate=True)
def padding_shape(answer: Answer) -> None:
    mask = answer(np.array([[5, 3, 0], [7, 0, 0]]))
    expect.shape(
        mask, (2, 1, 1, 3), _("mask"), "(B, 1, 1, S)", _("Two axes of length one stand for the heads and the queries.")
    )
    expect.kind(mask, "bool", _("mask"))


@checks("padding-mask", N_("True at the words, False at the padding"))
def padding_example(answer: Answer) -> None:
    mask = answer(np.array([[5, 3, 0], [7, 0, 0]]))
    want = np.array([[[[True, True, False]]], [[[True, False, False]]]])
    expect.equal(
        mask, want, _("mask"), "", {_("The wrong way round: True means that a place may be looked at."): ~want}
    )


@checks("padding-mask", N_("`pad_id` says which id is padding"))
def padding_other_id(answer: Answer) -> None:
    mask = answer(np.array([[0, 4, 9, 9]]), pad_id=9)
    expect.equal(
        mask,
        np.array([[[[True, True, False, False]]]]),
        _("mask"),
        _("Compare with `pad_id`; with `ids > 0` the word with id 0 would be lost."),
    )


@checks("padding-mask", N_("Each id counts by itself, also a padding id between words"))
def padding_between(answer: Answer) -> None:
    expect.equal(
        answer(np.array([[5, 0, 3]])),
        np.array([[[[True, False, True]]]]),
        _("mask"),
        _("Compare every id with `pad_id`; where a sentence ends does not matter."),
    )


@checks("causal-mask", N_("It is boolean and square"), gate=True)
def causal_shape(answer: Answer) -> None:
    mask = answer(4)
    expect.shape(mask, (4, 4), _("mask"), "(L, L)")
    expect.kind(mask, "bool", _("mask"))


@checks("causal-mask", N_("Position i sees the positions 0 to i"))
def causal_example(answer: Answer) -> None:
    want = np.tril(np.ones((3, 3), bool))
    expect.equal(
        answer(3),
        want,
        _("mask"),
        _("Rows are queries, columns are keys; a query sees itself and all before it."),
        {
            _("A word may look at itself: the diagonal is True."): np.tril(want, -1),
            _("The other triangle: a row is a query, and it sees what is to the left."): want.T,
            _("The other triangle, and True means that a place may be seen."): ~want,
            _("One step too far: position i must not see position i + 1."): np.tril(np.ones((3, 3), bool), 1),
        },
    )


@checks("causal-mask", N_("One word alone sees itself"))
def causal_one(answer: Answer) -> None:
    expect.equal(answer(1), [[True]], _("mask"))


@checks("causal-mask", N_("It is made on the device that is asked for"))
def causal_device(answer: Answer) -> None:
    device = answer.framework.other_device
    if device is None:
        return
    mask = answer.plain(2, device=device)
    if str(getattr(mask, "device", "")).partition(":")[0] != device:
        raise Unexpected(
            _("With `device={device!r}` the mask is on {got}.").format(
                device=device, got=f"`{getattr(mask, 'device', type(mask).__name__)}`"
            ),
            _("Give `device` to the function that makes the tensor: `torch.ones(..., device=device)`."),
        )


@checks("combine-masks", N_("No mask at all gives None"))
def combine_none(answer: Answer) -> None:
    for given in ((), (None,), (None, None)):
        if answer(*given) is not None:
            call = f"combine_masks({', '.join(map(str, given))})"
            raise Unexpected(_("`{call}` should be None.").format(call=call))


@checks("combine-masks", N_("A place may be seen if every mask allows it"))
def combine_two(answer: Answer) -> None:
    a, b = np.array([[True, True, False, False]]), np.array([[True, False, True, False]])
    expect.equal(
        answer(a, b),
        a & b,
        _("mask"),
        _("Logical and, `&`, of the masks."),
        {_("That is the logical or; a place must be allowed by both."): a | b},
    )


@checks("combine-masks", N_("A padding mask and a causal mask broadcast to (B, 1, L, L)"))
def combine_broadcast(answer: Answer) -> None:
    padding = np.array([[[[True, True, False]]], [[[True, True, True]]]])  # (B, 1, 1, S)
    causal = np.tril(np.ones((3, 3), bool))
    expect.equal(
        answer(padding, causal), padding & causal, _("mask"), _("`&` broadcasts by itself."), axes="(B, 1, L, L)"
    )


@checks("combine-masks", N_("A None among the masks is passed over; three masks work as two do"))
def combine_three(answer: Answer) -> None:
    a, b, c = (np.array(m, dtype=bool) for m in ([[1, 1, 1, 0]], [[1, 1, 0, 1]], [[1, 0, 1, 1]]))
    expect.equal(answer(a, None, b, c), a & b & c, _("mask of three"))
    expect.equal(answer(None, a), a, _("mask of one"))


def _softmax(scores: Any) -> np.ndarray:
    powers = np.exp(np.asarray(scores, dtype=float))
    return powers / powers.sum(axis=-1, keepdims=True)


def _shared_out(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum(axis=-1, keepdims=True)
