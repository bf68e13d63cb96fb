"""Accepted: a bilinear form for each head, W_q and W_k multiplied beforehand, and so are W_v and W_o."""

import torch
from torch import nn


def split_heads(x, num_heads):
    d_model = x.size(2)
    if d_model % num_heads:
        raise ValueError("not divisible")
    return x.unfold(2, d_model // num_heads, d_model // num_heads).swapdims(1, 2)  # windows that do not overlap


def merge_heads(x):
    return x.permute(0, 2, 1, 3).reshape(x.size(0), x.size(2), -1)


def with_one(x):
    """A column of ones, for the bias."""
    return torch.cat([x, torch.ones_like(x[..., :1])], dim=-1)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.num_heads = num_heads
        for name in ("W_q", "W_k", "W_v", "W_o"):
            setattr(self, name, nn.Linear(d_model, d_model))

    def by_head(self, layer):
        """Weight and bias as one matrix for each head, (H, D + 1, Dh)."""
        both = torch.vstack([layer.weight.T, layer.bias])
        return split_heads(both[None], self.num_heads)[0]

    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        w_q, w_k, w_v = (self.by_head(layer) for layer in (self.W_q, self.W_k, self.W_v))
        matches = w_q @ w_k.mT / w_q.shape[-1] ** 0.5  # (H, D + 1, D + 1): what a query looks for in a key
        scores = torch.einsum("bli,hij,bsj->bhls", with_one(query), matches, with_one(key))
        if mask is not None:
            scores = scores.where(mask, torch.finfo(scores.dtype).min)
        weights = torch.softmax(scores, dim=-1)
        w_o = self.W_o.weight.T.reshape(self.num_heads, -1, self.W_o.out_features)
        carried = torch.einsum("bsj,hjo->bhso", with_one(value), w_v @ w_o)  # (B, H, S, D): each head's share
        return torch.matmul(weights, carried).sum(1) + self.W_o.bias, weights
