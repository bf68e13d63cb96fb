"""Accepted: `keras.ops` throughout, -1e9 as the fill, `keras.layers.Softmax` with its mask."""

import keras
from keras import ops


def split_heads(x, num_heads):
    batch, length, width = x.shape
    if width % num_heads:
        raise ValueError("not divisible")
    return ops.moveaxis(ops.reshape(x, (batch, length, num_heads, width // num_heads)), 2, 1)


def merge_heads(x):
    batch, heads, length, width = x.shape
    return ops.reshape(ops.moveaxis(x, 1, 2), (batch, length, heads * width))


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads, **kwargs):
        super().__init__(**kwargs)
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.num_heads = num_heads
        self.W_q = keras.layers.Dense(d_model)
        self.W_k = keras.layers.Dense(d_model)
        self.W_v = keras.layers.Dense(d_model)
        self.W_o = keras.layers.Dense(d_model)
        self.softmax = keras.layers.Softmax()

    def call(self, query, key=None, value=None, mask=None, training=None):
        key = query if key is None else key
        value = key if value is None else value
        q = split_heads(self.W_q(query), self.num_heads)
        k = split_heads(self.W_k(key), self.num_heads)
        v = split_heads(self.W_v(value), self.num_heads)
        scores = ops.matmul(q, ops.swapaxes(k, 2, 3)) / ops.sqrt(ops.cast(q.shape[-1], q.dtype))
        if mask is not None:
            scores = ops.where(mask, scores, ops.cast(-1e9, scores.dtype))
        weights = self.softmax(scores)
        return self.W_o(merge_heads(ops.matmul(weights, v))), weights
