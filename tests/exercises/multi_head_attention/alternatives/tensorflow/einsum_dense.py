"""Accepted: `EinsumDense` layers that project and split at once, and `load_arrays`."""

import keras
import numpy as np
import tensorflow as tf


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("not divisible")
    return keras.layers.Permute((2, 1, 3))(keras.layers.Reshape((x.shape[1], num_heads, -1))(x))


def merge_heads(x):
    return keras.layers.Reshape((x.shape[2], -1))(keras.layers.Permute((2, 1, 3))(x))


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.shape = (num_heads, d_model // num_heads)
        self.projections = {
            name: keras.layers.EinsumDense("bld,dhw->bhlw", (num_heads, None, d_model // num_heads), bias_axes="hw")
            for name in "qkv"
        }
        self.mix = keras.layers.EinsumDense("bhlw,hwd->bld", (None, d_model), bias_axes="d")

    def load_arrays(self, arrays):
        heads, width = self.shape
        for name, layer in self.projections.items():
            weight, bias = arrays[f"W_{name}.weight"], arrays[f"W_{name}.bias"]
            layer.set_weights([weight.reshape(-1, heads, width), np.reshape(bias, layer.bias.shape)])
        weight = arrays["W_o.weight"]
        self.mix.set_weights([weight.reshape(heads, width, -1), arrays["W_o.bias"]])

    def call(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = (self.projections[name](x) for name, x in (("q", query), ("k", key), ("v", value)))
        scores = tf.einsum("bhld,bhsd->bhls", q, k) / self.shape[1] ** 0.5
        if mask is not None:
            scores = tf.where(mask, scores, -float("inf"))
        weights = tf.nn.softmax(scores)
        return self.mix(tf.einsum("bhls,bhsd->bhld", weights, v)), weights
