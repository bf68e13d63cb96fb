"""Accepted: a classifier of pre-norm blocks with a last norm, and a layer of one's own for the embedding."""

import keras
import tensorflow as tf


class TransformerBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.before = norm_first
        self.attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.feed_forward = keras.Sequential([keras.layers.Dense(d_ff, activation="relu"), keras.layers.Dense(d_model)])
        self.norm1, self.norm2 = (keras.layers.LayerNormalization(epsilon=1e-5) for _ in "12")
        self.dropout = keras.layers.Dropout(dropout)

    def call(self, x, mask=None, training=None):
        mask = tf.ones(tf.shape(x)[:2], tf.bool) if mask is None else mask
        form = self.pre_norm if self.before else self.post_norm
        return form(x, mask[:, tf.newaxis, :], training)

    def pre_norm(self, x, mask, training):
        y = self.norm1(x)
        x = x + self.dropout(self.attention(y, y, attention_mask=mask), training=training)
        return x + self.dropout(self.feed_forward(self.norm2(x)), training=training)

    def post_norm(self, x, mask, training):
        x = self.norm1(x + self.dropout(self.attention(x, x, attention_mask=mask), training=training))
        return self.norm2(x + self.dropout(self.feed_forward(x), training=training))


def masked_mean(x, mask):
    return tf.stack([tf.reduce_mean(row[real], axis=0) for row, real in zip(tf.unstack(x), tf.unstack(mask))])  # noqa: B905


class Words(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, width):
        super().__init__()
        self.token, self.position = keras.layers.Embedding(vocab_size, width), keras.layers.Embedding(max_len, width)
        self.max_len = max_len

    def call(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        return self.token(ids) + self.position(tf.range(ids.shape[1]))


class TransformerClassifier(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id = pad_id
        self.words = Words(vocab_size, max_len, d_model)
        self.blocks = [TransformerBlock(d_model, num_heads, d_ff, dropout, True) for _ in range(num_layers)]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5)
        self.head = keras.layers.Dense(num_classes)

    def call(self, ids, training=None):
        mask = ids != self.pad_id
        x = self.words(ids)
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        return self.head(masked_mean(self.norm(x), mask))
