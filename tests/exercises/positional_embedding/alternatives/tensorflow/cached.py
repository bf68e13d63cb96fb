"""Accepted: a memory of encodings that grows as needed, `functools.partial`, list comprehensions."""

import functools
import math

import keras
import tensorflow as tf


@functools.lru_cache
def angle(position, column, d_model):
    return position / 10000 ** ((column - column % 2) / d_model)


def rows(max_len, d_model):
    if d_model & 1:
        raise ValueError("odd")
    return [[(math.cos if j % 2 else math.sin)(angle(p, j, d_model)) for j in range(d_model)] for p in range(max_len)]


def sinusoidal_encoding(max_len, d_model):
    return tf.convert_to_tensor(rows(max_len, d_model))


class PositionalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len = max_len
        layer = functools.partial(keras.layers.Embedding, output_dim=d_model)
        self.token, self.position = layer(vocab_size), layer(max_len)

    def call(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("the sequence is too long")
        places = tf.cumsum(tf.ones_like(ids), axis=1) - 1
        return self.token(ids) + self.position(places)


class SinusoidalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len, self.memory = max_len, {}
        self.token = keras.layers.Embedding(vocab_size, d_model)

    def encoding(self, length, like):
        if length not in self.memory:
            self.memory[length] = rows(length, like.shape[-1])  # no tensor: Keras traces the first call of a layer
        return tf.cast(self.memory[length], like.dtype)

    def call(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        words = self.token(ids)
        return tf.add(tf.multiply(words, math.sqrt(words.shape[-1])), self.encoding(ids.shape[1], words))


def relative_shift(offset, d_model):
    if d_model & 1:
        raise ValueError("odd")
    shift = [[0.0] * d_model for _ in range(d_model)]
    for j in range(0, d_model, 2):
        b = angle(offset, j, d_model)
        shift[j][j] = shift[j + 1][j + 1] = math.cos(b)
        shift[j][j + 1], shift[j + 1][j] = math.sin(b), -math.sin(b)
    return tf.constant(shift)
