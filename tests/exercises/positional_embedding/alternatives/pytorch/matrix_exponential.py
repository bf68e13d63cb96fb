"""Accepted: the shift as a matrix exponential, and the encoding as the first row, shifted again and again."""

import torch
from torch import nn


def generator(d_model):
    """The matrix whose exponential moves by one position: what turns each pair, and how fast."""
    if d_model % 2:
        raise ValueError("d_model must be even")
    speed = 10000.0 ** (-torch.arange(0, d_model, 2, dtype=torch.float64) / d_model)
    beside = torch.zeros(d_model - 1, dtype=torch.float64)
    beside[::2] = speed
    return torch.diag(beside, 1) - torch.diag(beside, -1)


def relative_shift(offset, d_model):
    return torch.linalg.matrix_exp(offset * generator(d_model)).float()


def sinusoidal_encoding(max_len, d_model):
    step = torch.linalg.matrix_exp(generator(d_model))
    rows = [torch.tensor([0.0, 1.0], dtype=torch.float64).repeat(d_model // 2)]
    while len(rows) < max_len:
        rows.append(step.mv(rows[-1]))
    return torch.vstack(rows[:max_len]).to(torch.float32)


class PositionalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.add_module("token", nn.Embedding(vocab_size, d_model))
        self.add_module("position", nn.Embedding(max_len, d_model))

    def forward(self, ids):
        first, *_ = self.position.weight.split(ids.size(1))  # of the length of the sentences, or shorter
        if first.size(0) != ids.size(1):
            raise ValueError("more words than positions")
        return torch.add(first, self.token(ids))


class SinusoidalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        for place, row in enumerate(sinusoidal_encoding(max_len, d_model)):
            self.register_buffer(f"row{place}", row)  # a buffer for each position

    def forward(self, ids):
        try:
            rows = [getattr(self, f"row{place}") for place in range(ids.shape[1])]
        except AttributeError:
            raise ValueError("more words than positions") from None
        return torch.add(torch.stack(rows), self.token(ids), alpha=self.token.embedding_dim**0.5)
