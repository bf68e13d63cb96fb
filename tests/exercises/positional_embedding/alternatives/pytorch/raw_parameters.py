"""Accepted: raw parameters with `load_arrays`, and a persistent buffer."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def sinusoidal_encoding(max_len, d_model):
    if d_model % 2 == 1:
        raise ValueError("d_model is odd")
    table = torch.empty(max_len, d_model)
    p = torch.arange(max_len)[:, None]
    i = torch.arange(d_model // 2)
    table[:, ::2] = torch.sin(p / 10000 ** (2 * i / d_model))
    table[:, 1::2] = torch.cos(p / 10000 ** (2 * i / d_model))
    return table


class PositionalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.words = nn.Parameter(torch.randn(vocab_size, d_model))
        self.places = nn.Parameter(torch.randn(max_len, d_model) * 0.02)

    def load_arrays(self, arrays):
        self.words.data = torch.as_tensor(arrays["token.weight"]).to(self.words)
        self.places.data = torch.as_tensor(arrays["position.weight"]).to(self.places)

    def forward(self, ids):
        if ids.shape[-1] > self.places.shape[0]:
            raise ValueError("too long")
        return F.embedding(ids, self.words) + self.places.narrow(0, 0, ids.shape[-1])


class SinusoidalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.words = nn.Parameter(torch.randn(vocab_size, d_model))
        self.register_buffer("encoding", sinusoidal_encoding(max_len, d_model))

    def load_arrays(self, arrays):
        self.words.data = torch.as_tensor(arrays["token.weight"]).to(self.words)

    def forward(self, ids):
        if ids.shape[-1] > self.encoding.shape[0]:
            raise ValueError("too long")
        return self.words[ids] * math.sqrt(self.words.shape[1]) + self.encoding[: ids.shape[-1]]


def relative_shift(offset, d_model):
    if d_model % 2 == 1:
        raise ValueError("d_model is odd")
    m = torch.zeros(d_model, d_model)
    for j in range(0, d_model, 2):
        b = offset / 10000 ** (j / d_model)
        m[j : j + 2, j : j + 2] = torch.tensor([[math.cos(b), math.sin(b)], [-math.sin(b), math.cos(b)]])
    return m
