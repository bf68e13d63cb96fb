"""Correct versions of a student's earlier answers, used while a later part of the exercise is graded (PyTorch).

So a later part does not fail because an earlier answer is wrong. Students' code can read these definitions. That gives
nothing away: the lesson explains them, and they are used only after the part that asks for them has been graded.
"""

import torch
from torch import nn


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("d_model must be divisible by num_heads")
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout, self.norm_first = nn.Dropout(dropout), norm_first

    def add(self, x, norm, sublayer):
        if self.norm_first:
            return x + self.dropout(sublayer(norm(x)))
        return norm(x + self.dropout(sublayer(x)))

    def forward(self, x, mask=None):
        hidden = None if mask is None else ~mask
        x = self.add(x, self.norm1, lambda y: self.attention(y, y, y, hidden, need_weights=False)[0])
        return self.add(x, self.norm2, self.feed_forward)


def masked_mean(x, mask):
    shares = mask.to(x.dtype) / mask.sum(dim=1, keepdim=True)
    return torch.einsum("bld,bl->bd", x, shares)
