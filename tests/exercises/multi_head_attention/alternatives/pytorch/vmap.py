"""Accepted: attention of one head of one example, lifted over heads and batch by `torch.vmap`; named results."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import vmap


class Attended(NamedTuple):
    output: Tensor
    weights: Tensor


class Projection(nn.Linear):
    """A linear layer that knows its heads."""

    def __init__(self, d_model, num_heads):
        if d_model % num_heads:
            raise ValueError(f"{d_model} is no multiple of {num_heads}")
        super().__init__(d_model, d_model)
        self.num_heads = num_heads

    def heads(self, x):
        return split_heads(self(x), self.num_heads)


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError(f"{x.shape[-1]} is no multiple of {num_heads}")
    return vmap(lambda row: torch.stack(row.tensor_split(num_heads, dim=-1)))(x)


def merge_heads(x):
    return vmap(vmap(torch.flatten, in_dims=1))(x)  # over examples, and over the positions of each


def one_head(q, k, v, allowed):
    """Queries (L, Dh), keys and values (S, Dh), mask (L, S)."""
    scores = torch.addmm(torch.zeros_like(allowed, dtype=q.dtype), q, k.T, alpha=q.shape[-1] ** -0.5)
    weights = scores.where(allowed, scores.new_tensor(-1e9)).softmax(dim=-1)
    return weights.mm(v), weights


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.W_q = Projection(d_model, num_heads)
        self.W_k = Projection(d_model, num_heads)
        self.W_v = Projection(d_model, num_heads)
        self.W_o = nn.Linear(d_model, d_model)

    def forward(self, query, key=None, value=None, mask=None):
        key = key if key is not None else query
        value = value if value is not None else key
        q, k, v = self.W_q.heads(query), self.W_k.heads(key), self.W_v.heads(value)
        allowed = torch.ones(*q.shape[:3], k.shape[2], dtype=torch.bool, device=q.device)
        if mask is not None:
            allowed = allowed & mask
        output, weights = vmap(vmap(one_head))(q, k, v, allowed)
        return Attended(self.W_o(merge_heads(output)), weights)
