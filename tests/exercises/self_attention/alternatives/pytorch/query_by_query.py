"""Accepted: one query after the other, masked places dropped from the exponentials, `functools.partial`."""

import functools

import torch

normalise = functools.partial(torch.nn.functional.normalize, p=1, dim=-1, eps=0.0)


def attend(query, key, value, mask):
    """One query (..., Dk) over keys (..., S, Dk)."""
    scores = (key @ query.unsqueeze(-1)).squeeze(-1) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    exponentials = torch.exp(scores - scores.max(dim=-1, keepdim=True).values.detach())
    weights = normalise(exponentials)
    return (weights.unsqueeze(-2) @ value).squeeze(-2), weights


def scaled_dot_product_attention(query, key, value, mask=None):
    length = query.shape[-2]
    if mask is not None:
        mask = mask.expand(*query.shape[:-1], key.shape[-2])
    rows = [attend(query[..., i, :], key, value, None if mask is None else mask[..., i, :]) for i in range(length)]
    return torch.stack([row[0] for row in rows], dim=-2), torch.stack([row[1] for row in rows], dim=-2)


def padding_mask(ids, pad_id=0):
    return torch.not_equal(ids, pad_id).unsqueeze(-2).unsqueeze(-2)


def causal_mask(length, device=None):
    i, j = torch.meshgrid(torch.arange(length, device=device), torch.arange(length, device=device), indexing="ij")
    return j <= i


def combine_masks(*masks, combined=None):
    if not masks:
        return combined
    first, *rest = masks
    if first is None:
        return combine_masks(*rest, combined=combined)
    return combine_masks(*rest, combined=first if combined is None else combined.logical_and(first))
