"""Accepted: the network as two convolutions of width one, and `load_arrays`."""

import torch
from torch import nn


class DecoderBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.self_attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.cross_attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.network = nn.ModuleList([nn.Conv1d(d_model, d_ff, 1), nn.Conv1d(d_ff, d_model, 1)])
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d_model) for _ in range(3))
        self.dropout, self.rate, self.heads = nn.Dropout(dropout), dropout, num_heads

    def load_arrays(self, arrays):
        with torch.no_grad():
            for n, layer in enumerate(self.network):
                layer.weight.copy_(torch.as_tensor(arrays[f"feed_forward.{n}.weight"]).T[:, :, None])
                layer.bias.copy_(torch.as_tensor(arrays[f"feed_forward.{n}.bias"]))
            for n, norm in enumerate((self.norm1, self.norm2, self.norm3), start=1):
                norm.weight.copy_(torch.as_tensor(arrays[f"norm{n}.weight"]))
                norm.bias.copy_(torch.as_tensor(arrays[f"norm{n}.bias"]))

    def forward(self, x, memory, mask=None, memory_mask=None):
        future = torch.triu(torch.full((x.shape[1],) * 2, True, device=x.device), diagonal=1)
        y, _ = self.self_attention(x, x, x, attn_mask=future, key_padding_mask=None if mask is None else ~mask)
        x = self.norm1(x + self.dropout(y))
        y, _ = self.cross_attention(x, memory, memory, None if memory_mask is None else ~memory_mask)
        x = self.norm2(x + self.dropout(y))
        return self.norm3(x + self.dropout(self.think(x)))

    def think(self, x):
        wide, narrow = self.network
        return narrow(wide(x.transpose(1, 2)).relu()).transpose(1, 2)


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
