"""Accepted: one draw of three outcomes for each place by `torch.multinomial`; log-softmax and einsum by hand."""

import torch
from torch import Tensor, nn

IGNORED = -100
MASKED, RANDOM, KEPT = range(3)


def outcomes(count, generator, device):
    shares = torch.tensor([0.8, 0.1, 0.1], device=device)
    return torch.multinomial(shares, count, replacement=True, generator=generator)


def mask_tokens(ids: Tensor, special_mask: Tensor, mask_id, vocab_size, probability=0.15, generator=None):
    chance = probability * (~special_mask).float()
    selected = torch.empty_like(chance).uniform_(generator=generator).lt(chance)
    labels = ids.where(selected, torch.tensor(IGNORED, device=ids.device))

    fate = outcomes(ids.numel(), generator, ids.device).view_as(ids)
    fate = torch.where(selected, fate, KEPT)
    words = torch.empty_like(ids).random_(0, vocab_size, generator=generator)
    candidates = torch.stack([torch.full_like(ids, mask_id), words, ids])
    return candidates.gather(0, fate[None])[0], labels


def masked_lm_loss(logits, labels):
    log_probabilities = logits - logits.logsumexp(dim=-1, keepdim=True)
    weight = (labels != IGNORED).to(logits.dtype)
    chosen = torch.gather(log_probabilities, -1, labels.clamp_min(0).unsqueeze(-1)).squeeze(-1)
    return -(chosen * weight).sum() / weight.sum().clamp_min(1.0)


class MaskedLMHead(nn.Module):
    def __init__(self, token_embedding):
        super().__init__()
        v, d = token_embedding.weight.shape
        self.token = token_embedding
        self.dense, self.norm = nn.Linear(d, d), nn.LayerNorm(d, eps=1e-12)
        self.register_parameter("bias", nn.Parameter(torch.zeros(v)))

    def forward(self, hidden):
        x = torch.einsum("bli,oi->blo", hidden, self.dense.weight) + self.dense.bias
        x = x * (1 + torch.erf(x / 2**0.5)) / 2
        return torch.einsum("bld,vd->blv", self.norm(x), self.token.weight) + self.bias
