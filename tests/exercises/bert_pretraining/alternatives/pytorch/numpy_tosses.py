"""Accepted: NumPy's random numbers, whose seed comes from the generator; one-hot labels in the loss."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def numpy_generator(generator, device):
    return np.random.default_rng(torch.randint(2**31, (1,), generator=generator, device=device).item())


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    rng = numpy_generator(generator, ids.device)
    tossed = torch.as_tensor(rng.binomial(1, probability, ids.shape).astype(bool), device=ids.device)
    fate = torch.as_tensor(rng.choice(3, ids.shape, p=[0.8, 0.1, 0.1]), device=ids.device)
    words = torch.as_tensor(rng.integers(vocab_size, size=ids.shape), device=ids.device)
    selected = tossed & ~special_mask
    inputs = ids.masked_fill(selected & (fate == 0), mask_id).where(~(selected & (fate == 1)), words)
    return inputs, ids.masked_fill(~selected, -100)


def masked_lm_loss(logits, labels):
    asked = labels.ne(-100)
    one_hot = F.one_hot(labels * asked, logits.shape[-1]) * asked[..., None]
    return -(one_hot * logits.log_softmax(-1)).sum() / asked.sum().clamp(1)


class MaskedLMHead(nn.Module):
    """The two halves in a `Sequential`, under the names that the docstring gives them as well."""

    def __init__(self, token_embedding):
        super().__init__()
        words, width = token_embedding.weight.shape
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, eps=1e-12))
        self.dense, _, self.norm = self.transform
        self.token_embedding = token_embedding
        self.bias = nn.Parameter(torch.zeros(words))

    def forward(self, hidden):
        return torch.tensordot(self.transform(hidden), self.token_embedding.weight, dims=([2], [1])) + self.bias
