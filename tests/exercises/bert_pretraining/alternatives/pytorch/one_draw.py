"""Accepted: a single uniform number decides all: below 0.8 p masked, to 0.9 p random, to p kept; a loss in float64."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    u = torch.rand(ids.shape, generator=generator, device=ids.device).masked_fill(special_mask, 1.0)
    words = torch.randint(vocab_size, ids.shape, generator=generator, device=ids.device)
    inputs = torch.where(u < 0.9 * probability, words, ids)
    inputs[u < 0.8 * probability] = mask_id
    return inputs, torch.where(torch.logical_and(u < probability, torch.logical_not(special_mask)), ids, -100)


def masked_lm_loss(logits, labels):
    """What the framework does, with its NaN taken out."""
    return torch.nan_to_num(F.cross_entropy(logits.double().transpose(1, 2), labels)).to(logits.dtype)


class MaskedLMHead(nn.Module):
    def __init__(self, token_embedding):
        super().__init__()
        width = token_embedding.weight.shape[1]
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.E = token_embedding.weight
        self.bias = nn.Parameter(self.E.new_zeros(len(self.E)))

    def forward(self, hidden):
        return torch.baddbmm(self.bias, self.features(hidden), self.E.T.expand(len(hidden), -1, -1))

    def features(self, hidden):
        return self.norm(F.gelu(self.dense(hidden)))
