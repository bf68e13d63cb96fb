"""Accepted: the layer of the framework keeps attention's weights, and what is done with them is written out; so with
the norms. The mean by running sums.
"""

import torch
import torch.nn.functional as F
from torch import nn


def heads_of(attention, x):
    """Queries, keys and values (3, B, H, L, D/H) from the packed projection."""
    batch, length, width = x.shape
    packed = torch.einsum("bld,ed->ble", x, attention.in_proj_weight) + attention.in_proj_bias
    return packed.reshape(batch, length, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)


def look(attention, x, mask):
    query, key, value = heads_of(attention, x)
    scores = torch.einsum("bhqd,bhkd->bhqk", query, key) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = scores - torch.finfo(x.dtype).max * (~mask[:, None, None, :]).to(x.dtype) / 2
    mixed = torch.einsum("bhqk,bhkd->bqhd", torch.softmax(scores, dim=-1), value).flatten(2)
    return torch.einsum("bld,ed->ble", mixed, attention.out_proj.weight) + attention.out_proj.bias


def normed(norm, x):
    centred = x - x.mean(dim=-1, keepdim=True)
    deviation = torch.sqrt(centred.square().mean(dim=-1, keepdim=True) + norm.eps)
    return centred / deviation * norm.weight + norm.bias


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.ModuleDict({"wide": nn.Linear(d_model, d_ff), "narrow": nn.Linear(d_ff, d_model)})
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.keep, self.norm_first = 1 - dropout, norm_first

    def drop(self, x):
        if not self.training or self.keep == 1:
            return x
        return x * torch.bernoulli(torch.full_like(x, self.keep)) / self.keep

    def forward(self, x, mask=None):
        if self.norm_first:
            x = x + self.drop(look(self.attention, normed(self.norm1, x), mask))
            return x + self.drop(self.think(normed(self.norm2, x)))
        x = normed(self.norm1, x + self.drop(look(self.attention, x, mask)))
        return normed(self.norm2, x + self.drop(self.think(x)))

    def think(self, x):
        wide = self.feed_forward["wide"](x)
        return self.feed_forward["narrow"](wide * (wide > 0))


def masked_mean(x, mask):
    total = torch.where(mask.unsqueeze(2), x, 0.0).cumsum(dim=1)[:, -1]
    return total / mask.cumsum(dim=1)[:, -1:]


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len = pad_id, max_len
        self.token = nn.Parameter(torch.empty(vocab_size, d_model).normal_())
        self.position = nn.Parameter(torch.empty(max_len, d_model).normal_())
        self.blocks = nn.Sequential(*(TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)))
        self.to_logits = nn.Linear(d_model, num_classes)

    def forward(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        x = F.embedding(ids, self.token) + self.position.narrow(0, 0, ids.shape[1])
        mask = torch.ne(ids, self.pad_id)
        for block in self.blocks:
            x = block(x, mask)
        return self.to_logits(masked_mean(x, mask))
