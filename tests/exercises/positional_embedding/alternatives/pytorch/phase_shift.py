"""Accepted: a cosine as a shifted sine, a parent class shared by both modules, `index_select`, Kronecker products."""

import math

import torch
from torch import nn


def _check(d_model):
    if d_model % 2:
        raise ValueError("d_model must be even")


def sinusoidal_encoding(max_len, d_model):
    _check(d_model)
    column = torch.arange(d_model, dtype=torch.float64)
    phase = (column % 2) * math.pi / 2
    pair = torch.div(column, 2, rounding_mode="floor")
    angles = torch.arange(max_len).double().unsqueeze(1) * 10000 ** (-2 * pair / d_model)
    return torch.sin(angles + phase).to(torch.get_default_dtype())


class Embedder(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len = max_len
        self.token = nn.Embedding(vocab_size, d_model)

    def forward(self, ids):
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError("longer than max_len")
        return self.words(ids) + self.places(torch.arange(length, device=ids.device))


class PositionalEmbedding(Embedder):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__(vocab_size, max_len, d_model)
        self.position = nn.Embedding(max_len, d_model)

    def words(self, ids):
        return self.token(ids)

    def places(self, positions):
        return self.position(positions)


class SinusoidalEmbedding(Embedder):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__(vocab_size, max_len, d_model)
        self.table = nn.Parameter(sinusoidal_encoding(max_len, d_model), requires_grad=False)

    def words(self, ids):
        return self.token(ids) * self.token.embedding_dim**0.5

    def places(self, positions):
        return self.table.index_select(0, positions)


def relative_shift(offset, d_model):
    _check(d_model)
    b = offset * 10000 ** (-torch.arange(0, d_model, 2) / d_model)
    swap = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    return torch.kron(torch.diag(b.cos()), torch.eye(2)) + torch.kron(torch.diag(b.sin()), swap)
