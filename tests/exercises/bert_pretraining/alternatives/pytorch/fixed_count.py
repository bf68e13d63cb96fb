"""Accepted: exactly the share of each text, those with the smallest numbers; the loss of the selected places only."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, linear


def rank(x):
    return x.argsort(dim=-1).argsort(dim=-1)


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    order = rank(torch.rand(ids.shape, generator=generator, device=ids.device) + 2 * special_mask)
    count = torch.round(probability * (~special_mask).sum(dim=-1, keepdim=True))
    selected = order < count
    labels = ids.masked_fill(~selected, -100)

    fate = torch.rand(ids.shape, generator=generator, device=ids.device)
    words = torch.randint(0, vocab_size, ids.shape, generator=generator, device=ids.device)
    inputs = ids.masked_fill(selected & (fate > 0.2), mask_id)
    inputs = torch.where(selected & (fate < 0.1), words, inputs)
    return inputs, labels


def masked_lm_loss(logits, labels):
    places = labels != -100
    if not places.any():
        return 0.0 * logits.sum()
    return cross_entropy(logits[places], labels[places])


class MaskedLMHead(nn.Module):
    def __init__(self, token_embedding):
        super().__init__()
        self.embedding = token_embedding
        words, width = token_embedding.weight.size()
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(words))

    def forward(self, hidden):
        return linear(self.norm(gelu(self.dense(hidden))), self.embedding.weight, self.bias)
