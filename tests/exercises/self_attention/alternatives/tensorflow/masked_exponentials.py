"""Accepted: the mask multiplied into the exponentials, before they are summed; masks by subtraction and products."""

import tensorflow as tf


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = tf.matmul(query, key, transpose_b=True) / tf.sqrt(tf.cast(tf.shape(query)[-1], query.dtype))
    real = tf.ones_like(scores) if mask is None else tf.broadcast_to(tf.cast(mask, scores.dtype), tf.shape(scores))
    # The largest of the allowed scores, so that no exponential is too large, and not all are 0.
    largest = tf.reduce_max(tf.where(real > 0, scores, scores.dtype.min), axis=-1, keepdims=True)
    exponentials = tf.exp((scores - largest) * real) * real
    weights = exponentials / tf.reduce_sum(exponentials, axis=-1, keepdims=True)
    return tf.matmul(weights, value), weights


def padding_mask(ids, pad_id=0):
    return tf.cast(tf.square(ids - pad_id), tf.bool)[:, tf.newaxis, tf.newaxis]


def causal_mask(length):
    ones = tf.ones((length, length), dtype=tf.int32)
    above = tf.linalg.set_diag(tf.linalg.band_part(ones, 0, -1), tf.zeros(length, tf.int32))
    return tf.cast(1 - above, tf.bool)


def combine_masks(*masks):
    numbers = [tf.cast(mask, tf.int32) for mask in masks if mask is not None]
    if not numbers:
        return None
    product = 1
    for number in numbers:
        product = product * number
    return product > 0
