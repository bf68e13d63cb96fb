"""Accepted: sequence first inside, batch and heads in one axis, the mask expanded in the same order, a partial."""

import functools

import keras
import tensorflow as tf

swap = functools.partial(tf.transpose, perm=(1, 0, 2))


def split_heads(x, num_heads):
    batch, length, d_model = x.shape
    if d_model % num_heads:
        raise ValueError("not divisible")
    x = swap(tf.reshape(swap(x), (length, batch * num_heads, d_model // num_heads)))
    return tf.reshape(x, (batch, num_heads, length, d_model // num_heads))


def merge_heads(x):
    batch, heads, length, width = x.shape
    x = swap(tf.reshape(x, (batch * heads, length, width)))
    return swap(tf.reshape(x, (length, batch, heads * width)))


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.num_heads, self.width = num_heads, d_model // num_heads
        self.W_q = keras.layers.Dense(d_model)
        self.W_k = keras.layers.Dense(d_model)
        self.W_v = keras.layers.Dense(d_model)
        self.W_o = keras.layers.Dense(d_model)

    def call(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        batch, length, d_model = query.shape
        keys, merged = key.shape[1], batch * self.num_heads
        q = swap(tf.reshape(self.W_q(swap(query)), (length, merged, self.width)))
        k = swap(tf.reshape(self.W_k(swap(key)), (keys, merged, self.width)))
        v = swap(tf.reshape(self.W_v(swap(value)), (keys, merged, self.width)))
        scores = tf.matmul(q, k, transpose_b=True) / self.width**0.5
        if mask is not None:
            mask = tf.reshape(tf.broadcast_to(mask, (batch, self.num_heads, length, keys)), scores.shape)
            scores = tf.where(mask, scores, scores.dtype.min)
        weights = tf.nn.softmax(scores)
        output = tf.reshape(swap(tf.matmul(weights, v)), (length, batch, d_model))
        return swap(self.W_o(output)), tf.reshape(weights, (batch, self.num_heads, length, keys))
