"""Hidden tests of exercise 6: the decoder block, the shifted target, a translator, and writing word by word.

The decoder block gets known weights, like the encoder block in exercise 5. The translator's attributes have names of
the student's choice, so it is tested from outside: how source, target, padding and sizes change its result, and whether
it learns to translate names of numbers that it has not seen. Greedy decoding gets a model of the worker, whose next
word is known, so that no part depends on another.
"""

import random

import numpy as np
import pytest

from autograder.exercises.shared import (
    DROP_NEARLY_ALL,
    SHAPE_ONLY,
    agree_in_float64,
    check_device,
    close,
    trainable,
)
from autograder.judging.compare import whole_numbers
from autograder.judging.program import Module, Program
from autograder.messages import Message
from course.data import numbers

AXES = "batch, position, width"

# -- the decoder block ------------------------------------------------------------------------------------------------

D, H, F = 12, 3, 20


def block(rng, d_model=D, num_heads=H, d_ff=F, scale=1.4, attention=1.4, **options):
    """The block with known weights, so large that nothing in it is nearly linear or nearly uniform."""
    weights = {
        "feed_forward.0.weight": rng.normal(d_model, d_ff, scale=scale / d_model**0.5),
        "feed_forward.0.bias": rng.normal(d_ff, scale=0.5),
        "feed_forward.1.weight": rng.normal(d_ff, d_model, scale=scale / d_ff**0.5),
        "feed_forward.1.bias": rng.normal(d_model, scale=0.5),
    }
    for norm in ("norm1", "norm2", "norm3"):
        weights[f"{norm}.weight"] = 1 + rng.normal(d_model, scale=0.3)
        weights[f"{norm}.bias"] = rng.normal(d_model, scale=0.3)
    program = Program.module("DecoderBlock", d_model, num_heads, d_ff, **options).load(weights)
    return program.fill(rng.integer(0, 1 << 31), "self_attention", "cross_attention", scale=attention / d_model**0.5)


@pytest.fixture
def agree_where_real(agree, student, reference, compare):
    """Compare the result at the real words only: the values in the padding of x may be anything."""

    def compared(program, mask):
        agree(program, axes=AXES, rtol=SHAPE_ONLY, what=())  # the shapes of what was filled
        got, want = student.run(program).out, reference.run(program).out
        if not isinstance(got, np.ndarray) or got.shape != want.shape:
            compare(got, want, "result", AXES)
        compare(got[mask], want[mask], "result at real words", "real word, width")

    return compared


def lengths_mask(lengths, length):
    return np.arange(length) < np.array(lengths)[:, None]


@pytest.mark.part("decoder-block")
def test_decoder_shape(agree, rng):
    """The result has the shape of x, however long the memory is."""
    program = block(rng).apply(rng.normal(2, 5, D), rng.normal(2, 7, D))
    agree(program.apply(rng.normal(2, 4, D), rng.normal(2, 3, D)), axes=AXES, rtol=SHAPE_ONLY)


@pytest.mark.part("decoder-block", share=5, needs=("test_decoder_shape",))
@pytest.mark.parametrize("num_heads", [3, 4, 1], ids=["three heads", "four heads", "one head"])
def test_decoder_values(agree, rng, num_heads):
    """Causal self-attention, attention to the memory and the network follow the formula, each with its norm."""
    program = block(rng, num_heads=num_heads).apply(rng.normal(2, 5, D), rng.normal(2, 7, D))
    agree(program.apply(rng.normal(3, 6, D, scale=3), rng.normal(3, 4, D, scale=3)), axes=AXES)


@pytest.mark.part("decoder-block", share=3, needs=("test_decoder_shape",))
@pytest.mark.parametrize("earlier", [0, 2], ids=["the first word", "the third word"])
def test_decoder_causal(student, rng, fail, earlier):
    """No word depends on a later one: the gradient to later places is exactly 0."""
    x, cotangent = rng.normal(2, 5, D), np.zeros((2, 5, D))
    cotangent[:, earlier] = rng.normal(2, D)
    answer = student.run(block(rng).apply(x, rng.normal(2, 7, D)).gradient(("a10",), cotangent))
    gradient = answer.grad["a10"]  # the ten arrays of the weights come first
    if not isinstance(gradient, np.ndarray) or gradient.shape != x.shape:
        fail("No gradient comes back to x.")
    if np.abs(gradient[:, earlier + 1 :]).max() != 0:
        fail("A later word has an effect on an earlier one: self-attention needs the causal mask.")
    if np.abs(gradient[:, : earlier + 1]).max() == 0:
        fail("A word's own vector and those before it have no effect on the result.")


@pytest.mark.part("decoder-block", share=3, needs=("test_decoder_shape",))
def test_decoder_memory_mask(agree, rng):
    """With a memory mask, no word attends to the memory's padding, whatever is in it."""
    x, memory, mask = rng.normal(3, 5, D), rng.normal(3, 7, D), rng.mask(3, 7, keep=0.6)
    other = np.where(mask[:, :, None], memory, rng.normal(3, 7, D, scale=20))
    agree(block(rng).apply(x, memory, memory_mask=mask).apply(x, other, memory_mask=mask), axes=AXES)


@pytest.mark.part("decoder-block", share=3, needs=("test_decoder_shape",))
def test_decoder_mask(agree_where_real, rng):
    """With a mask, no word attends to the padding of x: the real words' vectors follow the formula."""
    mask = rng.mask(4, 6, keep=0.6)
    mask[:, 0] = True  # the first word sees itself alone
    program = block(rng).apply(rng.normal(4, 6, D), rng.normal(4, 7, D), mask=mask)
    agree_where_real(program, mask)


@pytest.mark.part("decoder-block", needs=("test_decoder_shape",))
def test_decoder_both_masks(agree_where_real, rng):
    """Both masks at once, each in its place, with equal lengths."""
    mask, memory_mask = lengths_mask((5, 3, 6), 6), lengths_mask((2, 6, 4), 6)
    x, memory = rng.normal(3, 6, D), rng.normal(3, 6, D)
    agree_where_real(block(rng).apply(x, memory, mask, memory_mask), mask)


@pytest.mark.part("decoder-block", needs=("test_decoder_shape", "test_decoder_values"))
def test_decoder_memory_order(student, rng, fail):
    """The order of the memory does not matter: with memory and mask in another order, the result is the same."""
    x, memory, mask = rng.normal(2, 4, D), rng.normal(2, 6, D), lengths_mask((4, 6), 6)
    order = rng.permutation(6)
    program = block(rng).apply(x, memory, memory_mask=mask)
    program = program.apply(x, np.ascontiguousarray(memory[:, order]), memory_mask=np.ascontiguousarray(mask[:, order]))
    values = student.run(program).values
    if not close(values.get("out"), values.get("out2")):
        fail("The order of the memory has an effect: is there a causal mask on it?")


@pytest.mark.part("decoder-block", needs=("test_decoder_shape", "test_decoder_values"))
@pytest.mark.parametrize("shape", [(1, 4, 3), (3, 1, 5), (2, 6, 1)], ids=["one text", "one word", "a memory of one"])
def test_decoder_small_sizes(agree, rng, shape):
    """Sizes of 1 work like any other size."""
    batch, length, source = shape
    agree(block(rng).apply(rng.normal(batch, length, D), rng.normal(batch, source, D)), axes=AXES)


@pytest.mark.part("decoder-block", needs=("test_decoder_shape",))
@pytest.mark.parametrize("d_ff", [7, 33], ids=["narrow", "wide"])
def test_decoder_sizes(student, rng, fail, d_ff):
    """Both attentions, network and norms have the sizes that were asked for, and nothing else is trained."""
    program = block(rng, d_ff=d_ff).apply(rng.normal(2, 4, D), rng.normal(2, 3, D)).parameters()
    found = trainable(student.run(program), fail)
    due = decoder_size(D, d_ff)
    if found != due:
        fail(
            Message(
                "For d_model = {d_model} and d_ff = {d_ff} a block has {due} trainable numbers: 4 (D² + D) in each "
                "attention, 2 D F + F + D in the network, 6 D in the norms. Yours has {found}.",
                d_model=D,
                d_ff=d_ff,
                due=due,
                found=found,
            )
        )


def encoder_size(d_model, d_ff):
    return 4 * (d_model**2 + d_model) + 2 * d_model * d_ff + d_ff + d_model + 4 * d_model


def decoder_size(d_model, d_ff):
    return encoder_size(d_model, d_ff) + 4 * (d_model**2 + d_model) + 2 * d_model


@pytest.mark.part("decoder-block", share=2, needs=("test_decoder_shape", "test_decoder_values"))
def test_decoder_gradients(agree, student, rng):
    """The gradients reach x, the memory, the network and the norms."""
    wrt = ["a10", "a11"]
    wrt += [f"feed_forward.{n}.{leaf}" for n in (0, 1) for leaf in ("weight", "bias")]
    wrt += [f"norm{n}.{leaf}" for n in (1, 2, 3) for leaf in ("weight", "bias")]
    program = block(rng).apply(rng.normal(2, 5, D), rng.normal(2, 4, D))
    agree_in_float64(agree, student, program.gradient(tuple(wrt), rng.normal(2, 5, D)), rtol=1e-8, what=("grad",))


@pytest.mark.part("decoder-block", needs=("test_decoder_shape", "test_decoder_values"))
def test_decoder_epsilon(agree, rng):
    """The norms divide small vectors by what their epsilon says."""
    program = block(rng, attention=1e-3).apply(rng.normal(2, 5, D, scale=1e-3), rng.normal(2, 4, D, scale=1e-3))
    agree(program, axes=AXES, rtol=1e-3)


@pytest.mark.part("decoder-block", needs=("test_decoder_shape", "test_decoder_values"))
def test_decoder_float64(agree, student, rng):
    """In float64 the result is as precise as float64, and the inputs are left as they were."""
    program = block(rng).apply(rng.normal(2, 5, D), rng.normal(2, 4, D)).inputs_after()
    agree_in_float64(agree, student, program, axes=AXES)


@pytest.mark.part("decoder-block", needs=("test_decoder_shape",))
def test_decoder_unequal_heads(student):
    """The constructor raises ValueError for a width that the heads cannot share equally."""
    student.run(Program.module("DecoderBlock", 10, 4, 8), expect_error="ValueError")


@pytest.mark.part("decoder-block", share=2, needs=("test_decoder_shape",))
def test_decoder_dropout(student, rng, fail):
    """Dropout acts in training, at the rate that was asked for, and not in evaluation."""
    x, memory = rng.normal(2, 6, D), rng.normal(2, 5, D)
    program = block(rng, dropout=0.5).apply(x, memory).mode(True).apply(x, memory).mode(False).apply(x, memory)
    values = student.run(program).values
    before, training, after = (values.get(name) for name in ("out", "out2", "out3"))
    if not close(before, after):
        fail("In evaluation mode the same input gives different results: is dropout at work there?")
    if close(before, training):
        fail("In training mode nothing is different: where is dropout applied?")
    calls = block(rng, dropout=0.0).apply(x, memory).mode(True).apply(x, memory).apply(x, memory)
    values = student.run(calls).values
    evaluation, training, once_more = (values.get(name) for name in ("out", "out2", "out3"))
    if not close(training, once_more):
        fail("With dropout = 0.0 the block still drops in training: does it use the rate that was asked for?")
    if not close(evaluation, training):
        fail("With dropout = 0.0 the block gives something else in training than in evaluation.")


@pytest.mark.part("decoder-block", needs=("test_decoder_dropout", "test_decoder_values"))
def test_decoder_drops_each_part(agree, rng):
    """Dropout acts on the result of each of the three parts: if everything is dropped, only the norms are left."""
    program = block(rng, dropout=DROP_NEARLY_ALL).mode(True)
    agree(program.apply(rng.normal(1, 2, D), rng.normal(1, 3, D)), axes=AXES)


@pytest.mark.part("decoder-block", needs=("test_decoder_drops_each_part",))
def test_decoder_usual_dropout(student, rng, fail):
    """Where no rate is given it is 0.1."""
    x, memory = rng.normal(16, 40, D), rng.normal(16, 3, D)
    # Attention gives nothing here, and the network the same large number for each place: a word keeps its vector where
    # none of its D numbers is dropped.
    bare = {"feed_forward.0.weight": np.zeros((D, F)), "feed_forward.0.bias": np.zeros(F),
            "feed_forward.1.weight": np.zeros((F, D)), "feed_forward.1.bias": np.full(D, 100.0)}  # fmt: skip
    for norm in ("norm1", "norm2", "norm3"):
        bare |= {f"{norm}.weight": np.ones(D), f"{norm}.bias": np.zeros(D)}
    program = Program.module("DecoderBlock", D, H, F).load(bare).fill(0, "self_attention", "cross_attention", scale=0.0)
    values = student.run(program.apply(x, memory).mode(True).apply(x, memory)).values
    kept = np.abs(values.get("out2") - values.get("out")).max(axis=-1) < 0.01
    # (1 - 0.1)^12 is 28% of 640 words, give or take 2; with a rate of 0.2 it is 7%, with one of 0.05 54%.
    if not 0.19 < kept.mean() < 0.38:
        fail(
            Message(
                "Without a rate given, {share} of the words lose none of the {width} numbers that the network gives; "
                "with a dropout of 0.1 it is about 28%.",
                share=f"{kept.mean():.0%}",
                width=D,
            )
        )


@pytest.mark.part("decoder-block", needs=("test_decoder_shape",), tracks=("pytorch",))
@pytest.mark.parametrize("masked", [False, True], ids=["without masks", "with masks"])
def test_decoder_device(student, rng, fail, masked):
    """The block works on the device where its weights and inputs are."""
    masks = {"mask": np.ones((2, 5), bool), "memory_mask": rng.mask(2, 4)} if masked else {}
    program = Program.module("DecoderBlock", D, H, F).apply(rng.normal(2, 5, D), rng.normal(2, 4, D), **masks)
    check_device(student.run(program.on_device("meta")), fail)


# -- the target, one place later --------------------------------------------------------------------------------------

SHIFT = {"names": ("shifted",), "axes": {"shifted": "batch, position"}}


@pytest.mark.part("shift-right", share=3)
@pytest.mark.parametrize("bos_id", [1, 7], ids=["bos is 1", "bos is 7"])
def test_shift_values(agree, rng, bos_id):
    """Each word stands one place later, bos in the first, the last word is gone."""
    agree(Program.function("shift_right", rng.ids(2, 30, 3, 6), bos_id), **SHIFT)


@pytest.mark.part("shift-right")
@pytest.mark.parametrize("shape", [(1, 5), (4, 1), (3, 2)], ids=["one text", "one word", "two words"])
def test_shift_small_sizes(agree, rng, shape):
    """Short texts work like any other text; one word becomes bos alone."""
    agree(Program.function("shift_right", rng.ids(2, 30, *shape), 1), **SHIFT)


@pytest.mark.part("shift-right", needs=("test_shift_values",))
def test_shift_padding(agree, rng):
    """Padding is shifted like everything else."""
    ids = rng.ids(3, 30, 4, 7)
    ids[np.arange(7) >= np.array([3, 7, 1, 5])[:, None]] = 0
    agree(Program.function("shift_right", ids, 1), **SHIFT)


@pytest.mark.part("shift-right", needs=("test_shift_values",))
def test_shift_bos_among_the_ids(agree, rng):
    """The start id is shifted like any other where it stands among the ids."""
    ids = rng.ids(3, 30, 4, 6)
    ids[0, 2] = ids[1, 0] = ids[2, 4] = ids[3, 5] = 1
    agree(Program.function("shift_right", ids, 1), **SHIFT)


@pytest.mark.part("shift-right", needs=("test_shift_values",))
@pytest.mark.parametrize("integers", ["int32", "int64"])
def test_shift_integers(agree, rng, integers):
    """The result has the ids' own type of integers."""
    agree(Program.function("shift_right", rng.ids(2, 30, 3, 6), 1).integers(integers), **SHIFT)


@pytest.mark.part("shift-right", needs=("test_shift_values",))
def test_shift_inputs_kept(agree, rng):
    """The caller's ids are left as they were."""
    agree(Program.function("shift_right", rng.ids(2, 30, 3, 6), 1).inputs_after(), **SHIFT)


@pytest.mark.part("shift-right", needs=("test_shift_values",), tracks=("pytorch",))
def test_shift_device(student, rng, fail):
    """The result is on the device of the ids."""
    check_device(student.run(Program.function("shift_right", rng.ids(2, 30, 3, 6), 1).on_device("meta")), fail)


# -- a translator -----------------------------------------------------------------------------------------------------

SIZES = {
    "source_vocab": 17, "target_vocab": 13, "max_len": 10, "d_model": 8, "num_heads": 2, "d_ff": 14, "num_layers": 2,
}  # fmt: skip


def translator(**sizes):
    """The translator with the weights that it starts with."""
    return Program.module("Seq2SeqTransformer", **{**SIZES, **sizes})


def logits(student, fail, program, shapes, vocab=SIZES["target_vocab"]):
    """The logits of a program's calls; `shapes` says (B, L) of each."""
    values = student.run(program).values
    found = [values.get(f"out{n}" if n > 1 else "out") for n in range(1, len(shapes) + 1)]
    for out, shape in zip(found, shapes, strict=True):
        if not isinstance(out, np.ndarray) or out.shape != (*shape, vocab):
            got = out.shape if isinstance(out, np.ndarray) else None
            fail(
                Message(
                    "For targets {target} and {words} words the result has shape {shape}, expected {expected}.",
                    target=shape,
                    words=vocab,
                    shape=got,
                    expected=(*shape, vocab),
                )
            )
        if out.dtype.kind != "f" or not np.isfinite(out).all():
            fail("The logits are not all finite numbers.")
    return found


def texts(rng, rows, length, vocab):
    """Ids without padding, the words of a row all different."""
    return np.stack([1 + rng.permutation(vocab - 1)[:length] for _ in range(rows)])


def pair(rng, rows=3, source=6, target=5):
    return texts(rng, rows, source, SIZES["source_vocab"]), texts(rng, rows, target, SIZES["target_vocab"])


def same(got, want, tolerance=1e-4):
    return np.abs(got - want).max() <= tolerance * np.abs(want).max()


@pytest.mark.part("seq2seq-transformer")
@pytest.mark.parametrize("target_vocab", [13, 21], ids=["fewer target words", "more target words"])
def test_translator_shape(student, rng, fail, target_vocab):
    """Source (B, S) and target (B, L) become logits (B, L, V)."""
    source, target = pair(rng)
    program = translator(target_vocab=target_vocab).apply(source, target).apply(source[:1], target[:1, :3])
    logits(student, fail, program, ((3, 5), (1, 3)), target_vocab)


@pytest.mark.part("seq2seq-transformer", share=2, needs=("test_translator_shape",))
def test_translator_source(student, rng, fail):
    """Every word of the source affects every word of the result, and so does their order."""
    source, target = pair(rng)
    program = translator().apply(source, target)
    for place in range(6):
        other = source.copy()
        other[:, place] = (other[:, place] + 1) % (SIZES["source_vocab"] - 1) + 1
        program = program.apply(other, target)
    program = program.apply(np.ascontiguousarray(source[:, ::-1]), target)
    first, *changed, turned = logits(student, fail, program, ((3, 5),) * 8)
    for found in changed:
        if np.abs(found - first).max(axis=2).min() <= 1e-7:
            fail("Another word in the source left some of the logits as they were.")
    if same(turned, first, 1e-5):
        fail("The order of the source's words has no effect: are positions added to them?")


@pytest.mark.part("seq2seq-transformer", share=3, needs=("test_translator_shape",))
def test_translator_target(student, rng, fail):
    """A word of the target affects the words after it, and none before it."""
    source, target = pair(rng)
    program = translator().apply(source, target)
    for place in range(5):
        other = target.copy()
        other[:, place] = (other[:, place] + 1) % (SIZES["target_vocab"] - 1) + 1
        program = program.apply(source, other)
    first, *changed = logits(student, fail, program, ((3, 5),) * 6)
    for place, found in enumerate(changed):
        if place and np.abs(found[:, :place] - first[:, :place]).max() > 1e-5 * np.abs(first).max():
            fail("A later word of the target changed the logits of an earlier place: the decoder may not look ahead.")
        if np.abs(found[:, place:] - first[:, place:]).max(axis=2).min() <= 1e-7:
            fail("A word of the target left the logits of its own place, or of a later one, as they were.")


@pytest.mark.part("seq2seq-transformer", needs=("test_translator_shape",))
def test_translator_target_order(student, rng, fail):
    """The order of the words written so far matters."""
    source, target = pair(rng)
    other = np.ascontiguousarray(target[:, [1, 0, 3, 2, 4]])
    # One layer: the causal mask alone would tell a second one something about the order.
    program = translator(num_layers=1).apply(source, target).apply(source, other)
    first, second = logits(student, fail, program, ((3, 5),) * 2)
    if same(second[:, -1], first[:, -1], 1e-5):
        fail("The order of the target's words has no effect: are positions added to them?")


@pytest.mark.part("seq2seq-transformer", share=3, needs=("test_translator_shape",))
@pytest.mark.parametrize("pad_id", [0, 4], ids=["padded with 0", "padded with another id"])
def test_translator_padding(student, rng, fail, pad_id):
    """A padded pair gives the logits that it gives alone, however long its padding."""
    source, target = pair(rng, source=6, target=5)
    source, target = np.where(source == pad_id, 16, source), np.where(target == pad_id, 12, target)
    sources, targets = (4, 6, 2), (3, 2, 5)
    program = translator(**({"pad_id": pad_id} if pad_id else {}))  # 0 is the usual one
    for width in (6, 9):
        padded = np.full((3, width), pad_id), np.full((3, 5), pad_id)
        for row in range(3):
            padded[0][row, : sources[row]] = source[row, : sources[row]]
            padded[1][row, : targets[row]] = target[row, : targets[row]]
        program = program.apply(*padded)
    for row in range(3):
        program = program.apply(
            source[row : row + 1, : sources[row]].copy(), target[row : row + 1, : targets[row]].copy()
        )
    shapes = ((3, 5), (3, 5), *((1, n) for n in targets))
    together, longer, *alone = logits(student, fail, program, shapes)
    for row, found in enumerate(alone):
        for batch in (together, longer):
            if not same(batch[row, : targets[row]], found[0]):
                fail(
                    "A padded pair gave other logits than alone: do the encoder's blocks get the source's mask, and "
                    "the decoder's blocks both masks, each in its place?"
                )


@pytest.mark.part("seq2seq-transformer", needs=("test_translator_shape",))
def test_translator_examples_apart(student, rng, fail):
    """The pairs of a batch do not affect each other."""
    (source, target), (source2, target2) = pair(rng, rows=4), pair(rng, rows=1)
    other = source.copy(), target.copy()
    other[0][1], other[1][1] = source2[0], target2[0]
    program = translator().apply(source, target).apply(*other).apply(source[:1].copy(), target[:1].copy())
    first, second, alone = logits(student, fail, program, ((4, 5), (4, 5), (1, 5)))
    if not same(second[[0, 2, 3]], first[[0, 2, 3]]) or not same(alone, first[:1]):
        fail("Other pairs in the batch changed the logits of a pair.")


@pytest.mark.part("seq2seq-transformer", share=2, needs=("test_translator_shape",))
@pytest.mark.parametrize("what", ["layers", "network", "source words", "positions", "few source words"])
def test_translator_sizes(student, rng, fail, what):
    """Every argument has its effect on what is trained."""
    d, f, layers = SIZES["d_model"], SIZES["d_ff"], SIZES["num_layers"]
    argument, step, due, because = {
        "layers": (
            "num_layers", 1, encoder_size(d, f) + decoder_size(d, f),
            Message(
                "One more layer is a block more in the encoder and one more in the decoder, with weights of their own"
            ),
        ),
        "network": (
            "d_ff", 5, 2 * layers * 5 * (2 * d + 1), Message("`d_ff` is the width inside the networks of all blocks"),
        ),
        "source words": ("source_vocab", 2, 2 * d, Message("Each word of the source has a vector that is trained")),
        "positions": (
            "max_len", 3, 2 * 3 * d,
            Message("Each of the max_len positions has a vector that is trained, in the source and in the target"),
        ),
        "few source words": (
            "source_vocab", 2, 2 * d, Message("The source's words have vectors of their own, apart from the target's"),
        ),
    }[what]  # fmt: skip
    base = {"source_vocab": 8} if what == "few source words" else {}
    source, target = pair(rng)
    source = 1 + source % 7  # words that are in the smaller vocabulary too
    small, large = (
        trainable(student.run(translator(**sizes).apply(source, target).parameters()), fail)
        for sizes in (base, {argument: {**SIZES, **base}[argument] + step})
    )
    # Positions may be the same for source and target: nothing is said of that.
    if large - small != due and (what != "positions" or large - small != due // 2):
        fail(
            Message(
                "{because}: with {argument} {step} larger there should be {due} more trainable numbers, not {found}.",
                because=because,
                argument=argument,
                step=step,
                due=due,
                found=large - small,
            )
        )


@pytest.mark.part("seq2seq-transformer", needs=("test_translator_shape",))
def test_translator_is_one_chain(student, rng, fail):
    """Each block works on what the one before it gave: the logits depend on every weight."""
    source, target = pair(rng)
    program = translator(num_layers=3, dropout=0.0).train([([source, target], target)], 1, 0.01)
    unreached = student.run(program).values["training"]["unreached"]
    if unreached != 0:
        fail(
            Message(
                "The loss does not depend on {unreached} of the trainable numbers: is every block used, in its turn?",
                unreached=unreached,
            )
        )


@pytest.mark.part("seq2seq-transformer", needs=("test_translator_shape",))
@pytest.mark.parametrize("which", ["source", "target"])
def test_translator_too_long(student, rng, fail, which):
    """max_len ids fit, one more raises ValueError."""
    longest = SIZES["max_len"]
    sizes = {"source": 4, "target": 4}
    source, target = pair(rng, **{**sizes, which: longest})
    logits(student, fail, translator().apply(source, target), (target.shape,))
    source, target = pair(rng, **{**sizes, which: longest + 1})
    student.run(translator().apply(source, target), expect_error="ValueError")


@pytest.mark.part("seq2seq-transformer", needs=("test_translator_shape",))
def test_translator_save_and_load(student, rng, fail):
    """A translator that is saved and loaded into a new one gives the same logits."""
    source, target = pair(rng)
    program = translator().apply(source, target).copy().apply(source, target)
    original, copy = logits(student, fail, program, ((3, 5),) * 2)
    if not same(copy, original):
        fail("The saved translator did not come back: are all layers attributes that the framework finds?")


@pytest.mark.part("seq2seq-transformer", needs=("test_translator_shape",))
def test_translator_dropout(student, rng, fail):
    """Dropout acts in training alone, at the rate that was asked for."""
    source, target = pair(rng)
    for rate, acts in ((0.4, True), (0.0, False)):
        program = translator(dropout=rate).apply(source, target).mode(True).apply(source, target).mode(False)
        before, training, after = logits(student, fail, program.apply(source, target), ((3, 5),) * 3)
        if not same(after, before):
            fail("In evaluation mode the same pair gives different logits: is dropout at work there?")
        if same(training, before, 1e-3) == acts:
            fail(
                "In training mode dropout has no effect."
                if acts
                else "With dropout=0.0 training and evaluation differ: does the rate reach every dropout?"
            )


@pytest.mark.part("seq2seq-transformer", needs=("test_translator_shape",), tracks=("pytorch",))
def test_translator_device(student, rng, fail):
    """The translator works on the device where its weights and inputs are."""
    check_device(student.run(translator().apply(*pair(rng)).on_device("meta")), fail)


KNOWN_UNSEEN = 0.25  # docs/measurements.md has what was measured


def number_names(rng):
    """Training on the names of most numbers below 100, then logits for names never seen; and those in English."""
    unseen = compounds(random.Random(rng.integer(0, 1 << 31)))
    seen = [n for n in range(100) if n not in unseen]
    source, target, shifted, labels = names(seen)
    sizes = {"source_vocab": len(numbers.DANISH), "target_vocab": len(numbers.ENGLISH), "max_len": 8, "d_model": 24,
             "num_heads": 2, "d_ff": 48, "num_layers": 1, "dropout": 0.0}  # fmt: skip
    program = Program.module("Seq2SeqTransformer", **sizes).train([([source, shifted], labels)], 100, 0.01)
    source, target, shifted, _ = names(unseen)
    return program.apply(source, shifted).put_once(), target


def translated(student, fail, program, target):
    """Which share of the names comes out right, every word of it."""
    values = student.run(program).values
    out, losses = values.get("out"), values["training"]["losses"]
    if not isinstance(out, np.ndarray) or out.shape != (*target.shape, len(numbers.ENGLISH)):
        fail("The trained translator gives no logits (B, L, V).")
    if not np.isfinite(out).all() or not np.isfinite(losses).all():
        fail("In training the loss or the logits became infinite, or NaN.")
    return float(np.mean(((out.argmax(axis=2) == target) | (target == 0)).all(axis=1)))


@pytest.mark.part("seq2seq-transformer", share=3, needs=("test_translator_shape",))
def test_translator_learns(student, rng, fail):
    """It learns to translate the names of numbers, and knows names that it has never seen."""
    right = translated(student, fail, *number_names(rng))
    if right < KNOWN_UNSEEN:
        fail(
            Message(
                "After 100 steps on Danish and English names of numbers, {right} of the numbers that it had "
                "not seen are translated right.",
                right=f"{right:.0%}",
            )
        )


def compounds(rng):
    """18 numbers from 21 to 99, every unit in two of them and no ten in more than three: each is seen in others."""
    units, tens = list(range(1, 10)), list(range(2, 10))
    rng.shuffle(units)
    rng.shuffle(tens)
    return [10 * tens[i % 8] + units[i // 2] for i in range(18)]


def names(values):
    """Source, target, the target one place later, and the labels: -1 where the target is padding."""
    source = np.array([numbers.DANISH.ids(numbers.danish(n), 4) for n in values])
    target = np.array([numbers.ENGLISH.ids(numbers.english(n), 3) for n in values])
    shifted = np.concatenate([np.full((len(values), 1), 1), target[:, :-1]], axis=1)
    return source, target, shifted, np.where(target == 0, -1, target)


# -- writing word by word ---------------------------------------------------------------------------------------------

V, BOS, EOS = 9, 1, 2


class Writing:
    """A model whose next words are known, and what greedy decoding makes of it."""

    def __init__(self, rng, rows=5, length=4, vocab=V, longest=12, eager=4.0):
        """`eager`: how much some rows prefer eos from the third word on, so that rows end at different places."""
        self.source = rng.ids(3, 10, rows, length)
        self.follows = rng.normal(vocab, vocab, scale=2.0)
        self.asked = rng.normal(10, vocab, scale=2.0)
        self.place = rng.normal(longest + 1, vocab, scale=2.0)
        self.place[:, 0] -= 20.0  # padding is no word
        self.place[:, EOS] += np.linspace(-3.0, eager, longest + 1)

    def program(self, *args, training=False, **kwargs):
        made = Program.writer(self.follows, self.asked, self.place).mode(training)
        return made.call("greedy_decode", Module(), self.source, *args, **kwargs)

    def expected(self, most, bos=BOS, eos=EOS, pad=0):
        target = np.full((len(self.source), 1), bos)
        done = np.zeros(len(self.source), bool)
        for step in range(most):
            logits = self.follows[target].mean(axis=1) + self.asked[self.source].mean(axis=1) + self.place[step]
            new = np.where(done, pad, logits.argmax(axis=1))
            target = np.concatenate([target, new[:, None]], axis=1)
            done |= new == eos
        return target[:, 1:]


def written(student, fail, program, want, pad=0):
    """The ids that were written, compared with those expected; columns of padding at the end may be left out."""
    got = whole_numbers(student.run(program).out)
    if not isinstance(got, np.ndarray) or got.dtype.kind not in "iu" or got.ndim != 2:
        fail("The result is no table of ids (B, at most max_new_tokens).")
    rows, most = want.shape
    if len(got) != rows or got.shape[1] > most:
        fail(
            Message(
                "For {texts} texts and max_new_tokens = {most} the result has shape {shape}.",
                texts=rows,
                most=most,
                shape=got.shape,
            )
        )
    full = np.full(want.shape, pad)
    full[:, : got.shape[1]] = got
    return full


LIKELIEST = Message("The words are not those that the model finds likeliest.")


def check_written(student, fail, program, want, pad=0, says=LIKELIEST):
    """The ids that were written are those expected; `says` is what it means where they are not."""
    full = written(student, fail, program, want, pad)
    if not (full == want).all():
        if says is LIKELIEST and (full != written(student, fail, program, want, pad)).any():
            fail("Asked twice, it writes different words: greedy decoding leaves nothing to chance.", "drawn-by-lot")
        row = int(np.argmax((full != want).any(axis=1)))
        place = int(np.argmax(full[row] != want[row]))
        fail(
            Message(
                "{says} The first difference is at word {place} of a text: {found}, not {expected}.",
                says=says,
                place=place + 1,
                found=full[row, place],
                expected=want[row, place],
            )
        )


def apart(writing, most=9, **options):
    """Whether the rows end at different places, one of them early; otherwise the test would show less."""
    want = writing.expected(most, **options)
    eos = options.get("eos", EOS)
    ends = [list(row).index(eos) if eos in row else most for row in want]
    return len(set(ends)) >= 3 and min(ends) < 5 and max(ends) > 4


def writing_apart(rng, ended=False, **options):
    """A model whose rows end at different places, drawn until there is one; `ended`: all of them before the limit."""
    for attempt in range(20_000):  # about one in fifty is such a model
        writing = Writing(rng.named(f"writing {attempt}"))
        if apart(writing, **options) and (not ended or (writing.expected(8) == EOS).any(axis=1).all()):
            return writing
    raise AssertionError("no model whose rows end apart")


@pytest.mark.part("greedy-decode")
def test_greedy_shape(student, rng, fail):
    """The result is a table of ids, one row for each text, without bos, of at most max_new_tokens columns."""
    writing = writing_apart(rng, ended=True)  # an answer that writes a word too many fails in another test
    got = written(student, fail, writing.program(BOS, EOS, 9), writing.expected(9))
    if (got[:, 0] == BOS).all() and (writing.expected(9)[:, 0] != BOS).any():
        fail("The first column is bos: give only what the model has written.")


@pytest.mark.part("greedy-decode", share=4, needs=("test_greedy_shape",))
@pytest.mark.parametrize("case", ["one", "two", "three"])
def test_greedy_words(student, reference, rng, fail, case):
    """Each word is the likeliest after those before it; each row ends with its own eos, padding follows."""
    writing = writing_apart(rng.named(case))
    check_written(student, fail, writing.program(BOS, EOS, 9), writing.expected(9))


@pytest.mark.part("greedy-decode", share=2, needs=("test_greedy_shape",))
def test_greedy_other_ids(student, rng, fail):
    """bos, eos and padding are the ids that were given."""
    options = {"bos": 5, "eos": 7, "pad": 3}
    writing = writing_apart(rng, **options)
    check_written(student, fail, writing.program(5, 7, 9, pad_id=3), writing.expected(9, **options), pad=3)


@pytest.mark.part("greedy-decode", needs=("test_greedy_shape",))
@pytest.mark.parametrize("most", [1, 3], ids=["one word", "three words"])
def test_greedy_limit(student, rng, fail, most):
    """After max_new_tokens words it stops, ended or not."""
    writing = writing_apart(rng)
    check_written(student, fail, writing.program(BOS, EOS, most), writing.expected(most))


@pytest.mark.part("greedy-decode", needs=("test_greedy_shape",))
def test_greedy_never_ending(student, rng, fail):
    """Where no eos comes, it writes max_new_tokens words."""
    writing = Writing(rng)
    writing.place[:, EOS] -= 50
    check_written(student, fail, writing.program(BOS, EOS, 7), writing.expected(7))


@pytest.mark.part("greedy-decode", needs=("test_greedy_shape",))
def test_greedy_one_text(student, rng, fail):
    """A batch of one works like any other batch."""
    writing = writing_apart(rng)
    writing.source = writing.source[:1].copy()
    check_written(student, fail, writing.program(BOS, EOS, 9), writing.expected(9))


@pytest.mark.part("greedy-decode", share=2, needs=("test_greedy_shape",), tracks=("pytorch",))
def test_greedy_mode(student, rng, fail):
    """The model writes in evaluation mode, and is left in the mode that it was in."""
    writing = writing_apart(rng)
    target = np.full((len(writing.source), 1), BOS)
    plain = writing.program(BOS, EOS, 9).apply(writing.source, target)
    program = writing.program(BOS, EOS, 9, training=True).apply(writing.source, target)
    says = Message("A model in training mode writes something else.")
    check_written(student, fail, program, writing.expected(9), says=says)
    again = writing.program(BOS, EOS, 9).apply(writing.source, target).apply(writing.source, target)
    values = student.run(again).values
    if not close(values.get("out2"), values.get("out3")):
        fail("The model was in evaluation mode before, and is in training mode afterwards: restore the mode.")
    if close(student.run(program).values.get("out2"), student.run(plain).values.get("out2")):
        fail("The model was in training mode before, and is in evaluation mode afterwards: restore the mode.")


@pytest.mark.part("greedy-decode", needs=("test_greedy_shape",))
def test_greedy_inputs_kept(student, rng, fail):
    """The source is left as it was."""
    writing = writing_apart(rng)
    answer = student.run(writing.program(BOS, EOS, 9).inputs_after())
    after = answer.values.get("after", {})
    if not any(isinstance(a, np.ndarray) and a.shape == writing.source.shape and (a == writing.source).all()
               for a in after.values()):  # fmt: skip
        fail("The source was changed: the caller still needs it.")
