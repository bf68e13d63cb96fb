"""Accepted: `tf.einsum` over heads, minus infinity as the fill."""

import keras
import tensorflow as tf


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads != 0:
        raise ValueError("the heads cannot share this width")
    x = tf.reshape(x, (*x.shape[:2], num_heads, -1))
    return tf.einsum("blhd->bhld", x)


def merge_heads(x):
    x = tf.einsum("bhld->blhd", x)
    return tf.reshape(x, (x.shape[0], x.shape[1], -1))


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads != 0:
            raise ValueError("the heads cannot share this width")
        self.heads, self.scale = num_heads, (d_model // num_heads) ** -0.5
        self.W_q, self.W_k, self.W_v, self.W_o = (keras.layers.Dense(d_model) for _ in range(4))

    def call(self, query, key=None, value=None, mask=None):
        if key is None:
            key = query
        if value is None:
            value = key
        q, k, v = (
            tf.reshape(layer(x), (x.shape[0], x.shape[1], self.heads, -1))
            for layer, x in ((self.W_q, query), (self.W_k, key), (self.W_v, value))
        )
        scores = tf.einsum("blhd,bshd->bhls", q, k) * self.scale
        if mask is not None:
            scores = tf.where(mask, scores, -float("inf"))
        weights = tf.nn.softmax(scores)
        output = tf.einsum("bhls,bshd->blhd", weights, v)
        return self.W_o(tf.reshape(output, query.shape)), weights
