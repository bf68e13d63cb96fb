"""Telling a transformer where its words stand: sinusoids, trainable positions, and why relative position is linear.

Attention by itself sees a set of words, not a sequence. Both embeddings here add to each word's vector a second vector
that depends on its place alone. Shapes: B batch, L length, D model width.
"""

import math

import torch
import torch.nn.functional as F  # noqa: F401  (every module of a track opens with the same imports)
from torch import nn


def sinusoidal_encoding(max_len, d_model, dtype=None, device=None):
    """The fixed encoding of the positions 0 to max_len - 1.

    Column 2i holds sin(p / 10000^(2i/d_model)) for position p, column 2i + 1 the cosine of the same angle.

    Returns: (max_len, d_model), float32 unless `dtype` says otherwise.
    Raises ValueError if d_model is odd: the columns come in pairs.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.5.
    """
    ### BEGIN SOLUTION
    if d_model % 2:
        raise ValueError(f"d_model must be even, because sine and cosine come in pairs; it is {d_model}")
    # Far positions have large angles, of which float32 loses the digits that matter: compute in float64, then round.
    positions = torch.arange(max_len, dtype=torch.float64, device=device)
    exponents = torch.arange(0, d_model, 2, dtype=torch.float64, device=device) / d_model
    angles = positions[:, None] / 10000.0 ** exponents[None, :]  # (max_len, d_model / 2)
    encoding = torch.zeros(max_len, d_model, dtype=torch.float64, device=device)
    encoding[:, 0::2] = torch.sin(angles)
    encoding[:, 1::2] = torch.cos(angles)
    return encoding.to(dtype or torch.get_default_dtype())
    ### END SOLUTION


class PositionalEmbedding(nn.Module):
    """Token embedding plus a trainable embedding of the position.

    Called with ids (B, L), integers; gives (B, L, D). L may be any length up to max_len.
    Attributes: `token`, `position`, both nn.Embedding, of vocab_size and of max_len rows.
    Raises ValueError if the sequence is longer than max_len.
    Source: Gehring et al., "Convolutional Sequence to Sequence Learning" (2017), section 3.1; BERT does the same.
    """

    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        ### BEGIN SOLUTION
        self.max_len = max_len
        self.token = nn.Embedding(vocab_size, d_model)
        self.position = nn.Embedding(max_len, d_model)
        ### END SOLUTION

    def forward(self, ids):
        ### BEGIN SOLUTION
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError(f"the sequence has {length} tokens, but there are positions for {self.max_len} only")
        positions = torch.arange(length, device=ids.device)
        return self.token(ids) + self.position(positions)  # (B, L, D) + (L, D)
        ### END SOLUTION


class SinusoidalEmbedding(nn.Module):
    """Token embedding, times the root of d_model, plus the fixed sinusoidal encoding.

    Called with ids (B, L), integers; gives (B, L, D). The encoding is no parameter: it is not trained, but it goes to
    the device where the module goes.
    Attribute: `token`, nn.Embedding of vocab_size rows.
    Raises ValueError if d_model is odd, or if the sequence is longer than max_len.
    Source: Vaswani et al. (2017), sections 3.4 and 3.5.
    """

    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        ### BEGIN SOLUTION
        self.max_len = max_len
        self.scale = math.sqrt(d_model)
        self.token = nn.Embedding(vocab_size, d_model)
        # A buffer moves with the module and is no parameter; not persistent, because it can always be computed again.
        self.register_buffer("encoding", sinusoidal_encoding(max_len, d_model), persistent=False)
        ### END SOLUTION

    def forward(self, ids):
        ### BEGIN SOLUTION
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError(f"the sequence has {length} tokens, but there are positions for {self.max_len} only")
        return self.token(ids) * self.scale + self.encoding[:length]  # (B, L, D) + (L, D)
        ### END SOLUTION


def relative_shift(offset, d_model, dtype=None):
    """The matrix that moves the sinusoidal encoding by `offset` positions: encoding[p + offset] = M @ encoding[p].

    One matrix serves every position p, so a linear layer can learn to look a fixed distance back or ahead.

    Returns: (d_model, d_model), float32 unless `dtype` says otherwise. The offset may be negative.
    Raises ValueError if d_model is odd.
    Source: Vaswani et al. (2017), section 3.5, the claim that the encoding was chosen for.
    """
    ### BEGIN SOLUTION
    if d_model % 2:
        raise ValueError(f"d_model must be even, because sine and cosine come in pairs; it is {d_model}")
    exponents = torch.arange(0, d_model, 2, dtype=torch.float64) / d_model
    angles = offset / 10000.0**exponents  # (d_model / 2,): how far each pair turns
    sin, cos = torch.sin(angles), torch.cos(angles)
    # sin(a + b) = cos(b) sin(a) + sin(b) cos(a), and cos(a + b) = -sin(b) sin(a) + cos(b) cos(a): a rotation a pair.
    rotations = torch.stack([torch.stack([cos, sin], dim=-1), torch.stack([-sin, cos], dim=-1)], dim=-2)
    return torch.block_diag(*rotations).to(dtype or torch.get_default_dtype())
    ### END SOLUTION
