"""Accepted: places drawn without replacement by `multinomial`, a generator of its own if none is given; assignments."""

import torch
import torch.nn.functional as F
from torch import nn


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    if generator is None:
        generator = torch.Generator(ids.device)
        generator.seed()  # a new one each time

    inputs, labels = ids.clone(), torch.full_like(ids, -100)
    chances = (~special_mask).flatten().float()
    count = int(probability * chances.sum() + 0.5)
    if count == 0:
        return inputs, labels
    places = torch.multinomial(chances, count, generator=generator)
    rows, columns = torch.div(places, ids.shape[1], rounding_mode="floor"), places % ids.shape[1]
    labels[rows, columns] = ids[rows, columns]

    fate = torch.rand(count, generator=generator, device=ids.device)
    new = labels[rows, columns]
    new[fate < 0.8] = mask_id
    to_random = fate > 0.9
    new[to_random] = torch.randint(vocab_size, new[to_random].shape, generator=generator, device=ids.device)
    return inputs.index_put((rows, columns), new), labels


criterion = nn.NLLLoss(ignore_index=-100, reduction="sum")


def masked_lm_loss(logits, labels):
    # Channels, here words, stand on axis 1 where the framework looks for them.
    total = criterion(F.log_softmax(logits, dim=-1).transpose(1, 2), labels)
    return total / (labels + 100).count_nonzero().clamp_min(1)


class MaskedLMHead(nn.Module):
    def __init__(self, token_embedding):
        super().__init__()
        rows, width = token_embedding.weight.shape
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.output = nn.Linear(width, rows)
        self.output.weight = token_embedding.weight
        nn.init.zeros_(self.output.bias)
        self.bias = self.output.bias  # the same parameter under two names

    def forward(self, hidden):
        return self.output(self.norm(F.gelu(self.dense(hidden))))
