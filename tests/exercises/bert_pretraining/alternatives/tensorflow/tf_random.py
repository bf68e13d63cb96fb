"""Accepted: `tf.random`'s stateless draws, with seeds drawn from Keras's generator; a branch where nothing is asked."""

import keras
import tensorflow as tf


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    generator = seed if hasattr(seed, "next") else keras.random.SeedGenerator(seed)

    def next_seed():
        return tf.cast(generator.next(), tf.int32)

    tossed = tf.random.stateless_uniform(ids.shape, next_seed()) < probability
    selected = tf.logical_not(tf.logical_or(special_mask, tf.logical_not(tossed)))
    second = tf.random.stateless_uniform(ids.shape, next_seed(), 0, 10, tf.int32)  # a die with ten sides
    words = tf.random.stateless_uniform(ids.shape, next_seed(), 0, vocab_size, ids.dtype)
    changed = tf.where(second < 8, mask_id, tf.where(second == 8, words, ids))
    labels = tf.where(selected, ids, tf.ones_like(ids) * -100)
    return tf.where(selected, changed, ids), labels


def masked_lm_loss(logits, labels):
    asked = tf.math.not_equal(labels, -100)
    if not tf.reduce_any(asked):
        return tf.reduce_sum(logits) * 0
    return tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels[asked], logits[asked], from_logits=True))


class MaskedLMHead(keras.layers.Layer):
    """The two halves as a small model of their own, under the names that the docstring gives them as well."""

    def __init__(self, token_embedding):
        super().__init__()
        self.embedding = token_embedding
        self.dense = keras.layers.Dense(token_embedding.output_dim, activation="gelu")
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12)
        self.transform = keras.Sequential([self.dense, self.norm])
        self.bias = self.add_weight(shape=(token_embedding.input_dim,), initializer="zeros", name="bias")

    def call(self, hidden):
        rows = self.embedding(tf.range(self.embedding.input_dim))  # (V, D), looked up word by word
        return tf.matmul(self.transform(hidden), rows, transpose_b=True) + self.bias
