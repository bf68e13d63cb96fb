"""Accepted: one key after the other with a running maximum and a running sum; no matrix of scores before the end."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass
class Running:
    """What has been seen so far: the largest score, the sum of exponentials, and the weighted sum of values."""

    largest: tf.Tensor
    total: tf.Tensor
    output: tf.Tensor

    def add(self, scores, value):
        largest = tf.maximum(self.largest, scores)
        before, now = tf.exp(self.largest - largest), tf.exp(scores - largest)
        output = self.output * before[..., None] + now[..., None] * value[..., None, :]
        return Running(largest, self.total * before + now, output)


def scaled_dot_product_attention(query, key, value, mask=None):
    query = query / query.shape[-1] ** 0.5
    if mask is not None:
        mask = tf.broadcast_to(mask, (*query.shape[:-1], key.shape[-2]))
    state, columns = None, []
    for place in range(key.shape[-2]):
        scores = tf.reduce_sum(query * key[..., place, None, :], axis=-1)  # (..., L)
        if mask is not None:
            scores = tf.where(mask[..., place], scores, scores.dtype.min)
        columns.append(scores)
        if state is None:
            here = tf.broadcast_to(value[..., 0, None, :], (*scores.shape, value.shape[-1]))
            state = Running(scores, tf.ones_like(scores), here)
        else:
            state = state.add(scores, value[..., place, :])
    weights = tf.exp(tf.stack(columns, axis=-1) - state.largest[..., None]) / state.total[..., None]
    return state.output / state.total[..., None], weights


def padding_mask(ids, pad_id=0):
    return tf.math.logical_xor(ids == pad_id, True)[:, None, None, :]


def causal_mask(length):
    """Row by row, one more True in each."""
    return tf.stack([tf.concat([tf.fill(i + 1, True), tf.fill(length - i - 1, False)], axis=0) for i in range(length)])


def combine_masks(*masks):
    forbidden = None
    for mask in masks:
        if mask is not None:
            forbidden = ~mask if forbidden is None else forbidden | ~mask
    return None if forbidden is None else ~forbidden
