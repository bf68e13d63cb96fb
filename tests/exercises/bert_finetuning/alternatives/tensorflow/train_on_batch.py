"""Accepted: Keras's own training and testing of a batch, each batch's metrics weighed by its size."""

import keras
import keras_hub
import numpy as np
import tensorflow as tf


def encode_batch(texts, labels, tokenizer, max_length):
    rows = [[tokenizer.cls_token_id, *row[: max_length - 2], tokenizer.sep_token_id] for row in tokenizer(texts)]
    ids = keras.utils.pad_sequences(rows, padding="post", value=tokenizer.pad_token_id)
    mask = keras.utils.pad_sequences([[1] * len(row) for row in rows], padding="post")
    return {
        "input_ids": tf.convert_to_tensor(ids),
        "attention_mask": tf.convert_to_tensor(mask),
        "labels": tf.convert_to_tensor(np.array(labels) - 1),
    }


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    backbone = keras_hub.models.BertBackbone.from_preset(checkpoint)
    backbone.trainable = not freeze_backbone
    return keras_hub.models.BertTextClassifier(backbone=backbone, num_classes=num_classes, preprocessor=None)


def inputs_of(batch):
    ids = batch["input_ids"]
    return {"token_ids": ids, "segment_ids": keras.ops.zeros_like(ids), "padding_mask": batch["attention_mask"]}


def compiled(model, optimizer):
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        run_eagerly=True,
    )
    return model


def fine_tune(model, batches, learning_rate, epochs=1):
    compiled(model, keras.optimizers.AdamW(learning_rate, weight_decay=0.01, epsilon=1e-8))
    history = []
    for _ in range(epochs):
        history.append(over_batches(model, model.train_on_batch, batches))
    return history


def over_batches(model, go, batches):
    total, count = {"loss": 0.0, "accuracy": 0.0}, 0
    for batch in batches:
        model.reset_metrics()
        logs = go(inputs_of(batch), batch["labels"], return_dict=True)
        for key in total:
            total[key] += float(logs[key]) * len(batch["labels"])
        count += len(batch["labels"])
    return {key: value / count for key, value in total.items()}


def evaluate(model, batches):
    return over_batches(model, compiled(model, "sgd").test_on_batch, batches)
