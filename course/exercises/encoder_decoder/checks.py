"""Visible checks of exercise 6: the decoder block, the shifted target, a translator, and writing word by word."""

from typing import Any

import numpy as np

from course import behaviour
from course import expectations as expect
from course.answers import Answer, Module
from course.checks import Checks
from course.frameworks import Unexpected
from course.i18n import N_, _

checks = Checks()

# -- the decoder block ------------------------------------------------------------------------------------------------


@checks("decoder-block", N_("x (B, L, D) and memory (B, S, D) give (B, L, D)"), gate=True)
def decoder_shape(answer: Answer) -> None:
    out = answer.module(12, 3, 20)(_random(2, 5, 12), _random(2, 7, 12))
    expect.shape(out, (2, 5, 12), _("result"), "(B, L, D)", _("The queries come from x, so the result has its length."))


@checks("decoder-block", N_("No word sees a later one"))
def decoder_causal(answer: Answer) -> None:
    x, memory = _random(1, 4, 6), _random(1, 5, 6)
    module = answer.module(6, 2, 8)
    other = x.copy()
    other[0, 2] = 3.0
    one, two = module(x, memory), module(other, memory)
    if _differ(one[0, :2], two[0, :2]):
        raise Unexpected(
            _("Another third word changed what the first two words get: they look ahead."),
            _("Self-attention needs the causal mask: place i sees the places 0 to i."),
        )
    if not _differ(one[0, 3], two[0, 3]):
        raise Unexpected(
            _("Another third word changed nothing in the fourth: it does not look back."),
            _("The causal mask is the lower triangle: place i sees the places 0 to i."),
        )


@checks("decoder-block", N_("Cross-attention: query from x, key and value from the memory"))
def decoder_cross(answer: Answer) -> None:
    x, memory = _random(1, 3, 6), _random(1, 5, 6)
    module = answer.module(6, 2, 8)
    before = module(x, memory)
    for place in range(5):
        other = memory.copy()
        other[0, place] = 3.0
        if np.abs(module(x, other) - before).max(axis=2).min() < 1e-6:
            raise Unexpected(
                _("Place {place} of the memory has no effect on some words.").format(place=place),
                _("Every word may look at all of the memory: there is no causal mask there."),
            )
    expect.equal(
        module(x, memory[:, ::-1].copy()),
        before,
        _("result with the memory in reverse order"),
        _("Key and value come both from the memory, each with its own projection: its order has no effect."),
    )


@checks("decoder-block", N_("Each mask hides its own padding"))
def decoder_masks(answer: Answer) -> None:
    x, memory = _random(2, 4, 6), _random(2, 4, 6)
    mask, memory_mask = np.ones((2, 4), bool), np.array([[True, True, False, False], [True, True, True, False]])
    module = answer.module(6, 2, 8)
    other = np.where(memory_mask[:, :, None], memory, 5.0)
    before = module(x, memory, mask=mask, memory_mask=memory_mask)
    expect.equal(
        module(x, other, mask=mask, memory_mask=memory_mask),
        before,
        _("result with other vectors in the memory's padding"),
        _("memory_mask belongs to cross-attention; in our masks True is a real word."),
    )
    expect.equal(
        module(x, memory, mask=np.ones((2, 4), bool), memory_mask=np.ones((2, 4), bool)),
        module(x, memory),
        _("result with masks of real words alone, and without masks"),
        _("With no mask all words are real."),
    )
    if not _differ(module(x, memory), before):
        raise Unexpected(_("The memory mask has no effect."), _("Hand it to cross-attention."))


@checks("decoder-block", N_("The last norm closes the block, and each of the three has its place"))
def decoder_norms(answer: Answer) -> None:
    x, memory, shift = _random(1, 3, 4), _random(1, 2, 4), np.array([0.0, 0.0, 0.0, 10.0])
    norms = {f"norm{n}.{k}": v for n in (1, 2, 3) for k, v in (("weight", np.ones(4)), ("bias", np.zeros(4)))}
    network = {
        "feed_forward.0.weight": np.zeros((4, 6)), "feed_forward.0.bias": np.zeros(6),
        "feed_forward.1.weight": np.zeros((6, 4)), "feed_forward.1.bias": np.zeros(4),
    }  # fmt: skip
    module = answer.module(4, 2, 6).load(norms | network, x, memory).silence("self_attention", "cross_attention")
    normed = _normed(x)
    expect.equal(
        module(x, memory),
        normed,
        _("result when attention and network give zeros"),
        _("What is left is the norm of x, three times over: each part is added, then normed."),
        {_("x comes out as it went in: a norm follows each sum."): x, _("x has got lost on the way."): 0 * x},
    )
    # Everything again: a module's own `load_arrays` may count on all of it.
    module.load(norms | network | {"norm3.bias": shift}, x, memory)
    expect.equal(
        module(x, memory),
        normed + shift,
        _("result when norm3 adds (0, 0, 0, 10)"),
        _("norm3 is the last thing in the block."),
    )


@checks("decoder-block", N_("A gradient reaches x, the memory and the weights"))
def block_gradient(answer: Answer) -> None:
    module = answer.module(6, 2, 8)
    arrays = _random(1, 3, 6), _random(1, 4, 6)
    behaviour.gradient_reaches(module, *arrays, names=("x", "memory"), weights=False)
    behaviour.gradient_reaches_weights(module, *arrays, allowed=2 * 6, output=None)  # the keys' bias in two attentions


@checks("decoder-block", N_("Dropout acts in training, and only there"))
def decoder_dropout(answer: Answer) -> None:
    x, memory = _random(2, 6, 8), _random(2, 5, 8)
    module = answer.module(8, 2, 10, dropout=0.5)
    before = module(x, memory)
    expect.equal(
        module(x, memory), before, _("result in evaluation, a second time"), _("In evaluation nothing is dropped.")
    )
    if not _differ(module.training(x, memory), before):
        raise Unexpected(
            _("In training the result is the same as in evaluation: dropout has no effect."),
            _("Drop what each of the three parts gives, before it is added."),
        )


@checks("decoder-block", N_("Two attentions, a network and three norms are trained, and nothing else"))
def decoder_count(answer: Answer) -> None:
    module = answer.module(6, 2, 10)
    module(_random(1, 3, 6), _random(1, 4, 6))
    attention, network = 4 * (6 * 6 + 6), 6 * 10 + 10 + 10 * 6 + 6
    expect.equal(
        np.array(module.trainable()),
        2 * attention + network + 6 * 6,
        _("number of trainable numbers"),
        _("For D = 6 and F = 10: 4 (D² + D) in each attention, D F + F and F D + D in the network, 2 D in each norm."),
        {
            _("One attention is missing, or both are the same."): attention + network + 6 * 6,
            _("One norm is missing, or used twice."): 2 * attention + network + 4 * 6,
        },
    )


@checks("decoder-block", N_("A width that the heads cannot share equally raises ValueError"))
def decoder_error(answer: Answer) -> None:
    expect.raises(ValueError, lambda: answer.module(10, 4, 8), _("d_model = 10 and 4 heads, at construction"))


# -- the shifted target -----------------------------------------------------------------------------------------------


@checks("shift-right", N_("The shape stays (B, L)"), gate=True)
def shift_shape(answer: Answer) -> None:
    out = answer(np.array([[7, 8, 9], [4, 5, 6]]), 1)
    expect.shape(out, (2, 3), _("result"), "(B, L)", _("What comes in at the front goes out at the end."))


@checks("shift-right", N_("A worked example: bos first, the last word gone"))
def shift_example(answer: Answer) -> None:
    ids = np.array([[14, 27, 2], [5, 2, 0]])
    expect.equal(
        answer(ids, 1),
        [[1, 14, 27], [1, 5, 2]],
        _("result"),
        _("Before it writes 14 the decoder has seen 1 (bos) alone; before 27 it has seen 1 and 14."),
        {
            _("Nothing is shifted here."): ids,
            _("Shifted the other way: each word should stand one place later."): [[27, 2, 1], [2, 0, 1]],
            _("The last word comes round to the front: that place is for bos."): np.roll(ids, 1, axis=1),
            _("bos takes the place of the first word; it should push it on."): [[1, 27, 2], [1, 2, 0]],
        },
    )


@checks("shift-right", N_("The ids stay integers of their type"))
def shift_kind(answer: Answer) -> None:
    kind = answer.framework.ids
    expect.kind(answer(np.array([[7, 8, 9]], kind), 1), kind, _("result"))


# -- the translator ---------------------------------------------------------------------------------------------------

SIZES = {
    "source_vocab": 14, "target_vocab": 12, "max_len": 8, "d_model": 6, "num_heads": 2, "d_ff": 10, "num_layers": 1,
}  # fmt: skip
SOURCE, TARGET = np.array([[3, 7, 5, 9]]), np.array([[1, 4, 6]])


@checks("seq2seq-transformer", N_("source (B, S) and target (B, L) become logits (B, L, V)"), gate=True)
def translator_shape(answer: Answer) -> None:
    out = _translator(answer)(np.array([[3, 7, 5, 9], [2, 4, 13, 11]]), np.array([[1, 4, 6], [1, 11, 2]]))
    expect.shape(out, (2, 3, 12), _("logits"), "(B, L, V)", _("V is target_vocab: a number for each possible word."))


@checks("seq2seq-transformer", N_("The results are logits, without a softmax"))
def translator_logits(answer: Answer) -> None:
    if np.abs(_translator(answer)(SOURCE, TARGET).sum(axis=-1) - 1).max() < 1e-3:
        raise Unexpected(
            _("Each row sums to 1: these are probabilities."),
            _("Leave the softmax to the loss; two of them, one on the other, make learning slow."),
        )


@checks("seq2seq-transformer", N_("The source is read, and its order matters"))
def translator_source(answer: Answer) -> None:
    module = _translator(answer)
    before = module(SOURCE, TARGET)
    if not _differ(module(np.array([[3, 7, 6, 9]]), TARGET), before):
        raise Unexpected(
            _("Another word in the source changed nothing."), _("The decoder's memory is the encoder's x.")
        )
    if not _differ(module(SOURCE[:, ::-1].copy(), TARGET), before):
        raise Unexpected(_("The source in reverse order changed nothing."), _("Add positions to the source's words."))


@checks("seq2seq-transformer", N_("A word of the target acts on what follows, never on what comes before"))
def translator_causal(answer: Answer) -> None:
    module = _translator(answer)
    before, after = module(SOURCE, TARGET), module(SOURCE, np.array([[1, 9, 6]]))
    if _differ(before[0, 0], after[0, 0]):
        raise Unexpected(
            _("Another second word changed the logits of the first place."),
            _("`target` is shifted already: do not shift it again, and let no place look ahead."),
        )
    if not _differ(before[0, 1], after[0, 1]) or not _differ(before[0, 2], after[0, 2]):
        raise Unexpected(_("The words written so far have no effect."), _("The decoder's x are the target's vectors."))


@checks("seq2seq-transformer", N_("A padded pair gives the logits that it gives alone"))
def translator_padding(answer: Answer) -> None:
    module = _translator(answer, pad_id=2)
    sources = np.array([[3, 7, 5, 9, 2, 2], [4, 5, 6, 7, 8, 9]])
    targets = np.array([[1, 4, 6, 2], [1, 4, 5, 6]])
    expect.equal(
        module(sources, targets)[:1, :3],
        module(SOURCE, TARGET),
        _("logits of a pair with padding in source and target (pad_id = 2)"),
        _("The source's mask goes to the encoder's blocks, and to the decoder's as memory_mask."),
    )


@checks("seq2seq-transformer", N_("Another layer is another block on each side"))
def translator_layers(answer: Answer) -> None:
    counts = []
    for layers in (1, 2):
        module = _translator(answer, num_layers=layers)
        module(SOURCE, TARGET)
        counts.append(module.trainable())
    attention, network = 4 * (6 * 6 + 6), 6 * 10 + 10 + 10 * 6 + 6
    expect.equal(
        np.diff(counts),
        np.array([3 * attention + 2 * network + 5 * 12]),
        _("trainable numbers that one more layer adds"),
        _("num_layers blocks in the encoder, and as many in the decoder, all with weights of their own."),
    )


@checks("seq2seq-transformer", N_("max_len words fit on each side, one more raises ValueError"))
def translator_length(answer: Answer) -> None:
    module = _translator(answer)
    module(np.full((1, 8), 3), np.full((1, 8), 3))
    expect.raises(ValueError, lambda: module(np.full((1, 9), 3), TARGET), _("9 ids in the source and max_len = 8"))
    expect.raises(ValueError, lambda: module(SOURCE, np.full((1, 9), 3)), _("9 ids in the target and max_len = 8"))


# -- writing word by word ---------------------------------------------------------------------------------------------


@checks("greedy-decode", N_("The result is (B, at most max_new_tokens), without bos"), gate=True)
def greedy_shape(answer: Answer) -> None:
    out = answer(_counting(answer), np.array([[8, 3]], answer.framework.ids), 1, 2, 3)
    expect.shape(
        out, (1, 3), _("result"), "(B, max_new_tokens)", _("bos is where the model starts; it is not written.")
    )


@checks("greedy-decode", N_("A worked example: a model that counts up to the source's first word"))
def greedy_example(answer: Answer) -> None:
    out = answer(_counting(answer), np.array([[6, 3], [4, 9], [5, 5]], answer.framework.ids), 1, 2, 8)
    want = np.array([[4, 5, 6, 2], [4, 2, 0, 0], [4, 5, 2, 0]])
    if isinstance(out, np.ndarray) and out.ndim == 2 and out.shape[0] == 3 and 4 < out.shape[1] <= 8:
        want = np.pad(want, ((0, 0), (0, out.shape[1] - 4)))  # who goes on to the limit writes padding
    if isinstance(out, np.ndarray) and out.ndim == 2 and out.shape[1] == 2:
        raise Unexpected(
            _("Only two words are written for each text."),
            _("It stops when one row has ended; the others are not done."),
        )
    expect.equal(
        out,
        want,
        _("result"),
        _("The model begins with 4 and counts; when it has come to the source's first word, it writes 2 (eos)."),
        {
            _("After its eos a row gets pad_id, 0."): [[4, 5, 6, 2], [4, 2, 2, 2], [4, 5, 2, 2]],
        },
    )


@checks("greedy-decode", N_("It stops after max_new_tokens words"))
def greedy_limit(answer: Answer) -> None:
    out = answer(_counting(answer), np.array([[9, 3], [8, 3]], answer.framework.ids), 1, 2, 3)
    expect.equal(out, [[4, 5, 6], [4, 5, 6]], _("result with max_new_tokens = 3"), _("Ended or not, three are enough."))


@checks("greedy-decode", N_("The model works in evaluation mode, and its mode comes back"))
def greedy_mode(answer: Answer) -> None:
    model = _counting(answer)
    if hasattr(model, "train"):
        model.train()
    answer(model, np.array([[6, 3]], answer.framework.ids), 1, 2, 4)
    if any(model.seen_training):
        raise Unexpected(
            _("The model was called in training mode, where dropout acts."),
            _("Switch to evaluation before the loop, and back after it.")
            if hasattr(model, "train")
            else _("Call it with training=False."),
        )
    if hasattr(model, "train") and not model.training:
        raise Unexpected(
            _("The model was in training mode before, and is in evaluation mode now."),
            _("Keep `model.training` before you switch, and say `model.train(...)` with it at the end."),
        )


def _translator(answer: Answer, **sizes: int) -> Module:
    return answer.module(**{**SIZES, **sizes})


def _counting(answer: Answer) -> Any:
    """A model that knows what comes next: 4 after 1, then the next number, and 2 after the source's first word."""
    framework = answer.framework
    base = framework.module_type

    class Counting(base):  # type: ignore[valid-type,misc]  # which class that is, the track decides
        def __init__(self) -> None:
            super().__init__()
            object.__setattr__(self, "seen_training", [])

        def count(self, source: Any, target: Any, training: bool) -> Any:
            self.seen_training.append(bool(training))
            last, first = framework.array(target), framework.array(source)[:, :1]
            following = np.where(last == 1, 4, np.where(last == first, 2, np.minimum(last + 1, 11)))
            return framework.given(np.eye(12)[following])

        def forward(self, source: Any, target: Any) -> Any:
            return self.count(source, target, self.training)

        def call(self, source: Any, target: Any, training: bool = False) -> Any:
            return self.count(source, target, training)

    return Counting()


def _normed(x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(7 + sum(shape)).normal(size=shape)


def _differ(one: np.ndarray, two: np.ndarray) -> bool:
    return bool(np.abs(one - two).max() > 1e-5)
