"""Accepted: models in place of layers, the softmax from logsumexp."""

import keras
import tensorflow as tf


def additive_scores(query, keys, W_q, W_k, v):
    columns = []
    for key in tf.unstack(keys, axis=1):
        columns.append(tf.linalg.matvec(tf.tanh(query @ W_q + key @ W_k), v))
    return tf.stack(columns, axis=1)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = tf.where(mask, scores, tf.constant(-1e30, scores.dtype))
    return tf.exp(scores - tf.reduce_logsumexp(scores, axis=-1, keepdims=True))


class AdditiveAttention(keras.Model):
    def __init__(self, query_dim, key_dim, attention_dim, **kwargs):
        super().__init__(**kwargs)
        self.W_q = keras.layers.Dense(attention_dim, use_bias=False)
        self.W_k = keras.layers.Dense(attention_dim, use_bias=False)
        self.v = keras.layers.Dense(1, use_bias=False)

    def call(self, query, keys, mask=None):
        hidden = tf.tanh(self.W_q(query)[:, None] + self.W_k(keys))
        weights = masked_softmax(self.v(hidden)[..., 0], mask)
        return tf.einsum("bs,bsd->bd", weights, keys), weights

    def compute_mask(self, inputs, previous_mask=None):
        return None


class AttentionDecoder(keras.Model):
    def __init__(self, vocab_size, embedding_dim, encoder_dim, hidden_dim, attention_dim, **kwargs):
        super().__init__(**kwargs)
        self.embedding = keras.layers.Embedding(vocab_size, embedding_dim)
        self.attention = AdditiveAttention(hidden_dim, encoder_dim, attention_dim)
        self.cell = keras.layers.GRUCell(hidden_dim)
        self.to_logits = keras.layers.Dense(vocab_size)

    def call(self, tokens, encoder_states, state, mask=None):
        found, states, alignment = [], [], []
        for token in tf.unstack(tokens, axis=1):
            context, weights = self.attention(state, encoder_states, mask=mask)
            _, (state,) = self.cell(tf.concat([self.embedding(token), context], -1), [state])
            found.append(context)
            states.append(state)
            alignment.append(weights[:, None])
        together = tf.concat([tf.stack(states, 1), tf.stack(found, 1)], axis=-1)  # all steps at once
        return self.to_logits(together), tf.concat(alignment, axis=1)

    def compute_mask(self, inputs, previous_mask=None):
        return None
