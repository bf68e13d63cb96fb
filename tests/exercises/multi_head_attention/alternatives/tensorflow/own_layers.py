"""Accepted: a dense layer of one's own in another layout, whose `load_arrays` gets its two arrays alone."""

import keras
import tensorflow as tf


class Affine(keras.layers.Layer):
    """x M + b, with b as the last row of a single matrix."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.matrix = self.add_weight(shape=(width + 1, width), initializer="glorot_uniform", name="matrix")

    def load_arrays(self, arrays) -> None:
        self.matrix.assign(tf.concat([arrays["weight"], arrays["bias"][None]], axis=0))

    def call(self, x):
        return tf.tensordot(x, self.matrix[:-1], axes=1) + self.matrix[-1]


def split_heads(x: tf.Tensor, num_heads: int) -> tf.Tensor:
    width, rest = divmod(x.shape[-1], num_heads)
    if rest:
        raise ValueError("not divisible")
    return tf.stack(tf.split(x, [width] * num_heads, axis=-1), axis=-3)


def merge_heads(x: tf.Tensor) -> tf.Tensor:
    first, *others = tf.unstack(x, axis=-3)
    for head in others:
        first = tf.concat((first, head), axis=-1)
    return first


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model: int, num_heads: int, name=None) -> None:
        super().__init__(name=name)
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.num_heads = num_heads
        self.W_q, self.W_k, self.W_v, self.W_o = (Affine(d_model) for _ in range(4))

    def call(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = (
            split_heads(w(x), self.num_heads) for w, x in zip(self.projections, (query, key, value), strict=True)
        )
        scores = tf.matmul(q, k, transpose_b=True) * k.shape[-1] ** -0.5
        if mask is not None:
            scores = tf.where(mask, scores, -float("inf"))
        weights = tf.nn.softmax(scores)
        return self.W_o(merge_heads(weights @ v)), weights

    def compute_mask(self, inputs, previous_mask=None):
        return None

    @property
    def projections(self):
        return self.W_q, self.W_k, self.W_v
