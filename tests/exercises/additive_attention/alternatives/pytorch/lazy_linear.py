"""Accepted: lazy layers, a softmax from its logarithm."""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    hidden = torch.tanh(keys.transpose(0, 1) @ W_k + query @ W_q)  # (S, B, A)
    return torch.tensordot(hidden, v, dims=1).T


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = scores + torch.zeros_like(scores).masked_fill(~mask, -torch.inf)
    return torch.exp(torch.log_softmax(scores, dim=-1))


class AdditiveAttention(nn.Module):
    def __init__(self, query_dim, key_dim, attention_dim):
        super().__init__()
        self.W_q = nn.LazyLinear(attention_dim, bias=False)
        self.W_k = nn.LazyLinear(attention_dim, bias=False)
        self.v = nn.LazyLinear(1, bias=False)
        self(torch.zeros(1, query_dim), torch.zeros(1, 1, key_dim))  # makes the weights

    def forward(self, query, keys, mask=None):
        hidden = torch.tanh(self.W_k(keys) + self.W_q(query.unsqueeze(1)))
        weights = masked_softmax(self.v(hidden).flatten(1), mask)
        return torch.einsum("bsd,bs->bd", keys, weights), weights


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
