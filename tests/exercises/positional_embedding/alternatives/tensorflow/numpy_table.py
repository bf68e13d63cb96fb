"""Accepted: the tables made with NumPy, a frozen embedding layer as the fixed encoding, `tf.keras`."""

import numpy as np
import tensorflow as tf


def table(positions, d_model):
    if d_model % 2:
        raise ValueError("d_model must be even")
    angles = np.asarray(positions)[:, None] / np.power(10_000.0, np.arange(0, d_model, 2) / d_model)
    out = np.empty((len(angles), d_model))
    out[:, 0::2], out[:, 1::2] = np.sin(angles), np.cos(angles)
    return out


def sinusoidal_encoding(max_len, d_model):
    return tf.constant(table(np.arange(max_len), d_model), dtype=tf.float32)


class PositionalEmbedding(tf.keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len = max_len
        self.token = tf.keras.layers.Embedding(vocab_size, d_model)
        self.position = tf.keras.layers.Embedding(max_len, d_model)

    def call(self, ids):
        batch, length = ids.shape
        if length > self.max_len:
            raise ValueError(f"{length} > {self.max_len}")
        return self.token(ids) + tf.repeat(self.position(tf.range(length)[tf.newaxis]), batch, axis=0)


class SinusoidalEmbedding(tf.keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len, self.root = max_len, d_model**0.5
        self.token = tf.keras.layers.Embedding(vocab_size, d_model)
        self.fixed = tf.keras.layers.Embedding(
            max_len,
            d_model,
            embeddings_initializer=tf.keras.initializers.Constant(table(np.arange(max_len), d_model)),
            trainable=False,
        )

    def call(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        return self.root * self.token(ids) + self.fixed(tf.range(ids.shape[1]))


def relative_shift(offset, d_model):
    # Solved from the encoding itself: M is the only matrix that moves enough positions at once.
    here, there = table(np.arange(4 * d_model), d_model), table(np.arange(4 * d_model) + offset, d_model)
    return tf.cast(np.linalg.lstsq(here, there, rcond=None)[0].T, tf.float32)
