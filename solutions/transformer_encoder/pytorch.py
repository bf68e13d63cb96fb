"""The transformer encoder: a block of attention and a small network, stacked, and a classifier on top.

Shapes: B batch, L words, D model width, F width inside the small network, C classes.
"""

import math  # noqa: F401  (every module of a track opens with the same imports)

import torch
import torch.nn.functional as F  # noqa: F401
from torch import nn


class TransformerBlock(nn.Module):
    """A transformer encoder block: attention and a small network, each with a residual connection and a layer norm.

    Called with x (B, L, D) and a boolean mask (B, L), True for real words; without a mask all are real.
    Gives (B, L, D).
    With norm_first the norms stand before attention and network (pre-norm), otherwise after the sums (post-norm).
    Attributes: `attention`, nn.MultiheadAttention with batch_first=True; `feed_forward`, two nn.Linear with a ReLU
    between them, D to d_ff to D; `norm1` and `norm2`, nn.LayerNorm with epsilon 1e-5.
    Raises ValueError if d_model is not divisible by num_heads.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.1.
    """

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        ### BEGIN SOLUTION
        if d_model % num_heads:
            raise ValueError(f"a width of {d_model} cannot be shared equally by {num_heads} heads")
        self.norm_first = norm_first
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        ### END SOLUTION

    def forward(self, x, mask=None):
        ### BEGIN SOLUTION
        hidden = None if mask is None else ~mask  # PyTorch asks for the opposite: True where nobody may look

        def attend(x):
            return self.attention(x, x, x, key_padding_mask=hidden, need_weights=False)[0]

        if self.norm_first:
            x = x + self.dropout(attend(self.norm1(x)))
            return x + self.dropout(self.feed_forward(self.norm2(x)))
        x = self.norm1(x + self.dropout(attend(x)))
        return self.norm2(x + self.dropout(self.feed_forward(x)))
        ### END SOLUTION


def masked_mean(x, mask):
    """The mean of the real words' vectors.

    Arguments: x (B, L, D); mask (B, L), boolean, True for real words, at least one a row.
    Returns: (B, D).
    """
    ### BEGIN SOLUTION
    real = mask[:, :, None].to(x.dtype)  # (B, L, 1)
    return (x * real).sum(dim=1) / real.sum(dim=1)
    ### END SOLUTION


class TransformerClassifier(nn.Module):
    """A classifier of texts: words and trainable positions, a stack of transformer blocks, the mean, a linear layer.

    Called with ids (B, L), padded with pad_id at the end. Gives logits (B, C), C being num_classes.
    Raises ValueError when called with more than max_len ids in a row.
    """

    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.max_len, self.pad_id = max_len, pad_id
        self.token = nn.Embedding(vocab_size, d_model)
        self.position = nn.Embedding(max_len, d_model)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers))
        self.to_logits = nn.Linear(d_model, num_classes)
        ### END SOLUTION

    def forward(self, ids):
        ### BEGIN SOLUTION
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError(f"{length} ids in a row, but there are only {self.max_len} positions")
        mask = ids != self.pad_id  # (B, L)
        positions = torch.arange(length, device=ids.device)
        x = self.dropout(self.token(ids) + self.position(positions))  # (B, L, D)
        for block in self.blocks:
            x = block(x, mask)
        return self.to_logits(masked_mean(x, mask))
        ### END SOLUTION
