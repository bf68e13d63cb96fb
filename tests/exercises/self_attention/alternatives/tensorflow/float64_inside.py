"""Accepted: float64 inside and the dtype of the input outside, the softmax by log-sum-exp, masks from sizes alone."""

import tensorflow as tf


def scaled_dot_product_attention(query, key, value, mask=None):
    q, k, v = (tf.cast(x, "float64") for x in (query, key, value))
    scores = tf.matmul(q, tf.linalg.matrix_transpose(k)) * k.shape[-1] ** -0.5
    if mask is not None:
        scores = tf.where(mask, scores, -1e300)
    weights = tf.exp(scores - tf.math.reduce_logsumexp(scores, axis=-1, keepdims=True))
    return tf.cast(weights @ v, value.dtype), tf.cast(weights, query.dtype)


def padding_mask(ids, pad_id=0):
    return tf.reduce_any(tf.stack([ids > pad_id, ids < pad_id]), axis=0)[:, None, None, :]


def causal_mask(length):
    # Number n of the flattened matrix stands in row n // length and column n % length.
    number = tf.range(length * length)
    return tf.reshape(number % length <= number // length, (length, length))


def combine_masks(*masks):
    masks = tuple(mask for mask in masks if mask is not None)
    match masks:
        case ():
            return None
        case (only,):
            return tf.identity(only)
        case (first, second, *others):
            return combine_masks(first & second, *others)
