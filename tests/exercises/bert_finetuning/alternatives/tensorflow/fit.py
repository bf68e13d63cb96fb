"""Accepted: `model.fit` with a data set of unequal batches, and a callback's history."""

import keras
import keras_hub
import tensorflow as tf


def encode_batch(texts, labels, tokenizer, max_length):
    rows = [[tokenizer.cls_token_id] + row[: max_length - 2] + [tokenizer.sep_token_id] for row in tokenizer(texts)]
    width = max(map(len, rows))
    ids = tf.constant([row + [tokenizer.pad_token_id] * (width - len(row)) for row in rows], tf.int32)
    lengths = tf.constant([len(row) for row in rows])
    return {
        "input_ids": ids,
        "attention_mask": tf.cast(tf.range(width)[None] < lengths[:, None], tf.int32),
        "labels": tf.constant(labels, tf.int32) - tf.ones(len(labels), tf.int32),
    }


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = keras_hub.models.BertTextClassifier.from_preset(checkpoint, num_classes=num_classes, preprocessor=None)
    if freeze_backbone:
        model.trainable = False
        model.trainable = True
        model.backbone.trainable = False
    return model


def as_data(batches):
    def generate():
        for batch in batches:
            ids, mask = batch["input_ids"], batch["attention_mask"]
            yield {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": mask}, batch["labels"]

    matrix, vector = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)
    inputs = {"token_ids": matrix, "segment_ids": matrix, "padding_mask": matrix}
    return tf.data.Dataset.from_generator(generate, output_signature=(inputs, vector))


def prepare(model, optimizer):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"], jit_compile=False)


def fine_tune(model, batches, learning_rate, epochs=1):
    prepare(model, keras.optimizers.AdamW(learning_rate, weight_decay=0.01, epsilon=1e-8))
    history = model.fit(as_data(batches), epochs=epochs, shuffle=False, verbose=0).history
    return [{"loss": loss, "accuracy": hits} for loss, hits in zip(history["loss"], history["accuracy"], strict=False)]


def evaluate(model, batches):
    prepare(model, "sgd")
    return model.evaluate(as_data(batches), verbose=0, return_dict=True)
