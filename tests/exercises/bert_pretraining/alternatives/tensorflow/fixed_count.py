"""Accepted: exactly the share of each text, those with the smallest numbers; the loss of the selected places only."""

import keras
import tensorflow as tf


def rank(x):
    return tf.argsort(tf.argsort(x, axis=-1), axis=-1)


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    if not isinstance(seed, keras.random.SeedGenerator):
        seed = keras.random.SeedGenerator(seed)
    usable = ~special_mask
    order = rank(keras.random.uniform(ids.shape, seed=seed) + 2 * tf.cast(special_mask, tf.float32))
    count = tf.round(probability * tf.reduce_sum(tf.cast(usable, tf.float32), axis=-1, keepdims=True))
    selected = tf.cast(order, tf.float32) < count

    fate = keras.random.uniform(ids.shape, seed=seed)
    words = keras.random.randint(ids.shape, 0, vocab_size, seed=seed)
    inputs = tf.where(selected & (fate > 0.2), mask_id, ids)
    inputs = tf.where(selected & (fate < 0.1), tf.cast(words, ids.dtype), inputs)
    return inputs, tf.where(selected, ids, -100)


def masked_lm_loss(logits, labels):
    places = labels != -100
    wanted = tf.boolean_mask(labels, places)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, tf.boolean_mask(logits, places))
    return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.cast(tf.size(wanted), losses.dtype))


class MaskedLMHead(keras.Layer):
    def __init__(self, token_embedding):
        super().__init__()
        self.token_embedding = token_embedding

    def build(self, shape):
        rows, width = self.token_embedding.embeddings.shape
        self.dense = keras.layers.Dense(width)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12)
        self.dense.build(shape)
        self.norm.build(shape)
        self.bias = self.add_weight(name="bias", shape=(rows,), initializer="zeros")

    def call(self, hidden):
        x = self.norm(tf.nn.gelu(self.dense(hidden)))
        return tf.nn.bias_add(tf.einsum("bld,vd->blv", x, self.token_embedding.embeddings), self.bias)
