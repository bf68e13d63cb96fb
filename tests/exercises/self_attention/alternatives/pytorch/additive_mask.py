"""Accepted: an additive mask inside, query and key each scaled by the fourth root, masks multiplied as booleans."""

import torch


def additive(mask, like):
    return torch.zeros(mask.shape, dtype=like.dtype, device=like.device).masked_fill(~mask, float("-inf"))


def scaled_dot_product_attention(query, key, value, mask=None):
    root = query.shape[-1] ** 0.25
    scores = (query / root) @ (key / root).transpose(-1, -2)
    if mask is not None:
        scores = scores + additive(mask, scores)
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


def padding_mask(ids, pad_id=0):
    return (ids != pad_id)[:, None, None]


def causal_mask(length, device=None):
    row = torch.arange(length, device=device)
    return row.unsqueeze(0) <= row.unsqueeze(1)


def combine_masks(*masks):
    result = None
    for mask in masks:
        if mask is None:
            continue
        result = mask if result is None else result * mask
    return result
