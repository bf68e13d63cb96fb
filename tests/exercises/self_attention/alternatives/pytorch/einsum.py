"""Accepted: einsum, minus infinity as the fill, masks from comparisons with `unsqueeze`."""

import torch


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = torch.einsum("...ld,...sd->...ls", query, key) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), float("-inf"))
    weights = scores.softmax(-1)
    return torch.einsum("...ls,...sv->...lv", weights, value), weights


def padding_mask(ids, pad_id=0):
    return ids.ne(pad_id).unsqueeze(1).unsqueeze(2)


def causal_mask(length, device=None):
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


def combine_masks(*masks):
    masks = [mask for mask in masks if mask is not None]
    if not masks:
        return None
    result = masks[0]
    for mask in masks[1:]:
        result = torch.logical_and(result, mask)
    return result
