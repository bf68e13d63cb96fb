"""Accepted: one text after the other, the loss as a running sum, the head flat over all places."""

import torch
import torch.nn.functional as F
from torch import nn


def mask_one(ids, special, mask_id, vocab_size, probability, generator):
    tossed = torch.rand(len(ids), generator=generator, device=ids.device)
    selected = tossed.less(probability).logical_and(special.logical_not())
    second = torch.rand(len(ids), generator=generator, device=ids.device)
    words = torch.randint(vocab_size, (len(ids),), generator=generator, device=ids.device)
    changed = torch.where(second < 0.1, ids, torch.where(second < 0.2, words, torch.full_like(ids, mask_id)))
    return torch.where(selected, changed, ids), torch.where(selected, ids, torch.full_like(ids, -100))


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    rows = [mask_one(*row, mask_id, vocab_size, probability, generator) for row in zip(ids, special_mask, strict=True)]
    inputs, labels = zip(*rows, strict=True)
    return torch.stack(inputs), torch.stack(labels)


def masked_lm_loss(logits, labels):
    total, count = 0.0, 0
    for scores, wanted in zip(logits, labels, strict=True):
        total = total + F.cross_entropy(scores, wanted, ignore_index=-100, reduction="sum")
        count = count + (wanted != -100).sum()
    return total / torch.clamp(count, min=1)


class MaskedLMHead(nn.Module):
    def __init__(self, token_embedding):
        super().__init__()
        self.token_embedding = token_embedding
        self.dense = nn.LazyLinear(token_embedding.embedding_dim)
        self.norm = nn.LayerNorm((token_embedding.embedding_dim,), 1e-12)
        self.bias = nn.Parameter(torch.zeros(token_embedding.num_embeddings))

    def forward(self, hidden):
        batch, length, width = hidden.shape
        flat = self.norm(F.gelu(self.dense(hidden.reshape(-1, width)), approximate="none"))
        return torch.addmm(self.bias, flat, self.token_embedding.weight.t()).reshape(batch, length, -1)
