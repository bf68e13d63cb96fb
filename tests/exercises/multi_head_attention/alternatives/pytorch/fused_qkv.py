"""Accepted: one matrix for queries, keys and values, and `load_arrays`."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def split_heads(x, num_heads):
    b, n, d = x.shape
    if d % num_heads:
        raise ValueError(f"{d} % {num_heads} != 0")
    return x.reshape(b, n, num_heads, -1).swapaxes(1, 2)


def merge_heads(x):
    return x.swapaxes(1, 2).flatten(start_dim=2)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError(f"{d_model} % {num_heads} != 0")
        self.num_heads = num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def load_arrays(self, arrays):
        def stacked(leaf, axis):
            return torch.cat([torch.as_tensor(arrays[f"W_{n}.{leaf}"]) for n in "qkv"], dim=axis)

        with torch.no_grad():
            self.qkv.weight.copy_(stacked("weight", 1).T)
            self.qkv.bias.copy_(stacked("bias", 0))
            self.out.weight.copy_(torch.as_tensor(arrays["W_o.weight"]).T)
            self.out.bias.copy_(torch.as_tensor(arrays["W_o.bias"]))

    def forward(self, query, key=None, value=None, mask=None):
        if key is None and value is None:
            q, k, v = self.qkv(query).chunk(3, dim=-1)
        else:
            key = query if key is None else key
            value = key if value is None else value
            weights, biases = self.qkv.weight.chunk(3), self.qkv.bias.chunk(3)
            q, k, v = (F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))
        q, k, v = (split_heads(x, self.num_heads) for x in (q, k, v))
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = torch.where(mask, scores, -torch.inf)
        weights = F.softmax(scores, dim=-1)
        return self.out(merge_heads(weights @ v)), weights
