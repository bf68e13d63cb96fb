"""Accepted: the source as first axis, a recursion over the words."""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    hidden = torch.tanh(keys.transpose(0, 1) @ W_k + query @ W_q)  # (S, B, A)
    return torch.tensordot(hidden, v, dims=1).T


def masked_softmax(scores, mask=None):
    if mask is not None:
        fill = torch.tensor(torch.finfo(scores.dtype).min, dtype=scores.dtype, device=scores.device)
        scores = torch.where(torch.broadcast_to(mask, scores.shape), scores, fill)
    return nn.Softmax(dim=-1)(scores)


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
        context, weights = self.attention(state, encoder_states, mask)
        state = self.cell(torch.cat([self.embedding(tokens[:, 0]), context], -1), state)
        logits, weights = self.to_logits(torch.cat([state, context], -1))[:, None], weights[:, None]
        if tokens.shape[1] == 1:
            return logits, weights
        later = self(tokens[:, 1:], encoder_states, state, mask)
        return torch.cat([logits, later[0]], 1), torch.cat([weights, later[1]], 1)
