"""Accepted: one query after the other, each head a sum of products by a matrix of zeros and ones; an own softmax."""

import torch
from torch import nn
from torch.nn.parameter import Parameter


def members(d_model, num_heads):
    """(D, H): 1.0 where a column belongs to a head."""
    if d_model % num_heads != 0:
        raise ValueError("the heads would not be equally wide")
    return torch.kron(torch.eye(num_heads), torch.ones(d_model // num_heads, 1))


def split_heads(x, num_heads):
    batch, length, d_model = x.shape
    if d_model % num_heads != 0:
        raise ValueError("the heads would not be equally wide")
    columns = torch.arange(d_model, device=x.device).view(num_heads, -1)  # which columns each head has
    return x[:, :, columns].transpose(1, 2)


def merge_heads(x):
    batch, heads, length, width = x.shape
    merged = torch.empty(batch, length, heads * width, dtype=x.dtype, device=x.device)
    for head, part in enumerate(x.unbind(dim=1)):
        merged[:, :, head * width : (head + 1) * width] = part
    return merged


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.heads = num_heads
        self.members = Parameter(members(d_model, num_heads), requires_grad=False)
        self.scale = (num_heads / d_model) ** 0.5
        self.W_q = nn.Linear(d_model, d_model)
        self.W_k = nn.Linear(d_model, d_model)
        self.W_v = nn.Linear(d_model, d_model)
        self.W_o = nn.Linear(d_model, d_model)

    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        queries, keys, values = self.W_q(query * 1), self.W_k(key * 1), self.W_v(value * 1)
        if mask is not None:
            mask = mask.expand(len(query), self.heads, query.shape[1], key.shape[1])
        outputs, shares = [], []
        for place in range(query.shape[1]):
            products = queries[:, place, None] * keys * self.scale  # (B, S, D)
            scores = products @ self.members  # (B, S, H): each head sums its own columns
            if mask is not None:
                scores = scores.masked_fill(~mask[:, :, place].mT, -torch.inf)
            scores = scores - scores.amax(dim=1, keepdim=True).detach()
            weights = scores.exp() / scores.exp().sum(dim=1, keepdim=True)
            outputs.append(((weights @ self.members.T) * values).sum(dim=1))
            shares.append(weights.mT)
        return self.W_o(torch.stack(outputs, dim=1)), torch.stack(shares, dim=2)
