"""Accepted: lazy layers, helper functions and classes, `functools.partial`, `import torch as t`."""

import functools

import torch as t

inf = float("inf")
softmax = functools.partial(t.softmax, dim=-1)


class Shared(ValueError):
    """An exception of one's own is a ValueError too."""


def width_of(d_model, num_heads):
    if d_model % num_heads:
        raise Shared("not divisible")
    return d_model // num_heads


def split_heads(x, num_heads):
    width = width_of(x.shape[-1], num_heads)
    return t.stack([x[..., h * width : (h + 1) * width] for h in range(num_heads)], 1)


def merge_heads(x):
    return t.hstack([head.mT for head in x.unbind(1)]).mT


class MultiHeadAttention(t.nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.scale = width_of(d_model, num_heads) ** -0.5
        self.num_heads = num_heads
        self.W_q = t.nn.LazyLinear(d_model)
        self.W_k = t.nn.LazyLinear(d_model)
        self.W_v = t.nn.LazyLinear(d_model)
        self.W_o = t.nn.LazyLinear(d_model)

    def forward(self, query, key=None, value=None, mask=None):
        if key is None:
            key = query
        if value is None:
            value = key
        q = split_heads(self.W_q(query) * self.scale, self.num_heads)
        k = split_heads(self.W_k(key), self.num_heads)
        v = split_heads(self.W_v(value), self.num_heads)
        scores = q @ k.mT
        if mask is not None:
            scores = t.where(mask, scores, -inf)
        weights = softmax(scores)
        return self.W_o(merge_heads(weights @ v)), weights
