"""Accepted: one draw of three outcomes for each place, `keras.random.categorical`; log-softmax by hand."""

import math

import keras
import tensorflow as tf

MASKED, RANDOM, KEPT = range(3)


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    generator = seed if isinstance(seed, keras.random.SeedGenerator) else keras.random.SeedGenerator(seed=seed)
    rows, columns = ids.shape
    chance = tf.where(special_mask, 0.0, probability)
    selected = tf.less(keras.random.uniform(tf.shape(ids), seed=generator), chance)
    logits = tf.repeat(tf.math.log([[0.8, 0.1, 0.1]]), rows, axis=0)
    fate = tf.where(selected, keras.random.categorical(logits, columns, seed=generator), KEPT)
    words = keras.random.randint(tf.shape(ids), 0, vocab_size, dtype="int32", seed=generator)
    candidates = tf.stack([tf.fill(ids.shape, mask_id), tf.cast(words, "int32"), tf.cast(ids, "int32")], axis=-1)
    inputs = tf.gather(candidates, tf.cast(fate, "int32"), batch_dims=2)
    return tf.cast(inputs, ids.dtype), tf.where(selected, ids, tf.constant(-100, ids.dtype))


def masked_lm_loss(logits, labels):
    log_probabilities = logits - tf.reduce_logsumexp(logits, axis=-1, keepdims=True)
    weight = tf.cast(labels != -100, logits.dtype)
    chosen = tf.gather(log_probabilities, tf.maximum(labels, 0), axis=-1, batch_dims=2)
    return -tf.reduce_sum(chosen * weight) / tf.maximum(tf.reduce_sum(weight), 1)


class MaskedLMHead(keras.layers.Layer):
    def __init__(self, token_embedding):
        super().__init__()
        d = token_embedding.embeddings.shape[1]
        self.token = token_embedding
        self.dense = keras.layers.Dense(d, name="dense")
        self.norm = keras.layers.LayerNormalization(axis=-1, epsilon=1e-12)
        self.bias = self.add_weight(shape=(token_embedding.input_dim,), initializer=keras.initializers.Zeros())

    def call(self, hidden):
        x = self.dense(hidden)
        x = x * (1 + tf.math.erf(x / math.sqrt(2))) / 2
        return tf.tensordot(self.norm(x), self.token.embeddings, [[2], [1]]) + self.bias
