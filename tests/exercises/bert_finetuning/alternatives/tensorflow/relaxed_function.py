"""Accepted: a `tf.function` without a signature, with retracing reduced, and logits collected for the metrics."""

import functools

import keras
import keras_hub as kh
import tensorflow as tf


def encode_batch(texts, labels, tokenizer, max_length):
    ragged = tf.ragged.constant(
        [row[: max_length - 2] for row in tokenizer(list(texts))], dtype=tf.int32, ragged_rank=1
    )
    one = tf.ones((ragged.nrows(), 1), tf.int32)
    ids = tf.concat([one * tokenizer.cls_token_id, ragged, one * tokenizer.sep_token_id], axis=1)
    return {
        "input_ids": ids.to_tensor(default_value=tokenizer.pad_token_id),
        "attention_mask": tf.ones_like(ids).to_tensor(),
        "labels": tf.constant([label - 1 for label in labels]),
    }


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = kh.models.TextClassifier.from_preset(checkpoint, num_classes=num_classes, preprocessor=None)
    model.backbone.trainable = not freeze_backbone
    return model


def call(model, batch, training):
    zeros = tf.zeros_like(batch["input_ids"])
    inputs = {"token_ids": batch["input_ids"], "segment_ids": zeros, "padding_mask": batch["attention_mask"]}
    return model(inputs, training=training)


def metrics(logits, labels):
    logits, labels = tf.concat(logits, 0), tf.concat(labels, 0)
    hits = tf.cast(tf.math.in_top_k(labels, tf.cast(logits, tf.float32), 1), tf.float64)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return {"loss": tf.reduce_mean(losses).numpy(), "accuracy": tf.reduce_mean(hits).numpy()}


def fine_tune(model, batches, learning_rate, epochs=1):
    adamw = functools.partial(keras.optimizers.AdamW, weight_decay=0.01, epsilon=1e-8)
    optimizer = adamw(learning_rate)

    @tf.function(reduce_retracing=True)
    def step(batch):
        with tf.GradientTape() as tape:
            logits = call(model, batch, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], logits))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=False))
        return logits

    history = []
    for _ in range(epochs):
        history.append(metrics([step(b) for b in batches], [b["labels"] for b in batches]))
    return history


def evaluate(model, batches):
    return metrics([call(model, b, training=False) for b in batches], [b["labels"] for b in batches])
