"""Accepted: masked exponentials, results written into tables."""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    hidden = torch.einsum("bd,da->ba", query, W_q).unsqueeze(1) + torch.einsum("bsd,da->bsa", keys, W_k)
    return torch.einsum("bsa,a->bs", hidden.tanh(), v)


def masked_softmax(scores, mask=None):
    real = torch.ones_like(scores) if mask is None else mask.to(scores.dtype).expand_as(scores)
    top = torch.where(real > 0, scores, -torch.inf).max(dim=-1, keepdim=True).values
    exponentials = torch.exp(torch.where(real > 0, scores - top, torch.zeros_like(scores))) * real
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


class AdditiveAttention(nn.Module):
    def __init__(self, query_dim, key_dim, attention_dim):
        super().__init__()
        self.W_q = nn.Linear(query_dim, attention_dim, bias=False)
        self.W_k = nn.Linear(key_dim, attention_dim, bias=False)
        self.v = nn.Linear(attention_dim, 1, bias=False)

    def forward(self, query, keys, mask=None):
        hidden = torch.tanh(self.W_q(query).unsqueeze(1) + self.W_k(keys))
        weights = masked_softmax(self.v(hidden)[..., 0], mask)
        return torch.einsum("bs,bsd->bd", weights, keys), weights


class AttentionDecoder(nn.Module):
    def __init__(self, vocab_size, embedding_dim, encoder_dim, hidden_dim, attention_dim):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.attention = AdditiveAttention(hidden_dim, encoder_dim, attention_dim)
        self.cell = nn.GRUCell(embedding_dim + encoder_dim, hidden_dim)
        self.to_logits = nn.Linear(hidden_dim + encoder_dim, vocab_size)

    def forward(self, tokens, encoder_states, state, mask=None):
        batch, length = tokens.shape
        logits = encoder_states.new_zeros(batch, length, self.to_logits.out_features)
        alignment = encoder_states.new_zeros(batch, length, encoder_states.shape[1])
        for t in range(length):
            context, alignment[:, t] = self.attention(state, encoder_states, mask=mask)
            state = self.cell(torch.cat([self.embedding(tokens[:, t]), context], dim=1), state)
            logits[:, t] = self.to_logits(torch.cat([state, context], dim=1))
        return logits, alignment
