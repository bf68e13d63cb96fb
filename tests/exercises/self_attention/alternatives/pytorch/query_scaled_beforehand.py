"""Accepted: the query scaled before the product, -1e9 as the fill, `torch.where`, a reduction over the masks."""

import functools
import operator

import torch


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = (query * query.size(-1) ** -0.5) @ key.mT
    if mask is not None:
        scores = torch.where(mask, scores, -1e9)
    weights = torch.nn.functional.softmax(scores, dim=-1)
    return torch.matmul(weights, value), weights


def padding_mask(ids, pad_id=0):
    batch, keys = ids.shape
    return (~(ids == pad_id)).view(batch, 1, 1, keys)


def causal_mask(length, device=None):
    return ~torch.triu(torch.ones(length, length, device=device), diagonal=1).bool()


def combine_masks(*masks):
    given = [mask for mask in masks if mask is not None]
    return functools.reduce(operator.and_, given) if given else None
