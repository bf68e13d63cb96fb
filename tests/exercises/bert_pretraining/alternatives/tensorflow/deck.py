"""Accepted: fates dealt from a shuffled deck of cards, eight of ten to be masked; ragged tensors; convolutions."""

from enum import IntEnum

import keras
import tensorflow as tf


class Card(IntEnum):
    MASK = 0
    RANDOM = 8
    KEEP = 9


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    generator = seed if isinstance(seed, keras.random.SeedGenerator) else keras.random.SeedGenerator(seed)
    chances = tf.where(special_mask, 0.0, probability)
    selected = keras.random.uniform(ids.shape, seed=generator) < chances

    originals = tf.ragged.boolean_mask(ids, selected).flat_values  # in one row
    deck = tf.range(len(originals)) % 10  # 0 to 9, again and again
    deck = keras.random.shuffle(deck, seed=generator)
    words = keras.random.randint(deck.shape, 0, vocab_size, dtype=ids.dtype, seed=generator)
    dealt = tf.where(deck < Card.RANDOM, mask_id, tf.where(deck == Card.RANDOM, words, originals))
    places = tf.where(selected)
    labels = tf.tensor_scatter_nd_update(tf.fill(ids.shape, tf.constant(-100, ids.dtype)), places, originals)
    return tf.tensor_scatter_nd_update(ids, places, dealt), labels


def masked_lm_loss(logits, labels):
    asked = labels != -100
    scores, wanted = tf.ragged.boolean_mask(logits, asked), tf.ragged.boolean_mask(labels, asked)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted.flat_values, scores.flat_values)
    return tf.reduce_sum(losses) / tf.cast(tf.maximum(tf.size(wanted.flat_values), 1), losses.dtype)


class MaskedLMHead(keras.layers.Layer):
    def __init__(self, token_embedding):
        super().__init__()
        self.embedding = token_embedding
        self.dense = keras.layers.Conv1D(token_embedding.output_dim, kernel_size=1, activation="gelu")
        self.norm = keras.layers.GroupNormalization(groups=1, epsilon=1e-12)
        self.bias = self.add_weight(shape=(token_embedding.input_dim,), initializer="zeros")
        self.dense.build((None, None, token_embedding.output_dim))
        self.norm.build((None, token_embedding.output_dim))

    def load_arrays(self, arrays):
        self.dense.set_weights([arrays["dense.weight"][None], arrays["dense.bias"]])
        self.norm.set_weights([arrays["norm.weight"], arrays["norm.bias"]])
        self.bias.assign(arrays["bias"])

    def call(self, hidden):
        batch, length, width = hidden.shape
        x = tf.reshape(
            self.dense(hidden), (batch * length, width)
        )  # the norm of a position, so each a batch of its own
        x = tf.reshape(self.norm(x), (batch, length, width))
        words = tf.transpose(self.embedding.embeddings)[tf.newaxis]  # a filter for each word
        return tf.nn.conv1d(x, words, stride=1, padding="VALID") + self.bias
