"""Accepted: the encoding as a complex exponential, and the shift as a rotation in the complex plane."""

import torch
from torch import nn


def turns(positions, d_model):
    if d_model % 2:
        raise ValueError("sine and cosine come in pairs")
    exponents = torch.arange(d_model // 2, dtype=torch.float64) * 2 / d_model
    angles = positions[:, None] * torch.pow(torch.tensor(10000.0, dtype=torch.float64), -exponents)
    return torch.polar(torch.ones_like(angles), angles)


def sinusoidal_encoding(max_len, d_model):
    spiral = turns(torch.arange(max_len, dtype=torch.float64), d_model)
    return torch.view_as_real(spiral).flip(-1).reshape(max_len, d_model).float()


class PositionalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.token, self.position = nn.Embedding(vocab_size, d_model), nn.Embedding(max_len, d_model)

    def forward(self, ids):
        if ids.shape[1] > len(self.position.weight):
            raise ValueError("too long")
        places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        return torch.add(self.token(ids), self.position(places))


class SinusoidalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        self.register_buffer("table", sinusoidal_encoding(max_len, d_model).unsqueeze(0))

    def forward(self, ids):
        if ids.shape[1] > self.table.shape[1]:
            raise ValueError("too long")
        scale = torch.sqrt(torch.tensor(self.token.embedding_dim))
        return scale * self.token(ids) + self.table[:, : ids.shape[1]]


def relative_shift(offset, d_model):
    turn = turns(torch.tensor([float(offset)], dtype=torch.float64), d_model)[0]
    blocks = [torch.tensor([[z.real, z.imag], [-z.imag, z.real]]) for z in turn]
    return torch.block_diag(*blocks).float()
