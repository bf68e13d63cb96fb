"""Accepted: each position is the one before, turned in the complex plane: cumulative products; token rows by gather."""

import cmath
import math

import keras
import tensorflow as tf


class OddWidth(ValueError):
    def __init__(self, d_model):
        super().__init__(f"sine and cosine come in pairs, and {d_model} is odd")


def unit_turns(d_model):
    """How one step turns each pair, as complex numbers of length 1."""
    if d_model % 2:
        raise OddWidth(d_model)
    return tf.constant([cmath.exp(1j / 10000 ** (column / d_model)) for column in range(0, d_model, 2)], tf.complex128)


def sinusoidal_encoding(max_len, d_model):
    steps = tf.repeat(unit_turns(d_model)[tf.newaxis], max_len, axis=0)
    spiral = tf.math.cumprod(steps, axis=0, exclusive=True)  # position 0 is not turned at all
    both = tf.stack((tf.math.imag(spiral), tf.math.real(spiral)), axis=2)
    return tf.cast(tf.reshape(both, (max_len, d_model)), keras.config.floatx())


class PositionalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.tables = {
            "token": keras.layers.Embedding(vocab_size, d_model),
            "position": keras.layers.Embedding(max_len, d_model),
        }
        for table in self.tables.values():
            table.build((None,))

    token = property(lambda self: self.tables["token"])
    position = property(lambda self: self.tables["position"])

    def call(self, ids):
        length = ids.shape[1]
        if length > self.position.input_dim:
            raise ValueError("too long")
        words = tf.gather(self.token.embeddings, ids)
        return words + tf.gather(self.position.embeddings, range(length))[tf.newaxis]


class SinusoidalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len, self.width = max_len, d_model
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.turn = tf.math.angle(unit_turns(d_model))

    def call(self, ids):
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError("too long")
        angle = self.turn * tf.range(length, dtype=tf.float64)[:, None]
        encoding = tf.reshape(tf.stack([tf.sin(angle), tf.cos(angle)], axis=-1), (length, self.width))
        words = self.token(ids)
        return (words * math.sqrt(self.width)) + tf.cast(encoding, words.dtype)


def relative_shift(offset, d_model):
    turn = unit_turns(d_model) ** offset
    sin, cos = tf.math.imag(turn), tf.math.real(turn)
    pairs = tf.reshape(tf.stack([cos, sin, -sin, cos], axis=-1), (-1, 2, 2))
    pair = tf.range(d_model // 2)
    shift = tf.scatter_nd(tf.stack([pair, pair], axis=1), pairs, (d_model // 2, d_model // 2, 2, 2))
    return tf.cast(tf.reshape(tf.transpose(shift, (0, 2, 1, 3)), (d_model, d_model)), keras.config.floatx())
