"""Accepted: whole numbers only, dice with a million and with ten sides; labels as distributions; GELU by `ndtr`."""

import torch
import torch.nn.functional as F
from torch import nn

SIDES = 10**6


class Dice:
    """All dice that are thrown for one batch."""

    def __init__(self, shape, generator, device):
        self.shape, self.rest = shape, {"generator": generator, "device": device}

    def throw(self, sides):
        return torch.randint(sides, self.shape, **self.rest)


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    dice = Dice(ids.shape, generator, ids.device)
    selected = dice.throw(SIDES) < round(probability * SIDES)
    selected = selected.masked_fill(special_mask, False)
    ten, words = dice.throw(10), dice.throw(vocab_size)
    inputs = ids.clone()
    inputs[selected] = torch.where(ten == 9, words, torch.where(ten == 8, ids, mask_id))[selected]
    labels = ids.clone()
    labels[selected.logical_not()] = -100
    return inputs, labels


def masked_lm_loss(logits, labels):
    # As distributions: all on one word, or on none at all where there is no label.
    words = torch.arange(logits.shape[-1], device=labels.device)
    wanted = (labels.unsqueeze(-1) == words).to(logits.dtype)
    total = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(0, 1), reduction="sum")
    return total / torch.maximum(wanted.sum(), torch.ones_like(total))


class MaskedLMHead(nn.Module):
    def __init__(self, token_embedding):
        super().__init__()
        rows, width = token_embedding.weight.shape
        self.token_embedding = token_embedding
        self.dense = nn.Linear(in_features=width, out_features=width)
        self.norm = nn.LayerNorm(normalized_shape=width, eps=1e-12)
        self.register_parameter("bias", nn.Parameter(torch.zeros(rows)))

    def forward(self, hidden):
        x = self.dense(hidden)
        x = x * torch.special.ndtr(x)  # the exact GELU is the number times the normal distribution's share below it
        x = F.layer_norm(x, self.norm.normalized_shape, self.norm.weight, self.norm.bias, eps=1e-12)
        words = self.token_embedding(torch.arange(len(self.bias), device=hidden.device))  # (V, D), looked up
        return torch.einsum("...d,vd->...v", x, words) + self.bias
