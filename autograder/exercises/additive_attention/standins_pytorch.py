"""Correct versions of a student's earlier answers, used while a later part of the exercise is graded (PyTorch).

So a later part does not fail because an earlier answer is wrong. Students' code can read these definitions. That gives
nothing away: the lesson explains them, and they are used only after the part that asks for them has been graded.
"""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    return torch.einsum("bsa,a->bs", torch.tanh((query @ W_q).unsqueeze(1) + keys @ W_k), v)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    return scores.softmax(dim=-1)


class AdditiveAttention(nn.Module):
    def __init__(self, query_dim, key_dim, attention_dim):
        super().__init__()
        self.W_q = nn.Linear(query_dim, attention_dim, bias=False)
        self.W_k = nn.Linear(key_dim, attention_dim, bias=False)
        self.v = nn.Linear(attention_dim, 1, bias=False)

    def forward(self, query, keys, mask=None):
        scores = self.v(torch.tanh(self.W_q(query).unsqueeze(1) + self.W_k(keys)))[:, :, 0]
        if mask is not None:
            scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=-1)
        return torch.einsum("bs,bsd->bd", weights, keys), weights
