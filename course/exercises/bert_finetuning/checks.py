"""Visible checks of exercise 8: fine-tuning BERT.

They use a BERT of a few thousand numbers with a vocabulary of nine words, written to a temporary folder, so that ids
can be read by hand and a training takes no time. Where numbers are to be followed, the classification layer has no
weights and the bias (ln 2, 0, 0): whatever the text, the probabilities are then 1/2, 1/4 and 1/4, and the loss of a
text is ln 2 if its class is 0, and ln 4 if not.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from course import expectations as expect
from course.answers import Answer
from course.checks import Checks
from course.frameworks import Unexpected
from course.i18n import N_, _
from course.models import tiny

checks = Checks()

WORDS = ("the", "team", "bank", "wins", "play", "##ing", "cuts", "rates", ".")  # pieces 5 to 13
PAD, CLS, SEP = 0, 2, 3
TEXTS = ["The bank cuts rates.", "Team playing"]
IDS = [[CLS, 5, 7, 11, 12, 13, SEP], [CLS, 6, 9, 10, SEP, PAD, PAD]]
MASK = [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0]]
LN2, LN4 = float(np.log(2)), float(np.log(4))
WIDTH, CLASSES, EPOCHS = 16, 3, 30


# -- from texts to a batch --------------------------------------------------------------------------------------------


@checks("encode-batch", N_("It returns `input_ids` and `attention_mask` (B, L) and `labels` (B,)"), gate=True)
def batch_shapes(answer: Answer) -> None:
    batch = _encoded(answer, TEXTS, [3, 2], 20)
    length = batch["input_ids"].shape[-1]
    hint = {
        20: _("Every text was padded to `max_length`. Pad to the longest text of the batch: the rest is wasted work."),
        5: _("Two pieces are missing: [CLS] at the beginning and [SEP] at the end."),
    }.get(length, _("The longer text has five word pieces; with [CLS] and [SEP] that is L = 7."))
    for name in ("input_ids", "attention_mask"):
        expect.shape(batch[name], (2, 7), f"`{name}`", "(B, L)", hint)
    expect.shape(batch["labels"], (2,), "`labels`", "(B,)")


@checks("encode-batch", N_("A worked example: word pieces between [CLS] and [SEP], then padding"))
def batch_ids(answer: Answer) -> None:
    hint = _(
        "[PAD] is 0, [CLS] is 2, [SEP] is 3; 'the bank cuts rates .' is 5 7 11 12 13 and 'team play ##ing' is 6 9 10."
    )
    slips = {
        _("The [SEP] comes after the padding; it belongs right after the last word piece."): [
            IDS[0],
            [CLS, 6, 9, 10, PAD, PAD, SEP],
        ],
        _("The padding is on the left; BERT has learned its positions with the text on the left."): [
            IDS[0],
            [PAD, PAD, CLS, 6, 9, 10, SEP],
        ],
    }
    expect.equal(_encoded(answer, TEXTS, [3, 2], 20)["input_ids"], IDS, "`input_ids`", hint, slips)


@checks("encode-batch", N_("The attention mask is 1 at word pieces, special ones included, and 0 at padding"))
def batch_mask(answer: Answer) -> None:
    mask = _encoded(answer, TEXTS, [3, 2], 20)["attention_mask"].astype(int)
    inside = [[0, 1, 1, 1, 1, 1, 0], [0, 1, 1, 1, 0, 0, 0]]
    slips = {
        _("The wrong way round: 1 is for what may be looked at."): 1 - np.array(MASK),
        _("The padding is not marked: the second text has five pieces only."): np.ones((2, 7), int),
        _("[CLS] and [SEP] are word pieces too, and BERT was trained to look at them."): inside,
    }
    expect.equal(mask, MASK, "`attention_mask`", _("Row 1 has two places of padding at its end."), slips)


@checks("encode-batch", N_("The classes 1 to C of the file become 0 to C-1"))
def batch_labels(answer: Answer) -> None:
    labels = _encoded(answer, TEXTS, [3, 2], 20)["labels"]
    slips = {
        _("They still count from 1; the model's outputs count from 0."): [3, 2],
        _("1 was taken off twice."): [1, 0],
    }
    expect.equal(labels, [2, 1], "`labels`", _("In the file they were 3 and 2."), slips)
    labels = _encoded(answer, TEXTS, [4, 2], 20)["labels"]
    hint = _("Take 1 off, whatever the labels are: a batch need not hold every class.")
    expect.equal(labels, [3, 1], _("`labels`, which were 4 and 2"), hint)


@checks("encode-batch", N_("A longer text is cut to `max_length` pieces, and still ends in [SEP]"))
def batch_cut(answer: Answer) -> None:
    batch = _encoded(answer, TEXTS, [3, 2], 4)
    length = batch["input_ids"].shape[-1]
    hint = {
        7: _("Nothing was cut. A model has vectors for a limited number of positions, so longer texts must be."),
        6: _("[CLS] and [SEP] count too: of the words, `max_length` - 2 pieces remain."),
    }.get(length, "")
    expect.shape(batch["input_ids"], (2, 4), _("`input_ids` with max_length = 4"), "(B, max_length)", hint)
    slips = {
        _("The [SEP] was cut off with the rest. Cut the words first, then add the special pieces."): [
            [CLS, 5, 7, 11],
            [CLS, 6, 9, 10],
        ]
    }
    want = [[CLS, 5, 7, SEP], [CLS, 6, 9, SEP]]
    expect.equal(batch["input_ids"], want, _("`input_ids` with max_length = 4"), _("[CLS], two pieces, [SEP]."), slips)
    expect.equal(batch["attention_mask"].astype(int), np.ones((2, 4), int), _("`attention_mask` with max_length = 4"))


@checks("encode-batch", N_("One text alone is a batch, and an empty text is [CLS] [SEP]"))
def batch_small(answer: Answer) -> None:
    expect.equal(_encoded(answer, TEXTS[1:], [1], 20)["input_ids"], [IDS[1][:5]], _("`input_ids` of one text"))
    batch = _encoded(answer, ["", "team"], [1, 2], 20)
    expect.equal(batch["input_ids"], [[CLS, SEP, PAD], [CLS, 6, SEP]], _("`input_ids` of an empty text and 'team'"))


# -- a classifier from a checkpoint -----------------------------------------------------------------------------------


@checks(
    "build-classifier",
    N_("It is the library's classifier, and gives logits (B, C) for any number of classes"),
    gate=True,
)
def classifier_logits(answer: Answer) -> None:
    with _checkpoint() as folder:
        for classes in (3, 5):
            logits = answer.framework.bert_logits(_built(answer, folder, classes), _batch(answer, [0, 1]))
            hint = _("`num_classes` is the number of logits.")
            expect.shape(logits, (2, classes), _("logits"), "(B, C)", hint)
            if np.allclose(logits.sum(-1), 1, atol=1e-5) and (logits > 0).all():
                raise Unexpected(
                    _("The model gives probabilities; logits are asked for."),
                    _("The loss applies the softmax itself, so leave it out of the model."),
                )


@checks("build-classifier", N_("All weights but the classification layer's are those of the checkpoint"))
def classifier_weights(answer: Answer) -> None:
    for seed in (1, 2):
        with _checkpoint(seed) as folder:
            framework = answer.framework
            model, want = _built(answer, folder, 3), framework.bert_weights(framework.bert(folder, 3))
            got = framework.bert_weights(model)
        for name in list(want)[:-2]:  # the classification layer comes last
            if name not in got or not np.array_equal(got[name], want[name]):
                raise Unexpected(
                    _("`{name}` is not what the checkpoint holds.").format(name=name),
                    _("Load the weights from the folder that is given: `from_pretrained` or `from_preset`."),
                )


@checks("build-classifier", N_("Without `freeze_backbone`, every weight is trained"))
def classifier_open(answer: Answer) -> None:
    with _checkpoint() as folder:
        model, own = _built(answer, folder, CLASSES), answer.framework.bert(folder, CLASSES)
    slips = {_("The backbone is frozen though nobody asked for it."): WIDTH * CLASSES + CLASSES}
    _count(answer, model, answer.framework.trainable(own), _("All of them."), slips)


@checks("build-classifier", N_("With it, the classification layer alone is trained"))
def classifier_frozen(answer: Answer) -> None:
    with _checkpoint() as folder:
        model = _built(answer, folder, CLASSES, freeze_backbone=True)
        everything = answer.framework.trainable(answer.framework.bert(folder, CLASSES))
    pooler = WIDTH * WIDTH + WIDTH
    head = WIDTH * CLASSES + CLASSES
    slips = {
        _("Nothing is frozen: is `freeze_backbone` looked at?"): everything,
        _("The new layer is frozen as well; then there is nothing left to learn with."): 0,
        _("The pooler, which stands between BERT and the new layer, comes out of the checkpoint: freeze it too."): head
        + pooler,
    }
    hint = _("D · C + C for the width D = {width} and C = {classes} classes.").format(width=WIDTH, classes=CLASSES)
    _count(answer, model, head, hint, slips)


# -- fine-tuning ------------------------------------------------------------------------------------------------------


@checks("fine-tune", N_("It returns a list of dicts with the numbers `loss` and `accuracy`, one an epoch"), gate=True)
def tuned_form(answer: Answer) -> None:
    with _model(answer) as model:
        _history(answer.plain(model, [_tensors(answer, [0, 1], [0, 1])], 0.01, epochs=2), 2)


@checks("fine-tune", N_("A worked example with learning rate 0: loss and accuracy are means over the examples"))
def tuned_means(answer: Answer) -> None:
    with _model(answer, bias=(LN2, 0.0, 0.0)) as model:
        batches = [_tensors(answer, [0, 1, 2], [0, 0, 1]), _tensors(answer, [3], [2])]
        [(loss, accuracy)] = _history(answer.plain(model, batches, 0.0), 1)
    _expect_means(loss, accuracy)


@checks("fine-tune", N_("What stands in the padding has no effect: the attention mask reaches the model"))
def tuned_mask(answer: Answer) -> None:
    batch = _batch(answer, [0, 1, 2, 3], [0, 1, 2, 0], padded=True)
    with _model(answer) as model:
        want, blind = _losses(answer, model, batch)
        [(loss, _accuracy)] = _history(answer.plain(model, [answer.framework.given(batch)], 0.0), 1)
    _expect_masked(loss, want, blind)


@checks("fine-tune", N_("Dropout is at work in training"))
def tuned_dropout(answer: Answer) -> None:
    batch = _batch(answer, [0, 1, 2, 3], [0, 1, 2, 0])
    with _model(answer, dropout=0.5) as model:
        plain, _blind = _losses(answer, model, batch)
        [(loss, _accuracy)] = _history(answer.plain(model, [answer.framework.given(batch)], 0.0), 1)
    if abs(loss - plain) < 1e-4:
        raise Unexpected(
            _("The loss is exactly that of the model without dropout."),
            _("Put the model into training mode: `model.train()` in PyTorch, `training=True` in the call in Keras."),
        )


@checks("fine-tune", N_("A worked example: the first step of AdamW moves a weight by the learning rate"))
def tuned_step(answer: Answer) -> None:
    framework = answer.framework
    rate = 0.02
    with _model(answer) as model:
        before, table = framework.bert_head(model)[1], _word_table(answer, model)
        answer.plain(model, [_tensors(answer, [0, 0, 0], [0, 0, 0])], rate)
        moved, after = framework.bert_head(model)[1] - before, _word_table(answer, model)
    want = np.array([rate, -rate, -rate])
    hint = _(
        "All three texts are of class 0, so its bias rises by the learning rate, 0.02, and the other two fall by it."
    )
    slips = {
        _("Nothing has moved: the optimizer's step is missing, or it was not given the model's weights."): 0 * want,
        _("The learning rate that is given has no effect: this is a step of 0.001."): want / 20,
        _("It moves the wrong way: the loss is to fall."): -want,
    }
    expect.equal(moved, want, _("change of the classification layer's bias"), hint, slips)
    # A word that no text has gets no gradient, so that nothing but the weight decay moves its vector.
    unseen = len(tiny.SPECIAL) + WORDS.index("rates")
    share = round(float(np.median(1 - after[unseen] / table[unseen])) / rate, 4)
    shares = {
        _("There is no weight decay."): 0.0,
        _("This is 0.004, Keras's default for AdamW; give `weight_decay` yourself."): 0.004,
    }
    _number(share, 0.01, _("weight decay"), _("A weight without a gradient shrinks by the share 0.01 · rate."), shares)


@checks("fine-tune", N_("What is frozen stays as it is, and the classification layer learns"))
def tuned_frozen(answer: Answer) -> None:
    framework = answer.framework
    with _model(answer, frozen=True) as model:
        before = framework.bert_weights(model)
        answer.plain(model, [_tensors(answer, [0, 1, 2], [0, 1, 2])], 0.02)
        after = framework.bert_weights(model)
    *backbone, weight, bias = before
    for name in backbone:
        if not np.array_equal(before[name], after[name]):
            raise Unexpected(
                _("`{name}` is frozen, and has changed all the same.").format(name=name),
                _("Leave the choice of what is trained to the model: do not unfreeze it here."),
            )
    if np.array_equal(before[weight], after[weight]):
        raise Unexpected(_("The classification layer has not changed."))


@checks("fine-tune", N_("In time, the model knows six texts by heart"))
def tuned_by_heart(answer: Answer) -> None:
    with _model(answer) as model:
        batches = [_tensors(answer, [n, n + 1, n + 2], [0, 1, 2]) for n in (0, 3)]
        history = _history(answer.plain(model, batches, 0.01, epochs=EPOCHS), EPOCHS)
    (first, _accuracy), (last, accuracy) = history[0], history[-1]
    if last > 0.3 or accuracy < 0.9:
        text = _("In {epochs} epochs the loss went from {first:.2f} to {last:.2f}, the accuracy to {accuracy:.0%}.")
        raise Unexpected(
            text.format(epochs=EPOCHS, first=first, last=last, accuracy=accuracy),
            _("Each batch in turn: forward, loss, old gradients cleared, new gradients, step."),
        )


# -- evaluation -------------------------------------------------------------------------------------------------------


@checks("evaluate", N_("It returns a dict with the numbers `loss` and `accuracy`"), gate=True)
def evaluated_form(answer: Answer) -> None:
    with _model(answer) as model:
        _metrics(answer.plain(model, [_tensors(answer, [0, 1], [0, 1])]), "evaluate")


@checks("evaluate", N_("A worked example: means over the examples, not over the batches"))
def evaluated_means(answer: Answer) -> None:
    with _model(answer, bias=(LN2, 0.0, 0.0)) as model:
        batches = [_tensors(answer, [0, 1, 2], [0, 0, 1]), _tensors(answer, [3], [2])]
        _expect_means(*_metrics(answer.plain(model, batches), "evaluate"))


@checks("evaluate", N_("What stands in the padding has no effect"))
def evaluated_mask(answer: Answer) -> None:
    batch = _batch(answer, [0, 1, 2, 3], [0, 1, 2, 0], padded=True)
    with _model(answer) as model:
        want, blind = _losses(answer, model, batch)
        loss, _accuracy = _metrics(answer.plain(model, [answer.framework.given(batch)]), "evaluate")
    _expect_masked(loss, want, blind)


@checks("evaluate", N_("Dropout is off"))
def evaluated_dropout(answer: Answer) -> None:
    batch = _batch(answer, [0, 1, 2, 3], [0, 1, 2, 0])
    with _model(answer, dropout=0.5) as model:
        want, _blind = _losses(answer, model, batch)
        _set_training(model, True)
        loss, _accuracy = _metrics(answer.plain(model, [answer.framework.given(batch)]), "evaluate")
    hint = _("Call `model.eval()` before, in PyTorch, or the model with `training=False`, in Keras.")
    _number(loss, want, _("loss of a model that came in training mode"), hint)


@checks("evaluate", N_("The model is left as it came: its weights, and whether it was training"))
def evaluated_leaves(answer: Answer) -> None:
    framework = answer.framework
    for training in (True, False):
        with _model(answer, dropout=0.1) as model:
            before = framework.bert_weights(model)
            _set_training(model, training)
            recorded = _watch_gradients(model)
            answer.plain(model, [_tensors(answer, [0, 1, 2], [0, 1, 2])])
            after = framework.bert_weights(model)
        if any(not np.array_equal(before[name], after[name]) for name in before):
            raise Unexpected(_("The weights have changed."), _("Evaluation looks at the model and trains nothing."))
        if recorded and any(recorded):
            raise Unexpected(
                _("The model was called with gradients on."),
                _("They cost memory and time, and nobody needs them here: `with torch.no_grad():`."),
            )
        if recorded and model.training is not training:
            mode = _("training") if training else _("evaluation")
            raise Unexpected(
                _("The model came in {mode} mode, and was left in the other.").format(mode=mode),
                _("Note the mode before you change it, `model.training`, and put it back with `model.train(...)`."),
            )


# -- what several checks need -----------------------------------------------------------------------------------------


@contextmanager
def _checkpoint(seed: int = 1) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield tiny.write(folder, seed, width=WIDTH, layers=1, words=WORDS)


@contextmanager
def _model(
    answer: Answer, dropout: float = 0.0, frozen: bool = False, bias: tuple[float, ...] | None = None
) -> Iterator[Any]:
    """A classifier of three classes, always the same; with `bias`, the classification layer has no weights but that."""
    with _checkpoint() as folder:
        model = answer.framework.bert(folder, CLASSES, dropout=dropout, frozen=frozen)
        weight = np.random.default_rng(3).normal(size=(WIDTH, CLASSES)) * (0.0 if bias else 1.0)
        answer.framework.set_bert_head(model, weight, np.zeros(CLASSES) if bias is None else np.array(bias))
        yield model


def _batch(
    answer: Answer, numbers: list[int], labels: list[int] | None = None, padded: bool = False
) -> dict[str, np.ndarray]:
    """Texts of four words, one a number: text n begins with word n. With `padded` the last two places are padding, with
    words in them that nobody may look at."""
    kind = answer.framework.ids
    ids = np.array([[CLS, 5 + n, 5, 6, 8, SEP] for n in numbers], kind)
    mask = np.ones_like(ids)
    if padded:
        ids[1:, 3], ids[1:, 4:], mask[1:, 4:] = SEP, 13, 0
    return {"input_ids": ids, "attention_mask": mask, "labels": np.array(labels or [0] * len(numbers), kind)}


def _tensors(answer: Answer, numbers: list[int], labels: list[int]) -> dict[str, Any]:
    return answer.framework.given(_batch(answer, numbers, labels))


def _encoded(answer: Answer, texts: list[str], labels: list[int], max_length: int) -> dict[str, np.ndarray]:
    with _checkpoint() as folder:
        tokenizer = answer.framework.bert_tokenizer(folder)
    batch = answer.plain(texts, labels, tokenizer, max_length)
    if not isinstance(batch, Mapping):
        raise Unexpected(_("Expected was a dict, but there is {got}.").format(got=type(batch).__name__))
    arrays = {}
    for name in ("input_ids", "attention_mask", "labels"):
        if name not in batch:
            raise Unexpected(_("The dict has no `{name}`.").format(name=name))
        arrays[name] = answer.framework.taken(batch[name], name)
        if arrays[name].dtype.kind not in "iub":
            raise Unexpected(
                _("`{name}` holds {kind}; these are whole numbers.").format(name=name, kind=arrays[name].dtype)
            )
    return arrays


def _built(answer: Answer, *args: Any, **kwargs: Any) -> Any:
    model = answer.plain(*args, **kwargs)
    if not answer.framework.is_bert(model):
        raise Unexpected(
            _("`{symbol}` gave a {kind}.").format(symbol=answer.symbol, kind=type(model).__name__),
            _("Return the classifier that the docstring names."),
        )
    return model


def _count(answer: Answer, model: Any, want: int, hint: str, slips: dict[str, int]) -> None:
    count = np.array(answer.framework.trainable(model))
    expect.equal(count, want, _("number of trainable numbers"), hint, slips)


def _history(result: Any, epochs: int) -> list[tuple[float, float]]:
    if not isinstance(result, (list, tuple)) or len(result) != epochs:
        got = len(result) if isinstance(result, (list, tuple)) else type(result).__name__
        raise Unexpected(
            _("After {epochs} epochs a list of {epochs} dicts was expected; there is: {got}.").format(
                epochs=epochs, got=got
            ),
            _("Start an empty list, append a dict at the end of each epoch, return the list."),
        )
    return [_metrics(row, _("an epoch")) for row in result]


def _number(value: float, want: float, name: str, hint: str, slips: dict[str, float] | None = None) -> None:
    expect.equal(np.array(value), want, name, hint, slips)


def _metrics(row: Any, what: str) -> tuple[float, float]:
    if not isinstance(row, Mapping) or not {"loss", "accuracy"} <= set(row):
        raise Unexpected(
            _("Expected was a dict with `loss` and `accuracy` ({what}); there is: {got}.").format(
                what=what, got=sorted(map(str, row)) if isinstance(row, Mapping) else type(row).__name__
            )
        )
    try:
        loss, accuracy = float(row["loss"]), float(row["accuracy"])
    except (TypeError, ValueError, RuntimeError):
        raise Unexpected(_("`loss` and `accuracy` are to be single numbers.")) from None
    if not np.isfinite(loss):
        raise Unexpected(
            _("The loss is {loss}: the training has diverged.").format(loss=loss),
            _("Is the learning rate the one that is given? Is the loss the library's, computed from logits?"),
        )
    if not 0 <= accuracy <= 1:
        raise Unexpected(
            _("The accuracy is {accuracy:g}; it is a fraction, from 0 to 1.").format(accuracy=accuracy),
            _("Divide the number of hits by the number of examples."),
        )
    return loss, accuracy


def _expect_means(loss: float, accuracy: float) -> None:
    """Batches of the classes 0, 0, 1 and 2 with the probabilities 1/2, 1/4, 1/4 for every text."""
    scaled = np.log(np.exp([0.5, 0.25, 0.25]).sum())  # what a second softmax makes of them
    slips = {
        _("This is the mean of the two batches' means; the second batch has one text, and should count as one."): (
            (2 * LN2 + LN4) / 3 + LN4
        )
        / 2,
        _(
            "This is what one gets if the loss is given probabilities: it wants logits, and applies the softmax itself."
        ): (4 * scaled - 0.5 * 2 - 0.25 * 2) / 4,
        _("This is the sum over the examples; divide it by their number."): 2 * LN2 + 2 * LN4,
        _("This is the loss of the last batch alone."): LN4,
        _("This is the sum of the batches' means; weigh each by its number of texts, and divide by all."): (
            (2 * LN2 + LN4) / 3 + LN4
        ),
    }
    hint = _("Two texts of class 0 with the loss ln 2, two others with ln 4: (2 ln 2 + 2 ln 4) / 4.")
    _number(loss, (2 * LN2 + 2 * LN4) / 4, _("loss"), hint, slips)
    slips = {
        _("This is the mean of the two batches' accuracies; every example counts the same."): 1 / 3,
        _("This is the accuracy of the last batch alone."): 0.0,
    }
    hint = _("The model says class 0 each time, and is right twice in four.")
    _number(accuracy, 0.5, _("accuracy"), hint, slips)


def _losses(answer: Answer, model: Any, batch: dict[str, np.ndarray]) -> tuple[float, float]:
    """The mean loss without dropout, and what it would be if the attention mask were forgotten."""
    found = []
    for mask in (batch["attention_mask"], np.ones_like(batch["attention_mask"])):
        logits = answer.framework.bert_logits(model, {**batch, "attention_mask": mask}).astype(float)
        shares = np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)) + logits.max(-1)
        found.append(float((shares - logits[np.arange(len(logits)), batch["labels"]]).mean()))
    return found[0], found[1]


def _expect_masked(loss: float, want: float, blind: float) -> None:
    slips = {_("This is the loss if the padding is read like words: give the model the attention mask."): blind}
    _number(loss, want, _("loss of a batch with padding"), "", slips)


def _word_table(answer: Answer, model: Any) -> np.ndarray:
    return next(iter(answer.framework.bert_weights(model).values()))  # the first of the weights


def _set_training(model: Any, training: bool) -> None:
    if hasattr(model, "train"):  # in Keras training is an argument of the call
        model.train(training)


def _watch_gradients(model: Any) -> list[bool]:
    """A list that fills up, as the model is called, with whether gradients are recorded; in PyTorch alone."""
    seen: list[bool] = []
    if hasattr(model, "register_forward_pre_hook"):
        import torch

        model.register_forward_pre_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    return seen
