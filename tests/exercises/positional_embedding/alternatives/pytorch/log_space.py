"""Accepted: frequencies in log space and in float32, the encoding made anew in each call, a sliced position table."""

import math

import torch
from torch import nn


def frequencies(d_model, device=None):
    if d_model % 2 != 0:
        raise ValueError("odd width")
    return torch.exp(torch.arange(0, d_model, 2, device=device).float() * (-math.log(10000.0) / d_model))


def sinusoidal_encoding(max_len, d_model, device=None):
    angles = torch.outer(torch.arange(max_len, device=device).float(), frequencies(d_model, device))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class PositionalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        self.position = nn.Embedding(max_len, d_model)

    def forward(self, ids):
        _, length = ids.shape
        if length > self.position.num_embeddings:
            raise ValueError("too long")
        return self.token(ids) + self.position.weight[:length]


class SinusoidalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len, self.d_model = max_len, d_model
        self.token = nn.Embedding(vocab_size, d_model)

    def forward(self, ids):
        if ids.size(1) > self.max_len:
            raise ValueError("too long")
        x = self.token(ids) * self.d_model**0.5
        return x + sinusoidal_encoding(ids.size(1), self.d_model, device=ids.device).to(x.dtype)


def relative_shift(offset, d_model):
    turn = offset * frequencies(d_model)
    shift = torch.zeros(d_model, d_model)
    even = torch.arange(0, d_model, 2)
    shift[even, even] = shift[even + 1, even + 1] = turn.cos()
    shift[even, even + 1] = turn.sin()
    shift[even + 1, even] = -turn.sin()
    return shift
