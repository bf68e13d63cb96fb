"""Additive attention in a recurrent encoder-decoder: the score, the softmax, the module, and a decoder that attends.

Shapes: B batch, S words of the source, L words of the target, A attention width, V words that the target may have. The
query has width Dq, a key width Dk.
"""

import torch
from torch import nn


def additive_scores(query, keys, W_q, W_k, v):
    """How well each key fits the query: v · tanh(query W_q + key W_k).

    Arguments: query (B, Dq), keys (B, S, Dk), and the weights W_q (Dq, A), W_k (Dk, A), v (A,).
    Returns: scores (B, S).
    Source: Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate" (2015),
    appendix A.1.2.
    """
    ### BEGIN SOLUTION
    asked, offered = query @ W_q, keys @ W_k  # (B, A), (B, S, A)
    hidden = torch.tanh(asked[:, None, :] + offered)  # the one query meets each of the S keys
    return hidden @ v
    ### END SOLUTION


def masked_softmax(scores, mask=None):
    """Softmax over the last axis, among the places that may be looked at.

    Arguments: scores (..., S); mask, boolean, broadcasts against the scores, True for real words. Every row has one.
    Returns: weights (..., S): they are not negative, sum to 1, and are 0 where the mask is False.
    """
    ### BEGIN SOLUTION
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, dim=-1)
    ### END SOLUTION


class AdditiveAttention(nn.Module):
    """Additive attention with trained weights.

    Called with query (B, Dq), keys (B, S, Dk) and mask (B, S), boolean, True for real words; without a mask all are
    real. Gives the context (B, Dk), the mean of the keys by their weights, and the weights (B, S).
    Attributes: `W_q` (from query_dim to attention_dim), `W_k` (from key_dim to attention_dim), `v` (from attention_dim
    to 1), nn.Linear without bias.
    Source: Bahdanau, Cho and Bengio (2015), section 3.1.
    """

    def __init__(self, query_dim, key_dim, attention_dim):
        super().__init__()
        ### BEGIN SOLUTION
        self.W_q = nn.Linear(query_dim, attention_dim, bias=False)
        self.W_k = nn.Linear(key_dim, attention_dim, bias=False)
        self.v = nn.Linear(attention_dim, 1, bias=False)
        ### END SOLUTION

    def forward(self, query, keys, mask=None):
        ### BEGIN SOLUTION
        asked, offered = self.W_q(query), self.W_k(keys)  # (B, A), (B, S, A)
        scores = self.v(torch.tanh(asked[:, None, :] + offered)).squeeze(-1)  # (B, S)
        weights = masked_softmax(scores, mask)
        context = (weights[:, :, None] * keys).sum(dim=1)
        return context, weights
        ### END SOLUTION


class AttentionDecoder(nn.Module):
    """A recurrent decoder that looks at the source before each of its steps.

    Called with tokens (B, L), integers, shifted already; encoder_states (B, S, encoder_dim); state (B, hidden_dim), in
    which it starts; and mask (B, S), True for real words of the source, or None. Gives logits (B, L, V), V being
    vocab_size, and the attention weights (B, L, S).
    In each step: the previous state is the query, and the context is what it finds in encoder_states; the cell makes
    the new state of [the token's embedding; context] and the previous state; the logits come from [new state; context].
    Attributes: `embedding`, nn.Embedding; `attention`, AdditiveAttention; `cell`, nn.GRUCell; `to_logits`, nn.Linear.
    Source: after Bahdanau, Cho and Bengio (2015), section 3.1.
    """

    def __init__(self, vocab_size, embedding_dim, encoder_dim, hidden_dim, attention_dim):
        super().__init__()
        ### BEGIN SOLUTION
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.attention = AdditiveAttention(hidden_dim, encoder_dim, attention_dim)
        self.cell = nn.GRUCell(embedding_dim + encoder_dim, hidden_dim)
        self.to_logits = nn.Linear(hidden_dim + encoder_dim, vocab_size)
        ### END SOLUTION

    def forward(self, tokens, encoder_states, state, mask=None):
        ### BEGIN SOLUTION
        all_logits, all_weights = [], []
        for word in self.embedding(tokens).unbind(dim=1):  # (B, embedding_dim), step by step
            context, weights = self.attention(state, encoder_states, mask)
            state = self.cell(torch.cat([word, context], dim=-1), state)
            all_logits.append(self.to_logits(torch.cat([state, context], dim=-1)))
            all_weights.append(weights)
        return torch.stack(all_logits, dim=1), torch.stack(all_weights, dim=1)
        ### END SOLUTION
