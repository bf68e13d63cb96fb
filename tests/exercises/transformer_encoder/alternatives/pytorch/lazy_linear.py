"""Accepted: layers that learn their input's width in the first call."""

import torch
from torch import nn


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.norm_first = norm_first
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.LazyLinear(d_ff), nn.ReLU(), nn.LazyLinear(d_model))
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask=None):
        padding = None if mask is None else ~mask
        if self.norm_first:
            y = self.norm1(x)
            x = x + self.dropout(self.attention(y, y, y, padding, need_weights=False)[0])
            x = x + self.dropout(self.feed_forward(self.norm2(x)))
        else:
            x = self.norm1(x + self.dropout(self.attention(x, x, x, padding, need_weights=False)[0]))
            x = self.norm2(x + self.dropout(self.feed_forward(x)))
        return x


def masked_mean(x, mask):
    count = mask.sum(dim=1, keepdim=True).clamp(min=1)
    return x.masked_fill(~mask.unsqueeze(-1), 0.0).sum(dim=1) / count


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.max_len, self.pad_id = max_len, pad_id
        self.token, self.position = nn.Embedding(vocab_size, d_model), nn.Embedding(max_len, d_model)
        self.blocks = nn.ModuleList(TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers))
        self.to_logits = nn.Linear(d_model, num_classes)
        # One call makes every weight, so that the whole classifier can be saved and loaded.
        self(torch.ones(1, 1, dtype=torch.long))

    def forward(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        x = self.token(ids) + self.position(torch.arange(ids.shape[1], device=ids.device))
        real = ids != self.pad_id
        for block in self.blocks:
            x = block(x, real)
        return self.to_logits(masked_mean(x, real))
