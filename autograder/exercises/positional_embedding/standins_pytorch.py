"""Correct versions of a student's earlier answers, used while a later part of the exercise is graded (PyTorch).

So a later part does not fail because an earlier answer is wrong. Students' code can read these definitions. That gives
nothing away: the lesson explains them, and they are used only after the part that asks for them has been graded.
"""

import torch


def sinusoidal_encoding(max_len, d_model, dtype=None, device=None):
    if d_model % 2:
        raise ValueError("d_model must be even")
    column = torch.arange(d_model, device=device)
    frequencies = 10000.0 ** (-(column - column % 2).double() / d_model)
    angles = torch.arange(max_len, dtype=torch.float64, device=device)[:, None] * frequencies
    return torch.where(column % 2 == 0, angles.sin(), angles.cos()).to(dtype or torch.get_default_dtype())
