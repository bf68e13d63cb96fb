"""Accepted: evaluation that sorts the texts by length and makes batches of its own, with metrics in NumPy; training
in one loop over all steps.
"""

from itertools import chain, repeat

import keras
import keras_hub
import numpy as np
import tensorflow as tf


def encode_batch(texts, labels, tokenizer, max_length):
    dense = keras_hub.models.BertTokenizer.call(tokenizer, tf.constant(list(texts)))
    rows = [
        np.concatenate([[tokenizer.cls_token_id], row[: max_length - 2], [tokenizer.sep_token_id]]) for row in dense
    ]
    ids = np.full((len(rows), max(row.size for row in rows)), tokenizer.pad_token_id)
    mask = np.zeros_like(ids)
    for n, row in enumerate(rows):
        ids[n, : row.size], mask[n, : row.size] = row, 1
    batch = {"input_ids": ids, "attention_mask": mask, "labels": np.asarray(labels) - 1}
    return {key: tf.convert_to_tensor(array, tf.int32) for key, array in batch.items()}


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    backbone = keras_hub.models.Backbone.from_preset(checkpoint)
    model = keras_hub.models.BertTextClassifier(backbone, num_classes)
    backbone.trainable = not freeze_backbone
    return model


def fine_tune(model, batches, learning_rate, epochs=1):
    rate = keras.optimizers.schedules.ExponentialDecay(learning_rate, 1, 1.0)  # a decay by nothing
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.01, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
    notes = []
    for batch in chain.from_iterable(repeat(batches, epochs)):
        ids, labels = batch["input_ids"], batch["labels"]
        inputs = {"token_ids": ids, "segment_ids": ids * 0, "padding_mask": batch["attention_mask"]}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            weights = model.trainable_variables
            tape.watch([weight.value for weight in weights])
            scores = tf.nn.log_softmax(model(inputs, training=True))
            losses = -tf.gather(scores, labels, axis=1, batch_dims=1)
            loss = tf.reduce_sum(losses) / losses.shape[0]
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        notes.append(np.stack([losses.numpy(), scores.numpy().argmax(1) == labels.numpy()]))
    rows = [
        np.concatenate(notes[n * len(batches) : (n + 1) * len(batches)], axis=1).mean(axis=1) for n in range(epochs)
    ]
    return [{"loss": float(loss), "accuracy": float(hits)} for loss, hits in rows]


def evaluate(model, batches, size=5):
    texts = [
        (ids[mask > 0], label)
        for batch in batches
        for ids, mask, label in zip(*(batch[k].numpy() for k in ("input_ids", "attention_mask", "labels")), strict=True)
    ]
    texts.sort(key=lambda text: len(text[0]))
    losses, hits = [], []
    while texts:
        rows, labels = zip(*texts[-size:], strict=True)
        del texts[-size:]
        ids = keras.utils.pad_sequences(rows, padding="post")
        mask = keras.utils.pad_sequences([np.ones_like(row) for row in rows], padding="post")
        inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}
        logits = keras.ops.convert_to_numpy(model(inputs, training=False))
        shifted = logits - logits.max(axis=1, keepdims=True)
        picked = shifted[np.arange(len(labels)), labels]
        losses.extend(np.log(np.exp(shifted).sum(axis=1)) - picked)
        hits.extend(logits.argmax(axis=1) == labels)
    return {"loss": float(np.mean(losses)), "accuracy": float(np.mean(hits))}
