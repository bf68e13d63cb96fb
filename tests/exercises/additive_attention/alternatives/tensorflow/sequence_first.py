"""Accepted: the source as first axis, a softmax from its logarithm."""

import keras
import tensorflow as tf


def additive_scores(query, keys, W_q, W_k, v):
    hidden = tf.tanh(tf.transpose(keys, (1, 0, 2)) @ W_k + query @ W_q)  # (S, B, A)
    return tf.transpose(tf.tensordot(hidden, v, 1))


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = tf.where(mask, scores, scores.dtype.min)
    return tf.exp(tf.nn.log_softmax(scores, axis=-1))


class AdditiveAttention(keras.layers.Layer):
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


class AttentionDecoder(keras.layers.Layer):
    def __init__(self, vocab_size, embedding_dim, encoder_dim, hidden_dim, attention_dim, **kwargs):
        super().__init__(**kwargs)
        self.embedding = keras.layers.Embedding(vocab_size, embedding_dim)
        self.attention = AdditiveAttention(hidden_dim, encoder_dim, attention_dim)
        self.cell = keras.layers.GRUCell(hidden_dim)
        self.to_logits = keras.layers.Dense(vocab_size)

    def call(self, tokens, encoder_states, state, mask=None):
        logits, alignment = [], []
        for word in tf.unstack(tf.transpose(self.embedding(tokens), (1, 0, 2))):
            context, weights = self.attention(state, encoder_states, mask=mask)
            state, _ = self.cell(tf.concat([word, context], -1), [state])
            logits.append(self.to_logits(tf.concat([state, context], -1)))
            alignment.append(weights)
        return tf.transpose(tf.stack(logits), (1, 0, 2)), tf.transpose(tf.stack(alignment), (1, 0, 2))

    def compute_mask(self, inputs, previous_mask=None):
        return None
