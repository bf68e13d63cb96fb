"""Accepted: convolutions of width one as projections, and `load_arrays`."""

import torch
from torch import nn


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("not divisible")
    columns = x.transpose(1, 2)  # (B, D, L)
    return columns.reshape(x.shape[0], num_heads, -1, x.shape[1]).transpose(2, 3)


def merge_heads(x):
    batch, heads, length, width = x.shape
    return x.transpose(2, 3).reshape(batch, heads * width, length).transpose(1, 2)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.num_heads = num_heads
        self.layers = nn.ModuleDict({f"W_{n}": nn.Conv1d(d_model, d_model, kernel_size=1) for n in "qkvo"})

    def load_arrays(self, arrays):
        with torch.no_grad():
            for name, layer in self.layers.items():
                layer.weight.copy_(torch.as_tensor(arrays[f"{name}.weight"]).T[:, :, None])
                layer.bias.copy_(torch.as_tensor(arrays[f"{name}.bias"]))

    def project(self, name, x):
        return self.layers[name](x.transpose(1, 2)).transpose(1, 2)

    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        q = split_heads(self.project("W_q", query), self.num_heads)
        k = split_heads(self.project("W_k", key), self.num_heads)
        v = split_heads(self.project("W_v", value), self.num_heads)
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        if mask is not None:
            scores = scores.masked_fill(torch.logical_not(mask), -1e9)
        weights = scores.softmax(-1)
        return self.project("W_o", merge_heads(weights @ v)), weights
