"""Accepted: dropout in attention's weights and inside the network as well, as PyTorch's own layer has it."""

import torch
from torch import nn


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.norm_first = norm_first
        self.attention = nn.MultiheadAttention(d_model, num_heads, dropout=dropout, batch_first=True)
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, d_ff), nn.ReLU(), nn.Dropout(dropout), nn.Linear(d_ff, d_model), nn.Dropout(dropout)
        )
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask=None):
        if self.norm_first:
            y = x + self.attend(self.norm1(x), mask)
            return y + self.feed_forward(self.norm2(y))
        y = self.norm1(x + self.attend(x, mask))
        return self.norm2(y + self.feed_forward(y))

    def attend(self, x, mask):
        return self.dropout(self.attention(x, x, x, key_padding_mask=None if mask is None else ~mask)[0])


def masked_mean(x, mask):
    weights = mask.unsqueeze(-1).type_as(x)
    return torch.mul(x, weights).sum(dim=1).div(weights.sum(dim=1))


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.max_len, self.pad_id = max_len, pad_id
        self.token, self.position = nn.Embedding(vocab_size, d_model), nn.Embedding(max_len, d_model)
        self.scale, self.norm = d_model**0.5, nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList([TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)])
        self.to_logits = nn.Linear(d_model, num_classes)

    def forward(self, ids):
        batch, length = ids.shape
        if length > self.max_len:
            raise ValueError("too long")
        positions = torch.arange(length, device=ids.device).unsqueeze(0).repeat(batch, 1)
        x = self.dropout(self.norm(self.token(ids) * self.scale + self.position(positions)))
        mask = ids != self.pad_id
        for block in self.blocks:
            x = block(x, mask)
        return self.to_logits(self.dropout(masked_mean(x, mask)))
