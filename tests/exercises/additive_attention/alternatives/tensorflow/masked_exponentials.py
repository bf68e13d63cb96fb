"""Accepted: masked exponentials, Keras layers for sum and tanh."""

import keras
import tensorflow as tf


def additive_scores(query, keys, W_q, W_k, v):
    hidden = tf.einsum("bd,da->ba", query, W_q)[:, None] + tf.einsum("bsd,da->bsa", keys, W_k)
    return tf.einsum("bsa,a->bs", tf.tanh(hidden), v)


def masked_softmax(scores, mask=None):
    real = tf.ones_like(scores) if mask is None else tf.broadcast_to(tf.cast(mask, scores.dtype), tf.shape(scores))
    top = tf.reduce_max(tf.where(real > 0, scores, scores.dtype.min), axis=-1, keepdims=True)
    exponentials = tf.exp(tf.where(real > 0, scores - top, tf.zeros_like(scores))) * real
    return exponentials / tf.reduce_sum(exponentials, axis=-1, keepdims=True)


class AdditiveAttention(keras.layers.Layer):
    def __init__(self, query_dim, key_dim, attention_dim, **kwargs):
        super().__init__(**kwargs)
        self.W_q = keras.layers.Dense(attention_dim, use_bias=False, kernel_initializer="orthogonal")
        self.W_k = keras.layers.Dense(attention_dim, use_bias=False)
        self.v = keras.layers.Dense(1, use_bias=False)
        self.tanh = keras.layers.Activation("tanh")
        self.add = keras.layers.Add()

    def call(self, query, keys, mask=None):
        scores = self.v(self.tanh(self.add([self.W_q(query[:, None, :]), self.W_k(keys)])))
        weights = masked_softmax(tf.reshape(scores, tf.shape(scores)[:2]), mask)
        return tf.squeeze(tf.matmul(weights[:, None, :], keys), 1), weights

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
