"""Accepted: functions compiled by `torch.jit.script`, with types in their signatures."""

import torch
from torch import Tensor


@torch.jit.script
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    scores = torch.matmul(query, key.transpose(-2, -1)) / float(query.size(-1)) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(torch.logical_not(mask), -1e30)
    weights = torch.softmax(scores, dim=-1)
    return torch.matmul(weights, value), weights


@torch.jit.script
def padding_mask(ids: Tensor, pad_id: int = 0) -> Tensor:
    return (ids != pad_id).unsqueeze(1).unsqueeze(1)


@torch.jit.script
def causal_mask(length: int, device: torch.device | None = None) -> Tensor:
    return torch.ones([length, length], device=device).tril() > 0


def combine_masks(*masks: Tensor | None) -> Tensor | None:
    total = None
    for mask in masks:
        if mask is not None:
            total = mask.clone() if total is None else torch.logical_and(total, mask)
    return total
