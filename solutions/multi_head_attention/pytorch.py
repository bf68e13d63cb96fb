"""Multi-head attention: several small attentions side by side, each looking for something of its own.

Shapes: B batch, L queries, S keys, H heads, D model width, Dh = D / H the width of a head.
"""

import math

import torch
import torch.nn.functional as F  # noqa: F401  (every module of a track opens with the same imports)
from torch import nn


def split_heads(x, num_heads):
    """Cut the width into heads: head h gets the columns h * Dh to (h + 1) * Dh.

    Arguments: x (B, L, D).
    Returns: (B, H, L, Dh).
    Raises ValueError if D is not divisible by num_heads.
    """
    ### BEGIN SOLUTION
    batch, length, d_model = x.shape
    if d_model % num_heads:
        raise ValueError(f"a width of {d_model} cannot be shared equally by {num_heads} heads")
    x = x.reshape(batch, length, num_heads, d_model // num_heads)  # (B, L, H, Dh)
    return x.transpose(1, 2)  # (B, H, L, Dh)
    ### END SOLUTION


def merge_heads(x):
    """Put the heads back side by side: the inverse of split_heads.

    Arguments: x (B, H, L, Dh).
    Returns: (B, L, H * Dh).
    """
    ### BEGIN SOLUTION
    batch, num_heads, length, head_width = x.shape
    x = x.transpose(1, 2)  # (B, L, H, Dh)
    return x.reshape(batch, length, num_heads * head_width)  # (B, L, D)
    ### END SOLUTION


class MultiHeadAttention(nn.Module):
    """Multi-head attention.

    Called with query (B, L, D), key and value (B, S, D) and a boolean mask that broadcasts against (B, H, L, S); the
    key defaults to the query, the value to the key. Gives output (B, L, D) and weights (B, H, L, S).
    Attributes: `W_q`, `W_k`, `W_v`, `W_o`, nn.Linear with bias, D to D.
    Raises ValueError if d_model is not divisible by num_heads.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.2.
    """

    def __init__(self, d_model, num_heads):
        super().__init__()
        ### BEGIN SOLUTION
        if d_model % num_heads:
            raise ValueError(f"a width of {d_model} cannot be shared equally by {num_heads} heads")
        self.num_heads = num_heads
        self.W_q = nn.Linear(d_model, d_model)
        self.W_k = nn.Linear(d_model, d_model)
        self.W_v = nn.Linear(d_model, d_model)
        self.W_o = nn.Linear(d_model, d_model)
        ### END SOLUTION

    def forward(self, query, key=None, value=None, mask=None):
        ### BEGIN SOLUTION
        key = query if key is None else key
        value = key if value is None else value

        q = split_heads(self.W_q(query), self.num_heads)  # (B, H, L, Dh)
        k = split_heads(self.W_k(key), self.num_heads)  # (B, H, S, Dh)
        v = split_heads(self.W_v(value), self.num_heads)  # (B, H, S, Dh)

        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, L, S)
        if mask is not None:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = torch.softmax(scores, dim=-1)

        return self.W_o(merge_heads(weights @ v)), weights
        ### END SOLUTION
