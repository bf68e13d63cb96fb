"""Accepted: the target's padding left to the causal mask; written on, and cut afterwards."""

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
        future = torch.triu(torch.full((x.shape[1],) * 2, True, device=x.device), diagonal=1)
        y, _ = self.self_attention(x, x, x, attn_mask=future, key_padding_mask=None if mask is None else ~mask)
        x = self.norm1(x + self.dropout(y))
        y, _ = self.cross_attention(x, memory, memory, None if memory_mask is None else ~memory_mask)
        x = self.norm2(x + self.dropout(y))
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
        self.words = nn.ModuleList([nn.Embedding(v, d_model) for v in (source_vocab, target_vocab)])
        self.places = nn.ModuleList([nn.Embedding(max_len, d_model) for _ in range(2)])
        self.encoder = nn.ModuleList([EncoderBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)])
        self.decoder = nn.ModuleList([DecoderBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)])
        self.out = nn.Linear(d_model, target_vocab)

    def forward(self, source, target):
        if max(source.shape[1], target.shape[1]) > self.max_len:
            raise ValueError("too long")
        memory, x = (
            self.dropout(words(ids) + places.weight[: ids.shape[1]])
            for ids, words, places in zip((source, target), self.words, self.places, strict=True)
        )
        real = source != self.pad_id
        for block in self.encoder:
            memory = block(memory, real)
        for block in self.decoder:
            x = block(x, memory, memory_mask=real)
        return self.out(x)


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    mode = model.training
    model.eval()
    ids = source.new_full((source.size(0), 1), bos_id)
    with torch.no_grad():
        for _ in range(max_new_tokens):
            ids = torch.cat([ids, model(source, ids)[:, -1:].argmax(dim=-1)], dim=1)
    model.train(mode)
    ids = ids[:, 1:]
    ended = (ids == eos_id).int().cumsum(dim=1) - (ids == eos_id).int()  # ends before this place
    return torch.where(ended > 0, torch.full_like(ids, pad_id), ids)  # written on, and cut afterwards
