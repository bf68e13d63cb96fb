"""Accepted: a function for one position, lifted by `tf.vectorized_map`; text by text; nothing is stored."""

import math

import keras
import tensorflow as tf


def waves(positions, d_model):
    """The encoding (P, D) of some positions, in float64."""
    if d_model % 2:
        raise ValueError("d_model must be even")
    share = tf.range(0, d_model, 2, dtype=tf.float64) / d_model

    def one(position):
        angles = position * tf.exp(-math.log(10000) * share)
        return tf.reshape(tf.stack([tf.cos(angles - math.pi / 2), tf.cos(angles)], axis=1), [d_model])

    return tf.vectorized_map(one, tf.cast(positions, tf.float64))


def sinusoidal_encoding(max_len, d_model):
    return tf.cast(waves(range(max_len), d_model), tf.float32)


class PositionalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len = max_len
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.position = keras.layers.Embedding(max_len, d_model)

    def one_text(self, ids):
        return self.token(ids) + self.position(tf.range(len(ids)))

    def call(self, ids):
        if not ids.shape[1] <= self.max_len:
            raise ValueError("too long")
        return tf.stack([self.one_text(text) for text in tf.unstack(ids)])


class SinusoidalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len, self.d_model = max_len, d_model
        self.token = keras.layers.Embedding(vocab_size, d_model)

    @property
    def root(self):
        return math.sqrt(self.d_model)

    def call(self, ids):
        if not ids.shape[1] <= self.max_len:
            raise ValueError("too long")
        words = self.token(ids)
        places = tf.cast(waves(tf.range(ids.shape[1]), self.d_model), words.dtype)
        return tf.map_fn(lambda text: self.root * text + places, words)


def relative_shift(offset, d_model):
    # The encoding of the offset holds what each pair is turned by.
    there = tf.reshape(waves([offset], d_model), (-1, 2))

    def rotation(pair):
        sin, cos = tf.unstack(pair)
        return tf.linalg.LinearOperatorFullMatrix([[cos, sin], [-sin, cos]])

    blocks = tf.linalg.LinearOperatorBlockDiag([rotation(pair) for pair in there])
    return tf.cast(blocks.matmul(tf.eye(d_model, dtype=tf.float64)), tf.float32)
