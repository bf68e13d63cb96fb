"""Accepted: four copies of one layer. They start alike, and training tells them apart."""

import copy

import torch
from torch import nn


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads != 0:
        raise ValueError("the heads cannot share this width")
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def merge_heads(x):
    return x.transpose(1, 2).flatten(2)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads != 0:
            raise ValueError("the heads cannot share this width")
        self.heads = num_heads
        projection = nn.Linear(d_model, d_model)
        self.W_q, self.W_k, self.W_v, self.W_o = [copy.deepcopy(projection) for _ in range(4)]

    def forward(self, query, key=None, value=None, mask=None):
        if key is None:
            key = query
        if value is None:
            value = key
        q = split_heads(self.W_q(query), self.heads)
        k = split_heads(self.W_k(key), self.heads)
        v = split_heads(self.W_v(value), self.heads)
        scores = q @ k.mT * q.shape[-1] ** -0.5
        if mask is not None:
            scores = scores.masked_fill(mask.logical_not(), -torch.inf)
        weights = scores.softmax(dim=-1)
        return self.W_o(merge_heads(weights @ v)), weights
