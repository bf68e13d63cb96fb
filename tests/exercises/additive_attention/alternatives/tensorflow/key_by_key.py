"""Accepted: loops over the keys, minus infinity in masked places."""

import keras
import tensorflow as tf


def additive_scores(query, keys, W_q, W_k, v):
    columns = []
    for key in tf.unstack(keys, axis=1):
        columns.append(tf.linalg.matvec(tf.tanh(query @ W_q + key @ W_k), v))
    return tf.stack(columns, axis=1)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = tf.where(mask, scores, tf.constant(float("-inf"), scores.dtype))
    return tf.nn.softmax(scores, axis=-1)


class AdditiveAttention(keras.layers.Layer):
    def __init__(self, query_dim, key_dim, attention_dim, **kwargs):
        super().__init__(**kwargs)
        self.W_q, self.W_k = (keras.layers.Dense(attention_dim, use_bias=False) for _ in range(2))
        self.v = keras.layers.Dense(1, use_bias=False)

    def call(self, query, keys, mask=None):
        rows = tf.unstack(keys, axis=1)
        scores = tf.concat([self.v(tf.tanh(self.W_q(query) + self.W_k(key))) for key in rows], axis=1)
        weights = masked_softmax(scores, mask)
        return tf.add_n([weights[:, n, None] * key for n, key in enumerate(rows)]), weights

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
        steps = []
        for token in tf.unstack(tokens, axis=1):
            *out, state = self.step(token, encoder_states, state, mask)
            steps.append(out)
        logits, weights = zip(*steps, strict=True)
        return tf.stack(logits, axis=1), tf.stack(weights, axis=1)

    def step(self, token, encoder_states, state, mask):
        context, weights = self.attention(state, encoder_states, mask=mask)
        state, _ = self.cell(tf.concat([self.embedding(token), context], -1), [state])
        return self.to_logits(tf.concat([state, context], -1)), weights, state

    def compute_mask(self, inputs, previous_mask=None):
        return None
