"""Accepted: self-attention for each word by itself, without a causal mask."""

import torch
import torch.nn.functional as F
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.self_attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.cross_attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d_model) for _ in range(3))
        self.dropout, self.rate, self.heads = nn.Dropout(dropout), dropout, num_heads

    def forward(self, x, memory, mask=None, memory_mask=None):
        rows = []
        for place in range(x.shape[1]):  # each word asks those up to itself; no causal mask is needed
            so_far = x[:, : place + 1]
            hidden = None if mask is None else ~mask[:, : place + 1]
            rows.append(self.self_attention(so_far[:, -1:], so_far, so_far, key_padding_mask=hidden)[0])
        x = self.norm1(x + self.dropout(torch.cat(rows, dim=1)))
        hidden = None if memory_mask is None else ~memory_mask
        x = self.norm2(x + self.dropout(self.cross_attention(x, memory, memory, key_padding_mask=hidden)[0]))
        return self.norm3(x + self.dropout(self.feed_forward(x)))


def shift_right(ids, bos_id):
    return F.pad(ids, (1, 0), value=bos_id)[:, :-1]


class Seq2SeqTransformer(nn.Module):
    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1
    ):
        super().__init__()
        self.max_len, self.pad_id, self.width = max_len, pad_id, d_model
        self.dropout = nn.Dropout(dropout)
        self.source_words, self.target_words = nn.Embedding(source_vocab, d_model), nn.Embedding(target_vocab, d_model)
        self.places = nn.Embedding(max_len, d_model)  # the same for both sides
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for _ in range(num_layers):
            self.encoder.append(EncoderBlock(d_model, num_heads, d_ff, dropout))
            self.decoder.append(DecoderBlock(d_model, num_heads, d_ff, dropout))
        self.norm, self.out = nn.LayerNorm(d_model), nn.Linear(d_model, target_vocab)

    def forward(self, source, target):
        if max(source.shape[1], target.shape[1]) > self.max_len:
            raise ValueError("too long")
        memory_mask, mask = source.ne(self.pad_id), target.ne(self.pad_id)
        memory = self.embed(self.source_words, source)
        for block in self.encoder:
            memory = block(memory, memory_mask)
        x = self.embed(self.target_words, target)
        for block in self.decoder:
            x = block(x, memory, mask, memory_mask)
        return self.out(self.norm(x))

    def embed(self, words, ids):
        places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        return self.dropout(words(ids) * self.width**0.5 + self.places(places))


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    was = model.training
    model.eval()
    rows = [write(model, text[None], bos_id, eos_id, max_new_tokens) for text in source]
    model.train(was)
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [pad_id] * (longest - len(row)) for row in rows], device=source.device)


@torch.no_grad()
def write(model, source, bos_id, eos_id, most):
    ids = [bos_id]
    while len(ids) <= most and (len(ids) == 1 or ids[-1] != eos_id):
        ids.append(model(source, torch.tensor([ids], device=source.device))[0, -1].argmax().item())
    return ids[1:]
