"""Hidden tests of exercise 5: the transformer block, the masked mean, a classifier made of blocks, and that it learns.

The block gets known weights: norms and network by their canonical names, the framework's own attention filled from a
seed. Its results at padded places may be anything, so only real places are compared. The classifier's attributes have
names of the student's choice, so it is tested from outside: how padding, order, sizes and layers change its result, and
what it learns from examples. The labels of the held-out examples stay in the judge.
"""

import numpy as np
import pytest

from autograder.exercises.shared import (
    DROP_NEARLY_ALL,
    SHAPE_ONLY,
    agree_in_float64,
    check_device,
    close,
    runs,
    trainable,
)
from autograder.judging.program import Program, Ref
from autograder.messages import Message

AXES = "batch, position, width"

# -- the transformer block --------------------------------------------------------------------------------------------

D, H, F = 12, 3, 20


def block(rng, d_model=D, num_heads=H, d_ff=F, scale=1.4, **options):
    """The block with known weights, so large that nothing in it is nearly linear or nearly uniform."""
    weights = {
        "feed_forward.0.weight": rng.normal(d_model, d_ff, scale=scale / d_model**0.5),
        "feed_forward.0.bias": rng.normal(d_ff, scale=0.5),
        "feed_forward.1.weight": rng.normal(d_ff, d_model, scale=scale / d_ff**0.5),
        "feed_forward.1.bias": rng.normal(d_model, scale=0.5),
    }
    for norm in ("norm1", "norm2"):
        weights[f"{norm}.weight"] = 1 + rng.normal(d_model, scale=0.3)
        weights[f"{norm}.bias"] = rng.normal(d_model, scale=0.3)
    program = Program.module("TransformerBlock", d_model, num_heads, d_ff, **options).load(weights)
    return program.fill(rng.integer(0, 1 << 31), "attention", scale=scale / d_model**0.5)


def agree_where_real(agree, student, reference, compare, fail, program, masks):
    """The results agree at real places; `masks` by name of the result."""
    answer = student.run(program)
    agree(program, axes=AXES, rtol=SHAPE_ONLY, what=())  # the shapes of what was filled
    want = reference.run(program)
    for name, mask in masks.items():
        got = answer.values.get(name)
        if not isinstance(got, np.ndarray) or got.shape != want.values[name].shape:
            compare(got, want.values[name], "result", AXES)
        compare(got[mask], want.values[name][mask], "result at real words", "real word, width")


FORMS = pytest.mark.parametrize("norm_first", [False, True], ids=["post norm", "pre norm"])


@pytest.mark.part("transformer-block")
@FORMS
def test_block_shape(agree, rng, norm_first):
    """The result has the shape of the input."""
    agree(block(rng, norm_first=norm_first).apply(rng.normal(2, 5, D)), axes=AXES, rtol=SHAPE_ONLY)


@pytest.mark.part("transformer-block", share=5, needs=("test_block_shape",))
@pytest.mark.parametrize("num_heads", [3, 4, 1], ids=["three heads", "four heads", "one head"])
def test_block_post_norm(agree, rng, num_heads):
    """In post-norm each part is added to its input, and the norm comes after the sum."""
    program = block(rng, num_heads=num_heads).apply(rng.normal(2, 5, D))
    agree(program.apply(rng.normal(3, 7, D, scale=3)), axes=AXES)


@pytest.mark.part("transformer-block", share=5, needs=("test_block_shape",))
@pytest.mark.parametrize("num_heads", [2, 6], ids=["two heads", "six heads"])
def test_block_pre_norm(agree, rng, num_heads):
    """In pre-norm the norm comes before each part, and the part's result is added to the input as it came."""
    program = block(rng, num_heads=num_heads, norm_first=True).apply(rng.normal(2, 5, D))
    agree(program.apply(rng.normal(3, 7, D, scale=3)), axes=AXES)


@pytest.mark.part("transformer-block", share=4, needs=("test_block_shape",))
@FORMS
def test_block_mask(agree, rng, student, reference, compare, fail, norm_first):
    """With a mask, no word attends to padding: the real words' vectors follow the formula, also in a second pass."""
    lengths = np.array([3, 6, 2, 5])
    mask = np.arange(6) < lengths[:, None]
    program = block(rng, norm_first=norm_first).apply(rng.normal(4, 6, D), mask=mask).apply(Ref("out"), mask=mask)
    agree_where_real(agree, student, reference, compare, fail, program, {"out": mask, "out2": mask})


@pytest.mark.part("transformer-block", share=2, needs=("test_block_shape", "test_block_mask"))
@pytest.mark.parametrize("keep", [0.4, 0.8], ids=["few real words", "many real words"])
def test_block_any_mask(agree, rng, student, reference, compare, fail, keep):
    """Padding may stand anywhere, and what it holds has no effect."""
    mask = rng.mask(3, 7, keep=keep)
    x = rng.normal(3, 7, D)
    other = np.where(mask[:, :, None], x, rng.normal(3, 7, D, scale=20))
    program = block(rng).apply(x, mask=mask).apply(other, mask=mask)
    agree_where_real(agree, student, reference, compare, fail, program, {"out": mask, "out2": mask})


@pytest.mark.part("transformer-block", needs=("test_block_shape", "test_block_post_norm"))
def test_block_without_mask(agree, rng):
    """No mask gives the same as a mask in which every word is real."""
    x = rng.normal(2, 5, D)
    agree(block(rng).apply(x, mask=None).apply(x, mask=np.ones((2, 5), bool)), axes=AXES)


@pytest.mark.part("transformer-block", needs=("test_block_shape", "test_block_post_norm"))
@pytest.mark.parametrize("shape", [(1, 4), (3, 1)], ids=["a batch of one", "a sequence of one"])
def test_block_small_sizes(agree, rng, shape):
    """Sizes of 1 work like any other size."""
    agree(block(rng).apply(rng.normal(*shape, D)), axes=AXES)


@pytest.mark.part("transformer-block", needs=("test_block_shape",))
@pytest.mark.parametrize("d_ff", [7, 33], ids=["narrow", "wide"])
def test_block_sizes(student, rng, fail, d_ff):
    """Attention, network and norms have the sizes that were asked for, and nothing else is trained."""
    found = trainable(student.run(block(rng, d_ff=d_ff).apply(rng.normal(2, 4, D)).parameters()), fail)
    due = block_size(D, d_ff)
    if found != due:
        fail(
            Message(
                "For d_model = {d_model} and d_ff = {d_ff} a block has {due} trainable numbers: 4 (D² + D) in the "
                "attention, 2 D F + F + D in the network, 4 D in the norms. Yours has {found}.",
                d_model=D,
                d_ff=d_ff,
                due=due,
                found=found,
            )
        )


def block_size(d_model, d_ff):
    return 4 * (d_model**2 + d_model) + 2 * d_model * d_ff + d_ff + d_model + 4 * d_model


@pytest.mark.part("transformer-block", share=2, needs=("test_block_shape", "test_block_post_norm"))
def test_block_gradients(agree, student, rng):
    """The gradients reach the input, the network and both norms."""
    wrt = ["a8"]  # the eight arrays of the weights come first
    wrt += [f"feed_forward.{n}.{leaf}" for n in (0, 1) for leaf in ("weight", "bias")]
    wrt += [f"norm{n}.{leaf}" for n in (1, 2) for leaf in ("weight", "bias")]
    program = block(rng).apply(rng.normal(2, 5, D))
    agree_in_float64(agree, student, program.gradient(tuple(wrt), rng.normal(2, 5, D)), rtol=1e-8, what=("grad",))


@pytest.mark.part("transformer-block", needs=("test_block_shape", "test_block_pre_norm"))
def test_block_epsilon(agree, rng):
    """The norms divide small vectors by what their epsilon says."""
    agree(block(rng, norm_first=True).apply(rng.normal(2, 5, D, scale=1e-3)), axes=AXES, rtol=1e-3)


@pytest.mark.part("transformer-block", needs=("test_block_shape", "test_block_post_norm"))
def test_block_float64(agree, student, rng):
    """In float64 the result is as precise as float64, and the input is left as it was."""
    agree_in_float64(agree, student, block(rng).apply(rng.normal(2, 5, D)).inputs_after(), axes=AXES)


@pytest.mark.part("transformer-block", needs=("test_block_shape", "test_block_pre_norm"))
def test_block_input_kept(agree, rng):
    """The caller's tensor is left as it was, in pre-norm too, where it is added to."""
    agree(block(rng, norm_first=True).apply(rng.normal(2, 5, D)).inputs_after(), axes=AXES)


@pytest.mark.part("transformer-block", needs=("test_block_shape",))
def test_block_unequal_heads(student):
    """The constructor raises ValueError for a width that the heads cannot share equally."""
    student.run(Program.module("TransformerBlock", 10, 4, 8), expect_error="ValueError")


@pytest.mark.part("transformer-block", share=2, needs=("test_block_shape", "test_block_pre_norm"))
def test_block_dropout(student, rng, fail):
    """In training, dropout takes away its share of what attention and network add; in evaluation nothing."""
    x = rng.normal(4, 30, D)
    program = block(rng, dropout=0.7, norm_first=True).apply(x).apply(x).mode(True).apply(x).mode(False).apply(x)
    program = program.put_once()
    values = student.run(program).values
    first, second, training, after = (values.get(name) for name in ("out", "out2", "out3", "out4"))
    for out in (first, second, training, after):
        if not isinstance(out, np.ndarray) or out.shape != x.shape or not np.isfinite(out).all():
            fail("In training mode the block gives no vectors.")
    if not close(first, second) or not close(first, after):
        fail("In evaluation mode the same input gives different results: is dropout at work there?")
    if close(training, first):
        fail("In training mode nothing is different: where is dropout applied?")
    untouched = np.mean(training == x.astype(training.dtype))
    # Where both parts' results are dropped, pre-norm gives back the input as it came: 0.7 · 0.7 of the places.
    if abs(untouched - 0.49) > 0.08:
        fail(
            Message(
                "With a dropout of 0.7 about 49% of the numbers should pass a pre-norm block unchanged in "
                "training: those where both additions are dropped. Here it is {share}. Drop what each part gives, "
                "before it is added.",
                share=f"{untouched:.0%}",
            )
        )


@pytest.mark.part("transformer-block", needs=("test_block_dropout", "test_block_post_norm"))
def test_block_drops_each_part(agree, rng):
    """In post-norm, dropout acts on both additions, too: if everything is dropped, only the norms are left."""
    agree(block(rng, dropout=DROP_NEARLY_ALL).mode(True).apply(rng.normal(1, 2, D)), axes=AXES)


@pytest.mark.part("transformer-block", needs=("test_block_shape", "test_block_dropout"))
def test_block_usual_dropout(student, rng, fail):
    """Where no rate is given it is 0.1."""
    x = rng.normal(16, 40, D)
    training = student.run(block(rng, norm_first=True).mode(True).apply(x)).out
    untouched = np.mean(training == x.astype(training.dtype))
    # 0.1 · 0.1 of the places, within five standard deviations; 0.2 gives 4%, 0.05 a quarter of a percent.
    if not 0.004 < untouched < 0.02:
        fail(
            Message(
                "Without a rate given, {share} of the numbers pass a pre-norm block unchanged in training, where both "
                "additions are dropped; with 0.1 it is about 1%.",
                share=f"{untouched:.1%}",
            )
        )


@pytest.mark.part("transformer-block", needs=("test_block_shape",))
def test_block_no_dropout(student, rng, fail):
    """With a dropout of 0, training and evaluation give the same."""
    x = rng.normal(2, 5, D)
    values = student.run(block(rng, dropout=0.0).apply(x).mode(True).apply(x)).values
    if not close(values.get("out"), values.get("out2")):
        fail("With dropout = 0.0 the block still drops in training: does it use the rate that was asked for?")


@pytest.mark.part("transformer-block", needs=("test_block_shape",), tracks=("pytorch",))
@pytest.mark.parametrize("masked", [False, True], ids=["without a mask", "with a mask"])
def test_block_device(student, rng, fail, masked):
    """The block works on the device where its weights and inputs are."""
    mask = {"mask": rng.mask(2, 5)} if masked else {}
    program = Program.module("TransformerBlock", D, H, F).apply(rng.normal(2, 5, D), **mask)
    check_device(student.run(program.on_device("meta")), fail)


# -- the mean of the real words ---------------------------------------------------------------------------------------

MEAN = {"names": ("mean",), "axes": {"mean": "batch, width"}}


@pytest.mark.part("masked-mean")
def test_mean_shape(agree, rng):
    """A sequence of vectors becomes one vector."""
    agree(Program.function("masked_mean", rng.normal(3, 5, 4), rng.mask(3, 5)), **MEAN, rtol=SHAPE_ONLY)


@pytest.mark.part("masked-mean", share=3, needs=("test_mean_shape",))
@pytest.mark.parametrize("keep", [0.3, 0.6], ids=["few real words", "many real words"])
def test_mean_values(agree, rng, keep):
    """It is the mean over real words alone, wherever they stand, in each example by its own mask."""
    x, mask = rng.normal(5, 7, 4), rng.mask(5, 7, keep=keep)
    agree(Program.function("masked_mean", x, mask), **MEAN)


@pytest.mark.part("masked-mean", needs=("test_mean_shape",))
def test_mean_padding_holds_anything(agree, rng):
    """What stands in the padding has no effect, large numbers included."""
    mask = rng.mask(3, 6, keep=0.5)
    x = np.where(mask[:, :, None], rng.normal(3, 6, 4), rng.normal(3, 6, 4, scale=1e4))
    agree(Program.function("masked_mean", x, mask), **MEAN)


@pytest.mark.part("masked-mean", needs=("test_mean_shape",))
@pytest.mark.parametrize(
    "shape", [(1, 4, 3), (3, 1, 5), (2, 6, 1)], ids=["a batch of one", "a sequence of one", "a width of one"]
)
def test_mean_small_sizes(agree, rng, shape):
    """Sizes of 1 work like any other size, and without padding it is the plain mean."""
    agree(Program.function("masked_mean", rng.normal(*shape), np.ones(shape[:2], bool)), **MEAN)


@pytest.mark.part("masked-mean", needs=("test_mean_shape", "test_mean_values"))
def test_mean_one_word(agree, rng):
    """The mean of a single real word is its vector."""
    mask = np.eye(4, 6, dtype=bool)[:, rng.permutation(6)]
    mask[~mask.any(axis=1), 0] = True
    agree(Program.function("masked_mean", rng.normal(4, 6, 3), mask), **MEAN)


@pytest.mark.part("masked-mean", needs=("test_mean_shape", "test_mean_values"))
def test_mean_gradient(agree, rng):
    """The gradient is shared by the real words, and no padding gets any."""
    program = Program.function("masked_mean", rng.normal(3, 6, 4), rng.mask(3, 6, keep=0.5))
    agree(program.gradient(("a0",), rng.normal(3, 4)), **MEAN)


@pytest.mark.part("masked-mean", needs=("test_mean_shape", "test_mean_values"))
def test_mean_float64(agree, student, rng):
    """In float64 it is as precise as float64, and the inputs are left as they were."""
    program = Program.function("masked_mean", rng.normal(3, 6, 4), rng.mask(3, 6, keep=0.5)).inputs_after()
    # More than rounding, for answers that add 1e-9 to the number of words.
    agree_in_float64(agree, student, program, rtol=1e-8, **MEAN)


@pytest.mark.part("masked-mean", needs=("test_mean_shape",), tracks=("pytorch",))
def test_mean_device(student, rng, fail):
    """The mean is made on the device of the inputs."""
    program = Program.function("masked_mean", rng.normal(3, 6, 4), rng.mask(3, 6))
    check_device(student.run(program.on_device("meta")), fail)


# -- a classifier made of blocks --------------------------------------------------------------------------------------

SIZES = {
    "vocab_size": 19, "max_len": 11, "d_model": 8, "num_heads": 2, "d_ff": 14, "num_layers": 2, "num_classes": 5,
}  # fmt: skip


def classifier(**sizes):
    """The classifier with the weights that it starts with."""
    return Program.module("TransformerClassifier", **{**SIZES, **sizes})


def logits(student, fail, program, rows, classes=SIZES["num_classes"]):
    """The logits of a program's calls; `rows` says of how many texts."""
    values = student.run(program).values
    found = [values.get(f"out{n}" if n > 1 else "out") for n in range(1, len(rows) + 1)]
    for out, count in zip(found, rows, strict=True):
        if not isinstance(out, np.ndarray) or out.shape != (count, classes):
            shape = out.shape if isinstance(out, np.ndarray) else None
            fail(
                Message(
                    "For {count} texts and {classes} classes the result has shape {shape}, expected {expected}.",
                    count=count,
                    classes=classes,
                    shape=shape,
                    expected=(count, classes),
                )
            )
        if out.dtype.kind != "f" or not np.isfinite(out).all():
            fail("The logits are not all finite numbers.")
    return found


def words(rng, rows, length):
    """Ids without padding, the words of a row all different."""
    return np.stack([1 + rng.permutation(SIZES["vocab_size"] - 1)[:length] for _ in range(rows)])


@pytest.mark.part("transformer-classifier")
@pytest.mark.parametrize("classes", [5, 3], ids=["five classes", "three classes"])
def test_classifier_shape(student, rng, fail, classes):
    """Ids (B, L) become logits (B, C)."""
    program = classifier(num_classes=classes).apply(words(rng, 4, 6)).apply(words(rng, 1, 9))
    logits(student, fail, program, (4, 1), classes)


@pytest.mark.part("transformer-classifier", needs=("test_classifier_shape",))
def test_classifier_logits(student, rng, fail):
    """The results are logits: no softmax and no activation is applied to them."""
    [found] = logits(student, fail, classifier().apply(words(rng, 40, 7)), (40,))
    if close(found.sum(axis=1), np.ones(40), 1e-3) and found.min() >= 0:
        fail("The results of each text are positive and sum to 1: leave the softmax to the loss.")
    if (found >= 0).all() or (found <= 0).all() or np.abs(found).max() == 0:
        fail("The results all have the same sign: the last layer is linear, without activation.")


@pytest.mark.part("transformer-classifier", needs=("test_classifier_shape",))
def test_classifier_depends(student, rng, fail):
    """Every word has an effect, and in evaluation the same ids give the same logits."""
    ids = words(rng, 3, 7)
    program = classifier().apply(ids).apply(ids.copy())
    for place in range(7):
        other = ids.copy()
        other[:, place] = (other[:, place] + 1) % (SIZES["vocab_size"] - 1) + 1
        program = program.apply(other)
    first, again, *changed = logits(student, fail, program, (3,) * 9)
    if not close(first, again):
        fail("The same ids give different logits in evaluation.")
    for found in changed:
        if close(found, first, 1e-7):
            fail("Another word in its place left the logits as they were.")


@pytest.mark.part("transformer-classifier", share=3, needs=("test_classifier_shape", "test_classifier_depends"))
def test_classifier_takes_the_mean(student, rng, fail):
    """At the end each real word's vector has its share in the mean."""
    length = SIZES["max_len"]
    ids = words(rng, 3, length)
    # Without blocks no word depends on the others, so a word without an effect is not in the mean.
    program = classifier(num_layers=0).apply(ids)
    for place in range(length):
        other = ids.copy()
        other[:, place] = (other[:, place] + 1) % (SIZES["vocab_size"] - 1) + 1
        program = program.apply(other)
    if not runs(student, program):
        return  # the exercise does not ask for a model without blocks
    first, *changed = logits(student, fail, program, (3,) * (1 + length))
    matters = np.array([np.abs(found - first).max(axis=1) > 1e-7 * np.abs(first).max() for found in changed])
    if not matters.all():
        one = (matters.sum(axis=0) == 1).all()
        fail(
            "Without blocks the logits depend on one word of each text alone: classify the mean of all real words."
            if one
            else "Without blocks some words have no effect on the logits: classify the mean of all real words.",
            "one-word-for-the-text" if one else "maximum-for-the-text",
        )


@pytest.mark.part("transformer-classifier", share=3, needs=("test_classifier_shape", "test_classifier_depends"))
@pytest.mark.parametrize("pad_id", [0, 4], ids=["padded with 0", "padded with another id"])
def test_classifier_padding(student, rng, fail, pad_id):
    """A padded text gives the logits that it gives alone, however long its padding."""
    lengths = (4, 7, 2)
    texts = [np.where(row == pad_id, 18, row)[None, :n] for row, n in zip(words(rng, 3, 7), lengths, strict=True)]
    program = classifier(pad_id=pad_id)
    for width in (7, 10):
        batch = np.full((3, width), pad_id)
        for row, text in enumerate(texts):
            batch[row, : text.shape[1]] = text[0]
        program = program.apply(batch)
    for text in texts:
        program = program.apply(text)
    together, longer, *alone = logits(student, fail, program, (3, 3, 1, 1, 1))
    apart = np.abs(together - np.concatenate(alone)).max(), np.abs(longer - together).max()
    if max(apart) > 1e-4 * np.abs(together).max():
        fail(
            "A padded text gave other logits than alone: do the blocks and the mean both get a mask of the real words?"
        )


@pytest.mark.part("transformer-classifier", share=2, needs=("test_classifier_shape", "test_classifier_depends"))
def test_classifier_order(student, rng, fail):
    """The same words in another order give other logits."""
    ids = words(rng, 3, 7)
    program = classifier().apply(ids).apply(np.ascontiguousarray(ids[:, rng.permutation(7)]))
    straight, shuffled = logits(student, fail, program, (3, 3))
    if close(straight / np.abs(straight).max(), shuffled / np.abs(straight).max(), 1e-5):
        fail("The order of the words has no effect: are positions added to their vectors?")


@pytest.mark.part("transformer-classifier", share=2, needs=("test_classifier_shape", "test_classifier_depends"))
def test_classifier_examples_apart(student, rng, fail):
    """The texts of a batch do not affect each other, and their order does not matter."""
    ids = words(rng, 4, 6)
    other = ids.copy()
    other[1] = words(rng, 1, 6)[0]
    turned = np.ascontiguousarray(ids[::-1])
    program = classifier().apply(ids).apply(other).apply(turned).apply(ids[:1].copy())
    first, second, reversed_, alone = logits(student, fail, program, (4, 4, 4, 1))
    small = 1e-4 * np.abs(first).max()
    if (
        np.abs(first - second)[[0, 2, 3]].max() > small
        or np.abs(first - reversed_[::-1]).max() > small
        or np.abs(first[:1] - alone).max() > small
    ):
        fail("Other texts in the batch, or the place in it, changed the logits of a text.")


def size(student, rng, fail, **sizes):
    """How many trainable numbers the classifier has."""
    return trainable(student.run(classifier(**sizes).apply(words(rng, 2, 6)).parameters()), fail)


@pytest.mark.part("transformer-classifier", share=3, needs=("test_classifier_shape",))
@pytest.mark.parametrize("what", ["layers", "positions", "words", "network"])
def test_classifier_sizes(student, rng, fail, what):
    """Every argument has its effect on what is trained."""
    d, f = SIZES["d_model"], SIZES["d_ff"]
    argument, step, due, because = {
        "layers": (
            "num_layers", 1, block_size(d, f), Message("One more layer is one more block with weights of its own"),
        ),
        "positions": (
            "max_len", 3, 3 * d, Message("Each of the max_len positions has a vector that is trained"),
        ),
        "words": ("vocab_size", 2, 2 * d, Message("Each word has a vector that is trained")),
        "network": (
            "d_ff",
            5,
            SIZES["num_layers"] * 5 * (2 * d + 1),
            Message("`d_ff` is the width inside the blocks' networks"),
        ),
    }[what]  # fmt: skip
    grown = size(student, rng, fail, **{argument: SIZES[argument] + step}) - size(student, rng, fail)
    if grown != due:
        fail(
            Message(
                "{because}: with {argument} {step} larger there should be {due} more trainable numbers, not {found}.",
                because=because,
                argument=argument,
                step=step,
                due=due,
                found=grown,
            )
        )


@pytest.mark.part("transformer-classifier", needs=("test_classifier_shape",))
def test_classifier_is_one_chain(student, rng, fail):
    """Each block works on what the one before it gave: the logits depend on every weight."""
    labels = rng.ids(0, SIZES["num_classes"], 4)
    program = classifier(num_layers=3, dropout=0.0).train([([words(rng, 4, SIZES["max_len"])], labels)], 1, 0.01)
    unreached = student.run(program).values["training"]["unreached"]
    if unreached != 0:
        fail(
            Message(
                "The loss does not depend on {unreached} of the trainable numbers: is every block used, in its turn?",
                unreached=unreached,
            )
        )


@pytest.mark.part("transformer-classifier", needs=("test_classifier_shape",))
def test_classifier_full_length(student, rng, fail):
    """A text of exactly max_len words is not too long."""
    logits(student, fail, classifier().apply(words(rng, 2, SIZES["max_len"])), (2,))


@pytest.mark.part("transformer-classifier", needs=("test_classifier_shape",))
def test_classifier_too_long(student, rng):
    """More ids than max_len raise ValueError."""
    student.run(classifier().apply(words(rng, 2, SIZES["max_len"] + 1)), expect_error="ValueError")


@pytest.mark.part("transformer-classifier", needs=("test_classifier_shape",))
def test_classifier_heads(student, rng):
    """The blocks have num_heads heads: a width that these cannot share raises ValueError."""
    student.run(classifier(num_heads=3).apply(words(rng, 2, 6)), expect_error="ValueError")


@pytest.mark.part("transformer-classifier", needs=("test_classifier_shape",))
def test_classifier_save_and_load(student, rng, fail):
    """A classifier that is saved and loaded into a new one gives the same logits."""
    ids = words(rng, 3, 6)
    original, copy = logits(student, fail, classifier().apply(ids).copy().apply(ids), (3, 3))
    if not close(original / np.abs(original).max(), copy / np.abs(original).max()):
        fail("The saved classifier did not come back: are all layers attributes that the framework finds?")


@pytest.mark.part("transformer-classifier", needs=("test_classifier_shape", "test_classifier_padding"))
def test_classifier_float64(student, rng, fail):
    """In float64 the classifier computes in float64 all the way."""
    ids = words(rng, 3, 7)
    padded = np.concatenate([ids, np.zeros((3, 3), ids.dtype)], axis=1)
    program = classifier().apply(ids).apply(padded).in_dtype("float64")
    if not runs(student, program):
        return  # the notebook does not ask for float64; an answer that loses precision fails below
    alone, together = logits(student, fail, program, (3, 3))
    if alone.dtype != np.float64:
        fail(Message("The classifier is float64, its logits are {dtype}.", dtype=alone.dtype))
    if not close(alone, together, 1e-11):
        fail("The logits have only the digits of float32: is there a conversion inside?")


@pytest.mark.part("transformer-classifier", needs=("test_classifier_shape",), tracks=("pytorch",))
def test_classifier_device(student, rng, fail):
    """The classifier works on the device where its weights and inputs are."""
    check_device(student.run(classifier().apply(words(rng, 2, 6)).on_device("meta")), fail)


# -- the classifier learns --------------------------------------------------------------------------------------------

# The tasks are small enough for a second on one core, and too large to be solved by chance.
SMALL = {
    "vocab_size": 16, "max_len": 8, "d_model": 16, "num_heads": 2, "d_ff": 32, "num_layers": 1, "num_classes": 3,
}  # fmt: skip
STEPS, RATE = 120, 0.02
BY_HEART, IN_ORDER = 0.95, 0.9  # docs/measurements.md has what was measured


def texts(rng, rows):
    """Texts of three to eight words, padded; the class of a text is that of its first word alone."""
    ids = rng.ids(1, SMALL["vocab_size"], rows, SMALL["max_len"])
    ids[np.arange(SMALL["max_len"]) >= rng.ids(3, SMALL["max_len"] + 1, rows)[:, None]] = 0
    return ids, ids[:, 0] % SMALL["num_classes"]


def in_order(rng):
    """Training on texts whose class depends on the order of their words, then logits of texts never seen."""
    rng = rng.named("word order")
    batches = [([ids], labels) for ids, labels in (texts(rng, 32) for _ in range(12))]
    unseen, labels = texts(rng, 200)
    program = Program.module("TransformerClassifier", **SMALL, dropout=0.0).train(batches, STEPS, RATE).apply(unseen)
    return program.put_once(), labels


def by_heart(rng):
    """Training on 32 texts with random labels, then logits of the same texts."""
    rng = rng.named("by heart")
    ids, _ = texts(rng, 32)
    labels = rng.ids(0, SMALL["num_classes"], 32)
    program = Program.module("TransformerClassifier", **SMALL, dropout=0.0).train([([ids], labels)], STEPS, RATE)
    return program.apply(ids).put_once(), labels


def accuracy(student, fail, program, labels):
    values = student.run(program).values
    found, losses = values.get("out"), values["training"]["losses"]
    if not isinstance(found, np.ndarray) or found.shape != (len(labels), SMALL["num_classes"]):
        fail("The trained classifier gives no logits (B, C).")
    if not np.isfinite(found).all() or not np.isfinite(losses).all():
        fail("In training the loss or the logits became infinite, or NaN.")
    return float(np.mean(found.argmax(axis=1) == labels))


@pytest.mark.part("trained-classifier")
def test_learns_by_heart(student, rng, fail):
    """It learns 32 texts by heart, whatever their labels."""
    right = accuracy(student, fail, *by_heart(rng))
    if right < BY_HEART:
        fail(
            Message(
                "After {steps} steps on the same 32 texts it is right on {right} of them: what does not learn?",
                steps=STEPS,
                right=f"{right:.0%}",
            )
        )


@pytest.mark.part("trained-classifier", share=2)
def test_learns_word_order(student, rng, fail):
    """It learns a label that depends on the order of the words, and knows it for new texts."""
    right = accuracy(student, fail, *in_order(rng))
    if right < IN_ORDER:
        fail(
            Message(
                "The class of a text was that of its first word. After {steps} steps the classifier is right "
                "on {right} of new texts; a model that ignores the order gets about half.",
                steps=STEPS,
                right=f"{right:.0%}",
            )
        )


def dropped(rng, rate):
    rng = rng.named("dropout")
    ids, _ = texts(rng, 6)
    program = Program.module("TransformerClassifier", **{**SMALL, "num_layers": 2}, dropout=rate)
    return program.apply(ids).mode(True).apply(ids).apply(ids).mode(False).apply(ids).put_once()


def four(student, fail, program):
    return logits(student, fail, program, (6,) * 4, SMALL["num_classes"])


@pytest.mark.part("trained-classifier")
def test_drops_in_training(student, rng, fail):
    """Dropout acts in training, with new random numbers in each call."""
    before, one, two, _ = four(student, fail, dropped(rng, 0.4))
    scale = np.abs(before).max()
    if close(before / scale, one / scale, 1e-3) or close(one / scale, two / scale, 1e-3):
        fail("In training mode dropout has no effect, or always the same.")


@pytest.mark.part("trained-classifier")
def test_does_not_drop_in_evaluation(student, rng, fail):
    """Dropout does not act in evaluation, and with dropout=0.0 not at all."""
    before, _, _, after = four(student, fail, dropped(rng, 0.4))
    scale = np.abs(before).max()
    if not close(before / scale, after / scale):
        fail("In evaluation mode the same texts give different logits: is dropout at work there?")
    before, one, two, _ = four(student, fail, dropped(rng, 0.0))
    if not close(before / scale, one / scale) or not close(one / scale, two / scale):
        fail("With dropout=0.0 training and evaluation differ: does the rate reach every dropout?")
