"""Correct versions of a student's earlier answers, used while a later part of the exercise is graded (TensorFlow).

So a later part does not fail because an earlier answer is wrong. Students' code can read these definitions. That gives
nothing away: the lesson explains them, and they are used only after the part that asks for them has been graded.
"""

import tensorflow as tf


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = tf.einsum("...ld,...sd->...ls", query, key) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = tf.where(mask, scores, scores.dtype.min)
    weights = tf.nn.softmax(scores)
    return tf.matmul(weights, value), weights
