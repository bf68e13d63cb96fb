"""Scaled dot-product attention and the masks that go with it.

Shapes: L queries, S keys, Dk and Dv the widths of keys and values, B batch. A mask is boolean, True where a query may
look, and broadcasts against the scores (..., L, S).
"""

import math

import torch
import torch.nn.functional as F  # noqa: F401  (every module of a track opens with the same imports)
from torch import nn  # noqa: F401


def scaled_dot_product_attention(query, key, value, mask=None):
    """Let every query take a weighted mean of the values; the weights say how well it matches each key.

    softmax(query key^T / sqrt(Dk)) value, with weight 0 wherever the mask is False.

    Arguments: query (..., L, Dk), key (..., S, Dk), value (..., S, Dv), mask boolean, broadcasting against (..., L, S).
    Returns: output (..., L, Dv) and weights (..., L, S); the weights of a query sum to one.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.1.
    """
    ### BEGIN SOLUTION
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (..., L, S)
    if mask is not None:
        # The lowest finite number rather than -inf: its softmax is an exact 0 too, and never inf - inf = NaN.
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights
    ### END SOLUTION


def padding_mask(ids, pad_id=0):
    """True at the real tokens of a padded batch.

    Arguments: ids (B, S), integers, with pad_id where a sentence has ended.
    Returns: (B, 1, 1, S), boolean, so that it broadcasts over the heads and queries of scores (B, H, L, S).
    """
    ### BEGIN SOLUTION
    return (ids != pad_id)[:, None, None, :]
    ### END SOLUTION


def causal_mask(length, device=None):
    """True where position i may look at position j without looking ahead: j <= i.

    Returns: (length, length), boolean, on `device`.
    """
    ### BEGIN SOLUTION
    positions = torch.arange(length, device=device)
    return positions[:, None] >= positions[None, :]  # query position down, key position across
    ### END SOLUTION


def combine_masks(*masks):
    """Allow what every mask allows.

    Arguments: any number of boolean masks that broadcast with each other; None stands for "no mask".
    Returns: their logical and, in the shape that they broadcast to; None where there is no mask at all.
    """
    ### BEGIN SOLUTION
    combined = None
    for mask in masks:
        if mask is not None:
            combined = mask if combined is None else combined & mask
    return combined
    ### END SOLUTION
