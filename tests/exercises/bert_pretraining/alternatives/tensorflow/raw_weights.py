"""Accepted: weights in a layout of one's own, with `load_arrays`; a random word is always another word."""

from functools import partial

import keras
import tensorflow as tf


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    if not isinstance(seed, keras.random.SeedGenerator):
        seed = keras.random.SeedGenerator(seed)
    uniform = partial(keras.random.uniform, ids.shape, seed=seed)
    selected = tf.math.logical_and(uniform() < probability, special_mask == False)  # noqa: E712
    # a step of 1 to V - 1 around the vocabulary never comes back to the word itself
    step = keras.random.randint(ids.shape, 1, max(2, vocab_size), dtype=ids.dtype, seed=seed)
    fate = tf.searchsorted([0.8, 0.9], tf.reshape(uniform(), [-1]))
    fate = tf.reshape(fate, ids.shape)
    changed = tf.where(fate == 0, mask_id, tf.where(fate == 1, (ids + step) % vocab_size, ids))
    return tf.where(selected, changed, ids), tf.where(selected, ids, -100)


def masked_lm_loss(logits, labels):
    one_hot = tf.one_hot(labels, tf.shape(logits)[-1], dtype=logits.dtype)  # -100 becomes a row of zeros
    losses = -tf.reduce_sum(one_hot * tf.nn.log_softmax(logits), axis=-1)
    return tf.reduce_sum(losses) / tf.maximum(tf.reduce_sum(one_hot), 1)


class MaskedLMHead(keras.layers.Layer):
    def __init__(self, token_embedding):
        super().__init__()
        self.words = token_embedding
        rows, width = token_embedding.input_dim, token_embedding.output_dim
        self.affine = self.add_weight(
            shape=(width + 1, width), initializer="glorot_uniform"
        )  # the bias is the last row
        self.gain = self.add_weight(shape=(2, width), initializer="ones")
        self.frequency = self.add_weight(shape=(rows,), initializer="zeros")

    def load_arrays(self, arrays):
        self.affine.assign(tf.concat([arrays["dense.weight"], arrays["dense.bias"][None]], axis=0))
        self.gain.assign(tf.stack([arrays["norm.weight"], arrays["norm.bias"]]))
        self.frequency.assign(arrays["bias"])

    def call(self, hidden):
        x = tf.nn.gelu(hidden @ self.affine[:-1] + self.affine[-1])
        mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
        x = tf.nn.batch_normalization(x, mean, variance, self.gain[1], self.gain[0], 1e-12)
        return x @ tf.transpose(self.words.embeddings) + self.frequency
