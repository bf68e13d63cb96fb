"""Accepted: keys first inside, log-softmax, a list in place of a tuple, masks made of Python lists."""

import torch
from torch import nn


class Attention(nn.Module):
    def forward(self, query, key, value, mask):
        scores = torch.einsum("...sd,...ld->...sl", key, query) / query.shape[-1] ** 0.5  # keys first
        if mask is not None:
            scores = scores.masked_fill(~torch.broadcast_to(mask, scores.mT.shape).mT, -1e9)
        weights = torch.log_softmax(scores, dim=-2).exp()
        return [torch.einsum("...sl,...sv->...lv", weights, value), weights.mT]


def scaled_dot_product_attention(query, key, value, mask=None):
    return Attention()(query, key, value, mask)


def padding_mask(ids, pad_id=0):
    return torch.stack([row != pad_id for row in ids])[:, None, None, :]


def causal_mask(length, device=None):
    return torch.tensor([[j <= i for j in range(length)] for i in range(length)], dtype=torch.bool, device=device)


def combine_masks(*masks):
    given = [m for m in masks if m is not None]
    if len(given) == 0:
        return None
    return torch.stack(torch.broadcast_tensors(*given)).all(dim=0)
