"""Accepted: a mask of zeros and minus infinities for every head, made by hand; the sum by a matrix product."""

import torch
from torch import nn


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model // num_heads * num_heads != d_model:
            raise ValueError("not divisible")
        self.num_heads, self.norm_first = num_heads, norm_first
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model), nn.Dropout(dropout)
        )
        self.norm1, self.norm2 = nn.LayerNorm(d_model, eps=1e-5), nn.LayerNorm(d_model, eps=1e-5)
        self.drop = nn.Dropout(dropout)

    def added(self, x, mask):
        if mask is None:
            return None
        fill = torch.zeros(mask.shape, dtype=x.dtype, device=x.device).masked_fill(~mask, float("-inf"))
        length = x.shape[1]
        return fill[:, None, None, :].expand(-1, self.num_heads, length, -1).reshape(-1, length, length)

    def forward(self, x, mask=None):
        added = self.added(x, mask)
        if self.norm_first:
            y = self.norm1(x)
            x = x + self.drop(self.attention(y, y, y, attn_mask=added)[0])
            return x + self.feed_forward(self.norm2(x))
        x = self.norm1(x + self.drop(self.attention(x, x, x, attn_mask=added)[0]))
        return self.norm2(x + self.feed_forward(x))


def masked_mean(x, mask):
    shares = mask.to(x.dtype) / mask.sum(dim=-1, keepdim=True)
    return torch.bmm(shares.unsqueeze(1), x).squeeze(1)


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id = pad_id
        self.word = nn.Embedding(vocab_size, d_model)
        self.place = nn.Parameter(torch.randn(max_len, d_model) * 0.02)
        self.blocks = nn.ModuleList([TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)])
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(d_model, num_classes))

    def forward(self, ids):
        length = ids.shape[1]
        if length > len(self.place):
            raise ValueError("too long")
        x, mask = self.word(ids) + self.place[None, :length], ids != self.pad_id
        for block in self.blocks:
            x = block(x, mask)
        return self.classify(masked_mean(x, mask))
