"""Correct versions of a student's earlier answers, used while a later part of the exercise is graded (TensorFlow).

So a later part does not fail because an earlier answer is wrong. Students' code can read these definitions. That gives
nothing away: the lesson explains them, and they are used only after the part that asks for them has been graded.
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
