"""Plain pieces that stand in for a student's own while a later part of the exercise is graded (PyTorch).

A later part never fails because an earlier answer is wrong. An answer may read these: they are what the lesson explains
anyway, and are there only after the part that asks for them has been graded.
"""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    return torch.einsum("bsa,a->bs", torch.tanh((query @ W_q).unsqueeze(1) + keys @ W_k), v)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    return scores.softmax(dim=-1)


class AdditiveAttention(nn.Module):
    def __init__(self, query_dim, key_dim, attention_dim):
        super().__init__()
        self.W_q = nn.Linear(query_dim, attention_dim, bias=False)
        self.W_k = nn.Linear(key_dim, attention_dim, bias=False)
        self.v = nn.Linear(attention_dim, 1, bias=False)

    def forward(self, query, keys, mask=None):
        scores = self.v(torch.tanh(self.W_q(query).unsqueeze(1) + self.W_k(keys)))[:, :, 0]
        if mask is not None:
            scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=-1)
        return torch.einsum("bs,bsd->bd", weights, keys), weights


def sinusoidal_encoding(max_len, d_model, dtype=None, device=None):
    if d_model % 2:
        raise ValueError("d_model must be even")
    column = torch.arange(d_model, device=device)
    frequencies = 10000.0 ** (-(column - column % 2).double() / d_model)
    angles = torch.arange(max_len, dtype=torch.float64, device=device)[:, None] * frequencies
    return torch.where(column % 2 == 0, angles.sin(), angles.cos()).to(dtype or torch.get_default_dtype())


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = torch.einsum("...ld,...sd->...ls", query, key) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1)
    return weights @ value, weights


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("d_model must be divisible by num_heads")
    return torch.stack(x.chunk(num_heads, dim=-1), dim=1)


def merge_heads(x):
    return torch.cat(x.unbind(dim=1), dim=-1)


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
