"""Accepted: a softmax of one's own that subtracts the largest score, `import torch as t`, helper functions."""

import math

import torch as t


def softmax(x):
    x = x - x.amax(dim=-1, keepdim=True)
    e = t.exp(x)
    return e / e.sum(dim=-1, keepdim=True)


def scores_of(query, key):
    return t.matmul(query, t.swapaxes(key, -1, -2)) * (1 / math.sqrt(key.shape[-1]))


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = scores_of(query, key)
    if mask is not None:
        scores = t.where(mask, scores, t.full_like(scores, t.finfo(scores.dtype).min))
    weights = softmax(scores)
    output = weights @ value
    return output, weights


def padding_mask(ids, pad_id=0):
    mask = t.ones_like(ids, dtype=t.bool)
    mask = mask & (ids != pad_id)
    return mask.reshape(ids.shape[0], 1, 1, -1)


def causal_mask(length, device=None):
    return t.ones((length, length), device=device).cumsum(0) >= t.ones((length, length), device=device).cumsum(1)


def combine_masks(*masks):
    def both(a, b):
        if a is None or b is None:
            return b if a is None else a
        return a & b

    combined = None
    for mask in masks:
        combined = both(combined, mask)
    return combined
