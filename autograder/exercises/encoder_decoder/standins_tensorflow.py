"""Correct versions of a student's earlier answers, used while a later part of the exercise is graded (TensorFlow).

So a later part does not fail because an earlier answer is wrong. Students' code can read these definitions. That gives
nothing away: the lesson explains them, and they are used only after the part that asks for them has been graded.
"""

import keras
import tensorflow as tf


class DecoderBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        if d_model % num_heads:
            raise ValueError("d_model must be divisible by num_heads")
        self.self_attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.cross_attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.feed_forward = keras.Sequential([keras.layers.Dense(d_ff, activation="relu"), keras.layers.Dense(d_model)])
        self.norm1, self.norm2, self.norm3 = (keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(3))
        self.dropout = keras.layers.Dropout(dropout)

    def call(self, x, memory, mask=None, memory_mask=None, training=None):
        mask, memory_mask = (None if m is None else m[:, tf.newaxis, :] for m in (mask, memory_mask))
        seen = self.self_attention(x, x, attention_mask=mask, use_causal_mask=True)
        x = self.norm1(x + self.dropout(seen, training=training))
        seen = self.cross_attention(x, memory, attention_mask=memory_mask)
        x = self.norm2(x + self.dropout(seen, training=training))
        return self.norm3(x + self.dropout(self.feed_forward(x), training=training))

    def compute_mask(self, inputs, previous_mask=None):
        return None


def shift_right(ids, bos_id):
    return tf.pad(ids[:, :-1], [[0, 0], [1, 0]], constant_values=bos_id)
