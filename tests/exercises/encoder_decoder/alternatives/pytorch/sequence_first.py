"""Accepted: attention that wants the sequence first; each text written by itself."""

import torch
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.self_attention = nn.MultiheadAttention(d_model, num_heads)
        self.cross_attention = nn.MultiheadAttention(d_model, num_heads)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d_model) for _ in range(3))
        self.dropout, self.rate, self.heads = nn.Dropout(dropout), dropout, num_heads

    def forward(self, x, memory, mask=None, memory_mask=None):
        x, memory = x.transpose(0, 1), memory.transpose(0, 1)
        places = torch.arange(len(x), device=x.device)
        later = places[None, :] > places[:, None]
        own = None if mask is None else mask.logical_not()
        other = None if memory_mask is None else memory_mask.logical_not()
        x = self.norm1(x + self.dropout(self.self_attention(x, x, x, own, attn_mask=later)[0]))
        x = self.norm2(x + self.dropout(self.cross_attention(x, memory, memory, other)[0]))
        return self.norm3(x + self.dropout(self.feed_forward(x))).transpose(0, 1)


def shift_right(ids, bos_id):
    ids = ids.roll(1, dims=-1)
    ids[:, 0] = bos_id
    return ids


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
