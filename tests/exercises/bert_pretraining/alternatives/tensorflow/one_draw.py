"""Accepted: a single uniform number decides all: below 0.8 p masked, to 0.9 p random, to p kept; Keras's own loss."""

import keras
import tensorflow as tf
from tensorflow import keras as the_same  # noqa: F401  (as many tutorials write it)


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    if seed is None or isinstance(seed, int):
        seed = keras.random.SeedGenerator(seed)
    u = tf.where(special_mask, 2.0, keras.random.uniform(ids.shape, seed=seed))
    words = keras.random.randint(ids.shape, 0, vocab_size, dtype=ids.dtype, seed=seed)
    inputs = tf.where(u < 0.9 * probability, words, ids)
    inputs = tf.where(u < 0.8 * probability, mask_id, inputs)
    return inputs, tf.where(u < probability, ids, -100)


def masked_lm_loss(logits, labels):
    losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True, ignore_class=-100)
    count = tf.math.count_nonzero(labels != -100, dtype=losses.dtype)
    return tf.reduce_sum(losses) / tf.maximum(count, 1.0 if losses.dtype == tf.float32 else tf.ones((), losses.dtype))


class MaskedLMHead(keras.layers.Layer):
    def __init__(self, token_embedding, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(token_embedding.output_dim, activation=keras.activations.gelu)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12)
        self.E = token_embedding.embeddings
        self.bias = self.add_weight(shape=(token_embedding.input_dim,), initializer="zeros", name="b")

    def call(self, hidden):
        return self.features(hidden) @ tf.transpose(self.E) + self.bias

    def features(self, hidden):
        return self.norm(self.dense(hidden))
