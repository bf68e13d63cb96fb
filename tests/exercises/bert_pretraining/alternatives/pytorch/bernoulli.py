"""Accepted: `torch.bernoulli` for every toss, a second toss among what is left, and assignment into a copy."""

import torch as t
import torch.nn.functional as F
from torch import nn


def toss(shape, share, generator, device):
    return t.bernoulli(t.full(shape, share, device=device), generator=generator).bool()


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    inputs, labels = ids.clone(), ids.clone()
    shares = t.full(ids.shape, probability, device=ids.device).masked_fill_(special_mask, 0.0)
    selected = t.bernoulli(shares, generator=generator).bool()
    labels[~selected] = -100

    masked = toss(ids.shape, 0.8, generator, ids.device) & selected
    inputs[masked] = mask_id
    replaced = toss(ids.shape, 0.5, generator, ids.device) & selected & ~masked
    words = t.randint(vocab_size, ids.shape, generator=generator, dtype=t.long, device=ids.device)
    inputs[replaced] = words[replaced]
    return inputs, labels


def masked_lm_loss(logits, labels):
    loss = F.cross_entropy(logits.reshape(-1, logits.size(-1)), labels.reshape(-1), ignore_index=-100, reduction="sum")
    return loss / max(1, int((labels != -100).sum()))


class MaskedLMHead(nn.Module):
    """As in the `transformers` library: a linear layer that is given the embedding's parameter."""

    def __init__(self, token_embedding):
        super().__init__()
        self.dense = nn.Linear(token_embedding.embedding_dim, token_embedding.embedding_dim)
        self.activation = nn.GELU()
        self.norm = nn.LayerNorm(token_embedding.embedding_dim, eps=1e-12)
        self.decoder = nn.Linear(token_embedding.embedding_dim, token_embedding.num_embeddings, bias=False)
        self.decoder.weight = token_embedding.weight
        self.bias = nn.Parameter(t.zeros(token_embedding.num_embeddings))

    def forward(self, hidden):
        return self.decoder(self.norm(self.activation(self.dense(hidden)))) + self.bias
