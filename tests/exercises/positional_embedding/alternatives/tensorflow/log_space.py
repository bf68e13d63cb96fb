"""Accepted: frequencies in log space and in float32, the encoding made anew in each call, a sliced position table."""

import math

import keras
import tensorflow as tf


def frequencies(d_model):
    if d_model % 2 != 0:
        raise ValueError("odd width")
    return tf.exp(tf.range(0, d_model, 2, dtype=tf.float32) * (-math.log(10000.0) / d_model))


def sinusoidal_encoding(max_len, d_model):
    angles = tf.tensordot(tf.range(max_len, dtype=tf.float32), frequencies(d_model), axes=0)
    return tf.reshape(tf.stack([tf.sin(angles), tf.cos(angles)], axis=-1), (max_len, d_model))


class PositionalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.position = keras.layers.Embedding(max_len, d_model)

    def build(self, input_shape):
        self.position.build(input_shape)
        super().build(input_shape)

    def call(self, ids):
        if ids.shape[1] > self.position.input_dim:
            raise ValueError("too long")
        return self.token(ids) + self.position.embeddings[: ids.shape[1]]


class SinusoidalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len, self.d_model = max_len, d_model
        self.token = keras.layers.Embedding(vocab_size, d_model)

    def call(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        words = self.token(ids) * self.d_model**0.5
        return words + tf.cast(sinusoidal_encoding(ids.shape[1], self.d_model), words.dtype)


def relative_shift(offset, d_model):
    turn = offset * frequencies(d_model)
    rows = []
    for j, (sin, cos) in enumerate(zip(tf.sin(turn).numpy(), tf.cos(turn).numpy(), strict=True)):
        before, after = [0.0] * (2 * j), [0.0] * (d_model - 2 * j - 2)
        rows += [[*before, cos, sin, *after], [*before, -sin, cos, *after]]
    return tf.constant(rows)
