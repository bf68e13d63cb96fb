"""Accepted: the encoding as a complex exponential, and the shift as a rotation in the complex plane."""

import keras
import tensorflow as tf


def turns(positions, d_model):
    if d_model % 2:
        raise ValueError("sine and cosine come in pairs")
    exponents = tf.range(d_model // 2, dtype=tf.float64) * 2 / d_model
    angles = tf.cast(positions, tf.float64)[:, None] * tf.pow(tf.constant(10000.0, tf.float64), -exponents)
    return tf.exp(tf.complex(tf.zeros_like(angles), angles))


def sinusoidal_encoding(max_len, d_model):
    spiral = turns(tf.range(max_len), d_model)
    both = tf.stack([tf.math.imag(spiral), tf.math.real(spiral)], axis=2)
    return tf.cast(tf.reshape(both, (max_len, d_model)), keras.config.floatx())


class PositionalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model, **kwargs):
        super().__init__(**kwargs)
        self.max_len = max_len
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.position = keras.layers.Embedding(max_len, d_model)

    def call(self, ids):
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError("too long")
        places = tf.broadcast_to(tf.range(length), ids.shape)
        return keras.layers.add([self.token(ids), self.position(places)])


class SinusoidalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model, **kwargs):
        super().__init__(**kwargs)
        self.table = sinusoidal_encoding(max_len, d_model)[tf.newaxis]
        self.token = keras.layers.Embedding(vocab_size, d_model)

    def call(self, ids):
        if ids.shape[1] > self.table.shape[1]:
            raise ValueError("too long")
        words = self.token(ids)
        return words * tf.sqrt(tf.cast(words.shape[-1], words.dtype)) + self.table[:, : ids.shape[1]]


def relative_shift(offset, d_model):
    turn = turns(tf.constant([float(offset)]), d_model)[0]
    blocks = [
        tf.linalg.LinearOperatorFullMatrix([[tf.math.real(z), tf.math.imag(z)], [-tf.math.imag(z), tf.math.real(z)]])
        for z in tf.unstack(turn)
    ]
    return tf.cast(tf.linalg.LinearOperatorBlockDiag(blocks).to_dense(), keras.config.floatx())
