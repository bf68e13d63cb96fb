"""Accepted: KerasHub's own packing of texts, `keras.ops` in place of `tf`, one loop for training and evaluation."""

import keras
import keras_hub
import tensorflow as tf
from keras import ops


def encode_batch(texts, labels, tokenizer, max_length):
    pieces = tokenizer(texts)
    longest = min(max_length, 2 + max(len(row) for row in pieces))
    pack = keras_hub.layers.StartEndPacker(
        sequence_length=longest,
        start_value=tokenizer.cls_token_id,
        end_value=tokenizer.sep_token_id,
        pad_value=tokenizer.pad_token_id,
        return_padding_mask=True,
    )
    ids, mask = pack([row[: longest - 2] for row in pieces])
    return {
        "input_ids": tf.cast(ops.convert_to_tensor(ids), tf.int32),
        "attention_mask": ops.cast(mask, "int32"),
        "labels": ops.subtract(ops.convert_to_tensor(labels, dtype="int32"), 1),
        "segment_ids": ops.zeros_like(ops.cast(mask, "int32")),
    }


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = keras_hub.models.BertTextClassifier.from_preset(checkpoint, num_classes=num_classes, preprocessor=None)
    model.backbone.trainable = not freeze_backbone
    return model


def go_through(model, batches, optimizer=None):
    total, hits, count = 0.0, 0.0, 0
    for batch in batches:
        ids, labels = batch["input_ids"], batch["labels"]
        inputs = {
            "token_ids": ids,
            "segment_ids": ops.zeros(ops.shape(ids), "int32"),
            "padding_mask": batch["attention_mask"],
        }
        with tf.GradientTape() as tape:
            logits = model(inputs, training=optimizer is not None)
            scores = ops.log_softmax(logits)
            losses = -ops.take_along_axis(scores, labels[:, None], axis=-1)[:, 0]
            loss = ops.mean(losses)
        if optimizer is not None:
            weights = model.trainable_weights
            optimizer.apply(tape.gradient(loss, weights), weights)
        total += float(ops.sum(losses))
        hits += float(ops.sum(ops.cast(ops.equal(ops.argmax(logits, -1), ops.cast(labels, "int32")), "float32")))
        count += int(labels.shape[0])
    return {"loss": total / count, "accuracy": hits / count}


def fine_tune(model, batches, learning_rate, epochs=1):
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=0.01, epsilon=1e-8)
    return [go_through(model, batches, optimizer) for _ in range(epochs)]


def evaluate(model, batches):
    return go_through(model, batches)
