"""Accepted: all leading axes flattened into one, products of three axes only; masks by scattering."""

import tensorflow as tf


def flat(x):
    return tf.reshape(x, (-1, *x.shape[-2:]))


def scaled_dot_product_attention(query, key, value, mask=None):
    shape = (*query.shape[:-1], key.shape[-2])
    scores = tf.linalg.matmul(flat(query), flat(key), adjoint_b=True) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = tf.where(flat(tf.broadcast_to(mask, shape)), scores, -float("inf"))
    weights = tf.nn.softmax(scores, axis=2)
    output = tf.linalg.matmul(weights, flat(value))
    return tf.reshape(output, (*query.shape[:-1], value.shape[-1])), tf.reshape(weights, shape)


def padding_mask(ids, pad_id=0):
    padding = tf.where(ids == pad_id)  # the places, one a row
    mask = tf.tensor_scatter_nd_update(tf.ones_like(ids), padding, tf.zeros(len(padding), ids.dtype))
    return tf.cast(mask, tf.bool)[:, tf.newaxis, tf.newaxis, :]


def causal_mask(length):
    places = [(i, j) for i in range(length) for j in range(i + 1)]
    return tf.scatter_nd(places, tf.ones(len(places), tf.int32), (length, length)) > 0


def combine_masks(*masks):
    combined = None
    for mask in filter(lambda mask: mask is not None, masks):
        combined = mask if combined is None else tf.where(combined, mask, False)
    return combined
