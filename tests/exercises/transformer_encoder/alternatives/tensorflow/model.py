"""Accepted: `keras.Model` in place of `Layer`, tf.keras's names, a whole mask (B, H, L, L) for attention."""

import tensorflow as tf
from tensorflow.keras import Model, Sequential, layers


class TransformerBlock(Model):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.norm_first, self.heads = norm_first, num_heads
        self.attention = layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.feed_forward = Sequential([layers.Dense(d_ff, activation="relu"), layers.Dense(d_model)])
        self.norm1, self.norm2 = layers.LayerNormalization(epsilon=1e-5), layers.LayerNormalization(epsilon=1e-5)
        self.dropout = layers.Dropout(dropout)

    def call(self, x, mask=None, training=None):
        if mask is not None:
            length = x.shape[1]
            mask = tf.broadcast_to(mask[:, None, None, :], (x.shape[0], self.heads, length, length))
        y = self.norm1(x) if self.norm_first else x
        y, _weights = self.attention(y, y, attention_mask=mask, return_attention_scores=True)
        x = layers.add([x, self.dropout(y, training=training)])
        if self.norm_first:
            return layers.add([x, self.dropout(self.feed_forward(self.norm2(x)), training=training)])
        x = self.norm1(x)
        return self.norm2(layers.add([x, self.dropout(self.feed_forward(x), training=training)]))


def masked_mean(x, mask):
    words = tf.ragged.boolean_mask(x, mask)
    return tf.reduce_mean(words, axis=1)


class TransformerClassifier(Model):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len = pad_id, max_len
        self.token, self.position = layers.Embedding(vocab_size, d_model), layers.Embedding(max_len, d_model)
        self.blocks = [TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.head = layers.Dense(num_classes)

    def call(self, ids, training=None):
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError("too long")
        x, mask = self.token(ids) + self.position(tf.range(length)), tf.not_equal(ids, self.pad_id)
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        return self.head(masked_mean(x, mask))
