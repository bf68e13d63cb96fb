"""Accepted: no head is ever cut out: each sees the whole width, with all columns but its own set to zero."""

import torch
from torch import nn


def own_columns(d_model, num_heads, device=None):
    """(H, 1, D): 1.0 where a column belongs to the head."""
    if d_model % num_heads:
        raise ValueError("not divisible")
    heads = torch.arange(num_heads, device=device)
    return (heads.repeat_interleave(d_model // num_heads) == heads[:, None]).unsqueeze(1)


def split_heads(x, num_heads):
    own = own_columns(x.shape[-1], num_heads, x.device)
    batch, length, d_model = x.shape
    return (
        x[:, None]
        .expand(-1, num_heads, -1, -1)[own.expand(batch, -1, length, -1)]
        .reshape(batch, num_heads, length, d_model // num_heads)
    )


def merge_heads(x):
    heads, width = x.shape[1], x.shape[3]
    merged = x.new_zeros(x.shape[0], x.shape[2], heads * width)
    for head in range(heads):
        # as wide as all heads together, zero outside its own columns
        merged = merged + nn.functional.pad(x[:, head], (head * width, (heads - 1 - head) * width))
    return merged


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.register_buffer("own", own_columns(d_model, num_heads), persistent=False)
        self.width = d_model // num_heads
        self.W_q, self.W_k = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.W_v, self.W_o = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)

    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        queries = self.W_q(query)[:, None] * self.own  # (B, H, L, D)
        scores = queries @ self.W_k(key)[:, None].mT / self.width**0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        weights = scores.softmax(dim=-1)
        values = self.W_v(value)[:, None] * self.own
        return self.W_o((weights @ values).sum(dim=1)), weights
