"""Accepted: tanh from a sigmoid, the softmax by hand."""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    x = (query @ W_q)[:, None] + keys @ W_k
    return (2 * torch.sigmoid(2 * x) - 1) @ v  # tanh by another name


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    exponentials = (scores - scores.amax(dim=-1, keepdim=True)).exp()
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


class AdditiveAttention(nn.Module):
    def __init__(self, query_dim, key_dim, attention_dim):
        super().__init__()
        self.W_k = nn.Linear(key_dim, attention_dim, bias=False)
        self.W_q = nn.Linear(query_dim, attention_dim, bias=False)
        self.v = nn.Linear(attention_dim, 1, bias=False)

    def forward(self, query, keys, mask=None):
        scores = additive_scores(query, keys, self.W_q.weight.T, self.W_k.weight.T, self.v.weight.flatten())
        weights = masked_softmax(scores, mask)
        return torch.bmm(weights.unsqueeze(1), keys).squeeze(1), weights


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
