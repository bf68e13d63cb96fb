"""Accepted: sequence first inside, batch and heads in one axis, the mask expanded in the same order."""

import torch
from torch import nn


def split_heads(x, num_heads):
    batch, length, d_model = x.shape
    width, rest = divmod(d_model, num_heads)
    if rest:
        raise ValueError("not divisible")
    x = x.transpose(0, 1).reshape(length, batch * num_heads, width)  # sequence first
    return x.transpose(0, 1).reshape(batch, num_heads, length, width)


def merge_heads(x):
    batch, heads, length, width = x.shape
    x = x.reshape(batch * heads, length, width).transpose(0, 1)
    return x.reshape(length, batch, heads * width).transpose(0, 1)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.num_heads, self.width = num_heads, d_model // num_heads
        self.W_q = nn.Linear(d_model, d_model)
        self.W_k = nn.Linear(d_model, d_model)
        self.W_v = nn.Linear(d_model, d_model)
        self.W_o = nn.Linear(d_model, d_model)

    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        (length, batch, d_model), keys = query.shape, key.shape[0]
        q = self.W_q(query).reshape(length, batch * self.num_heads, self.width).transpose(0, 1)
        k = self.W_k(key).reshape(keys, batch * self.num_heads, self.width).permute(1, 2, 0)
        v = self.W_v(value).reshape(keys, batch * self.num_heads, self.width).transpose(0, 1)
        scores = torch.bmm(q, k) / self.width**0.5
        if mask is not None:
            mask = mask.expand(batch, self.num_heads, length, keys).reshape(-1, length, keys)
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = torch.softmax(scores, dim=-1)
        output = torch.bmm(weights, v).transpose(0, 1).reshape(length, batch, d_model)
        return self.W_o(output).transpose(0, 1), weights.reshape(batch, self.num_heads, length, keys)
