"""Accepted: one matrix for queries, keys and values, and `load_arrays`."""

import math

import keras
import numpy as np
import tensorflow as tf


def split_heads(x, num_heads):
    b, n, d = x.shape
    if d % num_heads:
        raise ValueError(f"{d} % {num_heads} != 0")
    return tf.transpose(tf.reshape(x, (b, n, num_heads, d // num_heads)), perm=[0, 2, 1, 3])


def merge_heads(x):
    b, h, n, d = x.shape
    return tf.reshape(tf.transpose(x, perm=[0, 2, 1, 3]), (b, n, h * d))


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError(f"{d_model} % {num_heads} != 0")
        self.d_model, self.num_heads = d_model, num_heads
        self.qkv = keras.layers.Dense(3 * d_model)
        self.out = keras.layers.Dense(d_model)

    def load_arrays(self, arrays):
        self.qkv.kernel.assign(np.concatenate([arrays[f"W_{n}.weight"] for n in "qkv"], axis=1))
        self.qkv.bias.assign(np.concatenate([arrays[f"W_{n}.bias"] for n in "qkv"]))
        self.out.kernel.assign(arrays["W_o.weight"])
        self.out.bias.assign(arrays["W_o.bias"])

    def call(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        q = self.qkv(query)[..., : self.d_model]
        k = self.qkv(key)[..., self.d_model : 2 * self.d_model]
        v = self.qkv(value)[..., 2 * self.d_model :]
        q, k, v = (split_heads(x, self.num_heads) for x in (q, k, v))
        scores = tf.matmul(q, k, transpose_b=True) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = tf.where(mask, scores, scores.dtype.min)
        weights = tf.nn.softmax(scores)
        return self.out(merge_heads(weights @ v)), weights
