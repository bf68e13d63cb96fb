"""Accepted: keys first inside, log-softmax, a layer of one's own, a list in place of a tuple, masks of Python lists."""

import keras
import tensorflow as tf


class Attention(keras.layers.Layer):
    def call(self, query, key, value, allowed=None):
        scores = tf.einsum("...sd,...ld->...sl", key, query) / query.shape[-1] ** 0.5  # keys first
        if allowed is not None:
            shape = [*scores.shape[:-2], scores.shape[-1], scores.shape[-2]]
            allowed = tf.linalg.matrix_transpose(tf.broadcast_to(allowed, shape))
            scores = tf.where(allowed, scores, scores.dtype.min)
        weights = tf.exp(tf.nn.log_softmax(scores, axis=-2))
        return [tf.einsum("...sl,...sv->...lv", weights, value), tf.linalg.matrix_transpose(weights)]


def scaled_dot_product_attention(query, key, value, mask=None):
    return Attention(dtype=query.dtype.name)(query, key, value, allowed=mask)


def padding_mask(ids, pad_id=0):
    return tf.map_fn(lambda row: row != pad_id, ids, fn_output_signature=tf.bool)[:, tf.newaxis, tf.newaxis, :]


def causal_mask(length):
    return tf.constant([[j <= i for j in range(length)] for i in range(length)])


def combine_masks(*masks):
    given = [m for m in masks if m is not None]
    if len(given) == 0:
        return None
    all_of_them = tf.ones((), tf.bool)
    for mask in given:
        all_of_them = tf.logical_and(all_of_them, mask)
    return all_of_them
