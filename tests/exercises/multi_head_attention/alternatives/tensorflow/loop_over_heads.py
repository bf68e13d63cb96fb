"""Accepted: a loop over heads that slices the projections, split and concat for the pieces, an additive mask."""

import math

import keras
import tensorflow as tf


def split_heads(x, num_heads):
    if x.shape[2] % num_heads:
        raise ValueError("not divisible")
    return tf.stack(tf.split(x, num_heads, axis=2), axis=1)


def merge_heads(x):
    return tf.concat([x[:, h] for h in range(x.shape[1])], axis=-1)


def attention(q, k, v, bias):
    weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) / math.sqrt(q.shape[-1]) + bias)
    return weights @ v, weights


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.d_model, self.num_heads = d_model, num_heads
        self.W_q = keras.layers.Dense(d_model)
        self.W_k = keras.layers.Dense(d_model)
        self.W_v = keras.layers.Dense(d_model)
        self.W_o = keras.layers.Dense(d_model)

    def call(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = self.W_q(query), self.W_k(key), self.W_v(value)
        bias = tf.zeros((q.shape[0], self.num_heads, q.shape[1], k.shape[1]), dtype=q.dtype)
        if mask is not None:
            bias -= 1e9 * tf.cast(tf.logical_not(mask), q.dtype)
        outputs, weights = [], []
        width = self.d_model // self.num_heads
        for head in range(self.num_heads):
            own = slice(head * width, (head + 1) * width)
            output, weight = attention(q[..., own], k[..., own], v[..., own], bias[:, head])
            outputs.append(output)
            weights.append(weight)
        return self.W_o(tf.concat(outputs, axis=-1)), tf.stack(weights, axis=1)
