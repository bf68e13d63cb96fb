"""Visible checks of exercise 1: the additive score, softmax with a mask, the module, and the decoder that attends.

The worked examples have identities for matrices, and numbers whose softmax can be done in the head: scores ln 3 and 0
become the weights 3/4 and 1/4.
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

# -- the additive score -----------------------------------------------------------------------------------------------


@checks("additive-scores", N_("query (B, Dq) and keys (B, S, Dk) give scores (B, S)"), gate=True)
def scores_shape(answer: Answer) -> None:
    out = answer(_random(2, 4), _random(2, 5, 3), _random(4, 6), _random(3, 6), _random(6))
    expect.shape(
        out,
        (2, 5),
        _("scores"),
        "(B, S)",
        _("Give the query an axis in the middle, (B, 1, A), so that it meets each key; v takes away the last axis."),
    )


@checks("additive-scores", N_("A worked example with identities for matrices"))
def scores_example(answer: Answer) -> None:
    query, keys = np.array([[0.0, 1.0]]), np.array([[[1.0, -1.0], [0.0, 2.0], [-1.0, 0.0]]])
    v, added = np.array([2.0, 5.0]), query[:, None] + keys
    expect.equal(
        answer(query, keys, np.eye(2), np.eye(2), v),
        np.tanh(added) @ v,
        _("scores"),
        _("The sums are (1, 0), (0, 3) and (-1, 1); then comes the tanh, and then v = (2, 5)."),
        {
            _("The tanh seems to be missing."): added @ v,
            _("`v` seems to be missing: the numbers of a key are summed without weights."): np.tanh(added).sum(axis=-1),
            _("This is a dot product of query and key; here they are added."): keys @ query[0],
            _("The query seems to be missing."): np.tanh(keys) @ v,
            _("The keys seem to be missing."): np.tanh(0 * keys + query[:, None]) @ v,
        },
    )


@checks("additive-scores", N_("Each example's keys meet its own query"))
def scores_batch(answer: Answer) -> None:
    query, keys = _random(3, 2), _random(3, 3, 4)
    weights = _random(2, 5), _random(4, 5), _random(5)
    alone = np.concatenate([answer(query[n : n + 1], keys[n : n + 1], *weights) for n in range(3)])
    expect.equal(
        answer(query, keys, *weights),
        alone,
        _("scores of three examples with three keys each"),
        _("They are to be those that each example gets alone: add the axis in the middle, (B, 1, A)."),
    )


@checks("additive-scores", N_("A gradient reaches the query, the keys and the three arrays of weights"))
def scores_gradient(answer: Answer) -> None:
    arrays = _random(2, 4), _random(2, 5, 3), _random(4, 6), _random(3, 6), _random(6)
    behaviour.gradient_reaches(answer, *arrays, names=("query", "keys", "W_q", "W_k", "v"))


# -- softmax with a mask ----------------------------------------------------------------------------------------------

LN3 = np.log(3)


@checks("masked-softmax", N_("The weights have the shape of the scores"), gate=True)
def softmax_shape(answer: Answer) -> None:
    expect.shape(answer(_random(2, 5)), (2, 5), _("weights"), "(B, S)")


@checks("masked-softmax", N_("Without a mask: softmax over the last axis"))
def softmax_plain(answer: Answer) -> None:
    scores = np.array([[LN3, 0.0], [0.0, 0.0]])
    expect.equal(
        answer(scores),
        [[0.75, 0.25], [0.5, 0.5]],
        _("weights of the scores (ln 3, 0) and (0, 0)"),
        _("Each row sums to 1."),
        {_("This is a softmax over the batch: one example must not touch another."): _softmax(scores.T).T},
    )


@checks("masked-softmax", N_("A worked example with a mask"))
def softmax_masked(answer: Answer) -> None:
    scores, mask = np.array([[LN3, 0.0, 5.0]]), np.array([[True, True, False]])
    expect.equal(
        answer(scores, mask),
        [[0.75, 0.25, 0.0]],
        _("weights of (ln 3, 0, 5) with the mask (True, True, False)"),
        _("The third place is hidden; the first two share the weight as 3 : 1."),
        {
            _("The mask has no effect."): _softmax(scores),
            _("The weights no longer sum to 1: mask before the softmax, not after it."): _softmax(scores) * mask,
            _("The wrong way round: True is a place that may be looked at."): [[0.0, 0.0, 1.0]],
            _("A score of 0 is not nothing: exp(0) is 1. Put a very negative number there."): _softmax(scores * mask),
        },
    )


@checks("masked-softmax", N_("Large scores are safe, in real places and in masked ones"))
def softmax_large(answer: Answer) -> None:
    expect.equal(
        answer(np.array([[800.0, 800.0, 0.0]])),
        [[0.5, 0.5, 0.0]],
        _("weights of (800, 800, 0)"),
        _("exp(800) is infinite. The framework's softmax takes off the largest score first."),
    )
    expect.equal(
        answer(np.array([[1.0, 1.0, 800.0]]), np.array([[True, True, False]])),
        [[0.5, 0.5, 0.0]],
        _("weights of (1, 1, 800), the last one masked"),
        _("Replace the masked score before the softmax."),
    )
    expect.equal(
        answer(np.array([[-800.0, -800.0, 0.0]]), np.array([[True, True, False]])),
        [[0.5, 0.5, 0.0]],
        _("weights of (-800, -800, 0), the last one masked"),
        _("Scores can be far below zero themselves. Put the smallest number of the type where the mask is False."),
    )


@checks("masked-softmax", N_("Each example has its own mask, and the source is the last of any number of axes"))
def softmax_axes(answer: Answer) -> None:
    mask = np.array([[True, True, False], [True, False, True]])
    expect.equal(
        answer(np.zeros((2, 3)), mask),
        mask / 2,
        _("weights of two examples with a mask each"),
        _("The whole mask counts. It broadcasts against the scores as it is."),
    )
    scores = _random(2, 3, 4)
    expect.equal(
        answer(scores),
        _softmax(scores),
        _("weights of scores (B, L, S)"),
        _("Count the axis from the end: the source is the last, -1."),
    )


# -- additive attention -----------------------------------------------------------------------------------------------


@checks("additive-attention", N_("It gives the context (B, Dk) and the weights (B, S)"), gate=True)
def attention_shape(answer: Answer) -> None:
    context, weights = answer.module(4, 3, 6).pair(_random(2, 4), _random(2, 5, 3))
    expect.shape(
        weights, (2, 5), _("weights"), "(B, S)", _("One weight for each key: take off the last axis, S stays.")
    )
    expect.shape(context, (2, 3), _("context"), "(B, Dk)", _("The mean of the keys is as wide as a key."))


@checks("additive-attention", N_("A worked example: two keys as 3 : 1"))
def attention_example(answer: Answer) -> None:
    # v makes ln 3 of tanh 1: the first key scores ln 3, the second 0.
    keys = np.array([[[1.0, 4.0], [0.0, 8.0]]])
    module = _attention(answer, W_k=[[1.0], [0.0]], v=[[LN3 / np.tanh(1)]])
    context, weights = module.pair(np.array([[0.0, 0.0]]), keys)
    expect.equal(weights, [[0.75, 0.25]], _("weights"), _("The scores are ln 3 and 0."))
    expect.equal(
        context,
        [[0.75, 5.0]],
        _("context"),
        _("3/4 of the first key, (1, 4), and 1/4 of the second, (0, 8)."),
        {_("The keys are added without their weights."): [[1.0, 12.0]], _("This is the plain mean."): [[0.5, 6.0]]},
    )


@checks("additive-attention", N_("The query has a say, through W_q"))
def attention_query(answer: Answer) -> None:
    keys = np.array([[[1.0, 0.0], [-1.0, 0.0]]])
    module = _attention(answer, W_q=[[1.0], [0.0]], W_k=[[1.0], [0.0]], v=[[2.0]])
    _context, weights = module.pair(np.array([[1.0, 0.0]]), keys)
    expect.equal(
        weights,
        _softmax(np.array([[2 * np.tanh(2), 0.0]])),
        _("weights"),
        _("The sums are 1 + 1 and 1 − 1, then come tanh and v."),
        {
            _("The query has no effect."): _softmax(np.array([[2 * np.tanh(1), 2 * np.tanh(-1)]])),
            _("The tanh seems to be missing."): _softmax(np.array([[4.0, 0.0]])),
        },
    )


@checks("additive-attention", N_("A padded sentence gives what it gives alone"))
def attention_padding(answer: Answer) -> None:
    query, keys = _random(2, 4), _random(2, 5, 3)
    mask = np.array([[True, True, True, False, False], [True] * 5])
    module = answer.module(4, 3, 6)
    context, weights = module.pair(query, keys, mask)
    alone, alone_weights = module.pair(query[:1], keys[:1, :3].copy())
    expect.equal(
        weights[:1],
        np.pad(alone_weights, ((0, 0), (0, 2))),
        _("weights of a sentence with two places of padding"),
        _("Hand the mask to `masked_softmax`."),
    )
    expect.equal(context[:1], alone, _("context of that sentence"), _("Padding has no weight, so it is not in it."))


@checks("additive-attention", N_("Three layers without bias are trained, and nothing else"))
def attention_count(answer: Answer) -> None:
    module = answer.module(4, 3, 6)
    module(_random(1, 4), _random(1, 5, 3))
    expect.equal(
        np.array(module.trainable()),
        (4 + 3 + 1) * 6,
        _("number of trainable numbers"),
        _("Dq A in W_q, Dk A in W_k, and A in v, for Dq = 4, Dk = 3 and A = 6."),
        {_("The layers have biases: leave them out."): (4 + 3 + 1) * 6 + 6 + 6 + 1},
    )


@checks("additive-attention", N_("One example with one key works too, and a gradient reaches all of it"))
def attention_alone(answer: Answer) -> None:
    module, keys = answer.module(4, 3, 6), _random(1, 1, 3)
    context, weights = module.pair(_random(1, 4), keys)
    squeezed = _("`squeeze` without an axis removes every axis of length 1. Say which: the last.")
    expect.shape(weights, (1, 1), _("weights"), "(B, S)", squeezed)
    expect.shape(context, (1, 3), _("context"), "(B, Dk)", squeezed)
    behaviour.gradient_reaches(module, _random(2, 4), _random(2, 5, 3), names=("query", "keys"), output=0)
    value = _attention(answer, W_k=[[0.0], [0.0]], v=[[1.0]])  # the score does not depend on the keys here
    behaviour.gradient_reaches_keys(value, _random(2, 2), _random(2, 3, 2))


# -- a decoder that looks back ----------------------------------------------------------------------------------------


@checks("attention-decoder", N_("It gives logits (B, L, V) and weights (B, L, S)"), gate=True)
def decoder_shape(answer: Answer) -> None:
    logits, weights = _decoder(answer).pair(np.array([[1, 4, 6], [1, 5, 2]]), _random(2, 5, 4), _random(2, 3))
    expect.shape(
        logits, (2, 3, 8), _("logits"), "(B, L, V)", _("A row of logits for each step; stack them along axis 1.")
    )
    expect.shape(weights, (2, 3, 5), _("weights"), "(B, L, S)", _("Those of all steps, not of the last alone."))


TOKENS = np.array([[1, 4, 6]])


@checks("attention-decoder", N_("The first step asks with the state that is given"))
def decoder_query(answer: Answer) -> None:
    states, module = _random(1, 5, 4), _decoder(answer)
    # Words far apart: with the small numbers that an embedding starts with, the second step hardly tells them apart.
    # All of the attention's weights: a module that lays them out in its own way is given them together.
    weights = {
        "embedding.weight": 3 * _random(8, 2),
        "attention.W_q.weight": _random(3, 7) / 2,
        "attention.W_k.weight": _random(4, 7) / 2,
        "attention.v.weight": np.full((7, 1), 3.0),
    }
    module.load(weights, TOKENS, states, _random(1, 3))
    _logits, one = module.pair(TOKENS, states, np.array([[2.0, -1.0, 0.5]]))
    _logits, two = module.pair(TOKENS, states, np.array([[-2.0, 1.0, 0.3]]))
    if not _differ(one[:, 0], two[:, 0]):
        raise Unexpected(
            _("Another state to start in gives the same weights in the first step."),
            _("The query is the previous state; in the first step that is `state`."),
        )
    _logits, other = module.pair(np.array([[5, 4, 6]]), states, np.array([[2.0, -1.0, 0.5]]))
    if _differ(one[:, 0], other[:, 0]):
        raise Unexpected(
            _("Another first token gives other weights in the first step."),
            _("The query is the state from *before* the step: attend first, and let the cell work afterwards."),
        )
    if not _differ(one[:, 1], other[:, 1]):
        raise Unexpected(
            _("Another first token leaves the weights of the second step as they are."),
            _("The new state of a step is the query of the next: carry it on."),
        )


@checks("attention-decoder", N_("The cell reads [embedding; context] and the logits come from [state; context]"))
def decoder_order_of_inputs(answer: Answer) -> None:
    states, state, module = _random(1, 5, 4), _random(1, 3), _decoder(answer)
    _logits, weights = module.pair(TOKENS, states, state)
    contexts = weights @ states  # (1, L, 4)
    read = module.received("cell", TOKENS, states, state)
    written = module.received("to_logits", TOKENS, states, state)
    if len(read) == TOKENS.shape[1] and all(one.shape == (1, 6) for one in read):
        given = np.stack(read, axis=1)  # (1, L, 2 + 4)
        last_context = np.concatenate([0 * contexts[:, :1], contexts[:, :-1]], axis=1)
        expect.equal(
            given[..., 2:],
            contexts,
            _("last four numbers of what the cell reads"),
            _("First the embedding, then the context of this step: [embedding; context]."),
            {
                _("This is the context of the step before. Attend first, then let the cell work."): last_context,
            },
        )
    whole = written[0] if len(written) == 1 else np.stack(written, axis=1) if written else np.zeros(0)
    if whole.shape == (1, TOKENS.shape[1], 7):
        expect.equal(
            whole[..., 3:],
            contexts,
            _("last four numbers of what `to_logits` reads"),
            _("First the new state, then the context: [new state; context]."),
        )


@checks("attention-decoder", N_("It gives logits, no probabilities, and learns through all steps"))
def decoder_gradient(answer: Answer) -> None:
    states, state, module = _random(1, 5, 4), _random(1, 3), _decoder(answer)
    logits, _weights = module.pair(TOKENS, states, state)
    if np.abs(np.exp(logits).sum(axis=-1) - 1).max() < 1e-4 or np.abs(logits.sum(axis=-1) - 1).max() < 1e-4:
        raise Unexpected(
            _("The rows sum to one as probabilities do."),
            _("Return the scores as `to_logits` gives them; the loss makes probabilities of them."),
        )
    behaviour.gradient_reaches(module, TOKENS, states, state, names=("encoder_states", "state"), output=0)
    last = module.answer._guard(
        lambda: module.answer.framework.gradients(
            lambda *given: module.thing(*given)[0][:, 2:], (TOKENS, states, state), None
        )
    )
    if not np.abs(last[1]).max() > 0:
        raise Unexpected(
            _("No gradient of the last step reaches the state that is given."),
            _("Carry the state on as it is: a `detach()` between the steps cuts the way back."),
        )


@checks("attention-decoder", N_("A word acts on its own step and on later ones, never on those before"))
def decoder_order(answer: Answer) -> None:
    states, state, module = _random(1, 5, 4), _random(1, 3), _decoder(answer)
    before, _weights = module.pair(TOKENS, states, state)
    after, _weights = module.pair(np.array([[1, 5, 6]]), states, state)
    if _differ(before[:, 0], after[:, 0]):
        raise Unexpected(
            _("Another second token changed the logits of the first step."),
            _("`tokens` are shifted already: step t reads token t."),
        )
    for step, hint in ((1, _("The cell reads the token's embedding.")), (2, _("The state has to be carried on."))):
        if not _differ(before[:, step], after[:, step]):
            message = _("Another second token changed nothing in step {number}.").format(number=step + 1)
            raise Unexpected(message, hint)


@checks("attention-decoder", N_("The source's padding has no effect"))
def decoder_padding(answer: Answer) -> None:
    states, state, module = _random(1, 5, 4), _random(1, 3), _decoder(answer)
    logits, _weights = module.pair(TOKENS, states, state, np.array([[True, True, True, False, False]]))
    alone, _weights = module.pair(TOKENS, states[:, :3].copy(), state)
    expect.equal(
        logits, alone, _("logits with two places of padding"), _("Hand the mask to the attention, in every step.")
    )


@checks("attention-decoder", N_("Embedding, attention, cell and last layer have the right sizes"))
def decoder_count(answer: Answer) -> None:
    module = _decoder(answer)
    module(TOKENS, _random(1, 5, 4), _random(1, 3))
    # V 8, E 2, encoder 4, state 3, A 7
    cell, rest = 3 * 3 * (2 + 4 + 3 + 2), 8 * 2 + (3 + 4 + 1) * 7
    expect.equal(
        np.array(module.trainable()),
        rest + cell + (3 + 4 + 1) * 8,
        _("number of trainable numbers"),
        _("The cell sees [embedding; context], and the logits come from [new state; context]."),
        {
            _("The context does not go into the cell."): rest + 3 * 3 * (2 + 3 + 2) + (3 + 4 + 1) * 8,
            _("The context does not go into the logits."): rest + cell + (3 + 1) * 8,
        },
    )


def _attention(answer: Answer, **weights: list[Any]) -> Module:
    """The module with Dq = Dk = 2, A = 1; what is not given is zero."""
    zero = {"W_q": np.zeros((2, 1)), "W_k": np.zeros((2, 1)), "v": np.zeros((1, 1))}
    arrays = {f"{name}.weight": np.array(value) for name, value in {**zero, **weights}.items()}
    return answer.module(2, 2, 1).load(arrays, np.zeros((1, 2)), np.zeros((1, 2, 2)))


def _decoder(answer: Answer) -> Module:
    return answer.module(8, 2, 4, 3, 7)


def _softmax(scores: np.ndarray) -> np.ndarray:
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(7 + sum(shape)).normal(size=shape)


def _differ(one: np.ndarray, two: np.ndarray) -> bool:
    return bool(np.abs(one - two).max() > 1e-5)
