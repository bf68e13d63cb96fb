"""Accepted: einsum throughout, a fill of -1e9."""

import torch
import torch.nn.functional as F
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    hidden = torch.einsum("bd,da->ba", query, W_q).unsqueeze(1) + torch.einsum("bsd,da->bsa", keys, W_k)
    return torch.einsum("bsa,a->bs", hidden.tanh(), v)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = torch.where(mask, scores, torch.full_like(scores, -1e9))
    return F.softmax(scores, -1)


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
        logits, alignment = [], []
        embedded = self.embedding(tokens)
        for t in range(tokens.shape[1]):
            context, weights = self.attention(state, encoder_states, mask)
            state = self.cell(torch.cat((embedded[:, t], context), 1), state)
            logits.append(self.to_logits(torch.cat((state, context), 1)))
            alignment.append(weights)
        return torch.stack(logits, 1), torch.stack(alignment, 1)
