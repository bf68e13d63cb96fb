"""Accepted: a loop over the batch, a weighted sum over a list."""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    rows = [torch.tanh(q @ W_q + k @ W_k).mv(v) for q, k in zip(query, keys, strict=True)]
    return torch.stack(rows)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = scores + torch.zeros_like(scores).masked_fill(~mask, -torch.inf)
    return torch.exp(torch.log_softmax(scores, dim=-1))


class AdditiveAttention(nn.Module):
    def __init__(self, query_dim, key_dim, attention_dim):
        super().__init__()
        self.W_q, self.W_k, self.v = (
            nn.Linear(wide, narrow, bias=False)
            for wide, narrow in ((query_dim, attention_dim), (key_dim, attention_dim), (attention_dim, 1))
        )

    def forward(self, query, keys, mask=None):
        scores = torch.cat([self.v(torch.tanh(self.W_q(query) + self.W_k(key))) for key in keys.unbind(1)], dim=1)
        weights = masked_softmax(scores, mask)
        return sum(w[:, None] * key for w, key in zip(weights.unbind(1), keys.unbind(1), strict=True)), weights


class AttentionDecoder(nn.Module):
    def __init__(self, vocab_size, embedding_dim, encoder_dim, hidden_dim, attention_dim):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.attention = AdditiveAttention(hidden_dim, encoder_dim, attention_dim)
        self.cell = nn.GRUCell(embedding_dim + encoder_dim, hidden_dim)
        self.to_logits = nn.Linear(hidden_dim + encoder_dim, vocab_size)

    def forward(self, tokens, encoder_states, state, mask=None):
        logits, alignment = [], []
        embedded = self.embedding(tokens)
        for t in range(tokens.shape[1]):
            context, weights = self.attention(state, encoder_states, mask)
            state = self.cell(torch.cat((embedded[:, t], context), 1), state)
            logits.append(self.to_logits(torch.cat((state, context), 1)))
            alignment.append(weights)
        return torch.stack(logits, 1), torch.stack(alignment, 1)
