"""Accepted: an additive mask inside, query and key each scaled by the fourth root, masks from their negations."""

import tensorflow as tf


def scaled_dot_product_attention(query, key, value, mask=None):
    root = query.shape[-1] ** 0.25
    scores = tf.matmul(query / root, key / root, transpose_b=True)
    if mask is not None:
        scores += (1.0 - tf.cast(mask, scores.dtype)) * -1e9
    weights = tf.math.softmax(scores, axis=-1)
    return weights @ value, weights


def padding_mask(ids, pad_id=0):
    return ~(ids == pad_id)[:, None, None]


def causal_mask(length):
    row = tf.range(length)
    return tf.expand_dims(row, 0) <= tf.expand_dims(row, 1)


def combine_masks(*masks):
    result = None
    for mask in masks:
        if mask is None:
            continue
        result = mask if result is None else tf.logical_not(tf.logical_or(~result, ~mask))
    return result
