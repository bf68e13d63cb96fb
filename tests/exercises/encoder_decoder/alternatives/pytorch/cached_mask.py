"""Accepted: a causal mask that is kept and grows."""

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
        self.register_buffer("later", torch.ones(4, 4, dtype=torch.bool).triu(1), persistent=False)

    def forward(self, x, memory, mask=None, memory_mask=None):
        length = x.shape[1]
        if self.later.shape[0] < length:
            self.later = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        later = self.later[:length, :length].to(x.device)
        own = {} if mask is None else {"key_padding_mask": ~mask}
        other = {} if memory_mask is None else {"key_padding_mask": ~memory_mask}
        x = self.norm1(x + self.dropout(self.self_attention(x, x, x, attn_mask=later, **own)[0]))
        x = self.norm2(x + self.dropout(self.cross_attention(query=x, key=memory, value=memory, **other)[0]))
        return self.norm3(x + self.dropout(self.feed_forward(x)))


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
