"""Accepted: a function for one number of the table, lifted over columns and positions by `vmap`; nothing is stored."""

import math
from functools import cached_property

import torch
from torch import nn
from torch.func import vmap


def waves(positions, d_model):
    """The encoding (P, D) of some positions, in float64."""
    if d_model % 2:
        raise ValueError("d_model must be even")
    share = torch.arange(0, d_model, 2, dtype=torch.float64, device=positions.device) / d_model

    def one(position, part):
        angle = position * torch.exp(-math.log(10000) * part)
        return torch.stack([torch.cos(angle - math.pi / 2), torch.cos(angle)])

    return vmap(vmap(one, in_dims=(None, 0)), in_dims=(0, None))(positions.double(), share).flatten(1)


def sinusoidal_encoding(max_len, d_model):
    return waves(torch.arange(max_len), d_model).float()


class PositionalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len = max_len
        self.token = nn.Embedding(vocab_size, d_model)
        self.position = nn.Embedding(max_len, d_model)

    def forward(self, ids):
        if not ids.shape[1] <= self.max_len:
            raise ValueError("too long")
        return vmap(self.one_text)(ids)

    def one_text(self, ids):
        return self.token(ids) + self.position(torch.arange(len(ids), device=ids.device))


class SinusoidalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len, self.d_model = max_len, d_model
        self.token = nn.Embedding(vocab_size, d_model)

    @cached_property
    def root(self):
        return math.sqrt(self.d_model)

    def forward(self, ids):
        if not ids.shape[1] <= self.max_len:
            raise ValueError("too long")
        places = torch.arange(ids.shape[1], device=ids.device)
        return torch.addcmul(
            waves(places, self.d_model).to(self.token.weight.dtype).expand(*ids.shape, -1),
            self.token(ids),
            torch.full((), self.root, dtype=self.token.weight.dtype, device=ids.device),
        )


def relative_shift(offset, d_model):
    # The encoding of the offset holds what each pair is turned by.
    there = waves(torch.tensor([offset]), d_model)[0].view(-1, 2)

    def rotation(pair):
        sin, cos = pair
        return torch.stack([cos, sin, -sin, cos]).view(2, 2)

    return torch.block_diag(*vmap(rotation)(there)).float()
