"""Accepted: raw parameters in a layout of one's own, with `load_arrays`; a random word is always another word."""

from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

cross_entropy = partial(F.cross_entropy, ignore_index=-100, reduction="none")


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    uniform = partial(torch.rand, ids.shape, generator=generator, device=ids.device)
    selected = (uniform() < probability) * ~special_mask
    # a step of 1 to V - 1 around the vocabulary never comes back to the word itself
    step = torch.randint(1, max(2, vocab_size), ids.shape, generator=generator, device=ids.device)
    edges = torch.tensor([0.8, 0.9], device=ids.device)
    fate = torch.bucketize(uniform(), edges)
    changed = torch.where(fate == 0, mask_id, torch.where(fate == 1, (ids + step) % vocab_size, ids))
    return torch.where(selected, changed, ids), torch.where(selected, ids, -100)


def masked_lm_loss(logits, labels):
    losses = cross_entropy(logits.movedim(-1, 1), labels)
    return losses.sum() / (labels != -100).sum().clamp(min=1)


class MaskedLMHead(nn.Module):
    def __init__(self, token_embedding):
        super().__init__()
        self.words = token_embedding
        rows, width = token_embedding.weight.shape
        self.affine = nn.Parameter(torch.randn(width + 1, width) * width**-0.5)  # the bias is the last row
        self.gain = nn.Parameter(torch.stack([torch.ones(width), torch.zeros(width)]))
        self.frequency = nn.Parameter(torch.zeros(rows))

    def load_arrays(self, arrays):
        a = {name: torch.as_tensor(array).to(self.affine) for name, array in arrays.items()}
        with torch.no_grad():
            self.affine.copy_(torch.cat([a["dense.weight"], a["dense.bias"][None]]))
            self.gain.copy_(torch.stack([a["norm.weight"], a["norm.bias"]]))
            self.frequency.copy_(a["bias"])

    def forward(self, hidden):
        x = F.gelu(hidden @ self.affine[:-1] + self.affine[-1])
        x = F.layer_norm(x, x.shape[-1:], *self.gain, 1e-12)
        return x @ self.words.weight.mT + self.frequency
