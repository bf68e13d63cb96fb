"""Plain pieces that stand in for a student's own while a later part of the exercise is graded (PyTorch).

A later part never fails because an earlier answer is wrong. An answer may read these: they are what the lesson explains
anyway, and are there only after the part that asks for them has been graded.
"""

import torch


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = torch.einsum("...ld,...sd->...ls", query, key) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1)
    return weights @ value, weights
