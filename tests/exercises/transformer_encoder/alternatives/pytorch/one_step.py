"""Accepted: both halves through one helper with functions as arguments, the mean by way of NaN."""

from functools import partial

import torch
from torch import nn


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        nn.Module.__init__(self)
        quotient, rest = divmod(d_model, num_heads)
        if rest or not quotient:
            raise ValueError("not divisible")
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential()
        self.feed_forward.append(nn.Linear(d_model, d_ff)).append(nn.Threshold(0.0, 0.0))
        self.feed_forward.append(nn.Linear(d_ff, d_model))
        norm = partial(nn.LayerNorm, d_model)
        self.norm1, self.norm2, self.dropout = norm(), norm(), nn.Dropout(dropout)
        self.before, self.after = (True, False) if norm_first else (False, True)

    def step(self, x, norm, change):
        y = change(norm(x) if self.before else x)
        y = torch.add(x, self.dropout(y))
        return norm(y) if self.after else y

    def forward(self, x, mask=None):
        options = {} if mask is None else {"key_padding_mask": torch.bitwise_not(mask)}
        x = self.step(x, self.norm1, lambda y: self.attention(y, y, y, **options)[0])
        return self.step(x, self.norm2, self.feed_forward)


def masked_mean(x, mask):
    return x.masked_fill(~mask[:, :, None], torch.nan).nanmean(dim=1)


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.longest = pad_id, max_len
        self.token, self.position = nn.Embedding(vocab_size, d_model), nn.Embedding(max_len, d_model)
        self.dropout = nn.Dropout(dropout)
        for n in range(num_layers):
            self.add_module(f"block{n}", TransformerBlock(d_model, num_heads, d_ff, dropout))
        self.depth, self.head = num_layers, nn.Linear(d_model, num_classes)

    def forward(self, ids):
        if ids.shape[1] > self.longest:
            raise ValueError("too long")
        places = torch.cumsum(torch.ones_like(ids), dim=1) - 1
        x = self.dropout(self.token(ids) + self.position(places))
        for n in range(self.depth):
            x = getattr(self, f"block{n}")(x, mask=ids != self.pad_id)
        return self.head(masked_mean(x, ids != self.pad_id))
