"""Visible checks of exercise 4: multi-head attention.

The worked example has two heads of width one and identities for projections, so that each head is a small attention
that can be done in the head: scores ln 3 and 0 in the first, 0 and 0 in the second.
"""

from typing import Any

import numpy as np

from course import behaviour
from course import expectations as expect
from course.answers import Answer, Module
from course.checks import Checks
from course.frameworks import Unexpected
from course.i18n import N_, _

checks = Checks()

ROWS = np.array([[[0.0, 1.0, 2.0, 3.0], [10.0, 11.0, 12.0, 13.0]]])  # (B 1, L 2, D 4)
HEADS = np.array([[[[0.0, 1.0], [10.0, 11.0]], [[2.0, 3.0], [12.0, 13.0]]]])  # (B 1, H 2, L 2, Dh 2)


@checks("split-heads", N_("(B, L, D) becomes (B, H, L, Dh)"), gate=True)
def split_shape(answer: Answer) -> None:
    out = answer(_random(2, 5, 12), 3)
    expect.shape(
        out, (2, 3, 5, 4), _("result"), "(B, H, L, Dh)", _("First cut the last axis in two, then move the heads.")
    )


@checks("split-heads", N_("A worked example: each head gets a slice of the width"))
def split_example(answer: Answer) -> None:
    expect.equal(
        answer(ROWS, 2),
        HEADS,
        _("result"),
        _("Head 0 gets the columns 0 and 1 of every row, head 1 the columns 2 and 3."),
        {
            _("A reshape alone mixes words and heads. Reshape to (B, L, H, Dh), then swap L and H."): ROWS.reshape(
                1, 2, 2, 2
            ),
            _("The heads take the columns by turns; a head's columns lie next to each other."): ROWS.reshape(
                1, 2, 2, 2
            ).transpose(0, 3, 1, 2),
        },
    )


@checks("split-heads", N_("A width that the heads cannot share equally raises ValueError"))
def split_error(answer: Answer) -> None:
    expect.raises(ValueError, lambda: answer(_random(1, 2, 10), 4), _("D = 10 and 4 heads"))


@checks("merge-heads", N_("(B, H, L, Dh) becomes (B, L, D)"), gate=True)
def merge_shape(answer: Answer) -> None:
    expect.shape(answer(_random(2, 3, 5, 4)), (2, 5, 12), _("result"), "(B, L, D)")


@checks("merge-heads", N_("A worked example: the heads side by side again"))
def merge_example(answer: Answer) -> None:
    expect.equal(
        answer(HEADS),
        ROWS,
        _("result"),
        _("Each row gets the columns of head 0, then those of head 1."),
        {_("Swap heads and words back before the reshape; a reshape alone mixes them."): HEADS.reshape(1, 2, 4)},
    )


@checks("multi-head-attention", N_("It returns the output (B, L, D) and the weights (B, H, L, S)"), gate=True)
def attention_shapes(answer: Answer) -> None:
    output, weights = answer.module(12, 3).pair(_random(2, 4, 12), _random(2, 5, 12))
    expect.shape(
        weights, (2, 3, 4, 5), _("weights"), "(B, H, L, S)", _("Return the weights of all heads, not their mean.")
    )
    expect.shape(output, (2, 4, 12), _("output"), "(B, L, D)", _("Merge the heads, then apply `W_o`."))


@checks("multi-head-attention", N_("A worked example with two heads"))
def attention_example(answer: Answer) -> None:
    query, key, value = (
        np.array([[[np.log(3), 0.0]]]),
        np.array([[[1.0, 5.0], [0.0, 7.0]]]),
        np.array([[[4.0, 10], [8, 20]]]),
    )
    output, weights = _identity(answer, 2).pair(query, key, value)
    expect.equal(
        weights,
        [[[[0.75, 0.25]], [[0.5, 0.5]]]],
        _("weights"),
        _("Head 0 sees the scores ln 3 and 0, head 1 the scores 0 and 0."),
        {
            _("Each head divides by the root of its own width Dh, not of d_model."): _softmax(
                [[[[np.log(3) / np.sqrt(2), 0.0]], [[0.0, 0.0]]]]
            ),
        },
    )
    expect.equal(
        output,
        [[[5.0, 15.0]]],
        _("output"),
        _("Head 0 mixes 4 and 8 as 3 : 1, head 1 mixes 10 and 20 as 1 : 1."),
        {_("Key and value seem to have changed places."): [[[0.75, 6.0]]]},
    )


@checks("multi-head-attention", N_("The key defaults to the query, the value to the key"))
def attention_defaults(answer: Answer) -> None:
    x, y = _random(2, 4, 6), _random(2, 5, 6)
    module = answer.module(6, 2)
    full, _weights = module.pair(x, x, x)
    expect.equal(module.pair(x)[0], full, _("output of module(x)"), _("With no key and value it is self-attention."))
    full, _weights = module.pair(x, y, y)
    expect.equal(module.pair(x, y)[0], full, _("output of module(x, y)"), _("With no value, the value is the key."))


@checks("multi-head-attention", N_("Each projection is used, with its own weights and bias"))
def attention_projections(answer: Answer) -> None:
    query, key, value = (
        np.array([[[np.log(3), 0.0]]]),
        np.array([[[1.0, 5.0], [0.0, 7.0]]]),
        np.array([[[4.0, 10], [8, 20]]]),
    )
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    output, _weights = _identity(answer, 2, **{"W_o.weight": swap, "W_o.bias": np.array([100.0, 200.0])}).pair(
        query, key, value
    )
    expect.equal(
        output,
        [[[115.0, 205.0]]],
        _("output when W_o swaps the columns and adds (100, 200)"),
        _("`W_o` comes last, after the heads are merged, and has a bias."),
        {_("`W_o` has no effect: is it applied?"): [[[5.0, 15.0]]]},
    )
    output, weights = _identity(answer, 2, **{"W_q.weight": 0 * swap, "W_v.bias": np.array([1.0, 2.0])}).pair(
        query, key, value
    )
    expect.equal(
        weights,
        np.full((1, 2, 1, 2), 0.5),
        _("weights when W_q is 0"),
        _("The query goes through `W_q`, the key through `W_k`."),
    )
    expect.equal(
        output, [[[7.0, 17.0]]], _("output when W_v adds (1, 2)"), _("The value goes through `W_v`, with its bias.")
    )


@checks("multi-head-attention", N_("A mask hides keys from every head"))
def attention_mask(answer: Answer) -> None:
    x = _random(2, 3, 6)
    causal = np.tril(np.ones((3, 3), bool))
    _output, weights = answer.module(6, 2).pair(x, mask=causal)
    expect.equal(
        weights > 0,
        np.broadcast_to(causal, (2, 2, 3, 3)),
        _("places with a weight above 0"),
        _("The mask broadcasts against the scores (B, H, L, S) as it is."),
    )


@checks("multi-head-attention", N_("All of it with weights of all sizes: project, split, scale, mix, merge, project"))
def attention_whole(answer: Answer) -> None:
    query, key, value, width, heads = _random(2, 3, 4), _random(2, 5, 4) + 1, _random(2, 5, 4) - 1, 4, 2
    names, rng = ("W_q", "W_k", "W_v", "W_o"), np.random.default_rng(3)
    arrays = {f"{name}.weight": rng.normal(size=(width, width)) for name in names}
    arrays |= {f"{name}.bias": rng.normal(size=width) for name in names}
    module = answer.module(width, heads).load(arrays, np.zeros((1, 2, width)))

    def attention(key_layer: str = "W_k", scale: float = np.sqrt(width / heads)) -> tuple[np.ndarray, np.ndarray]:
        q, k, v = (
            (x @ arrays[f"{name}.weight"] + arrays[f"{name}.bias"]).reshape(2, -1, heads, width // heads).swapaxes(1, 2)
            for x, name in ((query, "W_q"), (key, key_layer), (value, "W_v"))
        )
        weights = _softmax(q @ k.swapaxes(-1, -2) / scale)
        merged = (weights @ v).swapaxes(1, 2).reshape(2, 3, width)
        return merged @ arrays["W_o.weight"] + arrays["W_o.bias"], weights

    output, weights = module.pair(query, key, value)
    expected_output, expected_weights = attention()
    expect.equal(
        weights,
        expected_weights,
        _("weights"),
        _("Project all columns first, then split them into heads, then divide the scores by √Dh."),
        {
            _("The key seems to go through `W_q`; it has its own projection, `W_k`."): attention("W_q")[1],
            _("These are the weights without the division by √Dh."): attention(scale=1.0)[1],
            _("Each head divides by the root of its own width Dh, not of d_model."): attention(scale=np.sqrt(width))[1],
            _("You divide by Dh; divide by its root."): attention(scale=width / heads)[1],
        },
    )
    expect.equal(output, expected_output, _("output"), _("Merge the heads, then apply `W_o`."))


@checks("multi-head-attention", N_("A mask may differ from head to head, and a gradient reaches every projection"))
def attention_heads(answer: Answer) -> None:
    mask = np.array([[[[True, False, True]], [[True, True, False]]]])  # (1, H, 1, S)
    module, x = answer.module(6, 2), _random(2, 3, 6)
    _output, weights = module.pair(x, mask=mask)
    expect.equal(
        weights > 0,
        np.broadcast_to(mask, (2, 2, 3, 3)),
        _("places with a weight above 0"),
        _("The mask broadcasts against the scores (B, H, L, S) as it is."),
    )
    behaviour.gradient_reaches_weights(module, x, allowed=6)  # D numbers: the keys' bias


@checks("multi-head-attention", N_("Four projections with bias are trainable, and nothing else is"))
def attention_count(answer: Answer) -> None:
    module = answer.module(6, 2)
    module(_random(1, 3, 6))
    expect.equal(
        np.array(module.trainable()),
        4 * (6 * 6 + 6),
        _("number of trainable numbers"),
        _("4 · (D · D + D) for D = 6: each of the four has a matrix and a bias."),
    )


@checks("multi-head-attention", N_("A width that the heads cannot share equally raises ValueError"))
def attention_error(answer: Answer) -> None:
    expect.raises(ValueError, lambda: answer.module(10, 4), _("d_model = 10 and 4 heads, at construction"))


@checks("multi-head-in-use", N_("Without positions, shuffled words give the same vectors, shuffled"))
def use_permutation(answer: Answer) -> None:
    x, order = _random(2, 5, 6), [3, 0, 4, 2, 1]
    module = answer.module(6, 2)
    expect.equal(
        module.pair(x[:, order])[0],
        module.pair(x)[0][:, order],
        _("output of shuffled words"),
        _("Every word is treated alike; nothing but the mask may depend on its place."),
    )


@checks("multi-head-in-use", N_("One sentence of a batch does not touch another"))
def use_batch(answer: Answer) -> None:
    x = _random(3, 4, 6)
    module = answer.module(6, 2)
    expect.equal(
        module.pair(x[:1])[0],
        module.pair(x)[0][:1],
        _("output of the first sentence, alone and in a batch"),
        _("Where the reshape mixes the axes, sentences mix too."),
    )


@checks("multi-head-in-use", N_("With a padding mask, what stands in the padding has no effect"))
def use_padding(answer: Answer) -> None:
    x = _random(2, 4, 6)
    other = x.copy()
    other[1, 2:] = 50.0
    mask = np.ones((2, 1, 1, 4), bool)
    mask[1, ..., 2:] = False
    module = answer.module(6, 2)
    expect.equal(
        module.pair(other, mask=mask)[0][1, :2],
        module.pair(x, mask=mask)[0][1, :2],
        _("output at the real words of the second sentence"),
        _("Each sentence has its own mask: (B, 1, 1, S) broadcasts over heads and queries."),
    )


@checks("multi-head-in-use", N_("A module that is given another's saved state does the same"))
def use_state(answer: Answer) -> None:
    x = _random(1, 4, 6)
    one, two = answer.module(6, 2), answer.module(6, 2)
    want, _weights = one.pair(x)
    two(x)
    expect.equal(
        one.copied_to(two).pair(x)[0],
        want,
        _("output of the copy"),
        _("Weights must be registered with the module: layers kept as attributes are; those in a plain list are not."),
    )


@checks("multi-head-in-use", N_("It works in double precision"))
def use_float64(answer: Answer) -> None:
    with answer.framework.float64():
        output, weights = answer.module(6, 2).pair(_random(1, 4, 6))
    expect.kind(output, "float64", _("output"))
    if np.abs(weights.sum(axis=-1) - 1).max() > 1e-13:
        raise Unexpected(
            _("In double precision the result ({name}) is only as exact as single precision.").format(
                name=_("weights")
            ),
            _("Keep the type of the arguments: no `float32` and no `.float()` inside."),
        )


@checks("multi-head-in-use", N_("It works on another device too"))
def use_device(answer: Answer) -> None:
    x = _random(1, 3, 6)
    behaviour.follows_device(answer.module(6, 2), x, x, x, np.tril(np.ones((3, 3), bool)))


def _identity(answer: Answer, width: int, **changed: np.ndarray) -> Module:
    """The module with identities for projections and no bias, but for what is changed."""
    weights: dict[str, np.ndarray] = {}
    for name in ("W_q", "W_k", "W_v", "W_o"):
        weights[f"{name}.weight"], weights[f"{name}.bias"] = np.eye(width), np.zeros(width)
    return answer.module(width, 2).load(weights | changed, np.zeros((1, 2, width)))


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=shape)


def _softmax(scores: Any) -> np.ndarray:
    powers = np.exp(np.asarray(scores, dtype=float))
    return powers / powers.sum(axis=-1, keepdims=True)
