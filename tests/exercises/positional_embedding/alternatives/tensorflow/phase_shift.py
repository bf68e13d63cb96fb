"""Accepted: a cosine as a shifted sine, a parent class shared by both modules, `tf.gather`, Kronecker products."""

import math

import keras
import tensorflow as tf


def _check(d_model):
    if d_model % 2:
        raise ValueError("d_model must be even")


def sinusoidal_encoding(max_len, d_model):
    _check(d_model)
    column = tf.range(d_model)
    phase = tf.cast(column % 2, tf.float64) * math.pi / 2
    frequency = tf.constant(10000.0, tf.float64) ** (tf.cast(-2 * (column // 2), tf.float64) / d_model)
    angles = tf.expand_dims(tf.range(max_len, dtype=tf.float64), 1) * frequency
    return tf.cast(tf.sin(angles + phase), keras.backend.floatx())


class Embedder(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model, **kwargs):
        super().__init__(**kwargs)
        self.max_len, self.d_model = max_len, d_model
        self.token = keras.layers.Embedding(vocab_size, d_model)

    def call(self, ids, training=None):
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError("longer than max_len")
        return self.words(ids) + self.places(tf.range(length))


class PositionalEmbedding(Embedder):
    def __init__(self, vocab_size, max_len, d_model, **kwargs):
        super().__init__(vocab_size, max_len, d_model, **kwargs)
        self.position = keras.layers.Embedding(max_len, d_model)

    def words(self, ids):
        return self.token(ids)

    def places(self, positions):
        return self.position(positions)


class SinusoidalEmbedding(Embedder):
    def build(self, input_shape):
        self.table = keras.Variable(sinusoidal_encoding(self.max_len, self.d_model), trainable=False)
        super().build(input_shape)

    def words(self, ids):
        return self.token(ids) * self.d_model**0.5

    def places(self, positions):
        return tf.gather(self.table, positions)


def relative_shift(offset, d_model):
    _check(d_model)
    b = offset * 10000 ** (-tf.range(0, d_model, 2, dtype=tf.float32) / d_model)

    def spread(diagonal, block):
        blocks = tf.linalg.diag(diagonal)[:, tf.newaxis, :, tf.newaxis] * tf.constant(block)[:, tf.newaxis, :]
        return tf.reshape(blocks, (d_model, d_model))

    return spread(tf.cos(b), [[1.0, 0.0], [0.0, 1.0]]) + spread(tf.sin(b), [[0.0, 1.0], [-1.0, 0.0]])
