"""Accepted: attention that wants the sequence first, and a batch that is turned before and after it."""

import torch
from torch import nn


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.norm_first = norm_first
        self.attention = nn.MultiheadAttention(d_model, num_heads)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout1, self.dropout2 = nn.Dropout(dropout), nn.Dropout(dropout)

    def attend(self, x, mask):
        x = x.transpose(0, 1)  # (L, B, D)
        x, _ = self.attention(x, x, x, key_padding_mask=None if mask is None else mask == False)  # noqa: E712
        return self.dropout1(x.transpose(0, 1))

    def forward(self, x, mask=None):
        if self.norm_first:
            h = self.attend(self.norm1(x), mask) + x
            return self.dropout2(self.feed_forward(self.norm2(h))) + h
        h = self.norm1(self.attend(x, mask) + x)
        return self.norm2(self.dropout2(self.feed_forward(h)) + h)


def masked_mean(x, mask):
    return torch.stack([row[real].mean(dim=0) for row, real in zip(x, mask, strict=True)])


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.max_len, self.pad_id = max_len, pad_id
        self.embedding = nn.ModuleDict(
            {"word": nn.Embedding(vocab_size, d_model), "place": nn.Embedding(max_len, d_model)}
        )
        self.blocks = nn.ModuleDict(
            {f"block{n}": TransformerBlock(d_model, num_heads, d_ff, dropout) for n in range(num_layers)}
        )
        self.linear = nn.Linear(d_model, num_classes)

    def forward(self, ids):
        if ids.shape[-1] > self.max_len:
            raise ValueError("too long")
        places = torch.arange(ids.shape[-1], device=ids.device).expand_as(ids)
        x = self.embedding["word"](ids) + self.embedding["place"](places)
        for block in self.blocks.values():
            x = block(x, ids != self.pad_id)
        return self.linear(masked_mean(x, ids != self.pad_id))
