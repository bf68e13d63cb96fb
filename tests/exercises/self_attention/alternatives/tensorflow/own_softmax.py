"""Accepted: a softmax of one's own that subtracts the largest score, helper functions, `import tensorflow as t`."""

import math

import tensorflow as t


def softmax(x):
    x = x - t.reduce_max(x, axis=-1, keepdims=True)
    e = t.exp(x)
    return e / t.reduce_sum(e, axis=-1, keepdims=True)


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = query @ t.linalg.matrix_transpose(key) * (1 / math.sqrt(key.shape[-1]))
    if mask is not None:
        scores = t.where(mask, scores, t.fill(t.shape(scores), scores.dtype.min))
    weights = softmax(scores)
    output = weights @ value
    return output, weights


def padding_mask(ids, pad_id=0):
    mask = t.ones_like(ids, dtype=t.bool)
    mask = mask & (ids != pad_id)
    return mask[:, t.newaxis, t.newaxis]


def causal_mask(length):
    ones = t.ones((length, length))
    return t.cumsum(ones, axis=0) >= t.cumsum(ones, axis=1)


def combine_masks(*masks):
    def both(a, b):
        if a is None or b is None:
            return b if a is None else a
        return a & b

    combined = None
    for mask in masks:
        combined = both(combined, mask)
    return combined
