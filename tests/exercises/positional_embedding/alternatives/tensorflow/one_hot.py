"""Accepted: words and positions as one-hot vectors times the tables; columns put in place by a permutation matrix."""

import keras
import tensorflow as tf


def even(d_model):
    half, rest = divmod(d_model, 2)
    if rest:
        raise ValueError(f"{d_model} is odd")
    return half


def interleave(d_model):
    """The permutation that takes first half, second half to turns: first sine, first cosine, second sine, ..."""
    numbers = tf.range(d_model)
    return tf.one_hot(tf.concat([numbers[::2], numbers[1::2]], axis=0), d_model, dtype=tf.float64)


def frequencies(d_model):
    exponents = tf.linspace(tf.constant(0.0, tf.float64), 1.0, even(d_model) + 1)[:-1]
    return tf.constant(10000.0, tf.float64) ** -exponents


def sinusoidal_encoding(max_len, d_model):
    angles = tf.tensordot(tf.range(max_len, dtype=tf.float64), frequencies(d_model), axes=0)
    halves = tf.concat([tf.sin(angles), tf.cos(angles)], axis=1)
    return tf.cast(halves @ interleave(d_model), keras.config.floatx())


class PositionalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.position = keras.layers.Embedding(max_len, d_model)

    def build(self, shape):
        for table in (self.token, self.position):
            if not table.built:
                table.build(shape)

    def call(self, ids):
        length, rows = ids.shape[1], self.position.input_dim
        if length > rows:
            raise ValueError("too long")
        dtype = self.token.embeddings.dtype
        words = tf.one_hot(ids, self.token.input_dim, dtype=dtype)
        places = tf.eye(length, rows, dtype=dtype)
        return tf.tensordot(words, self.token.embeddings, 1) + places @ self.position.embeddings


class SinusoidalEmbedding(keras.layers.Layer):
    """The words times the root, and one hot times the encoding, from a single product with both tables."""

    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.sizes = vocab_size, max_len
        self.root = d_model**0.5
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.token.build((None, None))
        self.encoding = sinusoidal_encoding(max_len, d_model)

    def call(self, ids):
        vocab_size, max_len = self.sizes
        if ids.shape[1] > max_len:
            raise ValueError("too long")
        tables = tf.concat([self.root * self.token.embeddings, self.encoding], axis=0)
        places = tf.one_hot(vocab_size + tf.range(ids.shape[1]), len(tables), dtype=tables.dtype)
        return tf.tensordot(tf.one_hot(ids, len(tables), dtype=tables.dtype) + places, tables, axes=[[2], [0]])


def relative_shift(offset, d_model):
    angles = offset * frequencies(d_model)
    sin, cos = tf.linalg.diag(tf.sin(angles)), tf.linalg.diag(tf.cos(angles))
    halves = tf.concat([tf.concat([cos, sin], axis=1), tf.concat([-sin, cos], axis=1)], axis=0)
    turns = interleave(d_model)
    return tf.cast(tf.matmul(turns, halves @ turns, transpose_a=True), keras.config.floatx())
