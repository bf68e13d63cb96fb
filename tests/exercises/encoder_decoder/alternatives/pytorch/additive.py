"""Accepted: masks of zeros and large negative numbers, made by hand; ids written into a table."""

import torch
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
        length = x.shape[1]
        allowed = torch.ones(length, length, device=x.device).tril().bool()
        if mask is None:
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        if memory_mask is None:
            memory_mask = torch.ones(memory.shape[:2], dtype=torch.bool, device=x.device)
        own = self.added(allowed & mask[:, None, :], x)
        other = self.added(memory_mask[:, None, :].expand(-1, length, -1), x)
        x = self.norm1(x + self.dropout(self.self_attention(x, x, x, attn_mask=own)[0]))
        x = self.norm2(x + self.dropout(self.cross_attention(x, memory, memory, attn_mask=other)[0]))
        return self.norm3(x + self.dropout(self.feed_forward(x)))

    def added(self, allowed, x):
        zeros = torch.zeros(allowed.shape, dtype=x.dtype, device=x.device)
        return zeros.masked_fill(~allowed, -1e9).repeat_interleave(self.heads, dim=0)


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
    training = model.training
    model.eval()
    ids = torch.full((source.shape[0], max_new_tokens + 1), pad_id, dtype=torch.long, device=source.device)
    ids[:, 0] = bos_id
    alive = torch.ones(source.shape[0], dtype=torch.bool, device=source.device)
    with torch.no_grad():
        for step in range(max_new_tokens):
            new = model(source, ids[:, : step + 1])[:, step].argmax(-1)
            ids[:, step + 1] = torch.where(alive, new, pad_id)
            alive &= new != eos_id
    if training:
        model.train()
    return ids[:, 1:]
