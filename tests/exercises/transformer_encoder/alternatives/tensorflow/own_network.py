"""Accepted: the network as a layer of one's own, the mask for queries and keys alike."""

import keras
import tensorflow as tf
from keras.layers import Dense, Dropout, Embedding, LayerNormalization, MultiHeadAttention


class FeedForward(keras.layers.Layer):
    def __init__(self, width, inner):
        super().__init__()
        self.wide, self.narrow = Dense(inner, activation="relu"), Dense(width)

    def call(self, x):
        return self.narrow(self.wide(x))


class TransformerBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.norm_first = norm_first
        self.attention = MultiHeadAttention(num_heads, d_model // num_heads)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1, self.norm2 = LayerNormalization(epsilon=1e-5), LayerNormalization(epsilon=1e-5)
        self.dropout = Dropout(dropout)

    def call(self, x, mask=None, training=None):
        both = None if mask is None else tf.logical_and(mask[:, :, tf.newaxis], mask[:, tf.newaxis, :])

        def attend(y):
            return self.attention(y, y, attention_mask=both, training=training)

        for norm, change in ((self.norm1, attend), (self.norm2, self.feed_forward)):
            if self.norm_first:
                x = x + self.dropout(change(norm(x)), training=training)
            else:
                x = norm(x + self.dropout(change(x), training=training))
        return x


def masked_mean(x, mask):
    count = tf.cast(tf.math.count_nonzero(mask, axis=1, keepdims=True), x.dtype)
    return tf.reduce_sum(tf.where(mask[..., None], x, tf.zeros_like(x)), axis=1) / count


class TransformerClassifier(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.max_len, self.pad_id = max_len, pad_id
        self.token, self.position = Embedding(vocab_size, d_model), Embedding(max_len, d_model)
        self.dropout, self.head = Dropout(dropout), Dense(num_classes)
        self.stack = [TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]

    def call(self, ids, training=None):
        _batch, length = ids.shape
        if length > self.max_len:
            raise ValueError("too long")
        mask = tf.math.not_equal(ids, tf.cast(self.pad_id, ids.dtype))
        x = self.dropout(self.token(ids) + self.position(tf.range(length))[tf.newaxis], training=training)
        for block in self.stack:
            x = block(x, mask=mask, training=training)
        return self.head(self.dropout(masked_mean(x, mask), training=training))
