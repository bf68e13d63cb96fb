"""Accepted: convolutions of width one as projections, and `load_arrays`."""

import keras
import tensorflow as tf


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("not divisible")
    columns = tf.transpose(x, (0, 2, 1))  # (B, D, L)
    return tf.transpose(tf.reshape(columns, (x.shape[0], num_heads, -1, x.shape[1])), (0, 1, 3, 2))


def merge_heads(x):
    batch, heads, length, width = x.shape
    columns = tf.reshape(tf.transpose(x, (0, 1, 3, 2)), (batch, heads * width, length))
    return tf.linalg.matrix_transpose(columns)


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.num_heads = num_heads
        self.projections = {f"W_{name}": keras.layers.Conv1D(d_model, kernel_size=1) for name in "qkvo"}
        self.softmax = keras.layers.Activation("softmax")

    def load_arrays(self, arrays):
        for name, layer in self.projections.items():
            layer.kernel.assign(arrays[f"{name}.weight"][None])
            layer.bias.assign(arrays[f"{name}.bias"])

    def project(self, name, x):
        return split_heads(self.projections[name](x), self.num_heads)

    def call(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = self.project("W_q", query), self.project("W_k", key), self.project("W_v", value)
        scores = tf.matmul(q, k, transpose_b=True) * q.shape[-1] ** -0.5
        if mask is not None:
            scores += tf.where(mask, tf.zeros((), scores.dtype), tf.constant(float("-inf"), scores.dtype))
        weights = self.softmax(scores)
        return self.projections["W_o"](merge_heads(weights @ v)), weights
