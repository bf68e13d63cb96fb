"""An independent float64 implementation in NumPy of the mathematics in the exercises, written from the formulas only.

It uses no framework and shares no code with the solutions. So if it agrees with both tracks, an error would have to be
in all three. The loops are simple on purpose; speed does not matter here.
"""

from __future__ import annotations

import math

import numpy as np

# -- weights by name ---------------------------------------------------------------------------------------------------


def part_of(weights, prefix):
    """The weights whose names begin with `prefix`, with the prefix removed from the names."""
    return {key.removeprefix(f"{prefix}."): array for key, array in weights.items() if key.startswith(f"{prefix}.")}


def linear(weights, x):
    return x @ weights["weight"] + weights["bias"]


# -- positions --------------------------------------------------------------------------------------------------------


def sinusoidal_encoding(max_len, d_model):
    if d_model % 2:
        raise ValueError("odd width")
    table = np.zeros((max_len, d_model))
    for p in range(max_len):
        for i in range(d_model // 2):
            angle = p / 10000.0 ** (2 * i / d_model)
            table[p, 2 * i], table[p, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return table


def positional_embedding(ids, token, position):
    if ids.shape[1] > len(position):
        raise ValueError("too long")
    return token[ids] + position[: ids.shape[1]]


def sinusoidal_embedding(ids, token, max_len):
    if ids.shape[1] > max_len:
        raise ValueError("too long")
    d_model = token.shape[1]
    return token[ids] * math.sqrt(d_model) + sinusoidal_encoding(max_len, d_model)[: ids.shape[1]]


def relative_shift(offset, d_model):
    if d_model % 2:
        raise ValueError("odd width")
    shift = np.zeros((d_model, d_model))
    for j in range(0, d_model, 2):
        b = offset / 10000.0 ** (j / d_model)
        shift[j : j + 2, j : j + 2] = [[math.cos(b), math.sin(b)], [-math.sin(b), math.cos(b)]]
    return shift


# -- additive attention in a recurrent decoder ------------------------------------------------------------------------


def additive_scores(query, keys, W_q, W_k, v):
    scores = np.zeros(keys.shape[:2])
    for b, s in np.ndindex(*scores.shape):
        scores[b, s] = sum(v[a] * math.tanh(query[b] @ W_q[:, a] + keys[b, s] @ W_k[:, a]) for a in range(len(v)))
    return scores


def masked_softmax(scores, mask=None):
    return softmax(scores if mask is None else np.where(mask, scores, -np.inf))


def additive_attention(weights, query, keys, mask=None):
    """`weights` are canonical: `W_q.weight` (Dq, A), `W_k.weight` (Dk, A), `v.weight` (A, 1)."""
    scores = additive_scores(query, keys, weights["W_q.weight"], weights["W_k.weight"], weights["v.weight"][:, 0])
    shares = masked_softmax(scores, mask)
    return sum(shares[:, s, None] * keys[:, s] for s in range(keys.shape[1])), shares


def gru_cell(gates, x, state):
    """One step of a GRU. A gate (`reset`, `update`, `new`): weights of x and of the state, and their biases."""

    def parts(name):
        of_input, of_state, input_bias, state_bias = gates[name]
        return x @ of_input + input_bias, state @ of_state + state_bias

    reset, update = (1 / (1 + np.exp(-sum(parts(name)))) for name in ("reset", "update"))
    seen, kept = parts("new")
    return update * state + (1 - update) * np.tanh(seen + reset * kept)


def attention_decoder(weights, gates, tokens, encoder_states, state, mask=None):
    attention = part_of(weights, "attention")
    logits, alignment = [], []
    for token in tokens.T:
        context, shares = additive_attention(attention, state, encoder_states, mask)
        state = gru_cell(gates, np.hstack([weights["embedding.weight"][token], context]), state)
        logits.append(linear(part_of(weights, "to_logits"), np.hstack([state, context])))
        alignment.append(shares)
    return np.stack(logits, axis=1), np.stack(alignment, axis=1)


# -- attention --------------------------------------------------------------------------------------------------------


def softmax(scores):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = query @ np.swapaxes(key, -1, -2) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = softmax(scores)
    return weights @ value, weights


def padding_mask(ids, pad_id=0):
    return (ids != pad_id)[:, None, None, :]


def causal_mask(length):
    return np.tril(np.ones((length, length), bool))


def combine_masks(*masks):
    given = [mask for mask in masks if mask is not None]
    return np.logical_and.reduce(np.broadcast_arrays(*given)) if given else None


# -- heads ------------------------------------------------------------------------------------------------------------


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("not divisible")
    return np.stack(np.split(x, num_heads, axis=-1), axis=1)


def merge_heads(x):
    return np.concatenate(list(np.moveaxis(x, 1, 0)), axis=-1)


def multi_head_attention(weights, num_heads, query, key=None, value=None, mask=None):
    """`weights` are canonical: `W_q.weight` (in, out), `W_q.bias` (out,), and so on."""
    key = query if key is None else key
    value = key if value is None else value

    def project(name, x):
        return linear(part_of(weights, name), x)

    q, k, v = project("W_q", query), project("W_k", key), project("W_v", value)
    output, attention = scaled_dot_product_attention(*(split_heads(x, num_heads) for x in (q, k, v)), mask)
    return project("W_o", merge_heads(output)), attention


# -- blocks and models ------------------------------------------------------------------------------------------------


def layer_norm(weights, x, epsilon=1e-5):
    mean = x.mean(axis=-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * weights["weight"] + weights["bias"]


def feed_forward(weights, x):
    return linear(part_of(weights, "1"), np.maximum(linear(part_of(weights, "0"), x), 0))


def attend(weights, num_heads, x, memory, mask):
    """Attention of x to memory; `mask` (B, S) marks the memory's real words, or (B, L, S) what each place may see."""
    mask = mask[:, None, None, :] if mask.ndim == 2 else mask[:, None]
    return multi_head_attention(weights, num_heads, x, memory, mask=mask)[0]


def transformer_block(weights, num_heads, x, mask, norm_first=False):
    norms = [lambda x, n=n: layer_norm(part_of(weights, f"norm{n}"), x) for n in (1, 2)]
    attention, network = part_of(weights, "attention"), part_of(weights, "feed_forward")
    if norm_first:
        seen = norms[0](x)
        x = x + attend(attention, num_heads, seen, seen, mask)
        return x + feed_forward(network, norms[1](x))
    x = norms[0](x + attend(attention, num_heads, x, x, mask))
    return norms[1](x + feed_forward(network, x))


def masked_mean(x, mask):
    return np.stack([row[real].mean(axis=0) for row, real in zip(x, mask, strict=True)])


def transformer_classifier(weights, num_heads, num_layers, ids, pad_id=0):
    mask = ids != pad_id
    x = positional_embedding(ids, weights["token.weight"], weights["position.weight"])
    for n in range(num_layers):
        x = transformer_block(part_of(weights, f"blocks.{n}"), num_heads, x, mask)
    return linear(part_of(weights, "to_logits"), masked_mean(x, mask))


def decoder_block(weights, num_heads, x, memory, mask, memory_mask):
    seen = mask[:, None, :] & causal_mask(x.shape[1])
    x = x + attend(part_of(weights, "self_attention"), num_heads, x, x, seen)
    x = layer_norm(part_of(weights, "norm1"), x)
    x = x + attend(part_of(weights, "cross_attention"), num_heads, x, memory, memory_mask)
    x = layer_norm(part_of(weights, "norm2"), x)
    return layer_norm(part_of(weights, "norm3"), x + feed_forward(part_of(weights, "feed_forward"), x))


def seq2seq_transformer(weights, num_heads, num_layers, source, target, pad_id=0):
    read, wrote = source != pad_id, target != pad_id
    names = {"attention": "look", "feed_forward": "think", "norm1": "after_look", "norm2": "after_think"}
    memory = positional_embedding(source, weights["source_token.weight"], weights["source_position.weight"])
    for n in range(num_layers):
        given = part_of(weights, f"encoder.{n}")
        block = {f"{ours}.{key}": a for ours, theirs in names.items() for key, a in part_of(given, theirs).items()}
        memory = transformer_block(block, num_heads, memory, read)
    x = positional_embedding(target, weights["target_token.weight"], weights["target_position.weight"])
    for n in range(num_layers):
        x = decoder_block(part_of(weights, f"decoder.{n}"), num_heads, x, memory, wrote, read)
    return linear(part_of(weights, "to_logits"), x)


def shift_right(ids, bos_id):
    return np.array([[bos_id, *row[:-1]] for row in ids])


# -- pre-training -----------------------------------------------------------------------------------------------------


def masked_lm_loss(logits, labels):
    losses = [-math.log(softmax(logits[place])[label]) for place, label in np.ndenumerate(labels) if label != -100]
    return np.array(sum(losses) / max(1, len(losses)))


def masked_lm_head(weights, table, hidden):
    x = linear(part_of(weights, "dense"), hidden)
    x = x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2
    return layer_norm(part_of(weights, "norm"), x, 1e-12) @ table.T + weights["bias"]


# -- gradients --------------------------------------------------------------------------------------------------------


def gradient(function, x, cotangent, step=1e-6):
    """The vector-Jacobian product of `function` at `x`, by central differences: good to about nine digits."""
    result = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[place] += step
        behind[place] -= step
        result[place] = ((function(ahead) - function(behind)) * cotangent).sum() / (2 * step)
    return result
