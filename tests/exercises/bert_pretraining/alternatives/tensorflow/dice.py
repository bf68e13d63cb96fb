"""Accepted: whole numbers only, dice with a million and with ten sides; the loss as a logarithm of a sum."""

import keras
import tensorflow as tf

SIDES = 10**6


class Dice:
    """All dice that are thrown for one batch."""

    def __init__(self, shape, seed):
        self.shape = shape
        self.seed = seed if isinstance(seed, keras.random.SeedGenerator) else keras.random.SeedGenerator(seed)

    def throw(self, sides):
        return keras.random.randint(self.shape, minval=0, maxval=sides, dtype="int32", seed=self.seed)


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    dice = Dice(ids.shape, seed)
    selected = tf.logical_and(dice.throw(SIDES) < round(probability * SIDES), special_mask ^ True)
    ten, words = dice.throw(10), tf.cast(dice.throw(vocab_size), ids.dtype)
    changed = keras.ops.select([ten == 9, ten == 8], [words, ids], default=mask_id)
    labels = tf.where(selected, ids, tf.constant(-100, ids.dtype))
    return tf.where(selected, tf.cast(changed, ids.dtype), ids), labels


def masked_lm_loss(logits, labels):
    places = tf.where(labels != -100)
    scores, wanted = tf.gather_nd(logits, places), tf.gather_nd(labels, places)
    # -log softmax, as the logarithm of a sum: how far all words lie above the right one.
    above = scores - tf.gather(scores, wanted[:, tf.newaxis], batch_dims=1)
    return tf.reduce_sum(tf.reduce_logsumexp(above, axis=1)) / tf.cast(tf.maximum(len(places), 1), logits.dtype)


class MaskedLMHead(keras.layers.Layer):
    def __init__(self, token_embedding):
        super().__init__()
        self.token_embedding = token_embedding
        self.rows, width = token_embedding.embeddings.shape
        self.dense = keras.layers.Dense(units=width, activation=keras.layers.Activation("gelu"))
        self.norm = keras.layers.LayerNormalization(axis=2, epsilon=1e-12)

    def build(self, input_shape):
        self.bias = self.add_weight(name="bias", shape=(self.rows,), initializer="zeros", trainable=True)
        super().build(input_shape)

    def call(self, hidden, training=None):
        x = self.norm(self.dense(hidden), training=training)
        scores = [tf.linalg.matvec(x, word) for word in tf.unstack(self.token_embedding.embeddings)]  # word by word
        return tf.stack(scores, axis=-1) + self.bias
