"""Accepted: a whole epoch as one graph, which loops over a data set."""

import functools

import keras
import keras_hub
import tensorflow as tf


def encode_batch(texts, labels, tokenizer, max_length):
    def pieces(text):
        return tf.concat([[tokenizer.cls_token_id], tokenizer(text)[: max_length - 2], [tokenizer.sep_token_id]], 0)

    rows = tf.ragged.stack([tf.cast(pieces(text), tf.int32) for text in texts])
    return {
        "labels": tf.math.subtract(tf.stack(labels), 1),
        "input_ids": rows.to_tensor(tokenizer.pad_token_id),
        "attention_mask": rows.with_values(tf.ones_like(rows.values)).to_tensor(0),
    }


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    make = keras_hub.models.BertTextClassifier.from_preset
    model = make(checkpoint, num_classes=num_classes, preprocessor=None, activation="linear")
    if freeze_backbone:
        setattr(model.backbone, "trainable", False)  # noqa: B010
    return model


def data_set(batches):
    keys = ("input_ids", "attention_mask", "labels")
    signature = tuple(tf.TensorSpec((None,) * n, tf.int32) for n in (2, 2, 1))

    def generate():
        for batch in batches:
            yield tuple(tf.cast(batch[key], tf.int32) for key in keys)

    return tf.data.Dataset.from_generator(generate, output_signature=signature)


def one(model, training, ids, mask, labels):
    inputs = {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": mask}
    logits = model(inputs, training=training)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    hits = tf.cast(tf.equal(tf.argmax(logits, -1, tf.int32), labels), losses.dtype)
    return losses, tf.stack([tf.reduce_sum(losses), tf.reduce_sum(hits), tf.cast(tf.size(labels), losses.dtype)])


def as_dict(sums):
    loss, hits, count = sums.numpy().tolist()
    return {"loss": loss / count, "accuracy": hits / count}


def fine_tune(model, batches, learning_rate, epochs=1):
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=0.01, epsilon=1e-8)
    weights = model.trainable_variables
    optimizer.build(weights)
    forward = functools.partial(one, model, True)
    data, dtype = data_set(batches), weights[0].dtype

    @tf.function
    def epoch():
        sums = tf.zeros(3, dtype)
        for ids, mask, labels in data:
            with tf.GradientTape() as tape:
                losses, found = forward(ids, mask, labels)
                loss = tf.reduce_mean(losses)
            optimizer.apply(tape.gradient(loss, weights), weights)
            sums += found
        return sums

    return [as_dict(epoch()) for _ in range(epochs)]


def evaluate(model, batches):
    data = data_set(batches).map(lambda *batch: one(model, False, *batch)[1])
    return as_dict(tf.add_n(list(data)))
