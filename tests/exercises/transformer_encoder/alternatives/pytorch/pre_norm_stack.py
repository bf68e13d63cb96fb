"""Accepted: a classifier of pre-norm blocks with a last norm, and helper classes of one's own."""

import torch as t
from torch import nn


class FeedForward(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.first, self.second = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        return self.second(self.first(x).clamp(min=0))


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        self.forward = self.pre_norm if norm_first else self.post_norm

    def pre_norm(self, x, mask=None):
        x = x + self.dropout(self.attend(self.norm1(x), mask))
        return x + self.dropout(self.feed_forward(self.norm2(x)))

    def post_norm(self, x, mask=None):
        x = self.norm1(x + self.dropout(self.attend(x, mask)))
        return self.norm2(x + self.dropout(self.feed_forward(x)))

    def attend(self, x, mask):
        mask = t.ones(x.shape[:2], dtype=t.bool, device=x.device) if mask is None else mask
        return self.attention(query=x, key=x, value=x, key_padding_mask=~mask)[0]


def masked_mean(x, mask):
    total = (x * mask[:, :, None]).sum(dim=1)
    return total / t.count_nonzero(mask, dim=1)[:, None]


class Embedding(nn.Module):
    def __init__(self, vocab_size, max_len, width):
        super().__init__()
        self.token, self.position = nn.Embedding(vocab_size, width), nn.Embedding(max_len, width)
        self.register_buffer("places", t.arange(max_len), persistent=False)

    def forward(self, ids):
        if ids.shape[1] > len(self.places):
            raise ValueError("too long")
        return self.token(ids) + self.position(self.places[: ids.shape[1]])


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id = pad_id
        self.embedding = Embedding(vocab_size, max_len, d_model)
        block = (d_model, num_heads, d_ff, dropout, True)
        self.blocks = nn.ModuleList([TransformerBlock(*block) for _ in range(num_layers)])
        self.norm, self.head = nn.LayerNorm(d_model), nn.Linear(d_model, num_classes)

    def forward(self, ids):
        mask = ids != self.pad_id
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(masked_mean(self.norm(x), mask))
