"""Accepted: the tables made with NumPy, `import torch as t`, a frozen embedding layer as the fixed encoding."""

import numpy as np
import torch as t


def table(positions, d_model):
    if d_model % 2:
        raise ValueError("d_model must be even")
    angles = np.asarray(positions)[:, None] / np.power(10_000.0, np.arange(0, d_model, 2) / d_model)
    out = np.empty((len(angles), d_model))
    out[:, 0::2], out[:, 1::2] = np.sin(angles), np.cos(angles)
    return out


def sinusoidal_encoding(max_len, d_model):
    return t.from_numpy(table(np.arange(max_len), d_model)).to(t.float32)


class PositionalEmbedding(t.nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len = max_len
        self.token = t.nn.Embedding(vocab_size, d_model)
        self.position = t.nn.Embedding(max_len, d_model)

    def forward(self, ids):
        batch, length = ids.shape
        if length > self.max_len:
            raise ValueError(f"{length} > {self.max_len}")
        return self.token(ids) + self.position(t.arange(length, device=ids.device)).repeat(batch, 1, 1)


class SinusoidalEmbedding(t.nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.root = d_model**0.5
        self.token = t.nn.Embedding(vocab_size, d_model)
        self.fixed = t.nn.Embedding.from_pretrained(sinusoidal_encoding(max_len, d_model), freeze=True)

    def forward(self, ids):
        if ids.shape[1] > self.fixed.num_embeddings:
            raise ValueError("too long")
        return self.root * self.token(ids) + self.fixed(t.arange(ids.shape[1], device=ids.device))


def relative_shift(offset, d_model):
    # Solved from the encoding itself: M is the only matrix that moves enough positions at once.
    here, there = table(np.arange(4 * d_model), d_model), table(np.arange(4 * d_model) + offset, d_model)
    return t.tensor(np.linalg.lstsq(here, there, rcond=None)[0].T, dtype=t.float32)
