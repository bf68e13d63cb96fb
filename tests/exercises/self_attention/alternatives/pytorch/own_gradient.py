"""Accepted: a softmax with its own gradient (`torch.autograd.Function`), a named tuple as the result, a decorator."""

from functools import wraps
from typing import NamedTuple

import torch


class MaskedSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, scores, mask):
        scores = scores.masked_fill(~mask, float("-inf"))
        weights = torch.nn.functional.softmax(scores, dim=-1)
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(ctx, gradient):
        (weights,) = ctx.saved_tensors
        return weights * (gradient - (gradient * weights).sum(dim=-1, keepdim=True)), None


class Attended(NamedTuple):
    output: torch.Tensor
    weights: torch.Tensor


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = torch.inner(query, key) if query.dim() == 2 else query @ key.movedim(-1, -2)
    scores = scores * torch.rsqrt(torch.tensor(query.shape[-1], dtype=query.dtype, device=query.device))
    everything = torch.ones((1, 1), dtype=torch.bool, device=query.device)
    weights = MaskedSoftmax.apply(scores, everything if mask is None else mask)
    return Attended(output=weights @ value, weights=weights)


def as_boolean(function):
    """The function may give numbers: what is not 0 is True."""

    @wraps(function)
    def wrapped(*args, **kwargs):
        result = function(*args, **kwargs)
        return None if result is None else result != 0

    return wrapped


@as_boolean
def padding_mask(ids, pad_id=0):
    return (ids - pad_id).abs().view(ids.size(0), 1, 1, -1)


@as_boolean
def causal_mask(length, device=None):
    return torch.tril(torch.full((length, length), 7, device=device))


@as_boolean
def combine_masks(*masks):
    given = [mask.float() for mask in masks if mask is not None]
    if given:
        total = sum(given[1:], start=given[0])
        return torch.floor(total / len(given))
