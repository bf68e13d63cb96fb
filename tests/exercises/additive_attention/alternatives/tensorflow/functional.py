"""Accepted: the module uses the functions; logits of all steps at once."""

import keras
import tensorflow as tf


def additive_scores(query, keys, W_q, W_k, v):
    batch, source, width = keys.shape
    asked = tf.repeat(query @ W_q, source, axis=0)
    hidden = tf.tanh(asked + tf.reshape(keys, (batch * source, width)) @ W_k)
    return tf.reshape(tf.linalg.matvec(hidden, v), (batch, source))


def masked_softmax(scores, mask=None):
    if mask is None:
        return tf.nn.softmax(scores)
    return tf.nn.softmax(tf.where(tf.logical_not(mask), scores.dtype.min, scores))


class AdditiveAttention(keras.layers.Layer):
    def __init__(self, query_dim, key_dim, attention_dim, **kwargs):
        super().__init__(**kwargs)
        self.W_k = keras.layers.Dense(attention_dim, use_bias=False)
        self.W_q = keras.layers.Dense(attention_dim, use_bias=False)
        self.v = keras.layers.Dense(1, use_bias=False)
        self.W_q.build((None, query_dim))
        self.W_k.build((None, None, key_dim))
        self.v.build((None, None, attention_dim))

    def call(self, query, keys, mask=None):
        v = tf.reshape(self.v.kernel, (-1,))
        weights = masked_softmax(additive_scores(query, keys, self.W_q.kernel, self.W_k.kernel, v), mask)
        return tf.linalg.matvec(keys, weights, transpose_a=True), weights

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
