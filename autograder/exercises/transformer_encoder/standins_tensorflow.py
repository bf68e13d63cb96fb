"""Correct versions of a student's earlier answers, used while a later part of the exercise is graded (TensorFlow).

So a later part does not fail because an earlier answer is wrong. Students' code can read these definitions. That gives
nothing away: the lesson explains them, and they are used only after the part that asks for them has been graded.
"""

import keras
import tensorflow as tf


class TransformerBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False, **kwargs):
        super().__init__(**kwargs)
        if d_model % num_heads:
            raise ValueError("d_model must be divisible by num_heads")
        self.attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.feed_forward = keras.Sequential([keras.layers.Dense(d_ff, activation="relu"), keras.layers.Dense(d_model)])
        self.norm1 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm2 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.dropout, self.norm_first = keras.layers.Dropout(dropout), norm_first

    def add(self, x, norm, sublayer, training):
        if self.norm_first:
            return x + self.dropout(sublayer(norm(x)), training=training)
        return norm(x + self.dropout(sublayer(x), training=training))

    def call(self, x, mask=None, training=None):
        keys = None if mask is None else mask[:, tf.newaxis, :]
        x = self.add(x, self.norm1, lambda y: self.attention(y, y, attention_mask=keys), training)
        return self.add(x, self.norm2, self.feed_forward, training)

    def compute_mask(self, inputs, previous_mask=None):
        return None


def masked_mean(x, mask):
    real = tf.cast(mask, x.dtype)
    return tf.einsum("bld,bl->bd", x, real / tf.reduce_sum(real, axis=1, keepdims=True))
