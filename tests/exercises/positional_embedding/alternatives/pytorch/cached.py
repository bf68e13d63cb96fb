"""Accepted: a memory of encodings that grows as needed, `functools.partial`, list comprehensions."""

import functools
import math

import torch
from torch import nn


@functools.lru_cache
def angle(position, column, d_model):
    return position / 10000 ** ((column - column % 2) / d_model)


def sinusoidal_encoding(max_len, d_model):
    if d_model & 1:
        raise ValueError("odd")
    rows = [[(math.cos if j % 2 else math.sin)(angle(p, j, d_model)) for j in range(d_model)] for p in range(max_len)]
    return torch.tensor(rows)


class PositionalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        layer = functools.partial(nn.Embedding, embedding_dim=d_model)
        self.token, self.position = layer(vocab_size), layer(max_len)

    def forward(self, ids):
        try:
            places = torch.ones_like(ids).cumsum(dim=1) - 1
            if ids.shape[1] > self.position.num_embeddings:
                raise IndexError
            return self.token(ids) + self.position(places)
        except IndexError:
            raise ValueError("the sequence is too long") from None


class SinusoidalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len, self.memory = max_len, {}
        self.token = nn.Embedding(vocab_size, d_model)

    def encoding(self, length, like):
        key = (length, like.device, like.dtype)
        if key not in self.memory:
            self.memory[key] = sinusoidal_encoding(length, like.shape[-1]).to(like)
        return self.memory[key]

    def forward(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        words = self.token(ids)
        return words.mul(math.sqrt(words.shape[-1])).add(self.encoding(ids.shape[1], words))


def relative_shift(offset, d_model):
    if d_model & 1:
        raise ValueError("odd")
    eye = torch.eye(2)
    swap = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    shift = torch.zeros(d_model, d_model)
    for j in range(0, d_model, 2):
        b = angle(offset, j, d_model)
        shift[j : j + 2, j : j + 2] = math.cos(b) * eye + math.sin(b) * swap
    return shift
