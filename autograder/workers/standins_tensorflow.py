"""Plain pieces that stand in for a student's own while a later part of the exercise is graded (TensorFlow).

A later part never fails because an earlier answer is wrong. An answer may read these: they are what the lesson explains
anyway, and are there only after the part that asks for them has been graded.
"""

import keras
import tensorflow as tf


def additive_scores(query, keys, W_q, W_k, v):
    hidden = tf.tanh(tf.expand_dims(tf.matmul(query, W_q), 1) + tf.einsum("bsd,da->bsa", keys, W_k))
    return tf.einsum("bsa,a->bs", hidden, v)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = tf.where(mask, scores, scores.dtype.min)
    return tf.nn.softmax(scores)


class AdditiveAttention(keras.layers.Layer):
    def __init__(self, query_dim, key_dim, attention_dim, **kwargs):
        super().__init__(**kwargs)
        self.W_q = keras.layers.Dense(attention_dim, use_bias=False)
        self.W_k = keras.layers.Dense(attention_dim, use_bias=False)
        self.v = keras.layers.Dense(1, use_bias=False)

    def call(self, query, keys, mask=None):
        scores = self.v(tf.tanh(tf.expand_dims(self.W_q(query), 1) + self.W_k(keys)))[:, :, 0]
        if mask is not None:
            scores = tf.where(mask, scores, scores.dtype.min)
        weights = tf.nn.softmax(scores)
        return tf.einsum("bs,bsd->bd", weights, keys), weights

    def compute_mask(self, inputs, previous_mask=None):
        return None


def sinusoidal_encoding(max_len, d_model, dtype=None):
    if d_model % 2:
        raise ValueError("d_model must be even")
    column = tf.range(d_model)
    exponent = tf.cast(column - column % 2, tf.float64) / d_model
    angles = tf.range(max_len, dtype=tf.float64)[:, tf.newaxis] / 10000.0**exponent
    return tf.cast(tf.where(column % 2 == 0, tf.sin(angles), tf.cos(angles)), dtype or keras.config.floatx())


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = tf.einsum("...ld,...sd->...ls", query, key) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = tf.where(mask, scores, scores.dtype.min)
    weights = tf.nn.softmax(scores)
    return tf.matmul(weights, value), weights


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("d_model must be divisible by num_heads")
    return tf.stack(tf.split(x, num_heads, axis=-1), axis=1)


def merge_heads(x):
    return tf.concat(tf.unstack(x, axis=1), axis=-1)


class TransformerBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False, **kwargs):
        super().__init__(**kwargs)
        if d_model % num_heads:
            raise ValueError("d_model must be divisible by num_heads")
        self.attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.feed_forward = keras.Sequential([keras.layers.Dense(d_ff, activation="relu"), keras.layers.Dense(d_model)])
        self.norm1 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm2 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.dropout, self.norm_first = keras.layers.Dropout(dropout), norm_first

    def add(self, x, norm, sublayer, training):
        if self.norm_first:
            return x + self.dropout(sublayer(norm(x)), training=training)
        return norm(x + self.dropout(sublayer(x), training=training))

    def call(self, x, mask=None, training=None):
        keys = None if mask is None else mask[:, tf.newaxis, :]
        x = self.add(x, self.norm1, lambda y: self.attention(y, y, attention_mask=keys), training)
        return self.add(x, self.norm2, self.feed_forward, training)

    def compute_mask(self, inputs, previous_mask=None):
        return None


def masked_mean(x, mask):
    real = tf.cast(mask, x.dtype)
    return tf.einsum("bld,bl->bd", x, real / tf.reduce_sum(real, axis=1, keepdims=True))


class DecoderBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        if d_model % num_heads:
            raise ValueError("d_model must be divisible by num_heads")
        self.self_attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.cross_attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.feed_forward = keras.Sequential([keras.layers.Dense(d_ff, activation="relu"), keras.layers.Dense(d_model)])
        self.norm1, self.norm2, self.norm3 = (keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(3))
        self.dropout = keras.layers.Dropout(dropout)

    def call(self, x, memory, mask=None, memory_mask=None, training=None):
        mask, memory_mask = (None if m is None else m[:, tf.newaxis, :] for m in (mask, memory_mask))
        seen = self.self_attention(x, x, attention_mask=mask, use_causal_mask=True)
        x = self.norm1(x + self.dropout(seen, training=training))
        seen = self.cross_attention(x, memory, attention_mask=memory_mask)
        x = self.norm2(x + self.dropout(seen, training=training))
        return self.norm3(x + self.dropout(self.feed_forward(x), training=training))

    def compute_mask(self, inputs, previous_mask=None):
        return None


def shift_right(ids, bos_id):
    return tf.pad(ids[:, :-1], [[0, 0], [1, 0]], constant_values=bos_id)
