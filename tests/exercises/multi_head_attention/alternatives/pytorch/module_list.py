"""Accepted: a `ModuleList` of heads, each with small projections of its own, and `load_arrays`."""

import torch
from torch import nn


def split_heads(x, num_heads):
    batch, length, width = x.shape
    if width % num_heads:
        raise ValueError("not divisible")
    return x.view(batch, length, num_heads, width // num_heads).movedim(2, 1)


def merge_heads(x):
    batch, heads, length, width = x.shape
    return x.movedim(1, 2).contiguous().view(batch, length, heads * width)


class Head(nn.Module):
    def __init__(self, d_model, width):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(d_model, width), nn.Linear(d_model, width), nn.Linear(d_model, width)

    def forward(self, query, key, value, mask):
        q = self.q(query) / self.q.out_features**0.5
        scores = torch.bmm(q, self.k(key).transpose(1, 2))
        if mask is not None:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=-1)
        return torch.bmm(weights, self.v(value)), weights


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.heads = nn.ModuleList(Head(d_model, d_model // num_heads) for _ in range(num_heads))
        self.mix = nn.Linear(d_model, d_model)

    def load_arrays(self, arrays):
        with torch.no_grad():
            for name in "qkv":
                weights = torch.as_tensor(arrays[f"W_{name}.weight"]).chunk(len(self.heads), dim=1)
                biases = torch.as_tensor(arrays[f"W_{name}.bias"]).chunk(len(self.heads))
                for head, weight, bias in zip(self.heads, weights, biases, strict=True):
                    getattr(head, name).weight.copy_(weight.T)
                    getattr(head, name).bias.copy_(bias)
            self.mix.weight.copy_(torch.as_tensor(arrays["W_o.weight"]).T)
            self.mix.bias.copy_(torch.as_tensor(arrays["W_o.bias"]))

    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        if mask is not None:
            mask = mask.expand(query.shape[0], len(self.heads), query.shape[1], key.shape[1])
        results = [head(query, key, value, None if mask is None else mask[:, h]) for h, head in enumerate(self.heads)]
        return self.mix(torch.cat([r[0] for r in results], dim=-1)), torch.stack([r[1] for r in results], dim=1)
