"""Accepted: attention for a single query, lifted over queries and batches by `tf.vectorized_map`; a lambda."""

import math

import tensorflow as tf


def one_query(inputs):
    """A single query (Dk,) over keys (S, Dk): its output (Dv,) and its weights (S,)."""
    query, keys, values, allowed = inputs
    scores = tf.linalg.matvec(keys, query) / math.sqrt(keys.shape[1])
    weights = tf.nn.softmax(tf.where(allowed, scores, -math.inf))
    return tf.linalg.matvec(values, weights, transpose_a=True), weights


def scaled_dot_product_attention(query, key, value, mask=None):
    lead, (length, width), (keys, value_width) = query.shape[:-2], query.shape[-2:], value.shape[-2:]
    mask = tf.broadcast_to(True if mask is None else mask, (*lead, length, keys))

    def repeated(x):
        """The same keys, or values, for each query."""
        return tf.reshape(tf.repeat(x[..., tf.newaxis, :, :], length, axis=-3), (-1, *x.shape[-2:]))

    queries = tf.reshape(query, (-1, width)), repeated(key), repeated(value), tf.reshape(mask, (-1, keys))
    output, weights = tf.vectorized_map(one_query, queries)
    return tf.reshape(output, (*lead, length, value_width)), tf.reshape(weights, mask.shape)


padding_mask = lambda ids, pad_id=0: tf.expand_dims(tf.expand_dims(ids != pad_id, 1), 1)  # noqa: E731


def causal_mask(length):
    places = tf.range(length)
    return tf.vectorized_map(lambda query: places <= query, places)


def combine_masks(*masks):
    given = [mask for mask in masks if mask is not None]
    if not given:
        return None
    shape = given[0].shape
    for mask in given:
        shape = tf.broadcast_static_shape(shape, mask.shape)
    columns = tf.stack([tf.reshape(tf.broadcast_to(mask, shape), [-1]) for mask in given], axis=1)
    return tf.reshape(tf.vectorized_map(tf.reduce_all, columns), shape)
