"""Accepted: words and positions as one-hot vectors times the tables; columns put in place by a permutation matrix."""

import torch
import torch.nn.functional as F
from torch import nn


def even(d_model):
    half, rest = divmod(d_model, 2)
    if rest:
        raise ValueError(f"{d_model} is odd")
    return half


def interleave(d_model):
    """The permutation that takes first half, second half to turns: first sine, first cosine, second sine, ..."""
    return torch.eye(d_model).view(2, d_model // 2, d_model).transpose(0, 1).reshape(d_model, d_model).T


def sinusoidal_encoding(max_len, d_model):
    exponents = torch.linspace(0, 1, even(d_model) + 1, dtype=torch.float64)[:-1]
    angles = torch.outer(torch.arange(max_len, dtype=torch.float64), 10000**-exponents)
    halves = torch.cat([angles.sin(), angles.cos()], dim=1).float()
    return halves @ interleave(d_model)


class PositionalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.token, self.position = nn.Embedding(vocab_size, d_model), nn.Embedding(max_len, d_model)

    def forward(self, ids):
        length, rows = ids.shape[1], self.position.num_embeddings
        if length > rows:
            raise ValueError("too long")
        words = F.one_hot(ids, self.token.num_embeddings).to(self.token.weight.dtype)
        places = torch.eye(length, rows, dtype=words.dtype, device=words.device)
        return words @ self.token.weight + places @ self.position.weight


class SinusoidalEmbedding(nn.Module):
    """The words times the root, and one hot times the encoding, from a single product with both tables."""

    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.sizes = vocab_size, max_len
        self.root = d_model**0.5
        self.token = nn.Embedding(vocab_size, d_model)
        self.register_buffer("encoding", sinusoidal_encoding(max_len, d_model))

    def forward(self, ids):
        vocab_size, max_len = self.sizes
        if ids.shape[1] > max_len:
            raise ValueError("too long")
        tables = torch.cat([self.root * self.token.weight, self.encoding])
        places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        both = F.one_hot(ids, len(tables)) + F.one_hot(vocab_size + places, len(tables))
        return both.to(tables.dtype) @ tables


def relative_shift(offset, d_model):
    exponents = torch.linspace(0, 1, even(d_model) + 1, dtype=torch.float64)[:-1]
    angles = offset * 10000**-exponents
    sin, cos = angles.sin().diag(), angles.cos().diag()
    halves = torch.cat([torch.cat([cos, sin], dim=1), torch.cat([-sin, cos], dim=1)]).float()
    turns = interleave(d_model)
    return turns.T @ halves @ turns
