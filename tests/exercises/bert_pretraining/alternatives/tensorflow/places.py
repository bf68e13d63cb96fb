"""Accepted: the places are listed and shuffled; the first 80% of those selected are masked, the next 10% replaced."""

import keras
import tensorflow as tf


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    seed = seed if isinstance(seed, keras.random.SeedGenerator) else keras.random.SeedGenerator(seed)
    usable = tf.where(tf.logical_not(special_mask))  # (places, 2)
    order = tf.argsort(keras.random.uniform((len(usable),), seed=seed))
    places = tf.gather(usable, order[: round(probability * len(usable))])
    labels = tf.tensor_scatter_nd_update(tf.fill(ids.shape, -100), places, tf.gather_nd(tf.cast(ids, tf.int32), places))

    to_mask, to_random = round(0.8 * len(places)), round(0.1 * len(places))
    inputs = tf.identity(ids)
    if to_mask:
        inputs = tf.tensor_scatter_nd_update(inputs, places[:to_mask], tf.fill([to_mask], tf.cast(mask_id, ids.dtype)))
    if to_random:
        words = keras.random.randint((to_random,), 0, vocab_size, dtype=ids.dtype, seed=seed)
        inputs = tf.tensor_scatter_nd_update(inputs, places[to_mask : to_mask + to_random], words)
    return inputs, labels


def masked_lm_loss(logits, labels):
    places = tf.where(labels != -100)
    logs = tf.nn.log_softmax(tf.gather_nd(logits, places))
    one_hot = tf.one_hot(tf.gather_nd(labels, places), logits.shape[-1], dtype=logits.dtype)
    return -tf.reduce_sum(one_hot * logs) / max(1, len(places))


class Norm(keras.layers.Layer):
    """A layer norm of one's own."""

    def __init__(self, width):
        super().__init__()
        self.weight = self.add_weight(shape=(width,), initializer="ones", name="weight")
        self.bias = self.add_weight(shape=(width,), initializer="zeros", name="bias")

    def call(self, x):
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return (x - mean) / tf.sqrt(variance + 1e-12) * self.weight + self.bias


class MaskedLMHead(keras.layers.Layer):
    def __init__(self, token_embedding):
        super().__init__()
        self.token_embedding = token_embedding
        self.dense = keras.layers.Dense(token_embedding.output_dim)
        self.norm = Norm(token_embedding.output_dim)
        self.bias = self.add_weight(shape=[token_embedding.input_dim], initializer="zeros", name="bias")

    def call(self, hidden):
        x = self.norm(keras.activations.gelu(self.dense(hidden), approximate=False))
        return tf.linalg.matmul(x, self.token_embedding.embeddings, transpose_b=True) + self.bias
