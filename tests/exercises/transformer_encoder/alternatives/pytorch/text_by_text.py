"""Accepted: each text by itself and without its padding, so that no mask ever reaches attention."""

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.norm_first = norm_first
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask=None):
        if mask is None:
            return torch.stack([self.one(text) for text in x])
        result = torch.zeros_like(x)
        for n, real in enumerate(mask):
            result[n, real] = self.one(x[n, real])
        return result

    def one(self, text):  # (words, D): attention takes a single text as well
        if self.norm_first:
            y = self.norm1(text)
            text = text + self.dropout(self.attention(y, y, y)[0])
            return text + self.dropout(self.feed_forward(self.norm2(text)))
        text = self.norm1(text + self.dropout(self.attention(text, text, text)[0]))
        return self.norm2(text + self.dropout(self.feed_forward(text)))


def masked_mean(x, mask):
    rows = []
    for text, real in zip(x, mask, strict=True):
        total, count = torch.zeros_like(text[0]), 0
        for word, is_real in zip(text, real, strict=True):
            if is_real:
                total, count = total + word, count + 1
        rows.append(total / count)
    return torch.stack(rows)


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len = pad_id, max_len
        self.token, self.position = nn.Embedding(vocab_size, d_model), nn.Embedding(max_len, d_model)
        self.blocks = nn.ModuleList(TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers))
        self.to_logits = nn.Linear(d_model, num_classes)

    def forward(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        texts = [row[row != self.pad_id] for row in ids]
        real = pad_sequence([torch.ones_like(text) for text in texts], batch_first=True).bool()
        x = pad_sequence([self.token(text) for text in texts], batch_first=True)  # no longer than the longest text
        x = x + self.position(torch.arange(x.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x, real)
        return self.to_logits(masked_mean(x, real))
