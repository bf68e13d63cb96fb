"""BERT's pre-training: hide some words of a sentence, and have the model guess them from the others.

Shapes: B batch, L length, D model width, V size of the vocabulary.
"""

import torch
import torch.nn.functional as F
from torch import nn


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, generator=None):
    """Choose the words that the model has to guess, and hide most of them.

    Each place that is not special is selected with the given probability. Of the selected places 80% become mask_id,
    10% a random id from 0 to vocab_size - 1, and 10% keep their id.

    Arguments: ids (B, L), integers; special_mask (B, L), boolean, True at [CLS], [SEP] and padding, which are never
    selected; generator, a torch.Generator for all random numbers, or None for PyTorch's own.
    Returns: inputs (B, L), the ids with the selected places changed, and labels (B, L), the original id where a place
    is selected and -100 elsewhere. The arguments stay as they are.
    Source: Devlin et al., "BERT" (2019), section 3.1.
    """
    ### BEGIN SOLUTION
    draw = torch.rand(ids.shape, generator=generator, device=ids.device)
    selected = (draw < probability) & ~special_mask
    labels = torch.where(selected, ids, -100)

    # What becomes of a selected place is drawn anew: up to 0.8 it is masked, from 0.9 on replaced, between them kept.
    fate = torch.rand(ids.shape, generator=generator, device=ids.device)
    random_ids = torch.randint(vocab_size, ids.shape, generator=generator, device=ids.device)
    inputs = torch.where(selected & (fate < 0.8), mask_id, ids)
    inputs = torch.where(selected & (fate >= 0.9), random_ids, inputs)
    return inputs, labels
    ### END SOLUTION


def masked_lm_loss(logits, labels):
    """The mean cross-entropy over the selected places, those whose label is not -100.

    Arguments: logits (B, L, V); labels (B, L), integers.
    Returns: a tensor without axes; 0 where no place is selected.
    """
    ### BEGIN SOLUTION
    selected = labels != -100
    losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="none")  # (B * L,)
    return losses.sum() / selected.sum().clamp(min=1)
    ### END SOLUTION


class MaskedLMHead(nn.Module):
    """From the encoder's vectors to a score for each word of the vocabulary.

    Called with hidden (B, L, D); gives logits (B, L, V): a dense layer, the exact GELU, a layer norm, and then the
    token embedding's own weights as output weights, plus a bias.
    Arguments: token_embedding, the nn.Embedding (V, D) of the encoder.
    Attributes: `dense`, nn.Linear, D to D; `norm`, nn.LayerNorm with epsilon 1e-12; `bias`, an nn.Parameter (V,),
    zeros at first.
    Source: Devlin et al., "BERT" (2019); tied weights: Press and Wolf, "Using the Output Embedding" (2017).
    """

    def __init__(self, token_embedding):
        super().__init__()
        ### BEGIN SOLUTION
        vocab_size, width = token_embedding.weight.shape
        self.token_embedding = token_embedding
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        ### END SOLUTION

    def forward(self, hidden):
        ### BEGIN SOLUTION
        x = self.dense(hidden)  # (B, L, D)
        x = self.norm(F.gelu(x))
        return x @ self.token_embedding.weight.T + self.bias  # (B, L, V)
        ### END SOLUTION
