"""Hidden tests of the exercise "Pre-training BERT".

`mask_tokens` is random, so its results are not compared with the reference's. Its tests check what must hold for any
random numbers, and shares among tens of thousands of places, with margins of many standard deviations: a right answer
fails by chance less than once in ten million gradings. A reference with a known mistake would draw other random numbers
than the student, so the tests themselves recognise the mistakes. `python -m benchmarks.masking` computes from these
constants how seldom a right answer fails; docs/measurements.md has the table.
"""

from __future__ import annotations

import numpy as np
import pytest

from autograder.exercises.shared import SHAPE_ONLY, agree_in_float64, check_device, close, runs, trainable
from autograder.judging.compare import whole_numbers
from autograder.judging.program import Embedding, Generator, Program
from autograder.messages import Message

# -- masking words ----------------------------------------------------------------------------------------------------

IGNORED = -100
ROWS, LENGTH = 128, 512
VOCABULARY, MASK = 96, 5
FEW_IDS, FEW_WORDS = 40, 8  # a small vocabulary, of which a batch has only these words


def sentences(rng, rows=ROWS, length=LENGTH, low=0, high=VOCABULARY):
    """Ids and the mask of special places: the first, the padding, and some in between that only the mask tells of."""
    ids = rng.ids(low, high, rows, length)
    ids[ids == MASK] = low + 1
    lengths = np.linspace(length // 2, length, rows).astype(int)[rng.permutation(rows)]
    special = (np.arange(length) >= lengths[:, None]) | (rng.uniform(0, 1, rows, length) < 0.1)
    special[:, 0] = True
    return ids, special


def seed_of(rng):
    return rng.integer(1, 1 << 31)


def masked(ids, special, vocabulary, probability, *seeds):
    """The program that masks a batch, once for each seed: a Generator, or in Keras an integer too."""
    program = Program()
    for seed in seeds:  # a copy for each call, so that a call that changes its arguments does not affect the next one
        program = program.call("mask_tokens", ids.copy(), special.copy(), MASK, vocabulary, probability, seed)
    return program


def usual(rng, probability=0.15):
    """A large batch, the same for all tests that speak of this probability."""
    source = rng.named(f"sentences at {probability}")
    ids, special = sentences(source)
    return ids, special, masked(ids, special, VOCABULARY, probability, Generator(seed_of(source))).put_once()


def few_words(rng):
    """A batch of a few words, all of whose places are to be selected."""
    source = rng.named("a few words")
    ids = source.ids(10, 10 + FEW_WORDS, ROWS, LENGTH)
    special = np.zeros((ROWS, LENGTH), bool)
    return ids, masked(ids, special, FEW_IDS, 1.0, Generator(seed_of(source))).put_once()


def taken(out, shape, fail):
    """Inputs and labels as integers; fails in words where they are something else."""
    if not (isinstance(out, (tuple, list)) and len(out) == 2):
        fail("Give back two tensors, the inputs and the labels: return inputs, labels.")
    out = [whole_numbers(array) for array in out]
    for name, array in zip((Message("inputs"), Message("labels")), out, strict=True):
        if not isinstance(array, np.ndarray):
            fail(Message("The {name} are no tensor.", name=name))
        if array.shape != shape:
            fail(
                Message(
                    "The {name} have shape {shape}, expected {expected}, the shape of the ids.",
                    name=name,
                    shape=array.shape,
                    expected=shape,
                )
            )
        if array.dtype.kind not in "iu":
            fail(
                Message(
                    "The {name} are of {dtype}: ids are whole numbers, and so are labels.", name=name, dtype=array.dtype
                )
            )
    return [array.astype(np.int64) for array in out]


def near(got, want, points=0.03):
    """Whether shares are these, up to a few points."""
    return bool((np.abs(np.subtract(got, want)) <= points).all())


def percent(share):
    return f"{share:.0%}"


@pytest.mark.part("mask-tokens")
def test_two_tensors(student, rng, fail):
    """Inputs and labels are two tensors of whole numbers in the shape of the ids."""
    ids, _special, program = usual(rng)
    inputs, labels = taken(student.run(program).out, ids.shape, fail)
    if (inputs == IGNORED).any() and not (labels == IGNORED).any():
        fail("The first tensor holds -100: give the inputs first, then the labels.", "results-swapped")


@pytest.mark.part("mask-tokens", share=2, needs=("test_two_tensors",))
def test_ids_stay(student, rng, compare, fail):
    """The ids and the mask that came in are as they were."""
    ids, special = sentences(rng, 16, 48)
    before = ids.copy(), special.copy()
    after = student.run(masked(ids, special, VOCABULARY, 0.5, Generator(seed_of(rng))).inputs_after()).values["after"]
    if not (after["a0"] == before[0]).all():
        fail("The ids that came in are changed, and the caller has lost the originals.", "ids-changed")
    compare(after["a1"], before[1], "mask of special places after the call")


@pytest.mark.part("mask-tokens", share=3, needs=("test_two_tensors",))
def test_labels(student, rng, fail):
    """A label is the original id where a place is selected, and -100 elsewhere."""
    ids, _special, program = usual(rng)
    inputs, labels = taken(student.run(program).out, ids.shape, fail)
    selected, changed = labels != IGNORED, inputs != ids
    if not selected.any():
        fail("No place has a label: are the original ids in them where a place is selected?")
    if (selected & (labels != ids)).any():
        if ((labels == inputs) | ~selected).all():
            fail("The labels hold the changed ids: what the model has to guess is lost.", "labels-after-corruption")
        others = np.unique(labels[selected & (labels != ids)])
        if others.tolist() == [0]:
            fail("Places that are not selected have the label 0, which is a word.", "ignored-labelled-zero")
        if np.unique(labels[selected]).tolist() == [1]:
            fail("The labels are flags: they have to be the ids of the words.", "labels-are-flags")
        fail("There are labels that are neither the original id of their place nor -100.")
    if selected.all():
        fail("Every place has a label; where nothing is selected it has to be -100.", "labels-everywhere")
    if changed.any() and not (selected & changed).any():
        fail("The changed places have the label -100, and all others their id.", "labels-inverted")


@pytest.mark.part("mask-tokens", share=2, needs=("test_labels",))
def test_special_places(student, rng, fail):
    """Special places are never selected, and never changed."""
    ids, special, program = usual(rng)
    inputs, labels = taken(student.run(program).out, ids.shape, fail)
    selected = labels != IGNORED
    if selected[special].any():
        if not selected[~special].any():
            fail(
                "Only special places are selected: True in the mask means that a place must not be selected.",
                "special-mask-inverted",
            )
        fail("Special places are selected too.", "special-selected")
    if (inputs != ids)[special].any():
        others_too = (inputs != ids)[~special & ~selected].any()
        fail("Special places are changed, though none of them has a label.", None if others_too else "special-changed")


@pytest.mark.part("mask-tokens", share=2, needs=("test_labels",))
def test_other_places(student, rng, fail):
    """Places that are not selected keep their id."""
    ids, special, program = usual(rng)
    inputs, labels = taken(student.run(program).out, ids.shape, fail)
    selected = labels != IGNORED
    others = ~selected & ~special
    to_mask = np.mean(inputs[others] == MASK)
    to_others = np.mean((inputs != ids)[others] & (inputs[others] != MASK))
    if to_mask > 0.5:
        fail(
            Message("{share} of the places without a label are masked.", share=percent(to_mask)), "shares-of-all-places"
        )
    few_masked = to_mask < 0.01  # a random id may be that of [MASK]
    if few_masked and near(to_others, 0.1):
        fail("A tenth of the places without a label has another id now.", "random-without-selection")
    if few_masked and to_others > 0 and (inputs[selected] == MASK).all():
        fail("Places with a random id have no label: they are selected as well.", "labels-at-masks-only")
    if not few_masked and near(np.mean((inputs != ids)[selected]), to_mask + to_others, 0.05):
        fail("Labels and changed places have nothing to do with each other.", "two-selections")
    if (inputs != ids)[others].any():
        fail("Places without a label are changed.")


def share_selected(labels, special):
    return float(np.mean((labels != IGNORED)[~special]))


def of_neighbours(first, both, pairs):
    """Among neighbouring places where `pairs` holds and the first is in `first`: the share for which `both` holds."""
    chosen = pairs & first
    return both[chosen].mean() if chosen.any() else 0.0


def in_a_row(labels, special):
    """The share of places that are selected, of those that have a selected place before them."""
    selected, usable = labels != IGNORED, ~special
    return of_neighbours(selected[:, :-1], selected[:, 1:], usable[:, :-1] & usable[:, 1:])


def selected_alike(one, other):
    """Whether two results selected the same places; where every place has a label, what was changed tells it."""
    everywhere = not (one[1] == IGNORED).any()
    return (one[1] == other[1]).all() and not (everywhere and (one[0] != other[0]).any())


def same_places(labels, special):
    """Which mistake selects the same places each time: without a toss, they lie side by side."""
    together = in_a_row(labels, special) > share_selected(labels, special) + 0.3
    return "neighbours-selected" if together else "seed-set-inside"


@pytest.mark.part("mask-tokens", share=3, needs=("test_special_places",))
def test_places_are_independent(student, rng, fail):
    """What happens to a place is independent of its row, its column, its neighbours and its word."""
    ids, special, program = usual(rng)
    _inputs, labels = taken(student.run(program).out, ids.shape, fail)
    selected, usable = labels != IGNORED, ~special
    share = share_selected(labels, special)
    along = in_a_row(labels, special)
    across = of_neighbours(selected[:-1], selected[1:], usable[:-1] & usable[1:])
    if along > share + 0.3:
        fail("Selected places lie side by side.", "neighbours-selected")
    if across > share + 0.3:
        fail("The same places are selected in all rows.", "one-selection-for-all-rows")
    if not near((along, across), share, 0.05):
        fail("Whether a place is selected depends on whether its neighbour is.")
    words = np.bincount(ids[usable], minlength=VOCABULARY)
    often = np.bincount(ids[usable], weights=selected[usable], minlength=VOCABULARY) / np.maximum(words, 1)
    if (np.abs(often - share)[words > 300] > 0.15).any():
        fail("Some words are selected wherever they stand, others never.", "words-selected-for-good")

    few, program = few_words(rng)
    inputs, labels = taken(student.run(program).out, few.shape, fail)
    fate = np.where(inputs == MASK, 0, np.where(inputs == few, 1, 2))
    equal = (np.bincount(fate.ravel(), minlength=3) / fate.size) @ (np.bincount(fate.ravel(), minlength=3) / fate.size)
    for one, other, one_id, other_id, same_fate, same_ids in (
        (
            *(fate[:-1], fate[1:], inputs[:-1], inputs[1:]),
            Message("What becomes of a place, masked, replaced or kept, is the same in all rows."),
            Message("The random ids are the same in all rows."),
        ),
        (
            *(fate[:, :-1], fate[:, 1:], inputs[:, :-1], inputs[:, 1:]),
            Message("What becomes of a place, masked, replaced or kept, is the same along a row."),
            Message("The random ids are the same along a row."),
        ),
    ):
        if not near((one == other).mean(), equal, 0.08):
            fail(same_fate, "one-fate-for-many")
        random = (one == 2) & (other == 2)
        _ids, counts = np.unique(inputs[fate == 2], return_counts=True)
        by_chance = ((counts / max(1, counts.sum())) ** 2).sum()
        # Another test looks for ids that come too often. Here: more equal pairs than the frequencies explain.
        if random.any() and (one_id == other_id)[random].mean() > by_chance + 0.2:
            fail(same_ids, "one-fate-for-many")


@pytest.mark.part("mask-tokens", share=3, needs=("test_special_places",))
@pytest.mark.parametrize("probability", [0.15, 0.4], ids=["of 15%", "of 40%"])
def test_share(student, rng, fail, probability):
    """The share of places that is selected is the given probability."""
    ids, special, program = usual(rng, probability)
    inputs, labels = taken(student.run(program).out, ids.shape, fail)
    selected = labels != IGNORED
    share = share_selected(labels, special)
    if near(share, probability):
        return
    mistake = None
    if near(share, 0.15):
        mistake = "probability-ignored"
    elif near(share, 1 - probability):
        mistake = "selection-inverted"
    elif near(share, probability * special.size / (~special).sum()):
        mistake = "share-of-all-places"
    elif near(share, 1 - np.exp(-probability)) and (inputs == ids)[selected].any():
        mistake = "places-drawn-twice"
    elif near(share, 0.9 * probability) and not (inputs == ids)[selected].any():
        mistake = "kept-without-label"
    fail(
        Message(
            "{share} of the places that are not special are selected, asked for were {expected}.",
            share=percent(share),
            expected=percent(probability),
        ),
        mistake,
    )


@pytest.mark.part("mask-tokens", needs=("test_special_places", "test_other_places"))
@pytest.mark.parametrize("probability", [0.0, 1.0], ids=["none", "all"])
def test_none_and_all(student, rng, fail, probability):
    """With probability 0 nothing is selected, with 1 all that is not special."""
    ids, special = sentences(rng, 16, 48)
    program = masked(ids, special, VOCABULARY, probability, Generator(seed_of(rng)))
    inputs, labels = taken(student.run(program).out, ids.shape, fail)
    selected = labels != IGNORED
    if probability == 0 and (selected.any() or (inputs != ids).any()):
        fail(
            "With probability 0 there are places that are selected, or changed.",
            "one-selected-at-least" if 0 < selected.sum() <= len(ids) else None,
        )
    if probability == 1 and not selected[~special].all():
        share = selected[~special].mean()
        mistake = None
        if near(share, 0.9, 0.1) and not (inputs == ids)[selected].any():
            mistake = "kept-without-label"
        elif near(share, 1 - np.exp(-1), 0.1):
            mistake = "places-drawn-twice"
        fail(Message("With probability 1 only {share} of the places are selected.", share=percent(share)), mistake)


SPLITS = {  # shares of selected places that are masked, get another id, keep theirs: what they tell
    "always-masked": [(1, 0, 0)],
    "never-kept": [(0.8, 0.2, 0), (0.9, 0.1, 0)],
    "never-random": [(0.8, 0, 0.2), (0.9, 0, 0.1)],
    "ten-percent-of-the-rest": [(0.8, 0.02, 0.18)],
    "draws-overlap": [(0.72, 0.1, 0.18)],
    "shares-swapped": [(0.1, 0.8, 0.1), (0.1, 0.1, 0.8)],
    "kept-without-label": [(0.889, 0.111, 0)],
    "mask-id-ignored": [(0, 0.9, 0.1)],
}


def shares(ids, inputs, labels):
    """Of the selected places: how many are masked, get another id, keep theirs."""
    selected = labels != IGNORED
    to_mask, kept = np.mean(inputs[selected] == MASK), np.mean(inputs[selected] == ids[selected])
    return to_mask, 1 - to_mask - kept, kept


def told_by(split):
    """The mistake that these shares tell of: the nearest of those that they agree with."""
    found = [(np.abs(np.subtract(split, s)).max(), m) for m, every in SPLITS.items() for s in every if near(split, s)]
    return min(found)[1] if found else None


def in_percent(split):
    """The shares as the messages name them."""
    return dict(zip(("masked", "replaced", "kept"), map(percent, split), strict=True))


@pytest.mark.part("mask-tokens", share=5, needs=("test_special_places", "test_other_places"))
@pytest.mark.parametrize("probability", [0.15, 0.5], ids=["15% selected", "half selected"])
def test_split(student, rng, fail, probability):
    """Of the selected places 80% become mask_id, 10% a random id, and 10% keep their id."""
    ids, _special, program = usual(rng, probability)
    inputs, labels = taken(student.run(program).out, ids.shape, fail)
    if not (labels != IGNORED).any():
        fail("No place is selected.")
    split = shares(ids, inputs, labels)
    if not near(split, (0.8, 0.1, 0.1)):
        mistake = told_by(split)
        if mistake == "always-masked":
            # Selected where the number is below p, masked where *the same* is below 0.8: with p = 1 it looks right.
            few, program = few_words(rng)
            if not near(shares(few, *taken(student.run(program).out, few.shape, fail)), (1, 0, 0)):
                mistake = "draw-used-twice"
        fail(
            Message(
                "Of the selected places {masked} become mask_id, {replaced} another id, {kept} keep theirs; "
                "it should be 80%, 10% and 10%.",
                **in_percent(split),
            ),
            mistake,
        )


@pytest.mark.part("mask-tokens", share=2, needs=("test_split",))
def test_split_of_short_texts(student, rng, fail):
    """The shares are 80%, 10% and 10% where texts are short as well."""
    source = rng.named("short texts")
    ids, special = sentences(source, 4096, 10)
    program = masked(ids, special, VOCABULARY, 0.5, Generator(seed_of(source)))
    inputs, labels = taken(student.run(program).out, ids.shape, fail)
    if not (labels != IGNORED).any():
        fail("In short texts no place is selected.")
    split = shares(ids, inputs, labels)
    if not near(split, (0.8, 0.1, 0.1)):
        fail(
            Message(
                "In short texts {masked} of the selected places become mask_id, {replaced} another id, "
                "{kept} keep theirs; it should be 80%, 10% and 10%. Are the shares of each text rounded? "
                "Let each place have its own random number.",
                **in_percent(split),
            ),
            "shares-of-each-text-rounded" if split[1] < 0.03 else None,
        )


@pytest.mark.part("mask-tokens", share=3, needs=("test_split",))
def test_random_ids(student, rng, fail):
    """The random ids come from the whole vocabulary, each as often as any other."""
    ids, program = few_words(rng)
    inputs, labels = taken(student.run(program).out, ids.shape, fail)
    there = np.unique(ids)
    replaced = inputs[(labels != IGNORED) & (inputs != MASK) & (inputs != ids)]
    if replaced.size and not (0 <= replaced.min() and replaced.max() < FEW_IDS):
        fail("Some random ids are none of 0 to vocab_size - 1.", "random-id-out-of-range")
    counts = np.bincount(replaced, minlength=FEW_IDS)
    others = np.setdiff1d(np.arange(FEW_IDS), [*there, MASK])  # ids that can only have come by chance
    ratio = counts[others] * FEW_IDS / (ids.size / 10)
    if (counts > 0).sum() == 1:
        fail("The random ids are all the same.", "one-random-id")
    if not counts[others].any():
        fail("The random ids are only words that the batch has already.", "random-ids-of-the-batch")
    if replaced.size and replaced.max() < MASK:
        fail("No random id is above mask_id: they come from the whole vocabulary.", "random-ids-below-mask-id")
    if ratio[-1] == 0 and (ratio[:-1] > 0.5).all():
        fail("The last word of the vocabulary never comes as a random id.", "last-id-never")
    if ratio[0] == 0 and (ratio[others >= 10] > 0.5).all():
        fail("The first words of the vocabulary never come as random ids.", "first-ids-never")
    if (np.abs(ratio - 1) > 0.5).any():
        fail("Some random ids come much more often than others.")


@pytest.mark.part("mask-tokens", share=2, needs=("test_two_tensors",))
def test_generator(student, rng, fail):
    """The same seed gives the same result, another seed another."""
    ids, special = sentences(rng, 16, 48)
    one, other = seed_of(rng), seed_of(rng)
    values = student.run(masked(ids, special, VOCABULARY, 0.5, Generator(one), Generator(one), Generator(other))).values
    first, second, third = (taken(values.get(name), ids.shape, fail) for name in ("out", "out2", "out3"))
    if not (first[1] == second[1]).all():
        fail("Two generators with the same seed selected different places.", "generator-ignored")
    if not (first[0] == second[0]).all():
        fail("Two generators with the same seed changed the selected places differently.", "generator-half-used")
    if selected_alike(first, third):
        fail("Generators with different seeds selected the same places.", same_places(first[1], special))


@pytest.mark.part("mask-tokens", needs=("test_generator",))
def test_later_calls(student, rng, fail):
    """A generator goes on: a later call with the same one selects other places."""
    ids, special = sentences(rng, 16, 48)
    generator = Generator(seed_of(rng), "the same for both")
    values = student.run(masked(ids, special, VOCABULARY, 0.5, generator, generator)).values
    first, second = (taken(values.get(name), ids.shape, fail) for name in ("out", "out2"))
    if selected_alike(first, second):
        fail("The second call with the same generator selected the same places again.", "generator-restarted")


@pytest.mark.part("mask-tokens", share=2, needs=("test_special_places",))
def test_default_probability(student, rng, fail):
    """Without probability and generator 15% are selected, other places in each call."""
    ids, special = sentences(rng)
    program = Program.function("mask_tokens", ids, special, MASK, VOCABULARY)
    program = program.call("mask_tokens", ids.copy(), special.copy(), MASK, VOCABULARY)
    values = student.run(program).values
    (_, first), (_, second) = (taken(values.get(name), ids.shape, fail) for name in ("out", "out2"))
    if (first == second).all():
        fail("Two calls without a generator selected the same places.", same_places(first, special))
    for labels in (first, second):
        share = share_selected(labels, special)
        if not near(share, 0.15):
            fail(Message("{share} of the places that are not special are selected, not 15%.", share=percent(share)))


@pytest.mark.part("mask-tokens", share=2, needs=("test_split", "test_share"), tracks=("tensorflow",))
def test_seed(student, rng, fail):
    """An integer as seed: the same result each time, and the shares are right."""
    source = rng.named("an integer as seed")
    ids, special = sentences(source)
    seed = seed_of(source)
    values = student.run(masked(ids, special, VOCABULARY, 0.15, seed, seed)).values
    first, second = (taken(values.get(name), ids.shape, fail) for name in ("out", "out2"))
    split = shares(ids, *first)
    if not near(share_selected(first[1], special), 0.15) or not near(split, (0.8, 0.1, 0.1)):
        fail(
            Message(
                "With an integer as seed: of the selected places {masked} become mask_id, {replaced} another id, "
                "{kept} keep theirs; it should be 80%, 10% and 10%.",
                **in_percent(split),
            ),
            "same-seed-for-all-draws",
        )
    if not all((one == other).all() for one, other in zip(first, second, strict=True)):
        fail("The same integer as seed gave another result the second time.", "generator-ignored")


@pytest.mark.part("mask-tokens", needs=("test_special_places", "test_other_places"))
@pytest.mark.parametrize(
    "rows, length", [(1, 9), (7, 1), (1, 1)], ids=["a batch of one", "sentences of one word", "a single word"]
)
def test_small_batches(student, rng, fail, rows, length):
    """Sizes of 1 work like any other size, and a batch of special places stays as it is."""
    ids, special = rng.ids(6, VOCABULARY, rows, length), rng.uniform(0, 1, rows, length) < 0.3
    nothing = np.ones((rows, length), bool)
    program = masked(ids, special, VOCABULARY, 1.0, Generator(seed_of(rng)))
    program = program.call("mask_tokens", ids.copy(), nothing, MASK, VOCABULARY, 1.0, Generator(seed_of(rng)))
    values = student.run(program).values
    for name, mask in (("out", special), ("out2", nothing)):
        inputs, labels = taken(values.get(name), ids.shape, fail)
        if not (labels == np.where(mask, IGNORED, ids)).all() or (inputs != ids)[mask].any():
            fail("In a small batch with probability 1, not just the places that are not special are selected.")


@pytest.mark.part("mask-tokens", needs=("test_two_tensors",), tracks=("pytorch",))
def test_device_of_the_ids(student, rng, fail):
    """All that is made inside is made on the device of the ids."""
    ids, special = sentences(rng, 4, 12)
    program = Program.function("mask_tokens", ids, special, MASK, VOCABULARY).on_device("meta")
    check_device(student.run(program), fail)


# -- the loss ---------------------------------------------------------------------------------------------------------

LOSS = {"names": ("loss",)}


def guesses(rng, batch=3, length=7, vocabulary=11, share=0.5):
    """Logits and labels; each row has another number of labels, and the word with the id 0 is one of them."""
    logits = rng.normal(batch, length, vocabulary, scale=2)
    labels = rng.ids(1, vocabulary, batch, length)
    for row in range(batch):
        count = min(length, 1 + row + int(share * (length - batch)))
        labels[row, rng.permutation(length)[count:]] = IGNORED
    row, place = np.argwhere(labels != IGNORED)[-1]
    labels[row, place] = 0
    return logits, labels


def loss(logits, labels):
    return Program.function("masked_lm_loss", logits, labels)


ONE = np.array(1.0)


@pytest.mark.part("masked-lm-loss")
def test_loss_shape(agree, rng):
    """The loss is one number, as a tensor."""
    agree(loss(*guesses(rng)), **LOSS, rtol=SHAPE_ONLY)


@pytest.mark.part("masked-lm-loss", share=5, needs=("test_loss_shape",))
@pytest.mark.parametrize("share", [0.5, 0.0, 1.0], ids=["some places", "few places", "many places"])
def test_loss_values(agree, rng, share):
    """The loss is the mean cross-entropy over the places that have a label."""
    agree(loss(*guesses(rng, share=share)), **LOSS)


@pytest.mark.part("masked-lm-loss", share=2, needs=("test_loss_shape",))
def test_loss_word_zero(agree, rng):
    """The id 0 is a word like others."""
    logits, labels = rng.normal(2, 6, 9, scale=2), np.full((2, 6), IGNORED)
    labels[0, 1:4], labels[1, 4] = 0, rng.integer(1, 9)
    agree(loss(logits, labels), **LOSS)


@pytest.mark.part("masked-lm-loss", needs=("test_loss_shape", "test_loss_values"))
def test_loss_of_one_place(agree, rng):
    """With a single label in the batch, the loss is that place's cross-entropy."""
    logits, labels = rng.normal(3, 5, 9, scale=2), np.full((3, 5), IGNORED)
    labels[rng.integer(0, 3), rng.integer(0, 5)] = rng.integer(1, 9)
    agree(loss(logits, labels), **LOSS)


@pytest.mark.part("masked-lm-loss", share=2, needs=("test_loss_shape", "test_loss_values"))
def test_loss_other_places(agree, rng):
    """What the model says at places without a label has no effect."""
    logits, labels = guesses(rng)
    others = logits.copy()
    others[labels == IGNORED] = rng.normal(int((labels == IGNORED).sum()), logits.shape[-1], scale=30)
    agree(loss(logits, labels).call("masked_lm_loss", others, labels), **LOSS)


@pytest.mark.part("masked-lm-loss", share=3, needs=("test_loss_shape",))
def test_loss_of_nothing(agree, rng):
    """Where no place has a label the loss is 0, and so is its gradient."""
    program = loss(rng.normal(2, 5, 7), np.full((2, 5), IGNORED))
    agree(program, **LOSS)
    agree(program.gradient(wrt=("a0",), cotangent=ONE), what=("grad",))


@pytest.mark.part("masked-lm-loss", needs=("test_loss_of_nothing",))
def test_loss_of_nothing_is_no_constant(student, rng, fail):
    """A training step on a batch without labels works: the loss of 0 has a gradient, of zeros."""
    program = loss(rng.normal(2, 5, 7), np.full((2, 5), IGNORED)).gradient(wrt=("a0",), cotangent=ONE)
    if student.run(program.flow(("a0",))).values.get("flow") is not True:
        fail(
            "Where no place has a label the loss is a constant: it has no gradient, and training stops at such a "
            "batch. Let it come from the logits.",
            "empty-loss-is-a-constant",
        )


@pytest.mark.part("masked-lm-loss", share=3, needs=("test_loss_shape", "test_loss_values"))
def test_loss_gradient(agree, rng):
    """The gradient reaches the logits of the places that have a label, and no others."""
    agree(loss(*guesses(rng)).gradient(wrt=("a0",), cotangent=ONE), what=("grad",))


@pytest.mark.part("masked-lm-loss", share=2, needs=("test_loss_shape", "test_loss_values"))
def test_loss_large_logits(agree, rng):
    """Logits of several hundreds give a finite loss and a finite gradient."""
    logits, labels = guesses(rng)
    # Logits of 2,000 minus their logsumexp leave an error of 1e-4 in float32, which is no mistake.
    agree(loss(logits * 400, labels).gradient(wrt=("a0",), cotangent=ONE), **LOSS, rtol=1e-3)


@pytest.mark.part("masked-lm-loss", needs=("test_loss_shape", "test_loss_values"))
@pytest.mark.parametrize(
    "batch, length, vocabulary",
    [(1, 6, 5), (4, 1, 5), (2, 4, 2)],
    ids=["a batch of one", "sentences of one word", "two words to choose from"],
)
def test_loss_small_sizes(agree, rng, batch, length, vocabulary):
    """Sizes of 1 work like any other size."""
    agree(loss(*guesses(rng, batch, length, vocabulary)), **LOSS)


@pytest.mark.part("masked-lm-loss", needs=("test_loss_shape", "test_loss_values"))
def test_loss_float64(student, reference, rng, fail):
    """In float64 the loss is more precise than float32."""
    program = loss(*guesses(rng)).in_dtype("float64")
    if not runs(student, program):
        return  # the notebook does not ask for float64
    got, want = student.run(program).out, reference.run(program).out
    # Keras's losses count in float32 unless told otherwise: no more than its precision is asked for.
    if not isinstance(got, np.ndarray) or abs(float(got) - float(want)) > 1e-6 * abs(float(want)):
        fail("In float64 the loss is not as expected.")


@pytest.mark.part("masked-lm-loss", needs=("test_loss_shape", "test_loss_values"))
def test_loss_inputs_stay(agree, rng):
    """Logits and labels are left as they were, and a second call gives the same."""
    logits, labels = guesses(rng)
    agree(loss(logits, labels).call("masked_lm_loss", logits, labels).inputs_after(), **LOSS)


@pytest.mark.part("masked-lm-loss", needs=("test_loss_shape",), tracks=("pytorch",))
def test_loss_device(student, rng, fail):
    """All that is made inside is made on the device of the logits."""
    check_device(student.run(loss(*guesses(rng)).on_device("meta")), fail)


# -- the head ---------------------------------------------------------------------------------------------------------

WIDTH, WORDS = 14, 19  # with smaller widths, a norm sometimes divides by almost 0, and rounding errors become large
LOGITS = {"names": ("logits",), "axes": {"logits": "batch, position, word"}}
PARAMETERS = ("dense.weight", "dense.bias", "norm.weight", "norm.bias", "bias")


def head(rng, scale=1.5 / WIDTH**0.5, bias=0.5, shift=0.0):
    """The head with known weights, on an embedding with known weights."""
    weights = {
        "dense.weight": rng.normal(WIDTH, WIDTH, scale=scale),
        "dense.bias": shift + rng.normal(WIDTH, scale=bias),
        "norm.weight": rng.uniform(0.5, 2, WIDTH),
        "norm.bias": rng.normal(WIDTH),
        "bias": rng.normal(WORDS, scale=2),
    }
    return Program.module("MaskedLMHead", Embedding(rng.normal(WORDS, WIDTH))).load(weights)


@pytest.mark.part("masked-lm-head")
def test_head_shape(agree, rng):
    """Each position gets a score for each word of the vocabulary."""
    agree(head(rng).apply(rng.normal(2, 5, WIDTH)), **LOGITS, rtol=SHAPE_ONLY)


@pytest.mark.part("masked-lm-head", share=5, needs=("test_head_shape",))
def test_head_values(agree, rng):
    """The logits follow from dense layer, GELU, norm, output weights and bias, in this order."""
    agree(head(rng).apply(rng.normal(2, 5, WIDTH, scale=1.5)), **LOGITS)


@pytest.mark.part("masked-lm-head", share=2, needs=("test_head_shape",))
def test_head_epsilon(agree, rng):
    """The norm's epsilon is so small that it does not show, whatever the size of what comes in."""
    # The norm sees a standard deviation of about 0.002: an epsilon of 1e-5 would hide it, one of 1e-12 does not.
    agree(head(rng, scale=1e-3, bias=0.0).apply(rng.normal(2, 5, WIDTH)), **LOGITS, rtol=1e-3)


@pytest.mark.part("masked-lm-head", share=4, needs=("test_head_shape",))
def test_head_gradient_of_embedding(agree, student, reference, rng, fail):
    """The output weights are the embedding's own: what the head learns, the embedding learns."""
    program = head(rng).apply(rng.normal(2, 5, WIDTH))
    program = program.gradient(wrt=("embedding.weight",), cotangent=rng.normal(2, 5, WORDS))
    got = student.run(program)
    if not np.any(got.grad["embedding.weight"]):
        if close(got.out, reference.run(program).out):
            fail("The embedding gets no gradient from the head, though its numbers are in there.", "tied-by-a-copy")
        fail("The embedding has nothing to do with the logits.", "untied-head")
    agree(program, what=("grad",))


@pytest.mark.part("masked-lm-head", share=2, needs=("test_head_values", "test_head_repeats"))
def test_head_follows_embedding(student, reference, rng, fail):
    """When a step of training changes the embedding, the output weights are changed with it."""
    hidden, table = rng.normal(2, 5, WIDTH), rng.normal(WORDS, WIDTH)
    # Once before the first call and once after it: a table may be kept at either time.
    program = head(rng).embed(rng.normal(WORDS, WIDTH)).apply(hidden).embed(table).apply(hidden)
    got, want = student.run(program).values, reference.run(program).values
    for name in ("out", "out2"):
        if not close(got.get(name), want[name]):
            fail("The embedding's weights were changed, and the logits did not follow them.", "tied-by-a-copy")


@pytest.mark.part("masked-lm-head", needs=("test_head_repeats",))
def test_head_training(student, rng, fail):
    """There is no dropout: the logits are the same in training mode as in evaluation mode."""
    hidden = rng.normal(4, 7, WIDTH)
    values = student.run(head(rng).apply(hidden).mode(True).apply(hidden)).values
    if not close(values.get("out2"), values.get("out")):
        fail("In training mode the logits are others than in evaluation: no dropout is asked for here.", "head-drops")


@pytest.mark.part("masked-lm-head", share=2, needs=("test_head_shape", "test_head_values"))
def test_head_gradients(agree, rng):
    """The gradients reach what comes in, and every parameter."""
    program = head(rng).apply(rng.normal(2, 5, WIDTH))
    # a0 is the embedding, then come the five weights; a6 is what comes in.
    agree(program.gradient(wrt=("a6", *PARAMETERS), cotangent=rng.normal(2, 5, WORDS)), what=("grad",))


@pytest.mark.part("masked-lm-head", share=2, needs=("test_head_shape",))
def test_head_parameters(student, rng, fail):
    """The dense layer, the norm and the bias are trainable, and nothing else except the embedding is."""
    count = trainable(student.run(head(rng).apply(rng.normal(2, 5, WIDTH)).parameters()), fail)
    own = WIDTH * WIDTH + WIDTH + 2 * WIDTH + WORDS
    if count not in (own, own + WORDS * WIDTH):
        fail(
            Message(
                "The module has {count} trainable numbers. The dense layer, the norm and the bias have {own}, "
                "and with the token embedding, where the module knows it, it is {with_embedding}.",
                count=count,
                own=own,
                with_embedding=own + WORDS * WIDTH,
            )
        )


@pytest.mark.part("masked-lm-head", needs=("test_head_shape",))
def test_head_bias_at_first(student, rng, fail):
    """The bias starts as zeros."""
    # Words without a vector of their own leave nothing but the bias in the logits.
    program = Program.module("MaskedLMHead", Embedding(np.zeros((WORDS, WIDTH)))).apply(rng.normal(2, 5, WIDTH))
    if not close(student.run(program).out, np.zeros((2, 5, WORDS))):
        fail("With an embedding of zeros the logits of a new head are its bias, and they are not 0.")


@pytest.mark.part("masked-lm-head", needs=("test_head_shape", "test_head_values"))
@pytest.mark.parametrize("batch, length", [(1, 4), (3, 1)], ids=["a batch of one", "a sentence of one word"])
def test_head_small_sizes(agree, rng, batch, length):
    """Sizes of 1 work like any other size."""
    agree(head(rng).apply(rng.normal(batch, length, WIDTH)), **LOGITS)


@pytest.mark.part("masked-lm-head", share=2, needs=("test_head_shape",))
def test_head_positions(student, rng, fail):
    """Each position is on its own: the others have no effect on its logits."""
    hidden = rng.normal(3, 5, WIDTH)
    alone = hidden[1:2, 2:3].copy()
    values = student.run(head(rng).apply(hidden).apply(alone)).values
    together, single = values.get("out"), values.get("out2")
    if together.shape != (3, 5, WORDS) or not close(single, together[1:2, 2:3]):
        fail("A position alone has other logits than among others: which axes does the norm run over?")


@pytest.mark.part("masked-lm-head", needs=("test_head_shape",))
def test_head_repeats(student, rng, fail):
    """The same vectors get the same logits each time."""
    hidden = rng.normal(2, 5, WIDTH)
    values = student.run(head(rng).apply(hidden).apply(hidden)).values
    if not close(values.get("out2"), values.get("out")):
        fail("A second call with the same vectors gave other logits: is something in it random?", "dropout-always")


@pytest.mark.part("masked-lm-head", needs=("test_head_shape",))
def test_head_save_and_load(student, rng, fail):
    """A head that is saved and loaded into a new one gives the same logits."""
    hidden = rng.normal(2, 5, WIDTH)
    values = student.run(head(rng).apply(hidden).copy().apply(hidden)).values
    if not close(values.get("out2"), values.get("out")):
        fail("The saved head did not come back: are the layers, and the bias, something that the module knows of?")


@pytest.mark.part("masked-lm-head", needs=("test_head_shape", "test_head_values"))
def test_head_float64(agree, student, rng):
    """In float64 the logits are as precise as float64."""
    # Far from 0 a GELU changes nothing. Elsewhere TensorFlow's own has a root of 2 from float32 in it, and an answer
    # that writes the GELU out would be more precise than the reference.
    agree_in_float64(agree, student, head(rng, shift=12.0).apply(rng.normal(2, 5, WIDTH)), **LOGITS)


@pytest.mark.part("masked-lm-head", needs=("test_head_shape", "test_head_values"))
def test_head_inputs_stay(agree, rng):
    """A later call gives its own answer, and what came in is left as it was."""
    agree(head(rng).apply(rng.normal(2, 5, WIDTH)).apply(rng.normal(3, 4, WIDTH)).inputs_after(), **LOGITS)


@pytest.mark.part("masked-lm-head", needs=("test_head_shape",), tracks=("pytorch",))
def test_head_device(student, rng, fail):
    """All that is made inside is made on the device of what comes in."""
    check_device(student.run(head(rng).apply(rng.normal(2, 5, WIDTH)).on_device("meta")), fail)
