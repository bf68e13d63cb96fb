"""Accepted: the network as two convolutions of width one, and `load_arrays`."""

import torch
from torch import nn


class TransformerBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.norm_first = norm_first
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.wide, self.narrow = nn.Conv1d(d_model, d_ff, 1), nn.Conv1d(d_ff, d_model, 1)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def load_arrays(self, arrays):
        with torch.no_grad():
            for layer, name in ((self.wide, "feed_forward.0"), (self.narrow, "feed_forward.1")):
                layer.weight.copy_(torch.as_tensor(arrays[f"{name}.weight"]).T[:, :, None])
                layer.bias.copy_(torch.as_tensor(arrays[f"{name}.bias"]))
            for layer, name in ((self.norm1, "norm1"), (self.norm2, "norm2")):
                layer.weight.copy_(torch.as_tensor(arrays[f"{name}.weight"]))
                layer.bias.copy_(torch.as_tensor(arrays[f"{name}.bias"]))

    def forward(self, x, mask=None):
        for norm, layer in ((self.norm1, self.look), (self.norm2, self.think)):
            if self.norm_first:
                x = x + self.dropout(layer(norm(x), mask))
            else:
                x = norm(x + self.dropout(layer(x, mask)))
        return x

    def look(self, x, mask):
        return self.attention(x, x, x, key_padding_mask=None if mask is None else ~mask)[0]

    def think(self, x, mask):
        return self.narrow(torch.relu(self.wide(x.transpose(1, 2)))).transpose(1, 2)


def masked_mean(x, mask):
    return torch.where(mask[..., None], x, torch.zeros_like(x)).sum(1) / mask.sum(1)[:, None]


class TransformerClassifier(nn.Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len, self.vocab_size = pad_id, max_len, vocab_size
        self.both = nn.Embedding(vocab_size + max_len, d_model)  # positions below the words
        self.blocks = nn.ModuleList([TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)])
        self.to_logits = nn.Linear(d_model, num_classes)

    def forward(self, ids):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        places = torch.arange(ids.shape[1], device=ids.device) + self.vocab_size
        x = self.both(ids) + self.both(places)
        for block in self.blocks:
            x = block(x, ids != self.pad_id)
        return self.to_logits(masked_mean(x, ids != self.pad_id))
