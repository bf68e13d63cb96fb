"""Accepted: padding, the loss and Keras's AdamW itself written out."""

import keras_hub
import numpy as np
import tensorflow as tf


def encode_batch(texts, labels, tokenizer, max_length):
    rows = [np.array(tokenizer(text))[: max_length - 2] for text in texts]
    lengths = [len(row) + 2 for row in rows]
    ids = np.full((len(rows), max(lengths)), tokenizer.pad_token_id, np.int64)
    for i, row in enumerate(rows):
        ids[i, 0] = tokenizer.cls_token_id
        ids[i, 1 : 1 + len(row)] = row
        ids[i, 1 + len(row)] = tokenizer.sep_token_id
    mask = np.arange(ids.shape[1]) < np.array(lengths)[:, None]
    return dict(input_ids=tf.constant(ids), attention_mask=tf.constant(mask), labels=tf.constant(labels, tf.int64) - 1)


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    make = keras_hub.models.BertTextClassifier
    model = make.from_preset(checkpoint, num_classes=num_classes, preprocessor=None, dropout=0.1)
    if freeze_backbone:
        model.backbone.trainable = False
    return model


class MyAdamW:
    def __init__(self, weights, rate, decay=0.01, one=0.9, two=0.999, epsilon=1e-8):
        self.weights, self.rate, self.decay, self.one, self.two, self.epsilon = weights, rate, decay, one, two, epsilon
        self.first = [tf.Variable(tf.zeros_like(w)) for w in weights]
        self.second = [tf.Variable(tf.zeros_like(w)) for w in weights]
        self.steps = 0

    def step(self, gradients):
        self.steps += 1
        for w, g, m, v in zip(self.weights, gradients, self.first, self.second, strict=False):
            squares = g * g if isinstance(g, tf.Tensor) else tf.IndexedSlices(g.values**2, g.indices, g.dense_shape)
            g, squares = tf.convert_to_tensor(g), tf.convert_to_tensor(squares)
            m.assign(self.one * m + (1 - self.one) * g)
            v.assign(self.two * v + (1 - self.two) * squares)
            # As Keras does it: epsilon beside the second moment that is not yet corrected (Kingma and Ba, section 2).
            rate = self.rate * (1 - self.two**self.steps) ** 0.5 / (1 - self.one**self.steps)
            w.assign((1 - self.rate * self.decay) * tf.convert_to_tensor(w) - rate * m / (tf.sqrt(v) + self.epsilon))


def forward(model, batch, training):
    ids = batch["input_ids"]
    return (
        model([ids, tf.zeros_like(ids), batch["attention_mask"]], training=training)
        if isinstance(model.input, list)
        else model(
            {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": batch["attention_mask"]},
            training=training,
        )
    )


def each_loss(logits, labels):
    classes = tf.one_hot(labels, tf.shape(logits)[-1], dtype=logits.dtype)
    return tf.reduce_logsumexp(logits, -1) - tf.reduce_sum(classes * logits, -1)


def hits_of(logits, labels):
    return tf.cast(tf.equal(tf.argmax(logits, -1), tf.cast(labels, tf.int64)), tf.float64)


def fine_tune(model, batches, learning_rate, epochs=1):
    optimizer = MyAdamW(model.trainable_variables, learning_rate)
    history = []
    for _ in range(epochs):
        losses, hits = [], []
        for batch in batches:
            with tf.GradientTape() as tape:
                logits = forward(model, batch, True)
                loss = each_loss(logits, batch["labels"])
                mean = tf.reduce_mean(loss)
            optimizer.step(tape.gradient(mean, optimizer.weights))
            losses.append(loss)
            hits.append(hits_of(logits, batch["labels"]))
        history.append(means(losses, hits))
    return history


def means(losses, hits):
    return {"loss": float(tf.reduce_mean(tf.concat(losses, 0))), "accuracy": float(tf.reduce_mean(tf.concat(hits, 0)))}


def evaluate(model, batches):
    logits = [forward(model, batch, False) for batch in batches]
    labels = [batch["labels"] for batch in batches]
    return means([*map(each_loss, logits, labels)], [*map(hits_of, logits, labels)])
