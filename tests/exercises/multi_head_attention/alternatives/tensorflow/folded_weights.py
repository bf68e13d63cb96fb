"""Accepted: a bilinear form for each head, W_q and W_k multiplied beforehand, and so are W_v and W_o."""

import keras
import tensorflow as tf


def split_heads(x, num_heads):
    if x.shape[2] % num_heads:
        raise ValueError("not divisible")
    columns = tf.reshape(tf.range(x.shape[2]), (num_heads, -1))  # which columns each head has
    return tf.transpose(tf.gather(x, columns, axis=2), (0, 2, 1, 3))


def merge_heads(x):
    batch, heads, length, width = x.shape
    return tf.reshape(tf.einsum("...hlw->...lhw", x), (batch, length, heads * width))


def with_one(x):
    """A column of ones, for the bias."""
    return tf.concat([x, tf.ones_like(x[..., :1])], axis=-1)


class MultiHeadAttention(keras.layers.Layer):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.num_heads = num_heads
        for name in ("W_q", "W_k", "W_v", "W_o"):
            layer = keras.layers.Dense(d_model, name=name)
            layer.build((None, None, d_model))
            setattr(self, name, layer)

    def by_head(self, layer):
        """Weight and bias as one matrix for each head, (H, D + 1, Dh)."""
        both = tf.concat([layer.kernel, layer.bias[tf.newaxis]], axis=0)
        return split_heads(both[tf.newaxis], self.num_heads)[0]

    def call(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        w_q, w_k, w_v = (self.by_head(layer) for layer in (self.W_q, self.W_k, self.W_v))
        matches = tf.matmul(w_q, w_k, transpose_b=True) / w_q.shape[-1] ** 0.5  # what a query looks for in a key
        scores = tf.einsum("bli,hij,bsj->bhls", with_one(query), matches, with_one(key))
        if mask is not None:
            scores = tf.where(mask, scores, scores.dtype.min)
        weights = tf.nn.softmax(scores)
        w_o = tf.reshape(self.W_o.kernel, (self.num_heads, -1, self.W_o.units))
        carried = tf.einsum("bsj,hjo->bhso", with_one(value), w_v @ w_o)  # (B, H, S, D): each head's share
        return tf.reduce_sum(tf.matmul(weights, carried), axis=1) + self.W_o.bias, weights
