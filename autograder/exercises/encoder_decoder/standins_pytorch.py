"""Correct versions of a student's earlier answers, used while a later part of the exercise is graded (PyTorch).

So a later part does not fail because an earlier answer is wrong. Students' code can read these definitions. That gives
nothing away: the lesson explains them, and they are used only after the part that asks for them has been graded.
"""

import torch
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("d_model must be divisible by num_heads")
        self.self_attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.cross_attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d_model) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, memory, mask=None, memory_mask=None):
        later = torch.full((x.shape[1], x.shape[1]), True, device=x.device).triu(1)
        mask, memory_mask = (None if m is None else ~m for m in (mask, memory_mask))
        x = self.norm1(x + self.dropout(self.self_attention(x, x, x, mask, False, later)[0]))
        x = self.norm2(x + self.dropout(self.cross_attention(x, memory, memory, memory_mask, False)[0]))
        return self.norm3(x + self.dropout(self.feed_forward(x)))


def shift_right(ids, bos_id):
    shifted = ids.roll(1, dims=1)
    shifted[:, 0] = bos_id
    return shifted
