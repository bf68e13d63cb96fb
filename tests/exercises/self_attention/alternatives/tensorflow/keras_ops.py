"""Accepted: `keras.ops` throughout, the query scaled before the product, -1e9 as the fill."""

import functools

import keras
from keras import ops


def scaled_dot_product_attention(query, key, value, mask=None):
    query = query * ops.cast(query.shape[-1], query.dtype) ** -0.5
    scores = ops.matmul(query, ops.swapaxes(key, -1, -2))
    if mask is not None:
        scores = ops.where(mask, scores, ops.cast(-1e9, scores.dtype))
    weights = keras.activations.softmax(scores) if len(scores.shape) > 1 else ops.softmax(scores)
    return ops.matmul(weights, value), weights


def padding_mask(ids, pad_id=0):
    return ops.reshape(ops.not_equal(ids, pad_id), (ids.shape[0], 1, 1, ids.shape[1]))


def causal_mask(length):
    return ops.cast(ops.tril(ops.ones((length, length))), "bool")


def combine_masks(*masks):
    given = [mask for mask in masks if mask is not None]
    return functools.reduce(ops.logical_and, given) if given else None
