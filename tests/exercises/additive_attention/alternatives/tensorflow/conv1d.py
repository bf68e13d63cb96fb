"""Accepted: convolutions of width one, and `load_arrays`."""

import keras
import tensorflow as tf


def additive_scores(query, keys, W_q, W_k, v):
    batch, source, width = keys.shape
    asked = tf.repeat(query @ W_q, source, axis=0)
    hidden = tf.tanh(asked + tf.reshape(keys, (batch * source, width)) @ W_k)
    return tf.reshape(tf.linalg.matvec(hidden, v), (batch, source))


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = tf.where(mask, scores, tf.constant(-1e30, scores.dtype))
    return tf.exp(scores - tf.reduce_logsumexp(scores, axis=-1, keepdims=True))


class AdditiveAttention(keras.layers.Layer):
    def __init__(self, query_dim, key_dim, attention_dim, **kwargs):
        super().__init__(**kwargs)
        self.ask = keras.layers.Dense(attention_dim, use_bias=False)
        self.offer = keras.layers.Conv1D(attention_dim, 1, use_bias=False)
        self.judge = keras.layers.Conv1D(1, 1, use_bias=False)

    def load_arrays(self, arrays):
        self.ask.kernel.assign(arrays["W_q.weight"])
        self.offer.kernel.assign(arrays["W_k.weight"][None])
        self.judge.kernel.assign(arrays["v.weight"][None])

    def call(self, query, keys, mask=None):
        scores = self.judge(tf.tanh(self.ask(query)[:, None] + self.offer(keys)))
        weights = masked_softmax(scores[:, :, 0], mask)
        return tf.einsum("bsd,bs->bd", keys, weights), weights

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
        embedded = self.embedding(tokens)
        for t in range(tokens.shape[1]):
            context, weights = self.attention(state, encoder_states, mask=mask)
            state, _ = self.cell(tf.concat((embedded[:, t], context), 1), [state])
            logits.append(self.to_logits(tf.concat((state, context), 1)))
            alignment.append(weights)
        return tf.stack(logits, 1), tf.stack(alignment, 1)

    def compute_mask(self, inputs, previous_mask=None):
        return None
