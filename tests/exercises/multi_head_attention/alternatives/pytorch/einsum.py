"""Accepted: einsum over heads, minus infinity as the fill, heads split with `unflatten`."""

import torch
from torch import nn


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads != 0:
        raise ValueError("the heads cannot share this width")
    return x.unflatten(-1, (num_heads, -1)).permute(0, 2, 1, 3)


def merge_heads(x):
    return torch.einsum("bhld->blhd", x).flatten(2)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads != 0:
            raise ValueError("the heads cannot share this width")
        self.heads, self.scale = num_heads, (d_model // num_heads) ** -0.5
        self.W_q, self.W_k, self.W_v, self.W_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, query, key=None, value=None, mask=None):
        if key is None:
            key = query
        if value is None:
            value = key
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1))
            for layer, x in ((self.W_q, query), (self.W_k, key), (self.W_v, value))
        )
        scores = torch.einsum("blhd,bshd->bhls", q, k) * self.scale
        if mask is not None:
            scores = scores.masked_fill(mask == 0, float("-inf"))
        weights = scores.softmax(dim=-1)
        return self.W_o(torch.einsum("bhls,bshd->blhd", weights, v).flatten(2)), weights
