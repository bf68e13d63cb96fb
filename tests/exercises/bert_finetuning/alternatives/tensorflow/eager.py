"""Accepted: nothing compiled, Keras's own loss and metrics, `apply_gradients`."""

import keras
import keras_hub
import tensorflow as tf


def encode_batch(texts, labels, tokenizer, max_length):
    pieces = [list(tokenizer(text)) for text in texts]
    cut = [p[: max_length - 2] for p in pieces]
    longest = max(len(p) for p in cut) + 2
    ids, mask = [], []
    for p in cut:
        row = [tokenizer.cls_token_id] + p + [tokenizer.sep_token_id]
        ids.append(row + [tokenizer.pad_token_id] * (longest - len(row)))
        mask.append([1] * len(row) + [0] * (longest - len(row)))
    return {"input_ids": tf.constant(ids), "attention_mask": tf.constant(mask), "labels": tf.constant(labels) - 1}


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = keras_hub.models.BertTextClassifier.from_preset(checkpoint, preprocessor=None, num_classes=num_classes)
    for layer in model.backbone.layers:
        layer.trainable = not freeze_backbone
    return model


def fine_tune(model, batches, learning_rate, epochs=1):
    optimizer = keras.optimizers.AdamW(learning_rate=learning_rate, weight_decay=0.01, epsilon=1e-8)
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    history = []
    for _ in range(epochs):
        mean, accuracy = keras.metrics.Mean(), keras.metrics.SparseCategoricalAccuracy()
        for batch in batches:
            ids = batch["input_ids"]
            with tf.GradientTape() as tape:
                logits = model(
                    {"token_ids": ids, "padding_mask": batch["attention_mask"], "segment_ids": 0 * ids}, training=True
                )
                loss = loss_function(batch["labels"], logits)
            gradients = tape.gradient(loss, model.trainable_weights)
            optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=False))
            mean.update_state(loss, sample_weight=len(ids))
            accuracy.update_state(batch["labels"], logits)
        history.append({"loss": float(mean.result()), "accuracy": float(accuracy.result())})
        # The mean weighs by the sum of the weights, so each example counts the same.
    return history


def evaluate(model, batches):
    losses, hits = [], []
    for batch in batches:
        ids = batch["input_ids"]
        logits = model({"token_ids": ids, "padding_mask": batch["attention_mask"], "segment_ids": 0 * ids})
        losses.append(keras.losses.sparse_categorical_crossentropy(batch["labels"], logits, from_logits=True))
        hits.append(keras.metrics.sparse_categorical_accuracy(batch["labels"], logits))
    return {"loss": tf.reduce_mean(tf.concat(losses, 0)), "accuracy": tf.reduce_mean(tf.concat(hits, 0))}
