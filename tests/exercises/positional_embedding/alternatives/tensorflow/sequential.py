"""Accepted: small layers in a `keras.Sequential`, `logspace` wavelengths, whole rounds left out of the angles."""

import math

import keras
import tensorflow as tf
from keras import ops


def wavelengths(d_model):
    if d_model % 2 != 0:
        raise ValueError("an even width is needed")
    last = 4 * (d_model - 2) / d_model  # 10^4 to the power of (d - 2) / d, in decimal digits
    return 2 * math.pi * ops.logspace(0, last, d_model // 2, dtype="float64")


def sinusoidal_encoding(max_len, d_model):
    rounds = ops.reshape(ops.arange(max_len, dtype="float64"), (-1, 1)) / wavelengths(d_model)
    angles = 2 * math.pi * (rounds - ops.floor(rounds))  # whole rounds do not count
    table = ops.reshape(ops.stack((ops.sin(angles), ops.cos(angles)), axis=2), (max_len, d_model))
    return ops.cast(table, keras.config.floatx())


class AddRows(keras.layers.Layer):
    """Adds the first rows of a table."""

    def __init__(self, max_len):
        super().__init__()
        self.max_len = max_len

    def call(self, x):
        length = x.shape[-2]
        if length > self.max_len:
            raise ValueError("too long")
        return x + self.rows(length)


class Learned(AddRows):
    def __init__(self, table):
        super().__init__(table.input_dim)
        self.table = table

    def rows(self, length):
        return self.table(tf.range(length))


class Fixed(AddRows):
    def __init__(self, max_len, d_model):
        super().__init__(max_len)
        self.known = sinusoidal_encoding(max_len, d_model)

    def rows(self, length):
        return self.known[:length]


class PositionalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.position = keras.layers.Embedding(max_len, d_model)
        self.steps = keras.Sequential([self.token, Learned(self.position)])

    def call(self, ids):
        x = ids
        for step in self.steps.layers:
            x = step(x)
        return x


class SinusoidalEmbedding(keras.Model):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.after = [keras.layers.Rescaling(d_model**0.5), Fixed(max_len, d_model)]

    def call(self, ids):
        x = self.token(ids)
        for layer in self.after:
            x = layer(x)
        return x


def relative_shift(offset, d_model):
    turn = offset * 2 * math.pi / wavelengths(d_model)
    shift = tf.eye(d_model, dtype=tf.float64)
    for pair, angle in enumerate(turn.numpy()):
        # turns this pair alone
        block = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        own = [[row, column] for row in (2 * pair, 2 * pair + 1) for column in (2 * pair, 2 * pair + 1)]
        one = tf.tensor_scatter_nd_update(
            tf.eye(d_model, dtype=tf.float64), own, tf.reshape(tf.constant(block, tf.float64), [-1])
        )
        shift = one @ shift
    return tf.cast(shift, keras.config.floatx())
