"""Accepted: the places are listed and shuffled; the first 80% of those selected are masked, the next 10% replaced."""

import torch
import torch.nn.functional as F
from torch import nn


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    inputs, labels = ids.flatten().clone(), torch.full_like(ids, -100).flatten()
    usable = torch.nonzero(~special_mask.flatten(), as_tuple=True)[0]
    order = torch.randperm(len(usable), generator=generator, device=ids.device)
    places = usable[order[: round(probability * len(usable))]]
    labels[places] = ids.flatten()[places]

    to_mask, to_random = round(0.8 * len(places)), round(0.1 * len(places))
    masked, replaced, _kept = torch.split(places, [to_mask, to_random, len(places) - to_mask - to_random])
    inputs[masked] = mask_id
    inputs[replaced] = torch.randint(vocab_size, replaced.shape, generator=generator, device=ids.device)
    return inputs.view(ids.shape), labels.view(ids.shape)


def masked_lm_loss(logits, labels):
    rows, columns = (labels != -100).nonzero(as_tuple=True)
    losses = F.nll_loss(F.log_softmax(logits[rows, columns], dim=-1), labels[rows, columns], reduction="sum")
    return losses / max(len(rows), 1)


class Norm(nn.Module):
    """A layer norm of one's own."""

    def __init__(self, width, epsilon=1e-12):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.epsilon = epsilon

    def forward(self, x):
        centred = x - x.mean(dim=-1, keepdim=True)
        return centred / (centred.square().mean(dim=-1, keepdim=True) + self.epsilon).sqrt() * self.weight + self.bias


class MaskedLMHead(nn.Module):
    def __init__(self, token_embedding):
        super().__init__()
        self.token_embedding = token_embedding
        self.dense = nn.Linear(token_embedding.embedding_dim, token_embedding.embedding_dim)
        self.norm = Norm(token_embedding.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(token_embedding.num_embeddings))

    def forward(self, hidden):
        return self.norm(F.gelu(self.dense(hidden))).matmul(self.token_embedding.weight.t()).add(self.bias)
