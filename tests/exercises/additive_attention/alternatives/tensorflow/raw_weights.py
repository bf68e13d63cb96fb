"""Accepted: raw weights, and `load_arrays`."""

import keras
import tensorflow as tf


def additive_scores(query, keys, W_q, W_k, v):
    def row(pair):
        return tf.linalg.matvec(tf.tanh(pair[0][None] @ W_q + pair[1] @ W_k), v)

    return tf.map_fn(row, (query, keys), fn_output_signature=keys.dtype)


def masked_softmax(scores, mask=None):
    if mask is not None:
        scores = tf.where(mask, scores, scores.dtype.min)
    exponentials = tf.exp(scores - tf.reduce_max(scores, axis=-1, keepdims=True))
    return exponentials / tf.reduce_sum(exponentials, axis=-1, keepdims=True)


class AdditiveAttention(keras.layers.Layer):
    def __init__(self, query_dim, key_dim, attention_dim, **kwargs):
        super().__init__(**kwargs)
        self.matrix_q = self.add_weight(shape=(query_dim, attention_dim), name="matrix_q")
        self.matrix_k = self.add_weight(shape=(key_dim, attention_dim), name="matrix_k")
        self.vector = self.add_weight(shape=(attention_dim,), initializer="random_normal", name="vector")

    def load_arrays(self, arrays):
        self.matrix_q.assign(arrays["W_q.weight"])
        self.matrix_k.assign(arrays["W_k.weight"])
        self.vector.assign(arrays["v.weight"][:, 0])

    def call(self, query, keys, mask=None):
        scores = additive_scores(
            query, keys, *(tf.convert_to_tensor(w) for w in (self.matrix_q, self.matrix_k, self.vector))
        )
        weights = masked_softmax(scores, mask)
        return tf.reduce_sum(weights[..., None] * keys, 1), weights

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
