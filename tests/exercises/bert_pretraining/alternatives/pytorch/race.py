"""Accepted: waiting times decide, who comes first wins (`exponential_`); the loss from `torch.distributions`."""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical


def waiting_times(*shape, like, generator):
    return torch.empty(shape, device=like.device).exponential_(generator=generator)


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    # A waiting time of rate 1 has ended before -ln(1 - p) with probability p.
    until = -torch.log1p(torch.tensor(-probability, dtype=torch.float64, device=ids.device))
    selected = (waiting_times(*ids.shape, like=ids, generator=generator) < until) & special_mask.logical_not()

    rates = torch.tensor([0.8, 0.1, 0.1], device=ids.device)
    first = (waiting_times(*ids.shape, 3, like=ids, generator=generator) / rates).argmin(dim=-1)
    random_ids = torch.randint(vocab_size, ids.shape, generator=generator, device=ids.device)
    inputs = ids.clone()
    inputs.masked_fill_(selected & (first == 0), mask_id)
    return torch.where(selected & (first == 1), random_ids, inputs), ids.masked_fill(~selected, -100)


def masked_lm_loss(logits, labels):
    asked = labels != -100
    log_probability = Categorical(logits=logits, validate_args=False).log_prob(labels.clamp(min=0))
    return -(log_probability * asked).sum() / asked.sum().clamp(min=1)


class MaskedLMHead(nn.Sequential):
    """The layers are its own, one after the other; the embedding is another's, and is only pointed at."""

    def __init__(self, token_embedding):
        rows, width = token_embedding.weight.shape
        layers = {"dense": nn.Linear(width, width), "gelu": nn.GELU(), "norm": nn.LayerNorm(width, eps=1e-12)}
        super().__init__(OrderedDict(layers))
        self.tied = (token_embedding,)  # in a tuple, so that it is no part of the module
        self.bias = nn.Parameter(torch.zeros(rows))

    def forward(self, hidden):
        return F.linear(super().forward(hidden), self.tied[0].weight, self.bias)
