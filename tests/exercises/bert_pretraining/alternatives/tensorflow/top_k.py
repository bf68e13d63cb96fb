"""Accepted: of the whole batch as many as are asked for, those with the largest numbers (`top_k`); normal numbers."""

import keras
import tensorflow as tf


@tf.function
def largest(noise, count):
    """True at the `count` largest of the flattened noise."""
    _, places = tf.math.top_k(tf.reshape(noise, [-1]), count, sorted=False)
    chosen = tf.scatter_nd(places[:, tf.newaxis], tf.ones_like(places), [tf.size(noise)])
    return tf.reshape(chosen > 0, tf.shape(noise))


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    if not isinstance(seed, keras.random.SeedGenerator):
        seed = keras.random.SeedGenerator(seed)
    usable = tf.reduce_sum(tf.cast(~special_mask, tf.float32))
    noise = tf.where(special_mask, -1.0, keras.random.uniform(ids.shape, seed=seed))
    selected = largest(noise, tf.cast(tf.round(probability * usable), tf.int32))

    fate = keras.random.normal(ids.shape, seed=seed)  # 80% of a normal distribution lie below 0.8416, 90% below 1.2816
    words = tf.cast(vocab_size * keras.random.uniform(ids.shape, seed=seed), ids.dtype)
    words = tf.minimum(words, vocab_size - 1)
    changed = tf.where(fate < 0.8416212, mask_id, tf.where(fate < 1.2815516, words, ids))
    return tf.where(selected, changed, ids), tf.where(selected, ids, -100)


def masked_lm_loss(logits, labels):
    selected = labels != -100
    one_hot = tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    losses = tf.nn.softmax_cross_entropy_with_logits(labels=one_hot, logits=logits)
    losses = tf.where(selected, losses, tf.zeros_like(losses))
    return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.reduce_sum(one_hot))


class MaskedLMHead(keras.layers.Layer):
    def __init__(self, token_embedding, **kwargs):
        super().__init__(**kwargs)
        (self.table,) = token_embedding.weights
        rows, width = self.table.shape
        self.dense = keras.layers.Dense(width)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12)
        self.bias = self.add_weight(shape=(rows,), initializer="zeros", name="bias")

    def call(self, hidden):
        x = self.dense(hidden)
        x = self.norm(x * tf.math.erfc(-x / tf.sqrt(tf.constant(2.0, x.dtype))) / 2)
        return tf.linalg.matmul(x, tf.convert_to_tensor(self.table), transpose_b=True) + self.bias
