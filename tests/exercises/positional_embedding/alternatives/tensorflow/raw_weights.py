"""Accepted: weights of one's own, made in `build()`, with `load_arrays`; `keras.ops` throughout."""

import keras
import tensorflow as tf  # noqa: F401
from keras import ops


def sinusoidal_encoding(max_len, d_model):
    if d_model % 2 == 1:
        raise ValueError("d_model is odd")
    p = ops.expand_dims(ops.arange(max_len, dtype="float32"), 1)
    i = ops.arange(d_model // 2, dtype="float32")
    angles = p / ops.power(10000.0, 2 * i / d_model)
    return ops.reshape(ops.stack([ops.sin(angles), ops.cos(angles)], axis=-1), (max_len, d_model))


class PositionalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.sizes = (vocab_size, max_len, d_model)

    def build(self, _):
        vocab_size, max_len, d_model = self.sizes
        self.words = self.add_weight(shape=(vocab_size, d_model), initializer="random_normal")
        self.places = self.add_weight(shape=(max_len, d_model), initializer="random_normal")

    def load_arrays(self, arrays):
        self.words.assign(arrays["token.weight"])
        self.places.assign(arrays["position.weight"])

    def call(self, ids):
        if ids.shape[-1] > self.sizes[1]:
            raise ValueError("too long")
        return ops.take(self.words, ids, axis=0) + self.places[: ids.shape[-1]]


class SinusoidalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len, self.d_model = max_len, d_model
        self.words = self.add_weight(shape=(vocab_size, d_model), initializer="random_normal")
        self.table = self.add_weight(shape=(max_len, d_model), initializer="zeros", trainable=False)
        self.table.assign(sinusoidal_encoding(max_len, d_model))

    def load_arrays(self, arrays):
        self.words.assign(arrays["token.weight"])

    def call(self, ids):
        if ids.shape[-1] > self.max_len:
            raise ValueError("too long")
        return ops.take(self.words, ids, axis=0) * self.d_model**0.5 + self.table[: ids.shape[-1]]


def relative_shift(offset, d_model):
    if d_model % 2 == 1:
        raise ValueError("d_model is odd")
    b = offset / ops.power(10000.0, ops.arange(0, d_model, 2, dtype="float32") / d_model)
    columns = ops.arange(d_model)
    same = ops.cast(ops.expand_dims(columns, 1) == columns, "float32")
    above = ops.cast((ops.expand_dims(columns, 1) + 1 == columns) & (columns % 2 == 1), "float32")
    cos, sin = ops.repeat(ops.cos(b), 2), ops.repeat(ops.sin(b), 2)
    return same * cos + above * sin - ops.transpose(above * sin)
