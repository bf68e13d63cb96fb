"""Accepted: float64 inside and the dtype of the input outside, the softmax by log-sum-exp, masks from sizes alone."""

import torch


def scaled_dot_product_attention(query, key, value, mask=None):
    q, k, v = (x.double() for x in (query, key, value))
    scores = torch.tensordot(q, k.T, 1) if q.dim() == k.dim() == 2 else q.matmul(k.mT)
    scores = scores.mul(k.size(-1) ** -0.5)
    if mask is not None:
        scores = torch.where(mask, scores, scores.new_tensor(-1e300))
    weights = torch.exp(scores - torch.logsumexp(scores, dim=-1, keepdim=True))
    return weights.matmul(v).to(value.dtype), weights.to(query.dtype)


def padding_mask(ids, pad_id=0):
    return torch.stack([ids > pad_id, ids < pad_id]).any(dim=0)[:, None, None, :]


def causal_mask(length, device=None):
    # Number n of the flattened matrix stands in row n // length and column n % length.
    number = torch.arange(length * length, device=device)
    return (number % length <= torch.div(number, length, rounding_mode="floor")).view(length, length)


def combine_masks(*masks):
    masks = tuple(mask for mask in masks if mask is not None)
    match masks:
        case ():
            return None
        case (only,):
            return only.clone()
        case (first, second, *others):
            return combine_masks(first & second, *others)
