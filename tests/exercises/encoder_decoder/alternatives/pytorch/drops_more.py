"""Accepted: dropout in attention's weights and inside the network as well."""

import torch
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.self_attention = nn.MultiheadAttention(d_model, num_heads, dropout=dropout, batch_first=True)
        self.cross_attention = nn.MultiheadAttention(d_model, num_heads, dropout=dropout, batch_first=True)
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, d_ff), nn.ReLU(), nn.Dropout(dropout), nn.Linear(d_ff, d_model)
        )
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
    shifted = torch.empty_like(ids)
    shifted[:, 0] = bos_id
    shifted[:, 1:] = ids[:, :-1]
    return shifted


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
