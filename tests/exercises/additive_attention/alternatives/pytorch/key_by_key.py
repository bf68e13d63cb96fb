"""Accepted: loops over the keys, minus infinity in masked places."""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    columns = []
    for key in keys.unbind(dim=1):
        columns.append(torch.tanh(query @ W_q + key @ W_k) @ v)
    return torch.stack(columns, dim=1)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), float("-inf"))
    return nn.functional.softmax(scores, dim=scores.dim() - 1)


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
        steps = []
        for token in tokens.split(1, dim=1):
            *out, state = self.step(token.squeeze(1), encoder_states, state, mask)
            steps.append(out)
        logits, weights = zip(*steps, strict=True)
        return torch.stack(logits, dim=1), torch.stack(weights, dim=1)

    def step(self, token, encoder_states, state, mask):
        context, weights = self.attention(state, encoder_states, mask)
        state = self.cell(torch.cat([self.embedding(token), context], -1), state)
        return self.to_logits(torch.cat([state, context], -1)), weights, state
