"""Hidden tests of exercise 1: the additive score, the softmax with a mask, the module, and the decoder that attends.

The tests load weights that are so large that attention is far from uniform. The decoder's GRU cell is the framework's
own, and is filled with numbers from a seed. All sizes differ, so that swapped axes are always detected.
"""

from __future__ import annotations

import numpy as np
import pytest

from autograder.exercises.shared import (
    SHAPE_ONLY,
    agree_in_float64,
    check_device,
    close,
    picture_if_wrong,
    trainable,
    unpack,
)
from autograder.judging.program import Program
from autograder.messages import Message

# -- the additive score -----------------------------------------------------------------------------------------------

SCORES = {"names": ("scores",), "axes": {"scores": "batch, key"}}


def scores(rng, batch=3, keys=6, query_dim=4, key_dim=5, attention_dim=7):
    """The call with inputs a0 (query), a1 (keys), a2 (W_q), a3 (W_k) and a4 (v)."""
    return Program.function(
        "additive_scores",
        rng.normal(batch, query_dim),
        rng.normal(batch, keys, key_dim),
        rng.normal(query_dim, attention_dim, scale=0.6),
        rng.normal(key_dim, attention_dim, scale=0.6),
        rng.normal(attention_dim),
    )


@pytest.mark.part("additive-scores")
def test_scores_shape(agree, rng):
    """There is a score for each key of each example."""
    agree(scores(rng), **SCORES, rtol=SHAPE_ONLY)


@pytest.mark.part("additive-scores", share=4, needs=("test_scores_shape",))
@pytest.mark.parametrize(
    "sizes",
    [{}, {"batch": 2, "keys": 9, "attention_dim": 3}, {"query_dim": 8, "key_dim": 2}],
    ids=["some keys", "many keys", "a wide query"],
)
def test_scores_values(agree, rng, sizes):
    """The score is v · tanh(query W_q + key W_k)."""
    agree(scores(rng, **sizes), **SCORES)


@pytest.mark.part("additive-scores", needs=("test_scores_shape",))
@pytest.mark.parametrize(
    "sizes",
    [{"batch": 1}, {"keys": 1}, {"batch": 1, "keys": 1}, {"attention_dim": 1}, {"query_dim": 1, "key_dim": 1}],
    ids=["one example", "one key", "one example with one key", "attention of width one", "inputs of width one"],
)
def test_scores_small_sizes(agree, rng, sizes):
    """Sizes of 1 work like any other size."""
    agree(scores(rng, **sizes), **SCORES)


@pytest.mark.part("additive-scores", share=3, needs=("test_scores_shape",))
def test_scores_gradients(agree, student, rng, fail):
    """The gradients of the scores reach W_q, W_k and v, and the query and the keys."""
    program = scores(rng).gradient(("a2", "a3", "a4", "a0", "a1"), rng.normal(3, 6))
    missing = [name for name, array in student.run(program).grad.items() if not isinstance(array, np.ndarray)]
    if missing:
        fail("Not all gradients come back: is a tensor taken off the graph (detach, numpy, stop_gradient)?")
    agree(program, what=("grad",))


@pytest.mark.part("additive-scores", needs=("test_scores_shape", "test_scores_values"))
def test_scores_float64(agree, student, rng):
    """In float64 the scores are as precise as float64, and the inputs are left as they were."""
    agree_in_float64(agree, student, scores(rng).inputs_after(), **SCORES)


@pytest.mark.part("additive-scores", needs=("test_scores_shape",), tracks=("pytorch",))
def test_scores_device(student, rng, fail):
    """The scores are on the device of the inputs."""
    check_device(student.run(scores(rng).on_device("meta")), fail)


# -- softmax with a mask ----------------------------------------------------------------------------------------------

WEIGHTS = {"names": ("weights",), "axes": {"weights": "batch, key"}}


def softmax(*args, **options):
    """The call of `masked_softmax`.

    It gets copies, because the exercise does not forbid to write into the arguments.
    """
    return Program.function("masked_softmax", *args, **options).given_as_copies()


def check_overflow(student, fail):
    """Fail with the mistake `exp-overflows` where large scores give NaN or infinity even without a mask."""
    weights = student.run(softmax(np.array([[800.0, 799.0, 0.0]]))).out
    if isinstance(weights, np.ndarray) and not np.isfinite(weights).all():
        fail(
            "For scores of several hundreds there are no numbers in the weights: exp(800) is infinite.", "exp-overflows"
        )


@pytest.mark.part("masked-softmax")
def test_softmax_shape(agree, rng):
    """The weights have the shape and type of the scores."""
    agree(softmax(rng.normal(3, 5)).call("masked_softmax", rng.normal(2, 6), rng.mask(2, 6)), rtol=SHAPE_ONLY)


@pytest.mark.part("masked-softmax", share=2, needs=("test_softmax_shape",))
@pytest.mark.parametrize(
    "shape, keys",
    [((3, 5), "batch, key"), ((2, 3, 6), "batch, query, key"), ((7,), "key")],
    ids=["a row for each example", "several rows for each example", "one row"],
)
def test_softmax_values(agree, rng, shape, keys):
    """Without a mask it is the softmax over the last axis."""
    agree(softmax(rng.normal(*shape, scale=2)), names=("weights",), axes={"weights": keys})


@pytest.mark.part("masked-softmax", share=4, needs=("test_softmax_shape",))
@pytest.mark.parametrize(
    "shape, mask",
    [((4, 6), (4, 6)), ((4, 6), (6,)), ((3, 4, 7), (3, 1, 7)), ((3, 4, 7), (4, 7))],
    ids=["a mask for each example", "one mask for all", "several rows, a mask for each example", "a mask for each row"],
)
def test_softmax_masks(agree, rng, shape, mask):
    """With a mask only the real places share the weight, whatever the mask's shape."""
    agree(softmax(rng.normal(*shape, scale=2), rng.mask(*mask, keep=0.6)), names=("weights",))


@pytest.mark.part("masked-softmax", share=2, needs=("test_softmax_shape",))
def test_softmax_sum(student, rng, fail):
    """The weights are not negative, sum to 1, and are 0 where the mask is False."""
    mask = rng.mask(5, 7, keep=0.6)
    weights = np.asarray(student.run(softmax(rng.normal(5, 7, scale=2), mask)).out, np.float64)
    if weights.shape != mask.shape or (np.abs(weights[~mask]) > 1e-12).any():
        fail("There is weight where the mask is False: it has to be 0 there.")
    if (weights < 0).any() or not close(weights.sum(axis=-1), np.ones(5), 1e-5):
        fail("The weights of a row do not sum to 1: mask before the softmax, not after it.")


@pytest.mark.part("masked-softmax", share=2, needs=("test_softmax_shape",))
def test_softmax_padding(student, rng, fail):
    """What stands in a masked place has no effect."""
    mask, before = rng.mask(4, 7, keep=0.6), rng.normal(4, 7)
    after = np.where(mask, before, rng.normal(4, 7, scale=30))
    values = student.run(softmax(before, mask).call("masked_softmax", after, mask)).values
    if not close(values.get("out"), values.get("out2"), 1e-6):
        fail("Other scores in the masked places gave other weights.")


@pytest.mark.part("masked-softmax", share=2, needs=("test_softmax_shape",))
@pytest.mark.parametrize("place", ["real", "masked"], ids=["in real places", "in masked places"])
def test_softmax_large(agree, student, rng, fail, place):
    """Scores of several hundreds are safe: the weights are finite and right."""
    check_overflow(student, fail)
    mask = np.ones((4, 6), bool)
    if place == "masked":
        mask[np.arange(4), rng.permutation(6)[:4]] = False
        large = np.where(mask, rng.normal(4, 6), 700.0)
    else:
        large = 600 + rng.normal(4, 6, scale=3)
        large[1::2] -= 1200  # far below zero in every other row
    # Numbers of this size have few digits left for their differences.
    agree(softmax(large, mask).call("masked_softmax", large), names=("weights",), rtol=1e-3)


@pytest.mark.part("masked-softmax", needs=("test_softmax_values", "test_softmax_masks", "test_softmax_padding"))
@pytest.mark.parametrize("size", [2e4, 1e10], ids=["tens of thousands", "ten thousand million"])
def test_softmax_masked_however_large(student, rng, fail, size):
    """What stands in a masked place has no effect, however large it is."""
    check_overflow(student, fail)
    mask, before = rng.mask(4, 7, keep=0.6), rng.normal(4, 7)
    after = np.where(mask, before, size)
    values = student.run(softmax(before, mask).call("masked_softmax", after, mask)).values
    weights = values.get("out2")
    if not close(values.get("out"), weights, 1e-6):
        fail(
            Message(
                "With scores of {size} in the masked places the weights change. Replace the masked scores: what is "
                "added to them is outweighed by a score that is larger.",
                size=f"{size:g}",
            ),
            "weak-fill" if (weights[~mask] > 1e-3).any() else None,
        )


@pytest.mark.part("masked-softmax", needs=("test_softmax_shape", "test_softmax_values"))
def test_softmax_zero_scores(agree, rng):
    """A score of 0 is a score like any other, and a score far below the others too."""
    numbers = rng.normal(3, 6)
    numbers[:, [1, 4]] = 0.0
    agree(softmax(numbers, rng.mask(3, 6, keep=0.7)).call("masked_softmax", numbers - 40, rng.mask(3, 6)))


@pytest.mark.part("masked-softmax", needs=("test_softmax_shape",))
@pytest.mark.parametrize("shape", [(1, 5), (4, 1), (1, 1)], ids=["one example", "one place", "one of each"])
def test_softmax_small_sizes(agree, rng, shape):
    """Sizes of 1 work like any other size; a mask that allows everything gives the same as no mask."""
    agree(softmax(rng.normal(*shape)).call("masked_softmax", rng.normal(*shape), np.ones(shape, bool)), **WEIGHTS)


@pytest.mark.part("masked-softmax", needs=("test_softmax_shape", "test_softmax_values"))
def test_softmax_gradient(agree, student, rng):
    """Gradients pass through, in float64 as precise as float64."""
    program = softmax(rng.normal(3, 6), rng.mask(3, 6, keep=0.6)).gradient(("a0",), rng.normal(3, 6))
    agree_in_float64(agree, student, program, **WEIGHTS)


@pytest.mark.part("masked-softmax", needs=("test_softmax_shape",), tracks=("pytorch",))
def test_softmax_device(student, rng, fail):
    """The weights are on the device of the scores."""
    check_device(student.run(softmax(rng.normal(3, 6), rng.mask(3, 6)).on_device("meta")), fail)


# -- additive attention -----------------------------------------------------------------------------------------------

ATTENTION = {"names": ("context", "weights"), "axes": {"context": "batch, width", "weights": "batch, key"}}
PROJECTIONS = ("W_q.weight", "W_k.weight", "v.weight")
DQ, DK, A = 5, 4, 7


def projections(rng, query_dim, key_dim, attention_dim, prefix=""):
    return {
        f"{prefix}W_q.weight": rng.normal(query_dim, attention_dim, scale=0.7),
        f"{prefix}W_k.weight": rng.normal(key_dim, attention_dim, scale=0.7),
        f"{prefix}v.weight": rng.normal(attention_dim, 1),
    }


def attention(rng, query_dim=DQ, key_dim=DK, attention_dim=A):
    """The module with known weights; they are a0, a1 and a2."""
    weights = projections(rng, query_dim, key_dim, attention_dim)
    return Program.module("AdditiveAttention", query_dim, key_dim, attention_dim).load(weights)


@pytest.mark.part("additive-attention")
def test_attention_shape(agree, rng):
    """It gives the context, as wide as the keys, and a weight for each key."""
    agree(attention(rng).apply(rng.normal(2, DQ), rng.normal(2, 6, DK)), **ATTENTION, rtol=SHAPE_ONLY)


@pytest.mark.part("additive-attention", share=4, needs=("test_attention_shape",))
@pytest.mark.parametrize("sizes", [(5, 4, 7), (3, 8, 2), (6, 6, 6)], ids=["some widths", "wide keys", "equal widths"])
def test_attention_values(agree, rng, sizes):
    """Weights and context follow the formula."""
    query_dim, key_dim, _ = sizes
    agree(attention(rng, *sizes).apply(rng.normal(3, query_dim), rng.normal(3, 8, key_dim)), **ATTENTION)


@pytest.mark.part("additive-attention", share=4, needs=("test_attention_shape",))
def test_attention_mask(agree, rng):
    """Each example's mask hides its own padding."""
    program = attention(rng).apply(rng.normal(4, DQ), rng.normal(4, 6, DK), rng.mask(4, 6, keep=0.6))
    agree(program.apply(rng.normal(6, DQ), rng.normal(6, 6, DK), mask=rng.mask(6, 6, keep=0.5)), **ATTENTION)


@pytest.mark.part("additive-attention", share=2, needs=("test_attention_shape",))
def test_attention_padding(student, rng, fail):
    """Nothing that stands in the padding has an effect, on the weights or on the context."""
    query, keys, mask = rng.normal(3, DQ), rng.normal(3, 7, DK), rng.mask(3, 7, keep=0.6)
    other = np.where(mask[:, :, None], keys, rng.normal(3, 7, DK, scale=20))
    values = student.run(attention(rng).apply(query, keys, mask).apply(query, other, mask)).values
    (context, weights), (context2, weights2) = unpack(values["out"], fail), unpack(values["out2"], fail)
    if not close(weights, weights2) or not close(context, context2):
        fail("Other vectors in the padding gave another result: a masked key gets weight 0.")


@pytest.mark.part("additive-attention", needs=("test_attention_shape",))
def test_attention_sum(student, rng, fail):
    """The weights of each example sum to 1, with a mask and without."""
    query, keys = rng.normal(4, DQ), rng.normal(4, 6, DK)
    values = student.run(attention(rng).apply(query, keys).apply(query, keys, rng.mask(4, 6, keep=0.6))).values
    for out in (values["out"], values["out2"]):
        weights = unpack(out, fail)[1]
        if not close(weights.sum(axis=-1), np.ones(4), 1e-5):
            fail("The weights of an example do not sum to 1: the softmax goes over the keys.")


@pytest.mark.part("additive-attention", needs=("test_attention_shape",))
@pytest.mark.parametrize("shape", [(1, 6), (3, 1), (1, 1)], ids=["one example", "one key", "one of each"])
def test_attention_small_sizes(agree, rng, shape):
    """Sizes of 1 work like any other size."""
    batch, keys = shape
    agree(attention(rng).apply(rng.normal(batch, DQ), rng.normal(batch, keys, DK)), **ATTENTION)


@pytest.mark.part("additive-attention", share=2, needs=("test_attention_shape", "test_attention_values"))
def test_attention_gradients(agree, rng):
    """The gradients of context and weights reach the three layers, the query and the keys."""
    program = attention(rng).apply(rng.normal(3, DQ), rng.normal(3, 6, DK), rng.mask(3, 6, keep=0.7))
    wrt = (*PROJECTIONS, "a3", "a4")
    agree(program.gradient(wrt, rng.normal(3, DK), of=0), what=("grad",), rtol=1e-4)
    agree(program.gradient(wrt, rng.normal(3, 6), of=1), what=("grad",), rtol=1e-4)


@pytest.mark.part("additive-attention", needs=("test_attention_shape",))
@pytest.mark.parametrize("sizes", [(5, 4, 7), (3, 8, 2)], ids=["some widths", "wide keys"])
def test_attention_sizes(student, rng, fail, sizes):
    """The three layers have the sizes that were asked for, no bias, and nothing else is trained."""
    query_dim, key_dim, attention_dim = sizes
    program = attention(rng, *sizes).apply(rng.normal(2, query_dim), rng.normal(2, 3, key_dim)).parameters()
    found, due = trainable(student.run(program), fail), (query_dim + key_dim + 1) * attention_dim
    if found != due:
        fail(
            Message(
                "For query_dim = {query_dim}, key_dim = {key_dim} and attention_dim = {attention_dim} there are {due} "
                "trainable numbers, (Dq + Dk + 1) A: three layers without bias. Yours has {found}.",
                query_dim=query_dim,
                key_dim=key_dim,
                attention_dim=attention_dim,
                due=due,
                found=found,
            ),
            "module-with-biases" if due < found <= due + 2 * attention_dim + 1 else None,
        )


@pytest.mark.part("additive-attention", needs=("test_attention_shape", "test_attention_values"))
def test_attention_float64(agree, student, rng):
    """In float64 the result is as precise as float64, and the inputs are left as they were."""
    program = attention(rng).apply(rng.normal(3, DQ), rng.normal(3, 6, DK), rng.mask(3, 6, keep=0.7))
    agree_in_float64(agree, student, program.inputs_after(), **ATTENTION)


@pytest.mark.part("additive-attention", needs=("test_attention_shape",))
def test_attention_training(student, rng, fail):
    """There is no dropout: the module gives the same in training mode as in evaluation mode."""
    query, keys = rng.normal(8, DQ), rng.normal(8, 12, DK)
    values = student.run(attention(rng).apply(query, keys).mode(True).apply(query, keys)).values
    one, two = (unpack(values.get(name), fail) for name in ("out", "out2"))
    if not close(one[0], two[0]) or not close(one[1], two[1]):
        fail("In training mode the module gives something else than in evaluation: no dropout is asked for here.")


@pytest.mark.part("additive-attention", needs=("test_attention_shape",))
def test_attention_save_and_load(student, rng, fail):
    """A module that is saved and loaded into a new one gives the same."""
    query, keys = rng.normal(3, DQ), rng.normal(3, 6, DK)
    values = student.run(Program.module("AdditiveAttention", DQ, DK, A).apply(query, keys).copy().apply(query, keys))
    one, two = (unpack(values.values.get(name), fail) for name in ("out", "out2"))
    if not close(one[0], two[0]) or not close(one[1], two[1]):
        fail("The saved module did not come back: are W_q, W_k and v layers that the module knows of?")


@pytest.mark.part("additive-attention", needs=("test_attention_shape",), tracks=("pytorch",))
def test_attention_device(student, rng, fail):
    """The module works on the device where its weights and inputs are."""
    program = Program.module("AdditiveAttention", DQ, DK, A).apply(rng.normal(3, DQ), rng.normal(3, 6, DK))
    check_device(student.run(program.on_device("meta")), fail)


# -- a decoder that looks back ----------------------------------------------------------------------------------------

DECODER = {
    "names": ("logits", "weights"),
    "axes": {"logits": "batch, step, word", "weights": "batch, step, key"},
}
V, E, DS, H = 11, 3, 4, 6  # words, and the widths of embedding, encoder states and the decoder's state


def decoder(rng, vocab_size=V, embedding_dim=E, encoder_dim=DS, hidden_dim=H, attention_dim=A):
    """The decoder with known weights; they are a0 to a5: embedding, W_q, W_k, v, weight and bias of to_logits."""
    weights = {
        "embedding.weight": rng.normal(vocab_size, embedding_dim),
        **projections(rng, hidden_dim, encoder_dim, attention_dim, "attention."),
        "to_logits.weight": rng.normal(hidden_dim + encoder_dim, vocab_size, scale=0.5),
        "to_logits.bias": rng.normal(vocab_size, scale=0.5),
    }
    program = Program.module("AttentionDecoder", vocab_size, embedding_dim, encoder_dim, hidden_dim, attention_dim)
    return program.load(weights).fill(rng.integer(0, 1 << 31), "cell", scale=0.7)


def sentences(rng, batch=2, target=5, source=7, vocab_size=V, encoder_dim=DS, hidden_dim=H):
    """Tokens, encoder states and a state to start in."""
    return (
        rng.ids(1, vocab_size, batch, target),
        rng.normal(batch, source, encoder_dim),
        rng.normal(batch, hidden_dim, scale=0.7),
    )


@pytest.mark.part("attention-decoder")
def test_decoder_shape(agree, rng):
    """Each step gives logits for all words, and a weight for each place of the source."""
    agree(decoder(rng).apply(*sentences(rng)), **DECODER, rtol=SHAPE_ONLY)


@pytest.mark.part("attention-decoder", share=2, needs=("test_decoder_shape",))
def test_decoder_first_step(agree, rng):
    """The first step: attention with the state that is given, then the cell, then the logits."""
    agree(decoder(rng).apply(*sentences(rng, batch=3, target=1)), **DECODER)


@pytest.mark.part("attention-decoder", share=4, needs=("test_decoder_shape",))
@pytest.mark.parametrize(
    "sizes",
    [{}, {"vocab_size": 8, "encoder_dim": 9, "hidden_dim": 5}, {"encoder_dim": 6, "hidden_dim": 6}],
    ids=["some widths", "a wide encoder", "equal widths"],
)
def test_decoder_values(agree, rng, student, reference, picture, sizes):
    """Logits and weights of all steps follow the formula, each step going on from the state before it."""
    program = decoder(rng, **sizes).apply(*sentences(rng, **sizes))
    with picture_if_wrong(picture, student, reference, program, "Weights of the first sentence", 1, "step", "key"):
        agree(program, **DECODER)


@pytest.mark.part("attention-decoder", share=3, needs=("test_decoder_shape",))
def test_decoder_mask(agree, rng):
    """With a mask no step looks at the padding of the source."""
    program = decoder(rng).apply(*sentences(rng, batch=4), rng.mask(4, 7, keep=0.6))
    agree(program.apply(*sentences(rng, batch=3, target=2, source=3), mask=rng.mask(3, 3, keep=0.6)), **DECODER)


@pytest.mark.part("attention-decoder", share=2, needs=("test_decoder_shape",))
def test_decoder_padding(student, rng, fail):
    """Nothing that stands in the padding of the source has an effect."""
    tokens, states, state = sentences(rng, batch=3)
    mask = rng.mask(3, 7, keep=0.6)
    other = np.where(mask[:, :, None], states, rng.normal(3, 7, DS, scale=20))
    values = student.run(decoder(rng).apply(tokens, states, state, mask).apply(tokens, other, state, mask)).values
    for one, two in zip(unpack(values["out"], fail), unpack(values["out2"], fail), strict=True):
        if not close(one, two):
            fail("Other vectors in the padding gave another result: hand the mask to the attention in every step.")


@pytest.mark.part("attention-decoder", share=2, needs=("test_decoder_shape",))
def test_decoder_step_by_step(student, rng, fail):
    """Writing word by word gives what the whole sentence gives: no step knows of the words after it."""
    tokens, states, state = sentences(rng, target=4)
    program = decoder(rng).apply(tokens, states, state)
    for length in range(1, 4):
        program = program.apply(tokens[:, :length].copy(), states, state)
    values = student.run(program).values
    logits, weights = unpack(values["out"], fail)
    for length in range(1, 4):
        short_logits, short_weights = unpack(values[f"out{length + 1}"], fail)
        if not close(short_logits, logits[:, :length]) or not close(short_weights, weights[:, :length]):
            fail("The first words alone give other logits or weights than they do at the beginning of a sentence.")


@pytest.mark.part("attention-decoder", needs=("test_decoder_shape",))
def test_decoder_sum(student, rng, fail):
    """The weights of every step sum to 1."""
    _, weights = unpack(student.run(decoder(rng).apply(*sentences(rng))).out, fail)
    if not close(weights.sum(axis=-1), np.ones(weights.shape[:-1]), 1e-5):
        fail("The weights of a step do not sum to 1; they are (batch, step, key).")


@pytest.mark.part("attention-decoder", needs=("test_decoder_shape",))
@pytest.mark.parametrize(
    "sizes",
    [{"batch": 1}, {"source": 1}, {"batch": 1, "target": 1}, {"batch": 1, "target": 1, "source": 1}],
    ids=["one sentence", "a source of one word", "one sentence of one word", "one of each"],
)
def test_decoder_small_sizes(agree, rng, sizes):
    """Sizes of 1 work like any other size."""
    agree(decoder(rng).apply(*sentences(rng, **sizes)), **DECODER)


@pytest.mark.part("attention-decoder", share=2, needs=("test_decoder_shape", "test_decoder_values"))
def test_decoder_gradients(agree, student, rng):
    """The gradients reach encoder states and first state, the embedding, the attention and the last layer."""
    wrt = ("a7", "a8", "embedding.weight", *(f"attention.{name}" for name in PROJECTIONS))
    program = decoder(rng).apply(*sentences(rng))
    program = program.gradient((*wrt, "to_logits.weight", "to_logits.bias"), rng.normal(2, 5, V), of=0)
    agree_in_float64(agree, student, program, rtol=1e-8, what=("grad",))


@pytest.mark.part("attention-decoder", needs=("test_decoder_shape",))
@pytest.mark.parametrize("hidden_dim", [5, 8], ids=["a narrow state", "a wide state"])
def test_decoder_sizes(student, rng, fail, hidden_dim):
    """Embedding, attention, cell and last layer have the sizes that were asked for, and nothing else is trained."""
    program = decoder(rng, hidden_dim=hidden_dim).apply(*sentences(rng, hidden_dim=hidden_dim)).parameters()
    cell = 3 * hidden_dim * (E + DS + hidden_dim + 2)
    due = V * E + (hidden_dim + DS + 1) * A + cell + (hidden_dim + DS + 1) * V
    found = trainable(student.run(program), fail)
    if found != due:
        fail(
            Message(
                "For {words} words, widths {embedding} (embedding), {encoder} (encoder), {state} (state) and "
                "{attention} (attention) there are {due} trainable numbers. Yours has {found}: the cell sees "
                "[embedding; context], the logits come from [state; context].",
                words=V,
                embedding=E,
                encoder=DS,
                state=hidden_dim,
                attention=A,
                due=due,
                found=found,
            )
        )


@pytest.mark.part("attention-decoder", needs=("test_decoder_shape", "test_decoder_values"))
def test_decoder_float64(agree, student, rng):
    """In float64 the result is as precise as float64, and the inputs are left as they were."""
    program = decoder(rng).apply(*sentences(rng), rng.mask(2, 7, keep=0.6)).inputs_after()
    agree_in_float64(agree, student, program, **DECODER)


@pytest.mark.part("attention-decoder", needs=("test_decoder_shape",), tracks=("pytorch",))
def test_decoder_device(student, rng, fail):
    """The decoder works on the device where its weights and inputs are."""
    program = Program.module("AttentionDecoder", V, E, DS, H, A).apply(*sentences(rng), rng.mask(2, 7))
    check_device(student.run(program.on_device("meta")), fail)
