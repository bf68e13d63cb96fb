"""Accepted: activations and dropout as functions, the network as a list; words kept in a list."""

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
        self.feed_forward = nn.ModuleList([nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)])
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d_model) for _ in range(3))
        self.dropout, self.rate, self.heads = nn.Dropout(dropout), dropout, num_heads

    def forward(self, x, memory, mask=None, memory_mask=None):
        later = torch.ones(x.shape[1], x.shape[1], device=x.device).triu(1) > 0
        steps = (
            (self.norm1, lambda y: self.self_attention(y, y, y, self.hide(mask), attn_mask=later)[0]),
            (self.norm2, lambda y: self.cross_attention(y, memory, memory, self.hide(memory_mask))[0]),
            (self.norm3, lambda y: self.feed_forward[1](F.relu(self.feed_forward[0](y)))),
        )
        for norm, part in steps:
            x = norm(x + F.dropout(part(x), self.rate, self.training))
        return x

    @staticmethod
    def hide(mask):
        return None if mask is None else mask == False  # noqa: E712


def shift_right(ids, bos_id):
    first = torch.arange(ids.shape[1], device=ids.device) == 0
    return torch.where(first, torch.full_like(ids, bos_id), torch.roll(ids, 1, 1))


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
    model.train(False)
    with torch.inference_mode():
        words = [torch.full((len(source),), bos_id, dtype=source.dtype, device=source.device)]
        done = torch.zeros(len(source), dtype=torch.bool, device=source.device)
        while len(words) <= max_new_tokens and not done.all():
            new = model(source, torch.stack(words, dim=1))[:, -1, :].max(dim=-1).indices
            new = new.masked_fill(done, pad_id)
            done |= new == eos_id
            words.append(new)
    model.train(training)
    return torch.stack(words[1:], dim=1)
