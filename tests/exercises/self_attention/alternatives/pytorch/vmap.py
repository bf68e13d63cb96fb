"""Accepted: attention for a single query, lifted over queries and batches by `torch.vmap`; a lambda as the answer."""

import math

import torch

vmap = torch.func.vmap


def one_query(query, keys, values, allowed):
    """A single query (Dk,) over keys (S, Dk): its output (Dv,) and its weights (S,)."""
    scores = torch.mv(keys, query) / math.sqrt(keys.shape[1])
    weights = torch.where(allowed, scores, -torch.inf).softmax(0)
    return weights @ values, weights


def scaled_dot_product_attention(query, key, value, mask=None):
    if mask is None:
        mask = torch.ones((), dtype=torch.bool, device=query.device)
    attend = vmap(one_query, in_dims=(0, None, None, 0))
    for _ in query.shape[:-2]:
        attend = vmap(attend)
    return attend(query, key, value, mask.expand(*query.shape[:-1], key.shape[-2]))


padding_mask = lambda ids, pad_id=0: (ids != pad_id).unsqueeze(1).unsqueeze(1)  # noqa: E731


def causal_mask(length, device=None):
    places = torch.arange(length, device=device)
    return vmap(lambda query: places <= query)(places)


def combine_masks(*masks):
    given = [mask for mask in masks if mask is not None]
    return vmap(lambda pair: pair.all())(_columns(given)).view(_shape(given)) if given else None


def _shape(masks):
    return torch.broadcast_shapes(*[mask.shape for mask in masks])


def _columns(masks):
    """One row for each place, one column for each mask."""
    return torch.stack([mask.expand(_shape(masks)).reshape(-1) for mask in masks], dim=1)
