"""Plain pieces that stand in for a student's own while a later part of the exercise is graded (PyTorch).

A later part never fails because an earlier answer is wrong. An answer may read these: they are what the lesson explains
anyway, and are there only after the part that asks for them has been graded.
"""

import torch


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("d_model must be divisible by num_heads")
    return torch.stack(x.chunk(num_heads, dim=-1), dim=1)


def merge_heads(x):
    return torch.cat(x.unbind(dim=1), dim=-1)
