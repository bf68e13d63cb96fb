"""Accepted: raw parameters, and `load_arrays`."""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    rows = [torch.tanh(q @ W_q + k @ W_k).mv(v) for q, k in zip(query, keys, strict=True)]
    return torch.stack(rows)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    exponentials = (scores - scores.amax(dim=-1, keepdim=True)).exp()
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


class AdditiveAttention(nn.Module):
    def __init__(self, query_dim, key_dim, attention_dim):
        super().__init__()
        self.W_q = nn.Parameter(torch.randn(query_dim, attention_dim) * query_dim**-0.5)
        self.W_k = nn.Parameter(torch.randn(key_dim, attention_dim) * key_dim**-0.5)
        self.v = nn.Parameter(torch.randn(attention_dim) * attention_dim**-0.5)

    def load_arrays(self, arrays):
        with torch.no_grad():
            self.W_q.copy_(torch.as_tensor(arrays["W_q.weight"]))
            self.W_k.copy_(torch.as_tensor(arrays["W_k.weight"]))
            self.v.copy_(torch.as_tensor(arrays["v.weight"])[:, 0])

    def forward(self, query, keys, mask=None):
        weights = masked_softmax(additive_scores(query, keys, self.W_q, self.W_k, self.v), mask)
        return (weights[..., None] * keys).sum(1), weights


class AttentionDecoder(nn.Module):
    def __init__(self, vocab_size, embedding_dim, encoder_dim, hidden_dim, attention_dim):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.attention = AdditiveAttention(hidden_dim, encoder_dim, attention_dim)
        self.cell = nn.GRUCell(embedding_dim + encoder_dim, hidden_dim)
        self.to_logits = nn.Linear(hidden_dim + encoder_dim, vocab_size)

    def forward(self, tokens, encoder_states, state, mask=None):
        found, states, alignment = [], [], []
        for token in tokens.T:
            context, weights = self.attention(state, encoder_states, mask)
            state = self.cell(torch.hstack([self.embedding(token), context]), state)
            found.append(context)
            states.append(state)
            alignment.append(weights[:, None])
        together = torch.cat([torch.stack(states, 1), torch.stack(found, 1)], dim=-1)  # all steps at once
        return self.to_logits(together), torch.cat(alignment, dim=1)
