"""Accepted: one table for words and positions whose rows an `EmbeddingBag` sums, with `load_arrays`."""

import torch
from torch import nn


def waves(positions, d_model):
    if d_model % 2:
        raise ValueError("d_model must be even")
    columns = torch.arange(d_model)
    frequencies = torch.exp2(-(columns - columns % 2).double() / d_model * torch.log2(torch.tensor(10000.0).double()))
    angles = torch.mul(torch.as_tensor(positions, dtype=torch.float64)[..., None], frequencies)
    return torch.where(columns % 2 == 0, angles.sin(), angles.cos())


def sinusoidal_encoding(max_len, d_model):
    return waves(range(max_len), d_model).type(torch.FloatTensor)


def both(ids, after):
    """For each place the row of its word and the row of its position, as (B * L, 2)."""
    places = after + torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    return torch.stack([ids, places], dim=-1).reshape(-1, 2)


class PositionalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.vocab_size, self.max_len = vocab_size, max_len
        self.rows = nn.EmbeddingBag(vocab_size + max_len, d_model, mode="sum")

    def load_arrays(self, arrays):
        tables = [torch.as_tensor(arrays[f"{name}.weight"]) for name in ("token", "position")]
        self.rows.load_state_dict({"weight": torch.cat(tables)})

    def forward(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        return self.rows(both(ids, self.vocab_size)).view(*ids.shape, -1)


class SinusoidalEmbedding(nn.Module):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.max_len = max_len
        self.words = nn.Linear(vocab_size, d_model, bias=False)  # the table, transposed
        self.register_buffer("encoding", sinusoidal_encoding(max_len, d_model).T.contiguous())

    def load_arrays(self, arrays):
        self.words.weight = nn.Parameter(torch.as_tensor(arrays["token.weight"]).T.to(self.words.weight))

    def forward(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        columns = self.words.weight[:, ids] * self.words.out_features**0.5  # (D, B, L)
        return (columns + self.encoding[:, None, : ids.shape[1]]).permute(1, 2, 0)


def relative_shift(offset, d_model):
    # The encoding of the offset holds what each pair is turned by.
    pairs = waves(offset, d_model).view(-1, 2)
    return torch.block_diag(*[torch.stack([pair.flip(0), torch.stack([-pair[0], pair[1]])]) for pair in pairs]).float()
