"""Accepted: fates dealt from a shuffled deck of cards, eight of ten to be masked; a head of convolutions over words."""

from enum import IntEnum

import torch
from torch import nn
from torch.nn import functional as F


class Card(IntEnum):
    MASK = 0
    RANDOM = 8
    KEEP = 9


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    where = {"generator": generator, "device": ids.device}
    selected = torch.rand(ids.shape, **where) < torch.where(special_mask, 0.0, probability)

    originals = ids[selected]  # in one row
    deck = torch.arange(len(originals), device=ids.device).remainder(10)  # 0 to 9, again and again
    deck = deck[torch.randperm(len(deck), **where)]
    words = torch.randint(vocab_size, (len(deck),), **where)
    dealt = torch.where(deck < Card.RANDOM, mask_id, torch.where(deck == Card.RANDOM, words, originals))
    inputs = ids.masked_scatter(selected, dealt)
    return inputs, torch.full_like(ids, -100).masked_scatter(selected, originals)


@torch.no_grad()
def count(labels):
    return max(1, torch.numel(labels[labels != -100]))


def masked_lm_loss(logits, labels):
    scores, wanted = logits[labels != -100], labels[labels != -100]
    # -log softmax, as the logarithm of a sum: how far all words lie above the right one.
    above = scores - torch.take_along_dim(scores, wanted[:, None], dim=1)
    return above.logsumexp(dim=1).sum() / count(labels)


class MaskedLMHead(nn.Module):
    def __init__(self, token_embedding):
        super().__init__()
        rows, width = token_embedding.weight.shape
        self.embedding = token_embedding
        self.dense = nn.Conv1d(width, width, kernel_size=1)
        self.norm = nn.GroupNorm(1, width, eps=1e-12)  # over the columns of a position, once each is a batch of its own
        self.bias = nn.Parameter(torch.zeros(rows))

    def load_arrays(self, arrays):
        arrays = {name: torch.as_tensor(array).to(self.bias) for name, array in arrays.items()}
        with torch.no_grad():
            self.dense.weight.copy_(arrays["dense.weight"].T[:, :, None])
            self.dense.bias.copy_(arrays["dense.bias"])
            self.norm.weight.copy_(arrays["norm.weight"])
            self.norm.bias.copy_(arrays["norm.bias"])
            self.bias.copy_(arrays["bias"])

    def forward(self, hidden):
        batch, length, width = hidden.shape
        x = F.gelu(self.dense(hidden.mT))  # (B, D, L)
        x = self.norm(x.mT.reshape(batch * length, width)).view(batch, length, width).mT
        return F.conv1d(x, self.embedding.weight[:, :, None], self.bias).mT
