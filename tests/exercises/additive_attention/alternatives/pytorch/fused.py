"""Accepted: one matrix for query and key side by side, and `load_arrays`."""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    both = torch.cat([query.unsqueeze(1).expand(-1, keys.shape[1], -1), keys], dim=-1)
    return (torch.tanh(both @ torch.cat([W_q, W_k])) * v).sum(dim=-1)


def masked_softmax(scores, mask=None):
    real = torch.ones_like(scores) if mask is None else mask.to(scores.dtype).expand_as(scores)
    top = torch.where(real > 0, scores, -torch.inf).max(dim=-1, keepdim=True).values
    exponentials = torch.exp(torch.where(real > 0, scores - top, torch.zeros_like(scores))) * real
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


class AdditiveAttention(nn.Module):
    def __init__(self, query_dim, key_dim, attention_dim):
        super().__init__()
        self.both = nn.Linear(query_dim + key_dim, attention_dim, bias=False)
        self.v = nn.Parameter(torch.rand(attention_dim))

    def load_arrays(self, arrays):
        both = torch.cat([torch.as_tensor(arrays[name]) for name in ("W_q.weight", "W_k.weight")])
        with torch.no_grad():
            self.both.weight.copy_(both.T)
            self.v.copy_(torch.as_tensor(arrays["v.weight"]).flatten())

    def forward(self, query, keys, mask=None):
        asked = query.unsqueeze(1).repeat(1, keys.shape[1], 1)
        scores = torch.tanh(self.both(torch.cat((asked, keys), dim=2))) @ self.v
        weights = masked_softmax(scores, mask)
        return (weights.unsqueeze(-1) * keys).sum(dim=-2), weights


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
