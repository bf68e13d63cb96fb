"""Accepted: a softmax with its own gradient (`tf.custom_gradient`) in a compiled function, a named tuple."""

from functools import wraps
from typing import NamedTuple

import tensorflow as tf


@tf.custom_gradient
def softmax(scores):
    weights = tf.nn.softmax(scores, axis=-1)

    def backward(gradient):
        return weights * (gradient - tf.reduce_sum(gradient * weights, axis=-1, keepdims=True))

    return weights, backward


class Attended(NamedTuple):
    output: tf.Tensor
    weights: tf.Tensor


@tf.function(reduce_retracing=True)
def scaled_dot_product_attention(query, key, value, mask=None):
    scores = tf.matmul(query, tf.experimental.numpy.swapaxes(key, -1, -2))
    scores *= tf.math.rsqrt(tf.cast(tf.shape(query)[-1], query.dtype))
    if mask is not None:
        scores = tf.where(mask, scores, tf.constant(float("-inf"), scores.dtype))
    weights = softmax(scores)
    return Attended(output=weights @ value, weights=weights)


def as_boolean(function):
    """The function may give numbers: what is not 0 is True."""

    @wraps(function)
    def wrapped(*args, **kwargs):
        result = function(*args, **kwargs)
        return None if result is None else result != 0

    return wrapped


@as_boolean
def padding_mask(ids, pad_id=0):
    return tf.reshape(tf.abs(ids - pad_id), (len(ids), 1, 1, -1))


@as_boolean
def causal_mask(length):
    return tf.linalg.LinearOperatorLowerTriangular(tf.ones((length, length))).to_dense()


@as_boolean
def combine_masks(*masks):
    given = [tf.cast(mask, tf.float32) for mask in masks if mask is not None]
    if given:
        return tf.floor(sum(given[1:], start=given[0]) / len(given))
