"""Accepted: words from a Python generator; layers that learn their input's width in the first call; the memory and its
mask as an object of one's own.
"""

import itertools
from typing import NamedTuple

import torch
from torch import nn


class Memory(nn.Module):
    def __init__(self, words, places, blocks, pad_id):
        super().__init__()
        self.embed, self.places, self.blocks, self.pad_id = words, places, blocks, pad_id

    def forward(self, source):
        real = source != self.pad_id
        x = self.embed(source) + self.places(torch.arange(source.shape[1], device=source.device))
        for block in self.blocks:
            x = block(x, real)
        return Read(x, real)


class Read(NamedTuple):
    vectors: torch.Tensor
    real: torch.Tensor


class DecoderBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        width, rest = divmod(d_model, num_heads)
        if rest:
            raise ValueError("not divisible")
        self.self_attention = nn.MultiheadAttention(num_heads * width, num_heads, batch_first=True)
        self.cross_attention = nn.MultiheadAttention(num_heads * width, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.LazyLinear(d_ff), nn.ReLU(), nn.LazyLinear(d_model))
        self.norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(3))
        self.norm1, self.norm2, self.norm3 = self.norms  # each under two names
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, memory, mask=None, memory_mask=None):
        places = torch.arange(x.shape[1], device=x.device)
        options = {
            self.self_attention: {"attn_mask": places > places.unsqueeze(1), "key_padding_mask": mask},
            self.cross_attention: {"key_padding_mask": memory_mask},
        }
        for norm, attention, asked in zip(self.norms, options, (None, memory), strict=False):
            chosen = options[attention]
            if chosen["key_padding_mask"] is not None:
                chosen["key_padding_mask"] = chosen["key_padding_mask"].logical_not()
            asked = x if asked is None else asked
            x = norm(x + self.dropout(attention(x, asked, asked, **chosen)[0]))
        return self.norms[-1](x + self.dropout(self.feed_forward(x)))


def shift_right(ids, bos_id):
    bos = ids.new_tensor([bos_id]).expand(ids.shape[0], 1)
    return torch.cat([bos, ids], dim=1).narrow(1, 0, ids.shape[1])


class Seq2SeqTransformer(nn.Module):
    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1
    ):
        super().__init__()
        self.max_len, self.pad_id = max_len, pad_id
        sizes = (d_model, num_heads, d_ff, dropout)
        places = nn.Embedding(max_len, d_model)
        encoder = nn.ModuleList(itertools.starmap(EncoderBlock, [sizes] * num_layers))
        self.read = Memory(nn.Embedding(source_vocab, d_model), places, encoder, pad_id)
        self.words, self.places = nn.Embedding(target_vocab, d_model), places
        self.decoder = nn.ModuleList(itertools.starmap(DecoderBlock, [sizes] * num_layers))
        self.out = nn.LazyLinear(target_vocab)
        once = torch.ones(1, 1, dtype=torch.long)
        self(once, once)  # so that all weights are there

    def forward(self, source, target):
        if source.shape[1] > self.max_len or target.shape[1] > self.max_len:
            raise ValueError("too long")
        read = self.read(source)
        x = self.words(target) + self.places(torch.arange(target.shape[1], device=target.device))
        for block in self.decoder:
            x = block(x, read.vectors, target.ne(self.pad_id), read.real)
        return self.out(x)


def new_words(model, source, so_far):
    while True:
        with torch.no_grad():
            new = model(source, so_far)[:, -1:].argmax(dim=2)
        so_far = torch.cat([so_far, new], dim=1)
        yield new


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    mode, columns = model.training, []
    model.eval()
    ended = torch.zeros_like(source[:, :1], dtype=torch.bool)
    words = new_words(model, source, torch.full_like(source[:, :1], bos_id))
    for new in itertools.islice(words, max_new_tokens):
        columns.append(torch.where(ended, pad_id, new))
        ended = ended | (new == eos_id)
        if bool(ended.all()):
            break
    words.close()
    model.train(mode)
    return torch.cat(columns, dim=1)
