"""Accepted: one table for words and positions whose rows are looked up together and summed, with `load_arrays`."""

import keras
import numpy as np
import tensorflow as tf


def waves(positions, d_model):
    if d_model % 2:
        raise ValueError("d_model must be even")
    columns = tf.range(d_model)
    exponents = tf.cast(columns - columns % 2, tf.float64) / d_model
    angles = tf.cast(positions, tf.float64)[..., None] * tf.exp(-exponents * np.log(10000))
    return tf.where(columns % 2 == 0, tf.sin(angles), tf.cos(angles))


def sinusoidal_encoding(max_len, d_model):
    return tf.cast(waves(tf.range(max_len), d_model), tf.float32)


class PositionalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.vocab_size, self.max_len = vocab_size, max_len
        self.rows = keras.layers.Embedding(vocab_size + max_len, d_model)
        self.rows.build((None, None, 2))

    def load_arrays(self, arrays):
        self.rows.set_weights([np.concatenate([arrays["token.weight"], arrays["position.weight"]])])

    def call(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        places = tf.zeros_like(ids) + self.vocab_size + tf.range(ids.shape[1], dtype=ids.dtype)
        return tf.reduce_sum(self.rows(tf.stack([ids, places], axis=-1)), axis=-2)


class SinusoidalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len = max_len
        self.words = self.add_weight(name="words", shape=(d_model, vocab_size), initializer="normal")  # transposed
        self.encoding = tf.transpose(sinusoidal_encoding(max_len, d_model))

    def load_arrays(self, arrays):
        self.words.assign(arrays["token.weight"].T)

    def call(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        columns = tf.gather(self.words, ids, axis=1) * self.words.shape[0] ** 0.5  # (D, B, L)
        encoding = tf.cast(self.encoding[:, tf.newaxis, : ids.shape[1]], columns.dtype)
        return tf.transpose(columns + encoding, (1, 2, 0))


def relative_shift(offset, d_model):
    # The encoding of the offset holds what each pair is turned by.
    sin, cos = tf.unstack(tf.reshape(waves(offset, d_model), (-1, 2)), axis=1)
    rotations = tf.reshape(tf.stack([cos, sin, -sin, cos], axis=1), (-1, 2, 2))
    rows = [tf.pad(rotation, [[0, 0], [2 * pair, d_model - 2 * pair - 2]]) for pair, rotation in enumerate(rotations)]
    return tf.cast(tf.concat(rows, axis=0), tf.float32)
