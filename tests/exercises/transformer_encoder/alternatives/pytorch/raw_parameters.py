"""Accepted: the network and the norms as raw parameters with `load_arrays`, attention by the framework's function; the
mean by adding each word to its text's sum.
"""

import torch as t
import torch.nn.functional as F
from torch.nn import Module, MultiheadAttention, Parameter, ParameterDict, init


class TransformerBlock(Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.attention = MultiheadAttention(d_model, num_heads, batch_first=True)
        self.first, self.first_bias = Parameter(t.empty(d_model, d_ff)), Parameter(t.zeros(d_ff))
        self.second, self.second_bias = Parameter(t.empty(d_ff, d_model)), Parameter(t.zeros(d_model))
        self.gains, self.shifts = Parameter(t.ones(2, d_model)), Parameter(t.zeros(2, d_model))
        init.xavier_uniform_(self.first)
        init.xavier_uniform_(self.second)
        self.rate, self.norm_first = dropout, norm_first

    def load_arrays(self, arrays):
        arrays = {name: t.as_tensor(array) for name, array in arrays.items()}
        with t.no_grad():
            self.first.copy_(arrays["feed_forward.0.weight"])
            self.first_bias.copy_(arrays["feed_forward.0.bias"])
            self.second.copy_(arrays["feed_forward.1.weight"])
            self.second_bias.copy_(arrays["feed_forward.1.bias"])
            self.gains.copy_(t.stack([arrays["norm1.weight"], arrays["norm2.weight"]]))
            self.shifts.copy_(t.stack([arrays["norm1.bias"], arrays["norm2.bias"]]))

    def norm(self, n, x):
        return F.layer_norm(x, x.shape[-1:], self.gains[n], self.shifts[n])

    def attend(self, x, mask):
        x, a = x.transpose(0, 1), self.attention
        found, _ = F.multi_head_attention_forward(
            x, x, x, a.embed_dim, a.num_heads, a.in_proj_weight, a.in_proj_bias, None, None, False, 0.0,
            a.out_proj.weight, a.out_proj.bias, self.training, None if mask is None else ~mask, False,
        )  # fmt: skip
        return found.transpose(0, 1)

    def think(self, x, mask):
        return t.addmm(self.second_bias, F.relu(x.flatten(0, 1) @ self.first + self.first_bias), self.second).view_as(x)

    def forward(self, x, mask=None):
        for n, part in enumerate((self.attend, self.think)):
            y = part(self.norm(n, x) if self.norm_first else x, mask)
            x = x + F.dropout(y, self.rate, self.training)
            x = x if self.norm_first else self.norm(n, x)
        return x


def masked_mean(x, mask):
    batch, length, width = x.shape
    text = t.arange(batch, device=x.device).repeat_interleave(length)  # each word's text
    real = mask.reshape(-1, 1).to(x.dtype)
    total = t.zeros(batch, width, dtype=x.dtype, device=x.device).index_add(0, text, x.reshape(-1, width) * real)
    return total / t.zeros(batch, 1, dtype=x.dtype, device=x.device).index_add(0, text, real)


class TransformerClassifier(Module):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len, self.classes = pad_id, max_len, num_classes
        self.tables = ParameterDict({
            "word": t.randn(vocab_size, d_model),
            "place": t.randn(max_len, d_model),
            "head": t.randn(d_model, num_classes) * d_model**-0.5,
            "head_bias": t.zeros(num_classes),
        })  # fmt: skip
        self.blocks = t.nn.ModuleList(TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers))

    def forward(self, ids):
        length, tables = ids.size(-1), self.tables
        if length > self.max_len:
            raise ValueError("too long")
        x, mask = tables["word"][ids] + tables["place"][:length], ids != self.pad_id
        for block in self.blocks:
            x = block(x, mask)
        return masked_mean(x, mask) @ tables["head"] + tables["head_bias"]
