"""Visible checks of exercise 7: masking words, the loss over the masked ones, the head that guesses.

Masking is random, so its checks look at what always holds, and at shares among tens of thousands of places. The worked
examples of loss and head can be done in the head: probabilities 3/4 and 1/4, and a norm over two numbers, which always
gives 1 and -1.
"""

import math

import numpy as np

from course import behaviour
from course import expectations as expect
from course.answers import Answer
from course.checks import Checks
from course.frameworks import Unexpected
from course.i18n import N_, _

checks = Checks()

IGNORED = -100
MASK, VOCABULARY = 4, 60


@checks("mask-tokens", N_("It returns inputs and labels, both (B, L)"), gate=True)
def mask_shapes(answer: Answer) -> None:
    ids, special = _sentences(3, 8)
    for tensor, name in zip(answer.pair(ids, special, MASK, VOCABULARY), (_("inputs"), _("labels")), strict=True):
        expect.shape(tensor, (3, 8), name, "(B, L)")
        if tensor.dtype.kind not in "iu":
            expect.kind(tensor, "int64", name)


@checks("mask-tokens", N_("Labels are the original ids where a place is selected, and -100 elsewhere"))
def mask_labels(answer: Answer) -> None:
    ids, _special, inputs, labels = _masked(answer)
    selected = labels != IGNORED
    if not selected.any():
        raise Unexpected(_("No place has a label."), _("The original id where a place is selected, -100 where not."))
    if (labels == ids).all():
        raise Unexpected(_("Every place has a label."), _("The original id where a place is selected, -100 where not."))
    if (labels == ids)[selected].all():
        return
    wrong = labels[selected & (labels != ids)]
    hint = _("Where a place is selected its label is the id that stood there before.")
    if (labels == inputs)[selected].all():
        hint = _("These are the ids after the change. Take the labels from the ids that came in.")
    elif (wrong == 0).all():
        hint = _("Places that are not selected get the label -100: 0 is the id of a word.")
    raise Unexpected(_("Some labels are neither the original id nor -100: {id}.").format(id=int(wrong[0])), hint)


@checks("mask-tokens", N_("Special places are never selected or changed, nor is any place without a label changed"))
def mask_special(answer: Answer) -> None:
    ids, special, inputs, labels = _masked(answer)
    selected = labels != IGNORED
    if selected[special].any():
        raise Unexpected(
            _("There are special places among those selected."),
            _("`special_mask` is True where no word may be selected; `~` turns it round, or `tf.logical_not`."),
        )
    if (inputs != ids)[~selected].any():
        raise Unexpected(
            _("A place without a label has another id now."),
            _("Masked and random ids go to selected places only: combine both conditions with a logical and."),
        )


@checks("mask-tokens", N_("The share of places that is selected is the probability"))
def mask_share(answer: Answer) -> None:
    for probability in (0.15, 0.5):
        _ids, special, _inputs, labels = _masked(answer, probability)
        _near(
            (labels != IGNORED)[~special].mean(), probability, _("selected places"), _("Special places do not count.")
        )
    ids, special = _sentences(128, 256)
    labels = answer.pair(ids, special, MASK, VOCABULARY)[1]
    _near((labels != IGNORED)[~special].mean(), 0.15, _("selected places"), _("Without `probability` it is 0.15."))


@checks("mask-tokens", N_("Of the selected places 80% are masked, 10% get a random id, 10% keep theirs"))
def mask_split(answer: Answer) -> None:
    ids, _special, inputs, labels = _masked(answer)
    selected = labels != IGNORED
    hint = _("Draw a second number for each place: below 0.8 it is masked, from 0.9 on it gets a random id.")
    masked, kept = (inputs == MASK)[selected].mean(), (inputs == ids)[selected].mean()
    if masked == 1 and len(np.unique(inputs)) > 1:
        hint = _("Is the second number a new one? If it is the first once more, it is always below the probability.")
    _near(masked, 0.8, _("masked, of the selected places"), hint)
    _near(kept, 0.1, _("unchanged, of the selected places"), hint)


@checks("mask-tokens", N_("Random ids come from the whole vocabulary"))
def mask_random(answer: Answer) -> None:
    ids, _special, inputs, labels = _masked(answer, 1.0)
    random = inputs[(labels != IGNORED) & (inputs != MASK) & (inputs != ids)]
    hint = _("A random whole number from 0 to vocab_size - 1, drawn for each place.")
    if not random.size or random.min() < 0 or random.max() >= VOCABULARY:
        raise Unexpected(_("There are random ids that are no ids, or none at all."), hint)
    missing = VOCABULARY - 1 - len(np.unique(random))  # mask_id cannot be told apart
    if missing:
        raise Unexpected(_("{count} ids of the vocabulary never come up.").format(count=missing), hint)


@checks("mask-tokens", N_("The same seed gives the same result, and another seed another"))
def mask_seed(answer: Answer) -> None:
    one, same, other = (_masked(answer, seed=seed)[2:] for seed in (1, 1, 2))
    if not all((a == b).all() for a, b in zip(one, same, strict=True)):
        raise Unexpected(
            _("Two generators with the same seed gave different results."),
            _("Hand the generator, or seed, to everything that draws random numbers."),
        )
    if (one[1] == other[1]).all():
        raise Unexpected(
            _("Generators with different seeds gave the same result."), _("Do not set a seed of your own inside.")
        )
    if answer.framework.title == "TensorFlow":
        ids, special = _sentences(128, 256)
        inputs, labels = answer.pair(ids, special, MASK, VOCABULARY, 0.15, 3)
        _near(
            (inputs == MASK)[labels != IGNORED].mean(),
            0.8,
            _("masked, of the selected places, with seed=3"),
            _("The same integer gives the same numbers each time: make one `keras.random.SeedGenerator` out of it."),
        )


@checks("mask-tokens", N_("Each place of each sentence is drawn by itself, and the next call draws anew"))
def mask_rows(answer: Answer) -> None:
    ids, special, inputs, labels = _masked(answer, 0.5)
    free = ~special.any(axis=0)
    selected = (labels != IGNORED)[:, free]
    hint = _("Draw one number for each place of each sentence: shape (B, L), not (L,).")
    if (selected == selected[0]).all():
        raise Unexpected(_("All sentences are selected in the same places."), hint)
    hidden, other = (inputs == MASK)[:, free], (inputs != ids)[:, free]
    # Where a place is selected in many sentences, all of them being masked, or none, is no chance.
    shares = np.where(selected, hidden, 0).sum(axis=0) / np.maximum(selected.sum(axis=0), 1)
    if np.isin(shares, (0.0, 1.0)).mean() > 0.5 and other.any():
        raise Unexpected(_("A place has the same fate in all sentences."), hint)
    words = ids[~special]  # each of some 55 words stands at hundreds of places
    often = np.bincount(words, weights=(labels != IGNORED)[~special], minlength=VOCABULARY)
    often = often[np.unique(words)] / np.bincount(words)[np.unique(words)]
    if np.isin(often, (0.0, 1.0)).mean() > 0.5:
        raise Unexpected(
            _("Some words are selected wherever they stand, others never."),
            _("Draw one number for each place, not one for each id of the vocabulary."),
        )
    none = answer.pair(*_sentences(8, 16), MASK, VOCABULARY, 0.0)[1]
    if (none != IGNORED).any():
        raise Unexpected(
            _("With probability 0 there are selected places."),
            _("Each place is drawn by itself. A text may have no selected place at all."),
        )
    generator = answer.framework.generator(5)
    first, second = (answer.pair(ids, special, MASK, VOCABULARY, 0.5, generator)[1] for _n in range(2))
    if (first == second).all():
        raise Unexpected(
            _("Two calls with the same generator gave the same result."),
            _("A generator remembers how far it has come. Do not set it back to its seed."),
        )


@checks("mask-tokens", N_("It works on another device too"))
def mask_device(answer: Answer) -> None:
    behaviour.follows_device(answer, *_sentences(3, 8), MASK, VOCABULARY)


@checks("masked-lm-loss", N_("It returns one number, as a tensor"), gate=True)
def loss_shape(answer: Answer) -> None:
    expect.shape(answer(np.zeros((2, 3, 5)), np.full((2, 3), 1)), (), _("loss"), "()", _("Take the mean."))


@checks("masked-lm-loss", N_("A worked example: two of four places have a label"))
def loss_example(answer: Answer) -> None:
    three = math.log(3)  # scores ln 3 and 0 are probabilities 3/4 and 1/4
    logits = np.array([[[three, 0.0], [0.0, three]], [[three, 0.0], [0.0, 0.0]]])
    labels = np.array([[0, IGNORED], [1, IGNORED]])
    first, second = math.log(4 / 3), math.log(4)
    expect.equal(
        answer(logits, labels),
        (first + second) / 2,
        _("loss"),
        _("The mean of -ln 3/4 and -ln 1/4: the places with the label -100 do not count."),
        {
            _("That is the sum; divide by the number of places that have a label."): first + second,
            _("Divide by the number of places that have a label, not by that of all places."): (first + second) / 4,
            _("The place with the label 0 is missing. 0 is a word: select by `labels != -100`."): second,
            _("The sign is wrong: the loss is minus the logarithm."): -(first + second) / 2,
        },
    )


@checks("masked-lm-loss", N_("What the model says at the other places has no effect"))
def loss_others(answer: Answer) -> None:
    logits, labels = _random(2, 4, 6), np.array([[IGNORED, 5, 0, IGNORED], [IGNORED, IGNORED, IGNORED, 2]])
    other = logits.copy()
    other[labels == IGNORED] = 20.0 * np.arange(6)
    expect.equal(answer(other, labels), answer(logits, labels), _("loss"), _("Leave out places with the label -100."))


@checks("masked-lm-loss", N_("Where no place has a label, the loss is 0"))
def loss_nothing(answer: Answer) -> None:
    loss = answer(_random(2, 4, 6), np.full((2, 4), IGNORED))
    expect.equal(loss, 0.0, _("loss"), _("The mean of nothing is 0/0. Divide by at least 1."))


@checks("masked-lm-loss", N_("Logits of several hundreds do no harm"))
def loss_large(answer: Answer) -> None:
    logits = np.array([[[700.0, 0.0, -700.0], [0.0, 700.0, 0.0]]])
    expect.equal(
        answer(logits, np.array([[1, 1]])),
        350.0,
        _("loss"),
        _("Do not take exp and log yourself: the framework's cross-entropy of logits knows how."),
    )


@checks("masked-lm-loss", N_("Every place with a label counts the same, and a gradient reaches the logits"))
def loss_mean(answer: Answer) -> None:
    three = math.log(3)
    logits = np.array([[[three, 0.0], [three, 0.0]], [[0.0, three], [0.0, 0.0]]])
    labels = np.array([[0, 0], [0, IGNORED]])
    low, high = math.log(4 / 3), math.log(4)
    expect.equal(
        answer(logits, labels),
        (2 * low + high) / 3,
        _("loss of a sentence with two labels and one with one"),
        _("One mean over all places with a label."),
        {_("This is the mean of the sentences' means. Take one mean over all places."): (low + high) / 2},
    )
    behaviour.gradient_reaches(answer, logits, labels, names=("logits",))
    if np.abs(answer.gradients(logits, labels)[0][labels == IGNORED]).max() > 1e-6:
        raise Unexpected(
            _("A place without a label has a gradient."),
            _("Leave these places out with `tf.where`, or multiply their losses by 0: nothing is to be learned there."),
        )


@checks("masked-lm-loss", N_("It works on another device too"))
def loss_device(answer: Answer) -> None:
    behaviour.follows_device(answer, np.zeros((1, 3, 5)), np.array([[1, IGNORED, 2]]))


@checks("masked-lm-head", N_("(B, L, D) becomes (B, L, V)"), gate=True)
def head_shape(answer: Answer) -> None:
    logits = answer.module(answer.framework.embedding(_random(7, 4)))(_random(2, 3, 4))
    expect.shape(logits, (2, 3, 7), _("logits"), "(B, L, V)", _("The embedding's weights are (V, D): transpose them."))


@checks("masked-lm-head", N_("A worked example with D = 2 and a vocabulary of three words"))
def head_example(answer: Answer) -> None:
    table = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 1.0]])
    weights = _weights(np.eye(2), np.zeros(2), np.array([10.0, 20.0, 30.0]))
    hidden = np.array([[[3.0, 1.0], [1.0, 2.0]]])
    expect.equal(
        answer.module(answer.framework.embedding(table)).load(weights, hidden)(hidden),
        [[[11.0, 17.0, 30.0], [9.0, 23.0, 30.0]]],
        _("logits"),
        _("The norm makes (1, -1) of the first vector; word 0 gets 1 · 2 - 1 · 1 + 10."),
        {
            _("The bias of the output is missing."): [[[1.0, -3.0, 0.0], [-1.0, 3.0, 0.0]]],
        },
    )


@checks("masked-lm-head", N_("Dense layer, exact GELU and norm come in this order"))
def head_order(answer: Answer) -> None:
    # Most numbers are a little below 0, where exact and approximate GELU differ most, and the logits are small.
    table, hidden = _random(5, 4), 2 * _random(1, 3, 4) - 2
    dense, bias, shift = _random(4, 4) + np.eye(4), np.array([0.5, -0.5, 1.0, 0.0]), np.arange(5) / 10
    x = hidden @ dense + bias
    exact = x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2
    tanh = x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2

    def logits(vectors: np.ndarray) -> np.ndarray:
        return vectors @ table.T + shift

    expect.equal(
        answer.module(answer.framework.embedding(table)).load(_weights(dense, bias, shift), hidden)(hidden),
        logits(_norm(exact)),
        _("logits"),
        _("Each vector goes through `dense`, then GELU, then `norm`, then to the output weights."),
        {
            _("The GELU seems to be missing."): logits(_norm(x)),
            _("That is ReLU; BERT has GELU."): logits(_norm(np.maximum(x, 0))),
            _("That is the tanh approximation of GELU; take the exact one."): logits(_norm(tanh)),
            _("The norm seems to be missing."): logits(exact),
            _("The norm comes after the GELU, not before it."): logits(
                _norm(x) * (1 + np.vectorize(math.erf)(_norm(x) / math.sqrt(2))) / 2
            ),
        },
    )


@checks("masked-lm-head", N_("The norm's epsilon is 1e-12"))
def head_epsilon(answer: Answer) -> None:
    table, hidden = np.eye(2), np.array([[[0.002, 0.0], [0.0, 0.002]]])
    expect.equal(
        answer.module(answer.framework.embedding(table)).load(_weights(np.eye(2), np.zeros(2), np.zeros(2)), hidden)(
            hidden
        ),
        [[[1.0, -1.0], [-1.0, 1.0]]],
        _("logits of very small vectors"),
        _("The frameworks' own epsilon is larger, so that very small vectors stay small. Say which you want."),
    )


@checks("masked-lm-head", N_("The output weights are the embedding's own: when it changes, so do the logits"))
def head_tied(answer: Answer) -> None:
    hidden, table = _random(1, 3, 4), _random(5, 4)
    embedding = answer.framework.embedding(table)
    module = answer.module(embedding)
    before = module(hidden)
    answer.framework.load_layer(embedding, "embedding", {"weight": (2 * table).astype("float32")})
    expect.equal(
        module(hidden),
        2 * before,
        _("logits when the embedding has doubled"),
        _("Use the embedding's weights where they are; a copy of them, or a layer of your own, is not tied."),
    )


@checks("masked-lm-head", N_("The dense layer, the norm and the bias are trainable"))
def head_count(answer: Answer) -> None:
    module = answer.module(answer.framework.embedding(_random(5, 4)))
    module(_random(1, 3, 4))
    own = 4 * 4 + 4 + 2 * 4 + 5
    count = module.trainable()
    if count != own + 5 * 4:  # an embedding that is not an attribute of the module is not counted
        expect.equal(
            np.array(count),
            own,
            _("number of trainable numbers, without the embedding"),
            _("D · D + D for the dense layer, 2 · D for the norm, V for the bias; with the embedding V · D more."),
        )


def _sentences(rows: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids from 5 on, and special places at both ends of each row."""
    rng = np.random.default_rng(7)
    ids = rng.integers(5, VOCABULARY, (rows, length))
    ends = rng.integers(length // 2, length, (rows, 1))
    places = np.arange(length)
    return ids, (places == 0) | (places >= ends)


def _masked(answer: Answer, probability: float = 0.15, seed: int = 1) -> tuple[np.ndarray, ...]:
    """Ids, special places, inputs and labels of a batch that is large enough for shares."""
    ids, special = _sentences(128, 256)
    generator = answer.framework.generator(seed)
    inputs, labels = answer.pair(ids, special, MASK, VOCABULARY, probability, generator)
    return ids, special, inputs, labels


def _near(share: float, expected: float, name: str, hint: str) -> None:
    if abs(share - expected) > 0.04:
        raise Unexpected(
            _("Wrong share ({name}): {got}; expected was about {expected}.").format(
                name=name, got=f"{share:.0%}", expected=f"{expected:.0%}"
            ),
            hint,
        )


def _weights(dense: np.ndarray, dense_bias: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    """Weights of the head, with a norm that neither stretches nor shifts."""
    width = len(dense)
    norm = {"norm.weight": np.ones(width), "norm.bias": np.zeros(width)}
    return {"dense.weight": dense, "dense.bias": dense_bias, **norm, "bias": bias}


def _norm(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=-1, keepdims=True)) / x.std(axis=-1, keepdims=True)


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=shape)
