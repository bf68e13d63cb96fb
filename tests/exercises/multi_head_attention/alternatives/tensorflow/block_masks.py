"""Accepted: no head is ever cut out: each sees the whole width, with all columns but its own set to zero."""

import keras
import tensorflow as tf


def own_columns(d_model, num_heads):
    """(H, 1, D): True where a column belongs to the head."""
    if d_model % num_heads:
        raise ValueError("not divisible")
    heads = tf.range(num_heads)
    return (tf.repeat(heads, d_model // num_heads) == heads[:, tf.newaxis])[:, tf.newaxis]


def split_heads(x, num_heads):
    own = own_columns(x.shape[-1], num_heads)
    batch, length, d_model = x.shape
    copies = tf.repeat(x[:, tf.newaxis], num_heads, axis=1)
    chosen = tf.boolean_mask(copies, tf.broadcast_to(own, copies.shape))
    return tf.reshape(chosen, (batch, num_heads, length, d_model // num_heads))


def merge_heads(x):
    heads, width = x.shape[1], x.shape[3]
    merged = []
    for head in range(heads):
        # as wide as all heads together, zero outside its own columns
        merged.append(tf.pad(x[:, head], [[0, 0], [0, 0], [head * width, (heads - 1 - head) * width]]))
    return tf.add_n(merged)


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.own = tf.cast(own_columns(d_model, num_heads), self.compute_dtype)
        self.width = d_model // num_heads
        self.W_q, self.W_k = keras.layers.Dense(d_model), keras.layers.Dense(d_model)
        self.W_v, self.W_o = keras.layers.Dense(d_model), keras.layers.Dense(d_model)

    def call(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        queries = self.W_q(query)[:, None] * self.own  # (B, H, L, D)
        scores = tf.matmul(queries, self.W_k(key)[:, None], transpose_b=True) / self.width**0.5
        if mask is not None:
            scores = tf.where(mask, scores, float("-inf"))
        weights = tf.nn.softmax(scores)
        values = self.W_v(value)[:, None] * self.own
        return self.W_o(tf.reduce_sum(weights @ values, axis=1)), weights
