"""Accepted: each batch in pieces of four texts, whose gradients add up to the batch's; Adam with a decay in place of
AdamW.
"""

import keras
import keras_hub
import tensorflow as tf

PIECE = 4


def encode_batch(texts, labels, tokenizer, max_length):
    rows = tf.ragged.constant([list(tokenizer(text))[: max_length - 2] for text in texts], tf.int32, ragged_rank=1)
    lengths = rows.row_lengths() + 2
    inner = rows.to_tensor(tokenizer.pad_token_id)
    first = tf.fill((len(texts), 1), tokenizer.cls_token_id)
    last = tf.fill((len(texts), 1), tokenizer.pad_token_id)  # room for the longest text's [SEP]
    ids = tf.concat([first, inner, last], axis=1)
    ends = tf.stack([tf.range(len(texts), dtype=tf.int64), lengths - 1], axis=1)
    ids = tf.tensor_scatter_nd_update(ids, ends, tf.fill((len(texts),), tokenizer.sep_token_id))
    return {
        "input_ids": ids,
        "attention_mask": tf.sequence_mask(lengths, tf.shape(ids)[1], tf.int32),
        "labels": tf.add(tf.constant(labels), -1),
    }


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = keras_hub.models.BertTextClassifier.from_preset(checkpoint, num_classes=num_classes, preprocessor=None)
    model.backbone.trainable = freeze_backbone is False
    return model


def pieces_of(batch):
    for start in range(0, batch["labels"].shape[0], PIECE):
        ids, mask, labels = (batch[k][start : start + PIECE] for k in ("input_ids", "attention_mask", "labels"))
        yield {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": mask}, labels


def measure(logits, labels):
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return losses, tf.reduce_sum(tf.cast(tf.argmax(logits, -1, labels.dtype) == labels, tf.int32))


def fine_tune(model, batches, learning_rate, epochs=1):
    optimizer = keras.optimizers.Adam(learning_rate, weight_decay=0.01, epsilon=1e-8)
    weights = model.trainable_variables

    @tf.function(reduce_retracing=True)
    def gradients_of(inputs, labels):
        with tf.GradientTape() as tape:
            losses, hits = measure(model(inputs, training=True), labels)
            total = tf.reduce_sum(losses)
        return total, hits, [tf.convert_to_tensor(g) for g in tape.gradient(total, weights)]

    history = []
    for _ in range(epochs):
        loss, correct, count = 0.0, 0, 0
        for batch in batches:
            found, size = [gradients_of(*piece) for piece in pieces_of(batch)], int(batch["labels"].shape[0])
            gradients = [tf.add_n(same) / size for same in zip(*(gradients for _, _, gradients in found), strict=True)]
            optimizer.apply_gradients(list(zip(gradients, weights, strict=True)))
            loss += sum(float(total) for total, _, _ in found)
            correct += sum(int(hits) for _, hits, _ in found)
            count += size
        history.append({"loss": loss / count, "accuracy": correct / count, "examples": count})
    return history


def evaluate(model, batches):
    loss, correct, count = 0.0, 0, 0
    for batch in batches:
        for inputs, labels in pieces_of(batch):
            losses, hits = measure(model(inputs), labels)
            loss, correct, count = loss + float(tf.reduce_sum(losses)), correct + int(hits), count + len(labels)
    return {"loss": loss / count, "accuracy": correct / count}
