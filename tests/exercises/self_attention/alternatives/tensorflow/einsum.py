"""Accepted: einsum, minus infinity as the fill, masks from comparisons."""

import tensorflow as tf


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = tf.einsum("...ld,...sd->...ls", query, key) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = tf.where(mask, scores, -float("inf"))
    weights = tf.nn.softmax(scores)
    return tf.einsum("...ls,...sv->...lv", weights, value), weights


def padding_mask(ids, pad_id=0):
    return tf.expand_dims(tf.expand_dims(ids != pad_id, 1), 1)


def causal_mask(length):
    return tf.cast(tf.linalg.band_part(tf.ones((length, length)), -1, 0), tf.bool)


def combine_masks(*masks):
    masks = [mask for mask in masks if mask is not None]
    if not masks:
        return None
    result = masks[0]
    for mask in masks[1:]:
        result = result & mask
    return result
