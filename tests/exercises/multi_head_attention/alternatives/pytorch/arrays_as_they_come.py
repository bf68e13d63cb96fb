"""Accepted: one projection for all three; `load_arrays` makes parameters of the arrays as they come."""

import numpy as np
import torch
from torch import nn


def split_heads(x, num_heads):
    batch, length, width = x.shape
    if width % num_heads:
        raise ValueError(f"{width} columns, {num_heads} heads")
    return x.reshape(batch, length, num_heads, -1).permute(0, 2, 1, 3)


def merge_heads(x):
    return x.permute(0, 2, 1, 3).flatten(start_dim=2)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError(f"{d_model} columns, {num_heads} heads")
        self.num_heads, self.d_model = num_heads, d_model
        self.into = nn.Linear(d_model, 3 * d_model)
        self.out_of = nn.Linear(d_model, d_model)

    def load_arrays(self, arrays):
        joined = np.hstack([arrays[f"W_{name}.weight"] for name in "qkv"])
        self.into.weight = nn.Parameter(torch.from_numpy(joined.T.copy()))
        self.into.bias = nn.Parameter(torch.from_numpy(np.hstack([arrays[f"W_{name}.bias"] for name in "qkv"])))
        self.out_of.weight = nn.Parameter(torch.from_numpy(arrays["W_o.weight"].T.copy()))
        self.out_of.bias = nn.Parameter(torch.from_numpy(arrays["W_o.bias"]))

    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        parts = [self.into(x).split(self.d_model, dim=-1)[n] for n, x in enumerate((query, key, value))]
        q, k, v = (split_heads(part, self.num_heads) for part in parts)
        scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / (self.d_model // self.num_heads) ** 0.5
        if mask is not None:
            scores = torch.where(mask, scores, -torch.inf)
        weights = scores.softmax(-1)
        return self.out_of(merge_heads(weights @ v)), weights
