"""Hidden tests of the exercise "Self-attention": attention itself, and the masks that go with it.

Every query has at least one key, because there is no agreement on what a row without keys should be. Inputs are drawn
so that each known mistake changes the result: scores far from zero for a mask value that is not low enough, masked
scores far above the others for a mask after the softmax, a query of zeros for an answer that takes a score of 0 as
masked.
"""

from __future__ import annotations

import numpy as np
import pytest

from autograder.exercises.shared import SHAPE_ONLY, agree_in_kind, check_device, picture_if_wrong
from autograder.judging.program import Program

AXES = {"output": "..., query, value width", "weights": "..., query, key"}


def attend(query, key, value, **mask):
    return Program.function("scaled_dot_product_attention", query, key, value, **mask)


def inputs(rng, *lead, queries=4, keys=7, width=6, value_width=5):
    """Random queries, keys and values, with as many leading dimensions as asked for."""
    return (
        rng.normal(*lead, queries, width),
        rng.normal(*lead, keys, width),
        rng.normal(*lead, keys, value_width),
    )


FIRST_KEY = np.eye(7)[0]


def towards(rng, *shape, along, scale):
    """Vectors that lie about `scale` times the first axis, with a little noise: their products are about that size."""
    vectors = rng.normal(*shape, scale=0.5)
    vectors[..., 0] += scale * along
    return vectors


# -- scaled dot-product attention -------------------------------------------------------------------------------------


@pytest.mark.part("scaled-dot-product")
def test_shapes(agree, rng):
    """Each query gets an output of the values' width, and a weight for each key."""
    agree(attend(*inputs(rng, 3)), axes=AXES, rtol=SHAPE_ONLY)


@pytest.mark.part("scaled-dot-product", needs=("test_shapes",))
def test_weights_are_shares(agree, rng, fail):
    """The weights of each query are positive and sum to one."""
    weights = agree(attend(*inputs(rng, 3)), axes=AXES, rtol=SHAPE_ONLY).out[1]
    if weights.min() < 0 or np.abs(weights.sum(axis=-1) - 1).max() > 1e-4:
        fail("Each query divides its attention among the keys: its weights, along the last axis, should sum to one.")


@pytest.mark.part("scaled-dot-product", share=4, needs=("test_shapes",))
@pytest.mark.parametrize(
    "lead", [(), (3,), (2, 3), (2, 1, 3)], ids=["no batch", "a batch", "a batch of heads", "three leading dimensions"]
)
def test_values(agree, rng, picture, student, reference, lead):
    """Output and weights follow the formula."""
    program = attend(*inputs(rng, *lead))
    with picture_if_wrong(picture, student, reference, program, "Attention weights", item=1):
        agree(program, axes=AXES)


@pytest.mark.part("scaled-dot-product", needs=("test_shapes", "test_values"))
@pytest.mark.parametrize(
    "lead, queries, keys",
    [((1,), 4, 6), ((3,), 1, 5), ((3,), 4, 1), ((1, 1), 1, 2)],
    ids=["a batch of one", "one query", "one key", "ones almost everywhere"],
)
def test_small_sizes(agree, rng, lead, queries, keys):
    """Sizes of 1 work like any other size."""
    agree(attend(*inputs(rng, *lead, queries=queries, keys=keys)), axes=AXES)


@pytest.mark.part("scaled-dot-product", share=5, needs=("test_shapes", "test_values"))
@pytest.mark.parametrize(
    "lead, shape",
    [
        ((3,), (3, 4, 7)),
        ((3,), (4, 7)),
        ((3,), (3, 1, 7)),
        ((2, 3), (2, 1, 1, 7)),
        ((2, 3), (1, 3, 4, 7)),
        ((2, 3), (2, 3, 4, 7)),
        ((), (4, 7)),
        ((3,), (7,)),
    ],
    ids=[
        "a mask for each example",
        "one mask for all examples",
        "a padding mask",
        "a padding mask over heads",
        "a mask for each head",
        "a mask for each head of each example",
        "a mask and no batch",
        "a mask over keys alone",
    ],
)
def test_masks(agree, rng, picture, student, reference, lead, shape):
    """Masked keys get weight 0, and the others share the attention as if those were not there."""
    program = attend(*inputs(rng, *lead), mask=rng.mask(*shape, keep=0.5))
    with picture_if_wrong(picture, student, reference, program, "Attention weights", item=1):
        agree(program, axes=AXES)


@pytest.mark.part("scaled-dot-product", needs=("test_shapes", "test_values"))
def test_no_mask(agree, rng):
    """mask=None, and a mask that allows everything, change nothing."""
    q, k, v = inputs(rng, 3)
    program = attend(q, k, v, mask=None).call("scaled_dot_product_attention", q, k, v, mask=np.ones((3, 4, 7), bool))
    agree(program, axes=AXES)


@pytest.mark.part("scaled-dot-product", needs=("test_shapes", "test_values"))
def test_masked_scores_far_above(agree, rng):
    """A masked key gets weight 0 even where its score is far above all others."""
    mask = rng.mask(3, 4, 7, keep=0.6)
    mask[:, :, 0] = False
    mask[:, :, 1] |= ~mask.any(axis=-1)
    query = towards(rng, 3, 4, 6, along=1, scale=20)
    key = towards(rng, 3, 7, 6, along=FIRST_KEY, scale=20)
    agree(attend(query, key, rng.normal(3, 7, 5), mask=mask), axes=AXES, rtol=1e-3)


@pytest.mark.part("scaled-dot-product", needs=("test_shapes", "test_values"))
def test_masked_scores_among_low_ones(agree, rng):
    """A masked key gets weight 0 even where all scores are far below zero."""
    query, key = towards(rng, 3, 4, 6, along=1, scale=12), towards(rng, 3, 7, 6, along=-1, scale=12)
    agree(attend(query, key, rng.normal(3, 7, 5), mask=rng.mask(3, 4, 7, keep=0.6)), axes=AXES, rtol=1e-3)


@pytest.mark.part("scaled-dot-product", needs=("test_shapes", "test_values"))
def test_scores_of_zero(agree, rng):
    """A score of zero is a score like any other; only the mask says what is masked."""
    query, key, value = inputs(rng, 3)
    query[:, 1] = 0.0
    key[:, 2] = 0.0
    agree(attend(query, key, value, mask=rng.mask(3, 4, 7, keep=0.6)), axes=AXES)


@pytest.mark.part("scaled-dot-product", needs=("test_shapes", "test_values"))
def test_large_scores(agree, rng):
    """Scores of several hundreds give finite numbers."""
    query, key, value = inputs(rng, 3)
    # Scores of this size carry float32's rounding into the weights, so only rough agreement can be asked for.
    agree(attend(query * 30, key * 15, value), axes=AXES, rtol=1e-2)


@pytest.mark.part("scaled-dot-product", share=3, needs=("test_shapes", "test_values"))
@pytest.mark.parametrize("of", [0, 1], ids=["of the output", "of the weights"])
def test_gradients(agree, rng, of):
    """The gradients reach queries, keys and values."""
    q, k, v = inputs(rng, 2, 3)
    cotangent = rng.normal(2, 3, 4, 7 if of else 5)
    program = attend(q, k, v, mask=rng.mask(2, 1, 4, 7, keep=0.6))
    wrt = ("a0", "a1") if of else ("a0", "a1", "a2")
    agree(program.gradient(wrt=wrt, of=of, cotangent=cotangent), axes=AXES)


@pytest.mark.part("scaled-dot-product", share=2, needs=("test_shapes", "test_values", "test_gradients"))
def test_gradients_under_a_mask(agree, rng):
    """The gradients stay finite where masked scores are huge."""
    mask = np.ones((3, 4, 7), bool)
    mask[:, :, 0] = False
    query = towards(rng, 3, 4, 6, along=1, scale=20)
    key = towards(rng, 3, 7, 6, along=FIRST_KEY, scale=20)
    program = attend(query, key, rng.normal(3, 7, 5), mask=mask)
    agree(program.gradient(wrt=("a0", "a1", "a2"), of=0, cotangent=rng.normal(3, 4, 5)), axes=AXES, rtol=1e-3)


@pytest.mark.part("scaled-dot-product", needs=("test_shapes", "test_values"))
def test_float64(agree, rng):
    """In float64 output, weights and gradients are as precise as float64."""
    # A width whose root is exact in float32, because the precision of the root alone is not tested.
    q, k, v = inputs(rng, 2, 3, width=16)
    program = attend(q, k, v, mask=rng.mask(2, 3, 4, 7, keep=0.6))
    program = program.gradient(wrt=("a0", "a1", "a2"), of=0, cotangent=rng.normal(2, 3, 4, 5))
    # Keras's default type stays float32: the type must come from the arguments.
    agree(program.in_dtype("float64").without_layers(), axes=AXES)


@pytest.mark.part("scaled-dot-product", needs=("test_shapes", "test_values"))
def test_later_calls(agree, rng):
    """Later calls with new contents give new answers."""
    program = attend(*inputs(rng, 3), mask=rng.mask(3, 4, 7))
    program = program.call("scaled_dot_product_attention", *inputs(rng, 3), mask=rng.mask(3, 4, 7))
    agree(program.call("scaled_dot_product_attention", *inputs(rng, 3)), axes=AXES)


@pytest.mark.part("scaled-dot-product", needs=("test_shapes", "test_values"))
def test_inputs_unchanged(agree, rng):
    """The caller's tensors are as they were."""
    agree(attend(*inputs(rng, 3), mask=rng.mask(3, 4, 7)).inputs_after(), axes=AXES, what=("after",))


@pytest.mark.part("scaled-dot-product", needs=("test_shapes", "test_values"), tracks=("pytorch",))
@pytest.mark.parametrize("masked", [False, True], ids=["without a mask", "with a mask"])
def test_device(student, rng, fail, masked):
    """The result is made on the device where the inputs are."""
    mask = {"mask": rng.mask(3, 4, 7)} if masked else {}
    check_device(student.run(attend(*inputs(rng, 3), **mask).on_device("meta")), fail)


# -- the padding mask -------------------------------------------------------------------------------------------------

PADDING = {"names": ("mask",), "axes": {"mask": "batch, 1, 1, key"}}


def padded(rng, batch, longest, pad_id=0):
    """Ids of sentences of different lengths; the ids of real tokens lie on both sides of pad_id where they can."""
    ids = rng.ids(1, 30, batch, longest)
    ids[ids == pad_id] = 30
    ids[np.arange(longest) >= rng.lengths(batch, longest)[:, None]] = pad_id
    ids[0, -1] = pad_id
    return ids


@pytest.mark.part("padding-mask")
def test_padding_shape(agree, student, reference, rng):
    """The mask is boolean and broadcasts against scores of batch, heads, queries and keys."""
    agree_in_kind(agree, student, reference, Program.function("padding_mask", padded(rng, 3, 8)), **PADDING)


@pytest.mark.part("padding-mask", share=2, needs=("test_padding_shape",))
@pytest.mark.parametrize("batch", [4, 1], ids=["a batch", "a batch of one"])
def test_padding_values(agree, rng, batch):
    """The mask is True at the real tokens of each sentence and False at its padding."""
    agree(Program.function("padding_mask", padded(rng, batch, 9)), **PADDING)


@pytest.mark.part("padding-mask", share=2, needs=("test_padding_shape",))
def test_padding_with_another_id(agree, rng):
    """pad_id says which id is padding; any other id, smaller or larger, is a token."""
    ids = padded(rng, 4, 9, pad_id=12)
    ids[1, :3] = (0, 3, 25)
    program = Program.function("padding_mask", ids, pad_id=12)
    agree(program.call("padding_mask", ids, 25).call("padding_mask", padded(rng, 4, 9)), **PADDING)


@pytest.mark.part("padding-mask", needs=("test_padding_shape", "test_padding_values"))
def test_padding_anywhere(agree, rng):
    """Padding counts wherever it stands, and a batch without padding is all True."""
    ids = rng.ids(1, 30, 3, 8)
    holes = ids.copy()
    holes[0, 0] = holes[1, 3] = holes[2, 6] = 0
    agree(Program.function("padding_mask", ids).call("padding_mask", holes), **PADDING)


@pytest.mark.part("padding-mask", needs=("test_padding_shape", "test_padding_values"))
def test_padding_inputs_unchanged(agree, rng):
    """The caller's ids are as they were."""
    agree(Program.function("padding_mask", padded(rng, 3, 8)).inputs_after(), **PADDING)


@pytest.mark.part("padding-mask", needs=("test_padding_shape", "test_padding_values"), tracks=("pytorch",))
def test_padding_device(student, rng, fail):
    """The mask is made on the device where the ids are."""
    check_device(student.run(Program.function("padding_mask", padded(rng, 3, 8)).on_device("meta")), fail)


# -- the causal mask --------------------------------------------------------------------------------------------------

CAUSAL = {"names": ("mask",), "axes": {"mask": "query, key"}}


@pytest.mark.part("causal-mask")
def test_causal_shape(agree, student, reference):
    """The mask is boolean, with a row for each query and a column for each key."""
    agree_in_kind(agree, student, reference, Program.function("causal_mask", 6), **CAUSAL)


@pytest.mark.part("causal-mask", share=3, needs=("test_causal_shape",))
@pytest.mark.parametrize("length", [5, 9, 2], ids=["five", "nine", "two"])
def test_causal_values(agree, student, picture, reference, length):
    """Each position sees itself and what stands before it, and nothing that stands after it."""
    program = Program.function("causal_mask", length)
    with picture_if_wrong(picture, student, reference, program, "Causal mask"):
        agree(program, **CAUSAL)


@pytest.mark.part("causal-mask", needs=("test_causal_shape",))
def test_causal_length_one(agree):
    """A sequence of one sees itself."""
    agree(Program.function("causal_mask", 1), **CAUSAL)


@pytest.mark.part("causal-mask", needs=("test_causal_shape", "test_causal_values"))
def test_causal_later_calls(agree):
    """A later call with another length gives its own mask."""
    agree(Program.function("causal_mask", 7).call("causal_mask", 4).call("causal_mask", 7), **CAUSAL)


@pytest.mark.part("causal-mask", needs=("test_causal_shape", "test_causal_values"), tracks=("pytorch",))
def test_causal_device(student, fail):
    """The mask is made on the device that was asked for."""
    check_device(student.run(Program.function("causal_mask", 5, device="meta").on_device("meta")), fail)


# -- combining masks --------------------------------------------------------------------------------------------------

COMBINED = {"names": ("mask",)}


@pytest.mark.part("combine-masks")
def test_combine_shape(agree, student, reference, rng):
    """A padding mask and a causal mask combine to a boolean mask in the shape that both broadcast to."""
    program = Program.function("combine_masks", rng.mask(3, 1, 1, 6), rng.mask(6, 6))
    agree_in_kind(agree, student, reference, program, **COMBINED)


@pytest.mark.part("combine-masks", share=3, needs=("test_combine_shape",))
@pytest.mark.parametrize(
    "shapes",
    [((3, 1, 1, 6), (6, 6)), ((5, 5), (2, 1, 1, 5)), ((3, 1, 1, 6), (6, 6), (1, 4, 1, 6))],
    ids=["padding and causal", "causal and padding", "three masks"],
)
def test_combine_values(agree, rng, shapes):
    """A key may be attended to only where every mask allows it."""
    agree(Program.function("combine_masks", *[rng.mask(*shape, keep=0.6) for shape in shapes]), **COMBINED)


@pytest.mark.part("combine-masks", share=2, needs=("test_combine_shape", "test_combine_values"))
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "in the middle", "last"])
def test_combine_with_none(agree, rng, place):
    """A None among the masks changes nothing, wherever it stands."""
    masks = [rng.mask(3, 1, 1, 6, keep=0.6), rng.mask(6, 6, keep=0.6)]
    masks.insert(place, None)
    agree(Program.function("combine_masks", *masks), **COMBINED)


@pytest.mark.part("combine-masks", needs=("test_combine_shape", "test_combine_values"))
def test_combine_one(agree, rng):
    """A single mask is its own combination."""
    program = Program.function("combine_masks", rng.mask(3, 1, 1, 6, keep=0.6))
    agree(program.call("combine_masks", None, rng.mask(5, 5, keep=0.6)), **COMBINED)


@pytest.mark.part("combine-masks", needs=("test_combine_shape", "test_combine_values"))
@pytest.mark.parametrize("nones", [0, 1, 2], ids=["nothing given", "one None", "two Nones"])
def test_combine_nothing(agree, nones):
    """Where there is no mask at all, the combination is None."""
    agree(Program.function("combine_masks", *[None] * nones), **COMBINED)


@pytest.mark.part("combine-masks", needs=("test_combine_shape", "test_combine_values"))
def test_combine_inputs_unchanged(agree, rng):
    """The caller's masks are as they were."""
    first, second, third = (rng.mask(3, 4, 6, keep=0.6) for _ in range(3))
    agree(Program.function("combine_masks", first, second, third).inputs_after(), **COMBINED, what=("after",))


@pytest.mark.part("combine-masks", needs=("test_combine_shape", "test_combine_values"), tracks=("pytorch",))
def test_combine_device(student, rng, fail):
    """The combination is made on the device where the masks are."""
    program = Program.function("combine_masks", rng.mask(3, 1, 1, 6), rng.mask(6, 6))
    check_device(student.run(program.on_device("meta")), fail)
