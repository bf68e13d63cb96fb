"""Accepted: `keras.random.binomial` for every toss, a second toss among what is left; `keras.ops` throughout."""

import keras
from keras import ops


def toss(shape, share, seed):
    return keras.random.binomial(shape, counts=1, probabilities=share, seed=seed) > 0.5


def as_generator(seed):
    return keras.random.SeedGenerator(seed) if seed is None or isinstance(seed, int) else seed


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    seed, shape = as_generator(seed), ops.shape(ids)
    selected = ops.logical_and(toss(shape, probability, seed), ops.logical_not(special_mask))
    masked = ops.logical_and(selected, toss(shape, 0.8, seed))
    replaced = ops.logical_and(ops.logical_and(selected, ops.logical_not(masked)), toss(shape, 0.5, seed))
    words = ops.cast(keras.random.randint(shape, 0, vocab_size, seed=seed), ids.dtype)
    inputs = ops.where(masked, ops.full_like(ids, mask_id), ops.where(replaced, words, ids))
    return inputs, ops.where(selected, ids, ops.full_like(ids, -100))


def masked_lm_loss(logits, labels):
    asked = ops.not_equal(labels, -100)
    targets = ops.where(asked, labels, 0)
    losses = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    weights = ops.cast(asked, losses.dtype)
    return ops.sum(losses * weights) / ops.maximum(ops.sum(weights), 1)


class MaskedLMHead(keras.layers.Layer):
    def __init__(self, token_embedding, **kwargs):
        super().__init__(**kwargs)
        self.embedding = token_embedding
        self.dense = keras.layers.Dense(token_embedding.output_dim, activation=lambda x: ops.gelu(x, approximate=False))
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12)
        self.bias = self.add_weight(shape=(token_embedding.input_dim,), initializer="zeros")

    def call(self, hidden):
        return ops.matmul(self.norm(self.dense(hidden)), ops.transpose(self.embedding.embeddings)) + self.bias
