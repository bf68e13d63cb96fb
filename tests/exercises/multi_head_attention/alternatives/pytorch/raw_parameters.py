"""Accepted: raw parameters with an axis for the heads, and `load_arrays`."""

import torch
from torch import nn


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("not divisible")
    return torch.stack(torch.split(x, x.shape[-1] // num_heads, dim=-1), dim=1)


def merge_heads(x):
    return torch.cat(x.unbind(1), dim=-1)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        width = d_model // num_heads
        self.weight = nn.Parameter(torch.randn(3, num_heads, d_model, width) * d_model**-0.5)
        self.bias = nn.Parameter(torch.zeros(3, num_heads, 1, width))
        self.mix = nn.Parameter(torch.randn(num_heads, width, d_model) * d_model**-0.5)
        self.shift = nn.Parameter(torch.zeros(d_model))

    def load_arrays(self, arrays):
        _, heads, d_model, width = self.weight.shape
        arrays = {name: torch.as_tensor(array).to(self.weight) for name, array in arrays.items()}
        with torch.no_grad():
            for i, name in enumerate("qkv"):
                self.weight[i] = arrays[f"W_{name}.weight"].reshape(d_model, heads, width).transpose(0, 1)
                self.bias[i] = arrays[f"W_{name}.bias"].reshape(heads, 1, width)
            self.mix.copy_(arrays["W_o.weight"].reshape(heads, width, d_model))
            self.shift.copy_(arrays["W_o.bias"])

    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = (x[:, None] @ self.weight[i] + self.bias[i] for i, x in enumerate((query, key, value)))
        scores = torch.einsum("bhld,bhsd->bhls", q, k) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = torch.softmax(scores, -1)
        return torch.einsum("bhls,bhsd,hdo->blo", weights, v, self.mix) + self.shift, weights
