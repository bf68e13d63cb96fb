"""Accepted: convolutions of width one, and `load_arrays`."""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    batch, source, _ = keys.shape
    asked = (query @ W_q).repeat_interleave(source, dim=0)
    hidden = torch.tanh(asked + keys.reshape(batch * source, -1) @ W_k)
    return (hidden @ v).reshape(batch, source)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = scores.where(mask, scores.new_tensor(-1e30))
    return torch.exp(scores - scores.logsumexp(dim=-1, keepdim=True))


class AdditiveAttention(nn.Module):
    def __init__(self, query_dim, key_dim, attention_dim):
        super().__init__()
        self.ask = nn.Linear(query_dim, attention_dim, bias=False)
        self.offer = nn.Conv1d(key_dim, attention_dim, 1, bias=False)
        self.judge = nn.Conv1d(attention_dim, 1, 1, bias=False)

    def load_arrays(self, arrays):
        with torch.no_grad():
            self.ask.weight.copy_(torch.as_tensor(arrays["W_q.weight"]).T)
            self.offer.weight.copy_(torch.as_tensor(arrays["W_k.weight"]).T[:, :, None])
            self.judge.weight.copy_(torch.as_tensor(arrays["v.weight"]).T[:, :, None])

    def forward(self, query, keys, mask=None):
        offered = self.offer(keys.transpose(1, 2))  # (B, A, S)
        scores = self.judge(torch.tanh(self.ask(query).unsqueeze(2) + offered)).squeeze(1)
        weights = masked_softmax(scores, mask)
        return (keys.transpose(1, 2) @ weights.unsqueeze(2)).squeeze(2), weights


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
