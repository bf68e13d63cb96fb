"""Accepted: the causal mask from PyTorch's own helper, the target's words tied to the output, and a greedy decoder that
calls itself.
"""

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
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(d_model), nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout1, self.dropout2, self.dropout3 = nn.Dropout(dropout), nn.Dropout(dropout), nn.Dropout(dropout)

    def forward(self, x, memory, mask=None, memory_mask=None):
        causal = nn.Transformer.generate_square_subsequent_mask(x.size(1), device=x.device, dtype=x.dtype)
        hidden = self.additive(mask, x)
        x = self.norm1(x + self.dropout1(self.look(self.self_attention, x, x, hidden, causal)))
        x = self.norm2(x + self.dropout2(self.look(self.cross_attention, x, memory, self.additive(memory_mask, x))))
        return self.norm3(x + self.dropout3(self.feed_forward(x)))

    @staticmethod
    def additive(mask, x):
        return None if mask is None else torch.zeros_like(mask, dtype=x.dtype).masked_fill(~mask, float("-inf"))

    @staticmethod
    def look(attention, x, y, hidden, causal=None):
        options = {} if causal is None else {"attn_mask": causal, "is_causal": True}
        return attention(x, y, y, key_padding_mask=hidden, need_weights=False, **options)[0]


def shift_right(ids, bos_id):
    return F.pad(ids, (1, -1), value=bos_id)


class Seq2SeqTransformer(nn.Module):
    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1
    ):
        super().__init__()
        self.pad_id, self.scale = pad_id, d_model**0.5
        self.source_words, self.target_words = nn.Embedding(source_vocab, d_model), nn.Embedding(target_vocab, d_model)
        for table in (self.source_words, self.target_words):
            nn.init.normal_(table.weight, std=d_model**-0.5)
        self.source_places, self.target_places = nn.Embedding(max_len, d_model), nn.Embedding(max_len, d_model)
        self.dropout = nn.Dropout(dropout)
        options = (d_model, num_heads, d_ff, dropout)
        self.encoder = nn.ModuleList([EncoderBlock(*options) for _ in range(num_layers)])
        self.decoder = nn.ModuleList([DecoderBlock(*options) for _ in range(num_layers)])
        self.bias = nn.Parameter(torch.zeros(target_vocab))

    def forward(self, source, target):
        source_mask = source != self.pad_id
        memory = self.encode(source, source_mask)
        x = self.embed(target, self.target_words, self.target_places)
        for block in self.decoder:
            x = block(x, memory, target != self.pad_id, source_mask)
        return F.linear(x, self.target_words.weight, self.bias)  # the same vectors that are read

    def encode(self, source, mask):
        memory = self.embed(source, self.source_words, self.source_places)
        for block in self.encoder:
            memory = block(memory, mask)
        return memory

    def embed(self, ids, words, places):
        if ids.size(1) > places.num_embeddings:
            raise ValueError("too long")
        return self.dropout(words(ids) * self.scale + places.weight[: ids.size(1)])


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    mode = model.training
    try:
        model.eval()
        with torch.no_grad():
            bos = torch.full_like(source[:, 0], bos_id).unsqueeze(1)
            return write(model, source, bos, max_new_tokens, eos_id, pad_id)[:, 1:]
    finally:
        model.train(mode)


def write(model, source, so_far, more, eos_id, pad_id):
    done = (so_far == eos_id).any(dim=1)
    if more == 0 or done.all():
        return so_far
    new = model(source, so_far)[:, -1].argmax(dim=-1).masked_fill(done, pad_id)
    return write(model, source, torch.hstack([so_far, new[:, None]]), more - 1, eos_id, pad_id)
