"""Accepted: a list of heads, each a layer with small projections of its own, and `load_arrays`."""

import keras
import numpy as np
import tensorflow as tf


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("not divisible")
    width = x.shape[-1] // num_heads
    return tf.stack([x[:, :, h * width : (h + 1) * width] for h in range(num_heads)], axis=1)


def merge_heads(x):
    return tf.concat(tf.unstack(x, axis=1), axis=2)


class Head(keras.layers.Layer):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.q, self.k, self.v = keras.layers.Dense(width), keras.layers.Dense(width), keras.layers.Dense(width)

    def call(self, query, key, value, allowed=None):
        scores = tf.matmul(self.q(query) / self.width**0.5, self.k(key), transpose_b=True)
        if allowed is not None:
            scores = tf.where(allowed, scores, scores.dtype.min)
        weights = tf.nn.softmax(scores)
        return weights @ self.v(value), weights


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.heads = [Head(d_model // num_heads) for _ in range(num_heads)]
        self.mix = keras.layers.Dense(d_model)

    def load_arrays(self, arrays):
        for name in "qkv":
            weights = np.split(arrays[f"W_{name}.weight"], len(self.heads), axis=1)
            biases = np.split(arrays[f"W_{name}.bias"], len(self.heads))
            for head, weight, bias in zip(self.heads, weights, biases, strict=True):
                getattr(head, name).set_weights([weight, bias])
        self.mix.set_weights([arrays["W_o.weight"], arrays["W_o.bias"]])

    def call(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        if mask is not None:
            mask = tf.broadcast_to(mask, (query.shape[0], len(self.heads), query.shape[1], key.shape[1]))
        results = [
            head(query, key, value, allowed=None if mask is None else mask[:, h]) for h, head in enumerate(self.heads)
        ]
        return self.mix(tf.concat([r[0] for r in results], axis=-1)), tf.stack([r[1] for r in results], axis=1)
