"""Accepted: a linear layer of one's own in another layout, whose `load_arrays` gets its two arrays alone."""

import math

import torch
from torch import Tensor, nn


class Affine(nn.Module):
    """x M + b, with b as the last row of a single matrix."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.empty(width + 1, width).uniform_(-1, 1) / math.sqrt(width))

    def load_arrays(self, arrays) -> None:
        rows = [torch.as_tensor(arrays["weight"]), torch.as_tensor(arrays["bias"])[None]]
        with torch.no_grad():
            self.matrix.copy_(torch.cat(rows))

    def forward(self, x: Tensor) -> Tensor:
        *rows, last = self.matrix.split(len(self.matrix) - 1)
        return torch.tensordot(x, rows[0], dims=1) + last


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    if math.remainder(x.shape[-1], num_heads):
        raise ValueError("not divisible")
    return torch.stack(x.split(x.shape[-1] // num_heads, dim=-1), dim=-3)


def merge_heads(x: Tensor) -> Tensor:
    first, *others = x.unbind(dim=-3)
    for head in others:
        first = torch.cat((first, head), dim=-1)
    return first


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        if math.remainder(d_model, num_heads):
            raise ValueError("not divisible")
        self.num_heads = num_heads
        self.W_q, self.W_k, self.W_v, self.W_o = (Affine(d_model) for _ in range(4))

    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = (
            split_heads(w(x), self.num_heads) for w, x in zip(self.projections, (query, key, value), strict=True)
        )
        scores = torch.matmul(q, k.mT).mul_(k.shape[-1] ** -0.5)
        if mask is not None:
            scores.masked_fill_(~mask, -torch.inf)
        weights = scores.softmax(-1)
        return self.W_o(merge_heads(weights @ v)), weights

    @property
    def projections(self):
        return self.W_q, self.W_k, self.W_v
