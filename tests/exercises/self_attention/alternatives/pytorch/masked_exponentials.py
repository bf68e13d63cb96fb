"""Accepted: the mask multiplied into the exponentials, before they are summed; masks by subtraction and products."""

import torch


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = torch.matmul(query, torch.transpose(key, -2, -1)).div(query.shape[-1] ** 0.5)
    real = torch.ones_like(scores) if mask is None else mask.to(scores.dtype).expand_as(scores)
    # The largest of the allowed scores, so that no exponential is too large, and not all are 0.
    largest = scores.where(real > 0, torch.finfo(scores.dtype).min).amax(dim=-1, keepdim=True)
    exponentials = torch.exp((scores - largest) * real) * real
    weights = exponentials / exponentials.sum(dim=-1, keepdim=True)
    return torch.matmul(weights, value), weights


def padding_mask(ids, pad_id=0):
    return ((ids - pad_id) ** 2).bool().unflatten(1, (1, 1, -1))


def causal_mask(length, device=None):
    ones = torch.ones(length, length, dtype=torch.int, device=device)
    return (1 - ones.triu(1)).to(torch.bool)


def combine_masks(*masks):
    numbers = [mask.int() for mask in masks if mask is not None]
    if not numbers:
        return None
    product = 1
    for number in numbers:
        product = product * number
    return product > 0
