"""Accepted: waiting times decide, who comes first wins; a loss object with weights; a head made of a model."""

import keras
import tensorflow as tf


def waiting_times(shape, generator):
    """Exponential, rate 1: minus the logarithm of a number from (0, 1]."""
    return -tf.math.log(1.0 - keras.random.uniform(shape, seed=generator))


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    generator = keras.random.SeedGenerator(seed) if seed is None or isinstance(seed, int) else seed
    # A waiting time has ended before -ln(1 - p) with probability p.
    until = -tf.math.log1p(tf.constant(-probability, tf.float32))
    selected = (waiting_times(ids.shape, generator) < until) & ~special_mask

    rates = tf.constant([0.8, 0.1, 0.1])
    first = tf.argmin(waiting_times((*ids.shape, 3), generator) / rates, axis=-1)
    random_ids = keras.random.randint(ids.shape, 0, vocab_size, dtype=ids.dtype, seed=generator)
    inputs = tf.where(selected & (first == 0), tf.cast(mask_id, ids.dtype), ids)
    return tf.where(selected & (first == 1), random_ids, inputs), tf.where(selected, ids, -100)


criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")


def masked_lm_loss(logits, labels):
    asked = tf.not_equal(labels, -100)
    total = criterion(tf.maximum(labels, 0), logits, sample_weight=tf.cast(asked, logits.dtype))
    return total / tf.cast(tf.maximum(tf.math.count_nonzero(asked), 1), total.dtype)


class MaskedLMHead(keras.Model):
    """The layers are its own, one after the other; the embedding is another's, and is only pointed at."""

    def __init__(self, token_embedding):
        super().__init__()
        self.dense = keras.layers.Dense(token_embedding.output_dim)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12)
        self.layers_in_order = [self.dense, keras.layers.Activation("gelu"), self.norm]
        self.output_weights = lambda: token_embedding.embeddings
        self.bias = self.add_weight(shape=(token_embedding.input_dim,), initializer="zeros")

    def call(self, hidden):
        for layer in self.layers_in_order:
            hidden = layer(hidden)
        return tf.einsum("...d,vd->...v", hidden, self.output_weights()) + self.bias
