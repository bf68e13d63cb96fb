"""Accepted: keras.ops throughout."""

import keras
import tensorflow as tf
from keras import ops


def additive_scores(query, keys, W_q, W_k, v):
    hidden = ops.tanh(ops.expand_dims(ops.matmul(query, W_q), 1) + ops.matmul(keys, W_k))
    return ops.matmul(hidden, v)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = ops.where(mask, scores, ops.cast(-1e9, scores.dtype))
    return ops.softmax(scores, axis=-1)


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
        for t in range(tokens.shape[1]):
            context, weights = self.attention(state, encoder_states, mask)
            state = self.cell(keras.ops.concatenate([self.embedding(tokens[:, t]), context], axis=-1), state)[0]
            logits.append(self.to_logits(keras.ops.concatenate([state, context], axis=-1)))
            alignment.append(weights)
        return keras.ops.stack(logits, axis=1), keras.ops.stack(alignment, axis=1)

    def compute_mask(self, inputs, previous_mask=None):
        return None
