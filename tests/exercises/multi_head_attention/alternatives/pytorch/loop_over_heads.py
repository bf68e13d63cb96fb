"""Accepted: a loop over heads that slices the projections, chunk and cat for the pieces, an additive mask."""

import math

import torch
from torch import nn


def split_heads(x, num_heads):
    if x.shape[2] % num_heads:
        raise ValueError("not divisible")
    return torch.stack(x.chunk(num_heads, dim=2), dim=1)


def merge_heads(x):
    return torch.cat([x[:, h] for h in range(x.shape[1])], dim=-1)


def attention(q, k, v, bias):
    weights = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(q.shape[-1]) + bias, dim=-1)
    return weights @ v, weights


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.d_model, self.num_heads = d_model, num_heads
        self.W_q = nn.Linear(d_model, d_model)
        self.W_k = nn.Linear(d_model, d_model)
        self.W_v = nn.Linear(d_model, d_model)
        self.W_o = nn.Linear(d_model, d_model)

    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = self.W_q(query), self.W_k(key), self.W_v(value)
        shape = (q.shape[0], self.num_heads, q.shape[1], k.shape[1])
        bias = torch.zeros(shape, dtype=q.dtype, device=q.device)
        if mask is not None:
            bias = bias.masked_fill(~mask, -1e9)
        outputs, weights = [], []
        width = self.d_model // self.num_heads
        for head in range(self.num_heads):
            own = slice(head * width, (head + 1) * width)
            output, weight = attention(q[..., own], k[..., own], v[..., own], bias[:, head])
            outputs.append(output)
            weights.append(weight)
        return self.W_o(torch.cat(outputs, dim=-1)), torch.stack(weights, dim=1)
