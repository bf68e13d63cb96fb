"""Accepted: greedy decoding that asks only about the texts that are not finished; a block of raw parameters with
`load_arrays`, its three parts in a loop.
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
        self.w1, self.b1 = nn.Parameter(torch.randn(d_model, d_ff) * d_model**-0.5), nn.Parameter(torch.zeros(d_ff))
        self.w2, self.b2 = nn.Parameter(torch.randn(d_ff, d_model) * d_ff**-0.5), nn.Parameter(torch.zeros(d_model))
        self.gain, self.shift = nn.Parameter(torch.ones(3, d_model)), nn.Parameter(torch.zeros(3, d_model))
        self.rate, self.heads = dropout, num_heads

    @torch.no_grad()
    def load_arrays(self, arrays):
        for name, key in {"w1": "0.weight", "b1": "0.bias", "w2": "1.weight", "b2": "1.bias"}.items():
            getattr(self, name).copy_(torch.tensor(arrays[f"feed_forward.{key}"]))
        for n in range(3):
            self.gain[n] = torch.tensor(arrays[f"norm{n + 1}.weight"])
            self.shift[n] = torch.tensor(arrays[f"norm{n + 1}.bias"])

    def forward(self, x, memory, mask=None, memory_mask=None):
        def own(x):
            seen = x.new_ones(x.shape[0], x.shape[1], x.shape[1]).tril() > 0
            seen = seen if mask is None else seen & mask[:, None, :]
            hidden = ~seen.repeat_interleave(self.heads, dim=0)  # what is later and what is padding, in one
            return self.self_attention(x, x, x, attn_mask=hidden, need_weights=False)[0]

        def other(x):
            hidden = None if memory_mask is None else torch.logical_not(memory_mask)
            return self.cross_attention(x, memory, memory, key_padding_mask=hidden)[0]

        def network(x):
            return torch.relu(x @ self.w1 + self.b1) @ self.w2 + self.b2

        for part, gain, shift in zip((own, other, network), self.gain, self.shift, strict=True):
            x = F.layer_norm(x + F.dropout(part(x), self.rate, self.training), gain.shape, gain, shift)
        return x


def shift_right(ids, bos_id):
    return torch.tensor([[bos_id, *row][:-1] for row in ids.tolist()], dtype=ids.dtype, device=ids.device)


class Seq2SeqTransformer(nn.Module):
    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1
    ):
        super().__init__()
        self.max_len, self.pad_id, self.rate = max_len, pad_id, dropout
        self.tables = nn.ModuleDict({
            "source": nn.Embedding(source_vocab, d_model), "target": nn.Embedding(target_vocab, d_model),
            "source place": nn.Embedding(max_len, d_model), "target place": nn.Embedding(max_len, d_model),
        })  # fmt: skip
        self.blocks = nn.ModuleList()  # an encoder's and a decoder's in turn
        for _ in range(num_layers):
            self.blocks += [EncoderBlock(d_model, num_heads, d_ff, dropout)]
            self.blocks += [DecoderBlock(d_model, num_heads, d_ff, dropout)]
        self.out = nn.Linear(d_model, target_vocab)

    def forward(self, source, target):
        memory, x = self.embed(source, "source"), self.embed(target, "target")
        real = source != self.pad_id
        for block in self.blocks[::2]:
            memory = block(memory, real)
        for block in self.blocks[1::2]:
            x = block(x, memory, target != self.pad_id, real)
        return self.out(x)

    def embed(self, ids, side):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        places = torch.ones_like(ids).cumsum(dim=1) - 1
        x = self.tables[side](ids) + self.tables[f"{side} place"](places)
        return F.dropout(x, self.rate, self.training)


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    written = source.new_full((len(source), 1 + max_new_tokens), pad_id)
    written[:, 0] = bos_id
    open_rows = torch.arange(len(source), device=source.device)
    mode = model.training
    model.eval()
    with torch.no_grad():
        for step in range(max_new_tokens):
            if not len(open_rows):
                break
            best = model(source[open_rows], written[open_rows, : step + 1])[:, -1].topk(1).indices[:, 0]
            written[open_rows, step + 1] = best.to(written.dtype)
            open_rows = open_rows[best != eos_id]
    model.train(mode)
    return written[:, 1:]
