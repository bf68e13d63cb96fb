"""Accepted: attention of one head of one example, lifted over heads and batch by `keras.ops.vectorized_map`."""

from typing import NamedTuple

import keras
import tensorflow as tf
from keras import ops


class Attended(NamedTuple):
    output: tf.Tensor
    weights: tf.Tensor


class Projection(keras.layers.Dense):
    """A dense layer that knows its heads."""

    def __init__(self, d_model, num_heads):
        if d_model % num_heads:
            raise ValueError(f"{d_model} is no multiple of {num_heads}")
        super().__init__(d_model)
        self.num_heads = num_heads

    def heads(self, x):
        return split_heads(self(x), self.num_heads)


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError(f"{x.shape[-1]} is no multiple of {num_heads}")
    return ops.stack(ops.split(x, num_heads, axis=-1), axis=1)


def merge_heads(x):
    return ops.concatenate(ops.unstack(x, axis=1), axis=-1)


def one_head(inputs):
    """Queries (L, Dh), keys and values (S, Dh), mask (L, S)."""
    q, k, v, allowed = inputs
    scores = tf.where(allowed, tf.matmul(q, k, transpose_b=True) * q.shape[-1] ** -0.5, tf.constant(-1e9, q.dtype))
    weights = tf.nn.softmax(scores)
    return tf.matmul(weights, v), weights


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.W_q = Projection(d_model, num_heads)
        self.W_k = Projection(d_model, num_heads)
        self.W_v = Projection(d_model, num_heads)
        self.W_o = keras.layers.Dense(d_model)

    def call(self, query, key=None, value=None, mask=None):
        key = key if key is not None else query
        value = value if value is not None else key
        heads = self.W_q.heads(query), self.W_k.heads(key), self.W_v.heads(value)
        (batch, num_heads, length, width), keys = heads[0].shape, key.shape[1]
        allowed = tf.broadcast_to(True if mask is None else mask, (batch, num_heads, length, keys))
        pairs = [tf.reshape(x, (batch * num_heads, *x.shape[2:])) for x in (*heads, allowed)]
        output, weights = ops.vectorized_map(one_head, pairs)
        output = tf.reshape(output, (batch, num_heads, length, width))
        return Attended(self.W_o(merge_heads(output)), tf.reshape(weights, allowed.shape))
