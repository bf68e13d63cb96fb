"""Accepted: one query after the other, the softmax by log-sum-exp, `functools.partial`, a compiled function."""

import functools

import tensorflow as tf

log_sum = functools.partial(tf.reduce_logsumexp, axis=-1, keepdims=True)


def attend(query, key, value, mask):
    """One query (..., Dk) over keys (..., S, Dk)."""
    scores = tf.linalg.matvec(key, query) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = tf.where(mask, scores, tf.constant(-1e9, scores.dtype))
    weights = tf.exp(scores - log_sum(scores))
    return tf.linalg.matvec(value, weights, transpose_a=True), weights


def scaled_dot_product_attention(query, key, value, mask=None):
    length = query.shape[-2]
    if mask is not None:
        mask = tf.broadcast_to(mask, [*query.shape[:-1], key.shape[-2]])
    rows = [attend(query[..., i, :], key, value, None if mask is None else mask[..., i, :]) for i in range(length)]
    return tf.stack([row[0] for row in rows], axis=-2), tf.stack([row[1] for row in rows], axis=-2)


@tf.function
def padding_mask(ids, pad_id=0):
    return tf.reshape(tf.not_equal(ids, pad_id), (tf.shape(ids)[0], 1, 1, tf.shape(ids)[1]))


def causal_mask(length):
    i, j = tf.meshgrid(tf.range(length), tf.range(length), indexing="ij")
    return j <= i


def combine_masks(*masks, combined=None):
    if not masks:
        return combined
    first, *rest = masks
    if first is None:
        return combine_masks(*rest, combined=combined)
    return combine_masks(*rest, combined=first if combined is None else tf.math.logical_and(combined, first))
