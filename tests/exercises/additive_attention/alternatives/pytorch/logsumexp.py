"""Accepted: the softmax from logsumexp, raw parameters in a recursion."""

import torch
import torch.nn.functional as F
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    hidden = F.linear(query, W_q.T).unsqueeze(1) + F.linear(keys, W_k.T)
    return F.linear(torch.tanh(hidden), v[None]).squeeze(2)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = scores.where(mask, scores.new_tensor(-1e30))
    return torch.exp(scores - scores.logsumexp(dim=-1, keepdim=True))


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
        context, weights = self.attention(state, encoder_states, mask)
        state = self.cell(torch.cat([self.embedding(tokens[:, 0]), context], -1), state)
        logits, weights = self.to_logits(torch.cat([state, context], -1))[:, None], weights[:, None]
        if tokens.shape[1] == 1:
            return logits, weights
        later = self(tokens[:, 1:], encoder_states, state, mask)
        return torch.cat([logits, later[0]], 1), torch.cat([weights, later[1]], 1)
