"""Accepted: weights of one's own with an axis for the heads, made in `build()`, and `load_arrays`."""

import keras
import tensorflow as tf


def split_heads(x, num_heads):
    batch, length, d_model = x.shape
    width, rest = divmod(d_model, num_heads)
    if rest:
        raise ValueError("not divisible")
    return tf.transpose(tf.reshape(x, [batch, length, num_heads, width]), [0, 2, 1, 3])


def merge_heads(x):
    return tf.concat([tf.squeeze(head, axis=1) for head in tf.split(x, x.shape[1], axis=1)], axis=-1)


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.d_model, self.num_heads = d_model, num_heads

    def build(self, *shapes):
        heads, width = self.num_heads, self.d_model // self.num_heads
        self.weight = self.add_weight(shape=(3, heads, self.d_model, width), initializer="glorot_normal")
        self.bias = self.add_weight(shape=(3, heads, 1, width), initializer="zeros")
        self.mix = self.add_weight(shape=(heads, width, self.d_model), initializer="glorot_normal")
        self.shift = self.add_weight(shape=(self.d_model,), initializer="zeros")

    def load_arrays(self, arrays):
        heads, width = self.num_heads, self.d_model // self.num_heads
        weights = [arrays[f"W_{n}.weight"].reshape(-1, heads, width).swapaxes(0, 1) for n in "qkv"]
        self.weight.assign(tf.stack(weights))
        self.bias.assign(tf.stack([arrays[f"W_{n}.bias"].reshape(heads, 1, width) for n in "qkv"]))
        self.mix.assign(arrays["W_o.weight"].reshape(heads, width, -1))
        self.shift.assign(arrays["W_o.bias"])

    def call(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = (
            tf.matmul(x[:, tf.newaxis], self.weight[i]) + self.bias[i] for i, x in enumerate((query, key, value))
        )
        scores = tf.matmul(q, k, transpose_b=True) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = tf.where(mask, scores, scores.dtype.min)
        weights = tf.nn.softmax(scores)
        return tf.einsum("bhld,hdo->blo", tf.matmul(weights, v), self.mix) + self.shift, weights
