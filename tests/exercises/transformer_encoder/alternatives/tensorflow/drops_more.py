"""Accepted: dropout in attention's weights and inside the network as well; the embedding scaled and normed."""

import keras
import tensorflow as tf


class TransformerBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.norm_first = norm_first
        self.attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads, dropout=dropout)
        self.feed_forward = keras.Sequential(
            [
                keras.layers.Dense(d_ff),
                keras.layers.ReLU(),
                keras.layers.Dropout(dropout),
                keras.layers.Dense(d_model),
                keras.layers.Dropout(dropout),
            ]
        )
        self.norm1 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm2 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.dropout = keras.layers.Dropout(dropout)

    def call(self, x, mask=None, training=None):
        keys = None if mask is None else mask[:, tf.newaxis]

        def attend(x):
            return self.dropout(self.attention(x, x, attention_mask=keys, training=training), training=training)

        if self.norm_first:
            y = x + attend(self.norm1(x))
            return y + self.feed_forward(self.norm2(y), training=training)
        y = self.norm1(x + attend(x))
        return self.norm2(y + self.feed_forward(y, training=training))


def masked_mean(x, mask):
    weights = tf.repeat(tf.cast(mask, x.dtype)[:, :, None], x.shape[-1], axis=2)
    return tf.reduce_sum(x * weights, axis=-2) / tf.reduce_sum(weights, axis=-2)


class TransformerClassifier(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len, self.scale = pad_id, max_len, d_model**0.5
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.position = keras.layers.Embedding(max_len, d_model)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5)
        self.dropout = keras.layers.Dropout(dropout)
        self.blocks = [TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.to_logits = keras.layers.Dense(num_classes)

    def call(self, ids, training=None):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        x = self.norm(self.token(ids) * self.scale + self.position(tf.range(ids.shape[1])))
        x, mask = self.dropout(x, training=training), tf.not_equal(ids, self.pad_id)
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        return self.to_logits(self.dropout(masked_mean(x, mask), training=training))
