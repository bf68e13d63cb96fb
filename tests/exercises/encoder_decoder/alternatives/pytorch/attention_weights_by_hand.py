"""Accepted: the layers of the framework keep attention's weights, and what is done with them is written out; ids are
picked by their places.
"""

import torch
import torch.nn.functional as F
from torch import nn


def attend(attention, x, y, seen):
    """Attention of x (B, L, D) to y (B, S, D) with the layer's weights; `seen` (B or 1, L or 1, S), or None."""
    heads, (w_q, w_k, w_v) = attention.num_heads, attention.in_proj_weight.chunk(3)
    b_q, b_k, b_v = attention.in_proj_bias.chunk(3)

    def split(z, weight, bias):
        return F.linear(z, weight, bias).unflatten(-1, (heads, -1))  # (B, words, H, D/H)

    query, key, value = split(x, w_q, b_q), split(y, w_k, b_k), split(y, w_v, b_v)
    scores = torch.einsum("blhd,bshd->bhls", query / query.shape[-1] ** 0.5, key)
    if seen is not None:
        scores = scores.where(seen[:, None], torch.finfo(scores.dtype).min)
    found = torch.einsum("bhls,bshd->blhd", scores.softmax(dim=-1), value)
    return attention.out_proj(found.flatten(2))


class DecoderBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.self_attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.cross_attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        for n in (1, 2, 3):
            setattr(self, f"norm{n}", nn.LayerNorm(d_model))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, memory, mask=None, memory_mask=None):
        places = torch.arange(x.shape[1], device=x.device)
        seen = (places[:, None] - places[None, :] >= 0)[None]  # (1, L, L)
        if mask is not None:
            seen = seen * mask[:, None, :]
        x = self.norm1(x + self.dropout(attend(self.self_attention, x, x, seen)))
        seen = None if memory_mask is None else memory_mask[:, None, :]
        x = self.norm2(x + self.dropout(attend(self.cross_attention, x, memory, seen)))
        return self.norm3(x + self.dropout(self.feed_forward(x)))


def shift_right(ids, bos_id):
    before = torch.arange(-1, ids.shape[1] - 1, device=ids.device)  # the place of which each place shows the word
    shifted = ids.index_select(1, before.clamp(min=0))
    return shifted.masked_fill(before < 0, bos_id)


class Seq2SeqTransformer(nn.Module):
    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1
    ):
        super().__init__()
        self.max_len, self.pad_id, self.source_vocab = max_len, pad_id, source_vocab
        self.words = nn.Embedding(source_vocab + target_vocab, d_model)  # the target's below the source's
        self.places = nn.Parameter(torch.randn(2, max_len, d_model))
        self.encoder = nn.ModuleDict(
            {str(n): EncoderBlock(d_model, num_heads, d_ff, dropout) for n in range(num_layers)}
        )
        self.decoder = nn.ModuleDict(
            {str(n): DecoderBlock(d_model, num_heads, d_ff, dropout) for n in range(num_layers)}
        )
        self.dropout, self.out = nn.Dropout(dropout), nn.Linear(d_model, target_vocab)

    def forward(self, source, target):
        longest = max(source.shape[1], target.shape[1])
        if longest > self.max_len:
            raise ValueError("too long")
        real, written = source != self.pad_id, target != self.pad_id
        memory = self.dropout(self.words(source) + self.places[0, : source.shape[1]])
        x = self.dropout(self.words(target + self.source_vocab) + self.places[1, : target.shape[1]])
        for block in self.encoder.values():
            memory = block(memory, real)
        for block in self.decoder.values():
            x = block(x, memory, mask=written, memory_mask=real)
        return self.out(x)


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    rows, done = [[bos_id] for _ in source], set()
    before = model.training
    model.eval()
    with torch.no_grad():
        for _ in range(max_new_tokens):
            if len(done) == len(rows):
                break
            logits = model(source, torch.tensor(rows, device=source.device, dtype=source.dtype))
            for n, best in enumerate(logits[:, -1].argmax(-1).tolist()):
                rows[n].append(pad_id if n in done else best)
                if best == eos_id:
                    done.add(n)
    model.train(before)
    return torch.tensor([row[1:] for row in rows], device=source.device, dtype=source.dtype)
