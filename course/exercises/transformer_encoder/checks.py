"""Visible checks of exercise 5: the transformer block, the mean of the real words, a classifier, and that it learns.

In the worked example attention is silent (all its weights are zero), so that what norms, sums and network do can be
followed by hand: the norm of (1, 1, 3, 3) is (-1, -1, 1, 1), of which the ReLU leaves (0, 0, 1, 1).
"""

import numpy as np

from course import behaviour
from course import expectations as expect
from course.answers import Answer, Module
from course.checks import Checks
from course.frameworks import Unexpected
from course.i18n import N_, _

checks = Checks()

# -- the block --------------------------------------------------------------------------------------------------------

X = np.array([[[1.0, 1.0, 3.0, 3.0]]])
OUTWARD = np.array([5.0, 5.0, 2.0, -2.0])  # what the network's second layer multiplies by


@checks("transformer-block", N_("(B, L, D) becomes (B, L, D)"), gate=True)
def block_shape(answer: Answer) -> None:
    for norm_first in (False, True):
        out = answer.module(12, 3, 20, norm_first=norm_first)(_random(2, 5, 12))
        expect.shape(out, (2, 5, 12), _("result"), "(B, L, D)", _("Return one tensor, of the shape of the input."))


@checks("transformer-block", N_("A worked example in post-norm, attention being silent"))
def block_post_norm(answer: Answer) -> None:
    first = _normed(X)
    expect.equal(
        _silent(answer, norm_first=False)(X),
        np.array([[[-1.0, -1.0, 3.0, -1.0]]]) / np.sqrt(3),
        _("result"),
        _("norm1 gives (-1, -1, 1, 1), the network adds (0, 0, 2, -2), and norm2 follows the sum (-1, -1, 3, -1)."),
        {
            _("This is what pre-norm gives: here, norm_first is False."): X + _network(first),
            _("The ReLU between the two layers is missing."): _normed(first + OUTWARD * first),
            _("The network's result is not added to what went in."): _normed(_network(first)),
            _("The last norm is missing: it comes after the second sum."): first + _network(first),
            _("The norm comes after the sum: norm(x + network(x)), not x + norm(network(x))."): first
            + _normed(_network(first)),
            _("The first norm is missing: it comes after the first sum."): _normed(X + _network(X)),
            _("The second sum starts from what the first norm gave, not from the block's input."): _normed(
                X + _network(first)
            ),
        },
    )


@checks("transformer-block", N_("The same in pre-norm"))
def block_pre_norm(answer: Answer) -> None:
    first = _normed(X)
    expect.equal(
        _silent(answer, norm_first=True)(X),
        [[[1.0, 1.0, 5.0, 1.0]]],
        _("result with norm_first=True"),
        _("x stays as it came, (1, 1, 3, 3); the network sees (-1, -1, 1, 1) and adds (0, 0, 2, -2)."),
        {
            _("This is what post-norm gives: here, norm_first is True."): _normed(first + _network(first)),
            _("The network is added to x itself, not to its norm: the norm is on the branch alone."): first
            + _network(first),
            _("The norm before the network is missing."): X + _network(X),
            _("After the last sum there is no norm in pre-norm."): _normed(X + _network(first)),
            _("The ReLU between the two layers is missing."): X + OUTWARD * first,
        },
    )


@checks("transformer-block", N_("Each norm has weights of its own, and its own place"))
def block_norms(answer: Answer) -> None:
    shift = np.array([0.0, 0.0, 0.0, 10.0])
    out = _silent(answer, norm_first=False, **{"norm2.bias": shift})(X)
    plain = np.array([[[-1.0, -1.0, 3.0, -1.0]]]) / np.sqrt(3)
    expect.equal(
        out,
        plain + shift,
        _("result in post-norm, when norm2 adds (0, 0, 0, 10)"),
        _("norm2 is the last thing in a post-norm block, norm1 comes after attention."),
        {_("norm2 has no effect: is norm1 used twice?"): plain},
    )


@checks("transformer-block", N_("Attention is used: in pre-norm it is added to x, and sees the normed x"))
def block_attention(answer: Answer) -> None:
    x = _random(2, 3, 4)
    module = answer.module(4, 2, 6, norm_first=True)
    network = {  # all of it, for a module whose own `load_arrays` counts on that
        "feed_forward.0.weight": np.zeros((4, 6)), "feed_forward.0.bias": np.zeros(6),
        "feed_forward.1.weight": np.zeros((6, 4)), "feed_forward.1.bias": np.zeros(4),
    }  # fmt: skip
    module.load(_norms(4) | network, x)
    normed, plain = (module.attended("attention", y) for y in (_normed(x), x))
    expect.equal(
        module(x),
        x + normed,
        _("result when the network gives zeros"),
        _("Query, key and value are all the normed x; what attention gives is added to x."),
        {
            _("Attention gets x as it is: in pre-norm it should see norm1(x)."): x + plain,
            _("What attention gives is not added to x."): normed,
            _("Attention has no effect."): x,
        },
    )


@checks("transformer-block", N_("With a mask, what stands in the padding has no effect on the real words"))
def block_mask(answer: Answer) -> None:
    x = _random(2, 4, 6)
    other = x.copy()
    other[0, 3], other[1, 1:] = 5.0, -3.0
    mask = np.array([[True, True, True, False], [True, False, False, False]])
    module = answer.module(6, 2, 8)
    one, two = module(x, mask=mask), module(other, mask=mask)
    seen = _differ(one[0, :3], two[0, :3]) or _differ(one[1, :1], two[1, :1])
    if seen:
        raise Unexpected(
            _("Another vector in a padded place changed the vectors of the real words."),
            _("Our mask is True for real words. Is it the right way round for the framework's attention?"),
        )
    changed = x.copy()
    changed[0, 1] = 5.0
    if not _differ(module(changed, mask=mask)[0, 0], one[0, 0]):
        raise Unexpected(
            _("Another vector in the place of a real word changed nothing: that word is hidden."),
            _("Our mask is True for real words, and PyTorch's key_padding_mask True for what is to be hidden.")
            if answer.framework.title == "PyTorch"
            else _("The mask (B, L) becomes (B, 1, L): the same keys for every query."),
        )


@checks("transformer-block", N_("A gradient reaches x and the weights"))
def block_gradient(answer: Answer) -> None:
    module, x = answer.module(6, 2, 8), _random(1, 3, 6)
    behaviour.gradient_reaches(module, x, names=("x",), weights=False)
    behaviour.gradient_reaches_weights(module, x, allowed=6, output=None)  # D numbers: the keys' bias


@checks("transformer-block", N_("Dropout acts in training, and only there"))
def block_dropout(answer: Answer) -> None:
    x = _random(2, 6, 8)
    module = answer.module(8, 2, 10, dropout=0.5)
    before = module(x)
    expect.equal(module(x), before, _("result in evaluation, a second time"), _("In evaluation nothing is dropped."))
    if not _differ(module.training(x), before):
        raise Unexpected(
            _("In training the result is the same as in evaluation: dropout has no effect."),
            _("Drop what attention gives, and what the network gives, each before it is added."),
        )
    none = answer.module(8, 2, 10, dropout=0.0)
    expect.equal(
        none.training(x), none(x), _("result in training with dropout=0.0"), _("Use the rate that was asked for.")
    )


@checks("transformer-block", N_("Attention, network and norms have their sizes, and nothing else is trained"))
def block_count(answer: Answer) -> None:
    module = answer.module(6, 2, 10)
    module(_random(1, 3, 6))
    expect.equal(
        np.array(module.trainable()),
        4 * (6 * 6 + 6) + (6 * 10 + 10) + (10 * 6 + 6) + 4 * 6,
        _("number of trainable numbers"),
        _("For D = 6 and F = 10: 4 (D² + D) in attention, D F + F and F D + D in the network, 2 D in each norm."),
        {
            _("One head is as wide as the whole model: in Keras, key_dim is d_model // num_heads."): 4 * (6 * 12)
            + 3 * 12
            + 6
            + 136
            + 24,
        },
    )


@checks("transformer-block", N_("A width that the heads cannot share equally raises ValueError"))
def block_error(answer: Answer) -> None:
    expect.raises(ValueError, lambda: answer.module(10, 4, 8), _("d_model = 10 and 4 heads, at construction"))


def _silent(answer: Answer, norm_first: bool, **changed: np.ndarray) -> Module:
    """A block for X whose attention gives zeros, whose norms only norm, and whose network is OUTWARD · relu(x)."""
    weights = _norms(4) | {
        "feed_forward.0.weight": np.eye(4), "feed_forward.0.bias": np.zeros(4),
        "feed_forward.1.weight": np.diag(OUTWARD), "feed_forward.1.bias": np.zeros(4),
    }  # fmt: skip
    return answer.module(4, 2, 4, norm_first=norm_first).load(weights | changed, X).silence("attention")


def _norms(width: int) -> dict[str, np.ndarray]:
    return {
        f"norm{n}.{kind}": value
        for n in (1, 2)
        for kind, value in (("weight", np.ones(width)), ("bias", np.zeros(width)))
    }


def _normed(x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)


def _network(x: np.ndarray) -> np.ndarray:
    return OUTWARD * np.maximum(x, 0)


# -- the mean of the real words ---------------------------------------------------------------------------------------

VECTORS = np.array([[[1.0, 10.0], [3.0, 30.0], [98.0, 980.0]], [[4.0, 5.0], [50.0, 60.0], [70.0, 80.0]]])
REAL = np.array([[True, True, False], [True, False, False]])


@checks("masked-mean", N_("(B, L, D) becomes (B, D)"), gate=True)
def mean_shape(answer: Answer) -> None:
    out = answer(_random(3, 5, 4), np.ones((3, 5), bool))
    expect.shape(out, (3, 4), _("result"), "(B, D)", _("The axis of the words goes away; batch and width stay."))


@checks("masked-mean", N_("A worked example: two words and a padding, one word and two paddings"))
def mean_example(answer: Answer) -> None:
    real = REAL[:, :, None]
    total = (VECTORS * real).sum(axis=1)
    expect.equal(
        answer(VECTORS, REAL),
        [[2.0, 20.0], [4.0, 5.0]],
        _("result"),
        _("The first text is (1, 10) and (3, 30), the second is (4, 5) alone."),
        {
            _("Padding is part of this mean."): VECTORS.mean(axis=1),
            _("Padding is left out of the sum, but it still counts: divide by the number of real words."): total / 3,
            _("This is the sum; divide it by the number of real words."): total,
            _("The wrong way round: the mask is True for real words."): (VECTORS * ~real).sum(axis=1)
            / (~real).sum(axis=1),
            _("Divide by the real words of each text, not of the whole batch."): total / REAL.sum(),
            _("Padding is left out of the number of words, but not out of the sum."): VECTORS.sum(axis=1)
            / real.sum(axis=1),
        },
    )


@checks("masked-mean", N_("Without padding it is the plain mean"))
def mean_plain(answer: Answer) -> None:
    x = _random(2, 4, 3)
    expect.equal(answer(x, np.ones((2, 4), bool)), x.mean(axis=1), _("result when every word is real"))


@checks("masked-mean", N_("It works in double precision"))
def mean_float64(answer: Answer) -> None:
    with answer.framework.float64():
        out = answer(VECTORS, REAL)
    expect.kind(out, "float64", _("result"))


# -- the classifier ---------------------------------------------------------------------------------------------------

SIZES = {
    "vocab_size": 12, "max_len": 8, "d_model": 6, "num_heads": 2, "d_ff": 10, "num_layers": 2, "num_classes": 3,
}  # fmt: skip
TEXT = np.array([[3, 7, 5, 9]])


@checks("transformer-classifier", N_("ids (B, L) become logits (B, C)"), gate=True)
def classifier_shape(answer: Answer) -> None:
    out = _classifier(answer)(np.array([[3, 7, 5, 9], [2, 4, 4, 11]]))
    expect.shape(out, (2, 3), _("logits"), "(B, C)", _("One row a text: take the mean, then the last layer."))


@checks("transformer-classifier", N_("The results are logits, without a softmax"))
def classifier_logits(answer: Answer) -> None:
    out = _classifier(answer)(1 + np.arange(40).reshape(10, 4) % 11)
    if np.abs(out.sum(axis=1) - 1).max() < 1e-3:
        raise Unexpected(
            _("Each row sums to 1: these are probabilities."),
            _("Leave the softmax to the loss; two of them, one on the other, make learning slow."),
        )
    texts = 1 + np.arange(40).reshape(10, 4) % 11
    if any((_classifier(answer)(texts) == 0).any() for _model in range(6)):
        raise Unexpected(
            _("Some logits are exactly 0, as after a ReLU."),
            _("The last layer is linear: logits may have any sign."),
        )


@checks("transformer-classifier", N_("A padded text gives the logits that it gives alone"))
def classifier_padding(answer: Answer) -> None:
    module = _classifier(answer, pad_id=1)
    alone = module(TEXT)
    padded = module(np.array([[3, 7, 5, 9, 1, 1, 1], [2, 4, 6, 8, 10, 2, 4]]))
    expect.equal(
        padded[:1],
        alone,
        _("logits of a text with three paddings (pad_id = 1)"),
        _("Every block gets the mask `ids != pad_id`, and so does masked_mean."),
    )


@checks("transformer-classifier", N_("The order of the words matters"))
def classifier_order(answer: Answer) -> None:
    module = _classifier(answer)
    if not _differ(module(TEXT), module(TEXT[:, ::-1].copy())):
        raise Unexpected(
            _("The same words in reverse order gave the same logits."),
            _("Add the vector of its place to the vector of each word, before the first block."),
        )


@checks("transformer-classifier", N_("Another layer is another block, with weights of its own"))
def classifier_layers(answer: Answer) -> None:
    counts = []
    for layers in (1, 2, 3):
        module = _classifier(answer, num_layers=layers)
        module(TEXT)
        counts.append(module.trainable())
    block = 4 * (6 * 6 + 6) + 2 * 6 * 10 + 10 + 6 + 4 * 6
    expect.equal(
        np.diff(counts),
        np.array([block, block]),
        _("trainable numbers that one more layer adds"),
        _("Make num_layers blocks, and keep them in an nn.ModuleList: PyTorch does not look into a plain list.")
        if answer.framework.title == "PyTorch"
        else _("Make num_layers blocks and keep them in a list, as an attribute."),
    )


@checks("transformer-classifier", N_("max_len words fit, one more raises ValueError"))
def classifier_length(answer: Answer) -> None:
    module = _classifier(answer)
    module(np.full((1, 8), 2))
    expect.raises(ValueError, lambda: module(np.full((1, 9), 2)), _("9 ids and max_len = 8"))


@checks("trained-classifier", N_("It learns sixteen texts by heart"), gate=True)
def trained_by_heart(answer: Answer) -> None:
    rng = np.random.default_rng(3)
    ids, labels = rng.integers(1, 12, (16, 6)), rng.integers(0, 3, 16)
    ids[::2, 4:] = 0
    module = _classifier(answer, d_model=12, d_ff=24, num_layers=1, dropout=0.0)
    ids, labels = ids.astype(answer.framework.ids), labels.astype(answer.framework.ids)
    module(ids)
    losses = module.fit(ids, labels, steps=60, rate=0.02)
    if not np.isfinite(losses).all() or losses[-1] > 0.3:
        raise Unexpected(
            _("After 60 steps on the same 16 texts the loss is still {loss:.2f}; it began at {start:.2f}.").format(
                loss=losses[-1], start=losses[0]
            ),
            _("Does a gradient reach every layer? A detached tensor, or a softmax before the loss, holds it up."),
        )


@checks("trained-classifier", N_("Dropout acts in training, and only there"))
def trained_dropout(answer: Answer) -> None:
    module = _classifier(answer, dropout=0.5)
    before = module(TEXT)
    expect.equal(module(TEXT), before, _("logits in evaluation, a second time"), _("In evaluation nothing is dropped."))
    if not any(_differ(module.training(TEXT), before) for _try in range(3)):
        raise Unexpected(
            _("In training the logits are the same as in evaluation."), _("Hand the rate on to every block.")
        )
    none = _classifier(answer, dropout=0.0)
    expect.equal(
        none.training(TEXT),
        none(TEXT),
        _("logits in training with dropout=0.0"),
        _("Hand the rate on to every block; without it they keep their own default."),
    )


def _classifier(answer: Answer, **sizes: int | float) -> Module:
    return answer.module(**{**SIZES, **sizes})


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=shape)


def _differ(one: np.ndarray, two: np.ndarray) -> bool:
    return bool(np.abs(one - two).max() > 1e-4)
