"""Accepted: each position is the one before, turned in the complex plane: cumulative products; token rows by gather."""

import cmath
import math

import torch
from torch import nn


class OddWidth(ValueError):
    def __init__(self, d_model):
        super().__init__(f"sine and cosine come in pairs, and {d_model} is odd")


def unit_turns(d_model):
    """How one step turns each pair, as complex numbers of length 1."""
    if d_model % 2:
        raise OddWidth(d_model)
    turns = [cmath.exp(1j / 10000 ** (column / d_model)) for column in range(0, d_model, 2)]
    return torch.tensor(turns, dtype=torch.complex128)


def sinusoidal_encoding(max_len, d_model):
    steps = unit_turns(d_model).repeat(max_len, 1)
    steps[0] = 1  # position 0 is not turned at all
    spiral = steps.cumprod(dim=0)
    table = torch.empty(max_len, d_model)
    torch.stack((spiral.imag.float(), spiral.real.float()), dim=2, out=table.view(max_len, d_model // 2, 2))
    return table


class PositionalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.tables = nn.ModuleDict({"token": nn.Embedding(vocab_size, d_model)})
        self.tables["position"] = nn.Embedding(max_len, d_model)

    def __getattr__(self, name):
        tables = self.__dict__.get("_modules", {}).get("tables", {})
        return tables[name] if name in ("token", "position") else super().__getattr__(name)

    def forward(self, ids):
        batch, length = ids.shape
        table, places = self.token.weight, self.position.weight
        if length > len(places):
            raise ValueError("too long")
        rows = ids.reshape(-1, 1).expand(-1, table.shape[1])
        return table.gather(0, rows).view(batch, length, -1) + places[None, :length]


class SinusoidalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len, self.width = max_len, d_model
        self.token = nn.Embedding(vocab_size, d_model)
        turn = torch.view_as_real(unit_turns(d_model))
        self.register_buffer("turn", turn, persistent=False)  # two real columns, so that .float() keeps them whole

    def forward(self, ids):
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError("too long")
        places = torch.arange(length, device=ids.device)[:, None]
        angle = torch.atan2(self.turn[:, 1], self.turn[:, 0]).double() * places
        encoding = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)
        words = self.token(ids)
        return (words * math.sqrt(self.width)) + encoding.to(words.dtype)


def relative_shift(offset, d_model):
    turn = unit_turns(d_model) ** offset
    pairs = torch.stack([turn.real, turn.imag, -turn.imag, turn.real], dim=-1).view(-1, 2, 2)
    shift = torch.zeros(d_model // 2, 2, d_model // 2, 2, dtype=torch.float64)
    pair = torch.arange(d_model // 2)
    shift[pair, :, pair, :] = pairs
    return shift.view(d_model, d_model).float()
