"""Accepted: one key after the other with a running maximum and a running sum; no matrix of scores before the end."""

from dataclasses import dataclass

import torch


@dataclass
class Running:
    """What has been seen so far: the largest score, the sum of exponentials, and the weighted sum of values."""

    largest: torch.Tensor
    total: torch.Tensor
    output: torch.Tensor

    def add(self, scores, value):
        largest = torch.maximum(self.largest, scores)
        before, now = torch.exp(self.largest - largest), torch.exp(scores - largest)
        output = self.output * before[..., None] + now[..., None] * value[..., None, :]
        return Running(largest, self.total * before + now, output)


def scaled_dot_product_attention(query, key, value, mask=None):
    low = torch.finfo(query.dtype).min
    query = query / query.shape[-1] ** 0.5
    if mask is not None:
        mask = mask.expand(*query.shape[:-1], key.shape[-2])
    state, columns = None, []
    for place in range(key.shape[-2]):
        scores = (query * key[..., place, None, :]).sum(dim=-1)  # (..., L)
        if mask is not None:
            scores = scores.masked_fill(~mask[..., place], low)
        columns.append(scores)
        if state is None:
            here = value[..., 0, None, :].expand(*scores.shape, -1)
            state = Running(scores, torch.ones_like(scores), here)
        else:
            state = state.add(scores, value[..., place, :])
    weights = torch.exp(torch.stack(columns, dim=-1) - state.largest[..., None]) / state.total[..., None]
    return state.output / state.total[..., None], weights


def padding_mask(ids, pad_id=0):
    return torch.logical_xor(ids == pad_id, torch.tensor(True, device=ids.device))[:, None, None, :]


def causal_mask(length, device=None):
    """Row by row, one more True in each."""
    row = torch.zeros(length, dtype=torch.bool, device=device)
    rows = []
    for place in range(length):
        row = row.clone()
        row[place] = True
        rows.append(row)
    return torch.stack(rows)


def combine_masks(*masks):
    forbidden = None
    for mask in masks:
        if mask is not None:
            forbidden = ~mask if forbidden is None else forbidden | ~mask
    return None if forbidden is None else ~forbidden
