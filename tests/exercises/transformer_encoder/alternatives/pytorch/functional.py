"""Accepted: activations and dropout as functions, the network as a list of two layers, the mean by einsum."""

import torch
import torch.nn.functional as F
from torch import nn


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads != 0:
            raise ValueError("not divisible")
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.ModuleList([nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)])
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.rate, self.norm_first = dropout, norm_first

    def drop(self, x):
        return F.dropout(x, self.rate, training=self.training)

    def forward(self, x, mask=None):
        y = self.norm1(x) if self.norm_first else x
        padding = mask.logical_not() if mask is not None else None
        y, _weights = self.attention(y, y, y, padding)
        x = x + self.drop(y)
        if not self.norm_first:
            x = self.norm1(x)
        y = self.norm2(x) if self.norm_first else x
        wide, narrow = self.feed_forward
        x = x + self.drop(narrow(F.relu(wide(y))))
        return x if self.norm_first else self.norm2(x)


def masked_mean(x, mask):
    mask = mask.to(x.dtype)
    return torch.einsum("bld,bl->bd", x, mask) / mask.sum(1, keepdim=True)


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.rate = pad_id, dropout
        self.words = nn.Embedding(vocab_size, d_model, padding_idx=pad_id)
        self.places = nn.Embedding(max_len, d_model)
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            self.layers.append(TransformerBlock(d_model, num_heads, d_ff, dropout=dropout))
        self.out = nn.Linear(d_model, num_classes)

    def forward(self, ids):
        if ids.size(1) > self.places.num_embeddings:
            raise ValueError("too long")
        x = self.words(ids) + self.places.weight[: ids.size(1)]
        x = F.dropout(x, self.rate, self.training)
        mask = ids.ne(self.pad_id)
        for layer in self.layers:
            x = layer(x, mask=mask)
        return self.out(masked_mean(x, mask))
