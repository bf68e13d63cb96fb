"""Accepted: small modules in a `Sequential`, `logspace` wavelengths, an encoding that grows as sentences do."""

import torch
from torch import nn

BASE = 10_000


def wavelengths(d_model):
    if d_model % 2 != 0:
        raise ValueError("an even width is needed")
    last = 4 * (d_model - 2) / d_model  # 10^4 to the power of (d - 2) / d, in decimal digits
    return 2 * torch.pi * torch.logspace(0, last, d_model // 2, dtype=torch.float64)


def sinusoidal_encoding(max_len, d_model):
    rounds = torch.arange(max_len, dtype=torch.float64).view(-1, 1) / wavelengths(d_model)
    angles = 2 * torch.pi * (rounds - rounds.floor())  # whole rounds do not count
    return torch.dstack((angles.sin(), angles.cos())).reshape(max_len, -1).float()


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


class AddRows(nn.Module):
    """Adds the first rows of a table, which is made when it is asked for."""

    def __init__(self, max_len):
        super().__init__()
        self.max_len = max_len

    def forward(self, x):
        length = x.shape[-2]
        if length > self.max_len:
            raise ValueError("too long")
        return x + self.rows(length, x)


class Learned(AddRows):
    def __init__(self, table):
        super().__init__(table.num_embeddings)
        self.table = table

    def rows(self, length, like):
        return torch.stack(self.table.weight.unbind()[:length])


class Fixed(AddRows):
    def __init__(self, max_len):
        super().__init__(max_len)
        self.register_buffer("known", None, persistent=False)

    def rows(self, length, like):
        if self.known is None or len(self.known) < length or self.known.device != like.device:
            self.known = sinusoidal_encoding(length, like.shape[-1]).to(like.device)
        return self.known[:length].to(like.dtype)


class PositionalEmbedding(nn.Sequential):
    def __init__(self, vocab_size, max_len, d_model):
        position = nn.Embedding(max_len, d_model)
        super().__init__()
        self.add_module("token", nn.Embedding(vocab_size, d_model))
        self.add_module("places", Learned(position))

    @property
    def position(self):
        return self.places.table


class SinusoidalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        wavelengths(d_model)  # an odd width is refused
        self.steps = nn.Sequential(nn.Embedding(vocab_size, d_model), Scale(d_model**0.5), Fixed(max_len))
        self.token = self.steps[0]

    def forward(self, ids):
        return self.steps(ids)


def relative_shift(offset, d_model):
    turn = offset * 2 * torch.pi / wavelengths(d_model)
    shift = torch.eye(d_model, dtype=torch.float64)
    for pair, angle in enumerate(turn):
        one = torch.eye(d_model, dtype=torch.float64)  # turns this pair alone
        own = slice(2 * pair, 2 * pair + 2)
        one[own, own] = torch.stack([angle.cos(), angle.sin(), -angle.sin(), angle.cos()]).view(2, 2)
        shift = one @ shift
    return shift.float()
