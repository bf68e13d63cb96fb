"""Accepted: the classifier's parts are called one by one, those that are frozen without gradients; `keras.ops`."""

import keras
import keras_hub
import tensorflow as tf
from keras import ops


def encode_batch(texts, labels, tokenizer, max_length):
    rows = [list(map(int, pieces))[: max_length - 2] for pieces in tokenizer(list(texts))]
    longest = max(len(row) for row in rows) + 2
    ids = ops.stack([one_row(row, longest, tokenizer) for row in rows])
    return {
        "input_ids": ids,
        "attention_mask": ops.cast(ops.not_equal(ids, tokenizer.pad_token_id), "int32"),
        "labels": ops.subtract(ops.array(list(labels), "int32"), ops.ones(len(labels), "int32")),
    }


def one_row(pieces, longest, tokenizer):
    row = ops.array([tokenizer.cls_token_id, *pieces, tokenizer.sep_token_id], "int32")
    return ops.pad(row, [[0, longest - len(pieces) - 2]], constant_values=tokenizer.pad_token_id)


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    load = keras_hub.models.BertTextClassifier.from_preset
    model = load(checkpoint, num_classes=num_classes, preprocessor=None)
    model.backbone.trainable = not freeze_backbone
    return model


def logits_of(model, batch, training):
    ids = batch["input_ids"]
    inputs = {"token_ids": ids, "segment_ids": ops.zeros_like(ids), "padding_mask": batch["attention_mask"]}
    pooled = model.backbone(inputs, training=training)["pooled_output"]
    if not model.backbone.trainable_variables:
        pooled = ops.stop_gradient(pooled)
    return model.output_dense(model.output_dropout(pooled, training=training))


def losses_of(logits, labels):
    return ops.categorical_crossentropy(ops.one_hot(labels, logits.shape[-1]), logits, from_logits=True)


class Means:
    def __init__(self):
        self.losses, self.hits = [], []

    def add(self, losses, logits, labels):
        self.losses += ops.convert_to_numpy(losses).tolist()
        right = ops.equal(ops.top_k(logits, 1)[1][:, 0], ops.cast(labels, "int32"))
        self.hits += ops.convert_to_numpy(right).tolist()

    def result(self):
        return {"loss": sum(self.losses) / len(self.losses), "accuracy": sum(self.hits) / len(self.hits)}


def fine_tune(model, batches, learning_rate, epochs=1):
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=0.01, epsilon=1e-8)
    weights, history = model.trainable_weights, []
    for _ in range(epochs):
        means = Means()
        for batch in batches:
            with tf.GradientTape() as tape:
                logits = logits_of(model, batch, training=True)
                losses = losses_of(logits, batch["labels"])
                loss = ops.mean(losses)
            optimizer.apply(tape.gradient(loss, weights), weights)
            means.add(losses, logits, batch["labels"])
        history.append(means.result())
    return history


def evaluate(model, batches):
    means = Means()
    for batch in batches:
        logits = logits_of(model, batch, training=False)
        means.add(losses_of(logits, batch["labels"]), logits, batch["labels"])
    return means.result()
