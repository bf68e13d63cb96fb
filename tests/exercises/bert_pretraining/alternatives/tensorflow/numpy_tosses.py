"""Accepted: NumPy's random numbers, whose seed comes from the generator; a compiled loss."""

import keras
import numpy as np
import tensorflow as tf


def numpy_generator(seed):
    return np.random.default_rng(int(keras.random.randint((), 0, 2**31 - 1, seed=seed)))


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    rng = numpy_generator(seed)
    ids, special = ids.numpy(), np.asarray(special_mask)
    selected = (rng.random(ids.shape) < probability) & ~special
    fate = rng.choice(3, ids.shape, p=[0.8, 0.1, 0.1])
    inputs = np.select(
        [selected & (fate == 0), selected & (fate == 1)], [mask_id, rng.integers(vocab_size, size=ids.shape)], ids
    )
    return tf.constant(inputs, ids.dtype), tf.constant(np.where(selected, ids, -100), ids.dtype)


@tf.function
def masked_lm_loss(logits, labels):
    asked = tf.cast(labels != -100, logits.dtype)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.nn.relu(labels), logits=logits)
    return tf.tensordot(losses, asked, axes=[[0, 1], [0, 1]]) / tf.maximum(tf.reduce_sum(asked), 1)


class MaskedLMHead(keras.layers.Layer):
    def __init__(self, token_embedding):
        super().__init__()
        width = token_embedding.output_dim
        self.dense = keras.layers.EinsumDense("bld,de->ble", (None, width), bias_axes="e", activation="gelu")
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12)
        for layer in self.dense, self.norm:
            layer.build((None, None, width))
        self.token_embedding = token_embedding
        self.bias = self.add_weight(shape=(token_embedding.input_dim,), initializer="zeros")

    def load_arrays(self, arrays):
        self.dense.set_weights([arrays["dense.weight"], arrays["dense.bias"]])
        self.norm.set_weights([arrays["norm.weight"], arrays["norm.bias"]])
        self.bias.assign(arrays["bias"])

    def call(self, hidden):
        batch, length, width = hidden.shape
        flat = tf.reshape(self.norm(self.dense(hidden)), (-1, width))
        logits = tf.matmul(flat, self.token_embedding.embeddings, transpose_b=True) + self.bias
        return tf.reshape(logits, (batch, length, -1))
