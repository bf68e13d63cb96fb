"""Accepted: a loop over the batch, a weighted sum over a list."""

import keras
import tensorflow as tf


def additive_scores(query, keys, W_q, W_k, v):
    def row(pair):
        return tf.linalg.matvec(tf.tanh(pair[0][None] @ W_q + pair[1] @ W_k), v)

    return tf.map_fn(row, (query, keys), fn_output_signature=keys.dtype)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = tf.where(mask, scores, scores.dtype.min)
    return tf.exp(tf.nn.log_softmax(scores, axis=-1))


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
        logits, alignment = [], []
        for t in range(tokens.shape[1]):
            context, weights = self.attention(state, encoder_states, mask)
            state = self.cell(keras.ops.concatenate([self.embedding(tokens[:, t]), context], axis=-1), state)[0]
            logits.append(self.to_logits(keras.ops.concatenate([state, context], axis=-1)))
            alignment.append(weights)
        return keras.ops.stack(logits, axis=1), keras.ops.stack(alignment, axis=1)

    def compute_mask(self, inputs, previous_mask=None):
        return None
