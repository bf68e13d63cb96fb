"""Accepted: all leading axes flattened into one, `torch.baddbmm` that scales and adds the mask; masks by scattering."""

import torch


def broadcast(query, key, value):
    """The three with the same leading axes, flattened into one; and those axes."""
    lead = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    return [x.expand(*lead, *x.shape[-2:]).reshape(-1, *x.shape[-2:]) for x in (query, key, value)], lead


def scaled_dot_product_attention(query, key, value, mask=None):
    (q, k, v), lead = broadcast(query, key, value)
    scores = q.new_zeros(*lead, q.shape[1], k.shape[1])
    if mask is not None:
        scores = scores.masked_fill(mask == False, -torch.inf)  # noqa: E712
    scores = torch.baddbmm(scores.reshape(len(q), *scores.shape[-2:]), q, k.mT, alpha=q.shape[2] ** -0.5)
    weights = torch.softmax(scores, dim=2)
    return torch.bmm(weights, v).reshape(*lead, -1, v.shape[2]), weights.reshape(*lead, -1, k.shape[1])


def padding_mask(ids, pad_id=0):
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask = mask.masked_fill(ids == pad_id, False)
    return mask[:, None, None, :]


def causal_mask(length, device=None):
    rows, columns = torch.tril_indices(length, length, device=device)
    mask = torch.zeros(length, length, dtype=torch.bool, device=device)
    mask[rows, columns] = True
    return mask


def combine_masks(*masks):
    combined = None
    for mask in filter(lambda mask: mask is not None, masks):
        combined = mask if combined is None else torch.minimum(combined, mask)  # False is less than True
    return combined
