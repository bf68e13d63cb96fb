"""Accepted: one matrix for query and key side by side, and `load_arrays`."""

import keras
import tensorflow as tf


def additive_scores(query, keys, W_q, W_k, v):
    asked = tf.repeat(query[:, None, :], keys.shape[1], axis=1)
    both = tf.concat([asked, keys], axis=-1)
    return tf.reduce_sum(tf.tanh(both @ tf.concat([W_q, W_k], axis=0)) * v, axis=-1)


def masked_softmax(scores, mask=None):
    real = tf.ones_like(scores) if mask is None else tf.broadcast_to(tf.cast(mask, scores.dtype), tf.shape(scores))
    top = tf.reduce_max(tf.where(real > 0, scores, scores.dtype.min), axis=-1, keepdims=True)
    exponentials = tf.exp(tf.where(real > 0, scores - top, tf.zeros_like(scores))) * real
    return exponentials / tf.reduce_sum(exponentials, axis=-1, keepdims=True)


class AdditiveAttention(keras.layers.Layer):
    def __init__(self, query_dim, key_dim, attention_dim, **kwargs):
        super().__init__(**kwargs)
        self.both = keras.layers.Dense(attention_dim, use_bias=False, activation="tanh")
        self.v = keras.layers.Dense(1, use_bias=False)

    def load_arrays(self, arrays):
        self.both.kernel.assign(tf.concat([arrays["W_q.weight"], arrays["W_k.weight"]], axis=0))
        self.v.kernel.assign(arrays["v.weight"])

    def call(self, query, keys, mask=None):
        asked = tf.tile(query[:, None, :], [1, keys.shape[1], 1])
        scores = tf.squeeze(self.v(self.both(tf.concat([asked, keys], axis=2))), axis=2)
        weights = masked_softmax(scores, mask)
        return tf.reduce_sum(weights[..., tf.newaxis] * keys, axis=-2), weights

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
