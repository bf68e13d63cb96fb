"""The encoder-decoder transformer: a decoder that looks at the source, and a model that translates.

Shapes: B batch, S words of the source, L words of the target, D model width, V words that the target may have.
"""

import torch
from torch import nn


class EncoderBlock(nn.Module):
    """The block of the exercise before, in post-norm: given here, not asked for."""

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.look = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.think = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.after_look, self.after_think = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, mask):
        found, _ = self.look(x, x, x, key_padding_mask=~mask, need_weights=False)
        x = self.after_look(x + self.drop(found))
        return self.after_think(x + self.drop(self.think(x)))


class DecoderBlock(nn.Module):
    """A transformer decoder block in post-norm: causal self-attention, cross-attention, a small network.

    Called with x (B, L, D), memory (B, S, D), and boolean masks, True for real words: mask (B, L) for x and memory_mask
    (B, S) for memory; without a mask all are real. Gives (B, L, D).
    Attributes: `self_attention` and `cross_attention`, nn.MultiheadAttention with batch_first=True; `feed_forward`, two
    nn.Linear with a ReLU between them; `norm1`, `norm2`, `norm3`, one after each of the three, with epsilon 1e-5.
    Raises ValueError if d_model is not divisible by num_heads.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.1.
    """

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        if d_model % num_heads:
            raise ValueError(f"a width of {d_model} cannot be shared equally by {num_heads} heads")
        self.self_attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.cross_attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(d_model), nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        ### END SOLUTION

    def forward(self, x, memory, mask=None, memory_mask=None):
        ### BEGIN SOLUTION
        # PyTorch asks for the opposite of our masks: True where nobody may look.
        hidden = None if mask is None else ~mask
        memory_hidden = None if memory_mask is None else ~memory_mask
        length = x.shape[1]
        later = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)

        attended = self.self_attention(x, x, x, key_padding_mask=hidden, attn_mask=later, need_weights=False)[0]
        x = self.norm1(x + self.dropout(attended))
        attended = self.cross_attention(x, memory, memory, key_padding_mask=memory_hidden, need_weights=False)[0]
        x = self.norm2(x + self.dropout(attended))
        return self.norm3(x + self.dropout(self.feed_forward(x)))
        ### END SOLUTION


def shift_right(ids, bos_id):
    """What the decoder sees while it is to write ids: each word one place later, bos_id first.

    Arguments: ids (B, L), integers.
    Returns: (B, L), bos_id and then all of ids but the last.
    """
    ### BEGIN SOLUTION
    bos = torch.full_like(ids[:, :1], bos_id)
    return torch.cat([bos, ids[:, :-1]], dim=1)
    ### END SOLUTION


class Seq2SeqTransformer(nn.Module):
    """A translator: an encoder reads the source, a decoder writes the target.

    Called with source (B, S) and target (B, L), integers, padded with pad_id at the end; target is shifted already.
    Gives logits (B, L, V), V being target_vocab: at each place, what comes next. There are num_layers blocks on either
    side, and trainable positions.
    Raises ValueError when called with more than max_len ids in a row, in source or target.
    """

    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1
    ):
        super().__init__()
        ### BEGIN SOLUTION
        self.max_len, self.pad_id = max_len, pad_id
        self.source_token, self.source_position = nn.Embedding(source_vocab, d_model), nn.Embedding(max_len, d_model)
        self.target_token, self.target_position = nn.Embedding(target_vocab, d_model), nn.Embedding(max_len, d_model)
        self.encoder = nn.ModuleList(EncoderBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers))
        self.decoder = nn.ModuleList(DecoderBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers))
        self.dropout = nn.Dropout(dropout)
        self.to_logits = nn.Linear(d_model, target_vocab)
        ### END SOLUTION

    def forward(self, source, target):
        ### BEGIN SOLUTION
        source_mask, target_mask = source != self.pad_id, target != self.pad_id
        memory = self.embed(source, self.source_token, self.source_position)  # (B, S, D)
        for block in self.encoder:
            memory = block(memory, source_mask)
        x = self.embed(target, self.target_token, self.target_position)  # (B, L, D)
        for block in self.decoder:
            x = block(x, memory, target_mask, source_mask)
        return self.to_logits(x)

    def embed(self, ids, token, position):
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError(f"{length} ids in a row, but there are only {self.max_len} positions")
        return self.dropout(token(ids) + position(torch.arange(length, device=ids.device)))
        ### END SOLUTION


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    """Let a model translate, always taking the likeliest next word.

    Arguments: model(source (B, S), target (B, L)) gives logits (B, L, V), a nn.Module; source (B, S).
    Returns: ids (B, at most max_new_tokens), without bos_id; a row ends with its first eos_id, and pad_id follows. The
    model works in evaluation mode, and is left in the mode that it was in.
    """
    ### BEGIN SOLUTION
    was_training = model.training
    model.eval()
    target = torch.full_like(source[:, :1], bos_id)
    done = torch.zeros_like(source[:, 0], dtype=torch.bool)
    with torch.no_grad():
        for _ in range(max_new_tokens):
            new = model(source, target)[:, -1].argmax(dim=-1)  # (B,)
            new = torch.where(done, pad_id, new)
            target = torch.cat([target, new[:, None]], dim=1)
            done = done | (new == eos_id)
            if done.all():
                break
    model.train(was_training)
    return target[:, 1:]
    ### END SOLUTION
