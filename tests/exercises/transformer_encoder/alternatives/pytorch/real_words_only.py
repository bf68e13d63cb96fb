"""Accepted: norms and network see the real words alone, packed into one long list; attention gets them unpacked. A
residual connection is a module of its own, with the norm inside it.
"""

import torch
from torch import nn


def pack(x, mask):
    return x[mask] if mask is not None else x.flatten(0, 1)  # (words, D)


def unpack(words, mask, shape):
    if mask is None:
        return words.reshape(shape)
    return words.new_zeros(shape).masked_scatter(mask.unsqueeze(-1), words)


class Residual(nn.Module):
    def __init__(self, norm, part, dropout, before):
        super().__init__()
        self.norm, self.dropout, self.before = norm, nn.Dropout(dropout), before
        self.part = part

    def forward(self, words, *more):
        if self.before:
            return words + self.dropout(self.part(self.norm(words), *more))
        return self.norm(words + self.dropout(self.part(words, *more)))


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(inplace=True), nn.Linear(d_ff, d_model))
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.look = Residual(self.norm1, self.attend, dropout, norm_first)
        self.think = Residual(self.norm2, self.feed_forward, dropout, norm_first)

    def attend(self, words, mask, shape):
        x = unpack(words, mask, shape)
        hidden = None if mask is None else mask.logical_not()
        return pack(self.attention(x, x, x, key_padding_mask=hidden, need_weights=False)[0], mask)

    def forward(self, x, mask=None):
        words = self.look(pack(x, mask), mask, x.shape)
        return unpack(self.think(words), mask, x.shape)


def masked_mean(x, mask):
    lengths = mask.sum(dim=1).tolist()
    return torch.stack([words.mean(dim=0) for words in pack(x, mask).split(lengths)])


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len = pad_id, max_len
        self.token, self.position = nn.Embedding(vocab_size, d_model), nn.Embedding(max_len, d_model)
        blocks = [TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.layers = nn.ModuleDict({"drop": nn.Dropout(dropout), "blocks": nn.ModuleList(blocks)})
        self.layers["head"] = nn.Linear(d_model, num_classes)

    def forward(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        mask = ids != self.pad_id
        places = torch.nonzero(mask)[:, 1]  # where each real word stands
        words = self.layers["drop"](self.token(ids[mask]) + self.position(places))
        x = unpack(words, mask, (*ids.shape, words.shape[-1]))
        for block in self.layers["blocks"]:
            x = block(x, mask)
        return self.layers["head"](masked_mean(x, mask))
