"""Accepted: layers made in `build`, positions as a raw weight."""

import keras
import tensorflow as tf


class TransformerBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.sizes, self.rate, self.norm_first = (d_model, num_heads, d_ff), dropout, norm_first

    def build(self, shape):
        d_model, num_heads, d_ff = self.sizes
        self.attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.attention.build(shape, shape)
        self.feed_forward = keras.Sequential([keras.layers.Dense(d_ff, tf.nn.relu), keras.layers.Dense(d_model)])
        self.feed_forward.build(shape)
        self.norm1 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm2 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm1.build(shape)
        self.norm2.build(shape)
        self.dropout = keras.layers.Dropout(self.rate)
        super().build(shape)

    def call(self, x, mask=None, training=False):
        options = {} if mask is None else {"attention_mask": tf.expand_dims(mask, axis=1)}
        if self.norm_first:
            y = self.norm1(x)
            x = x + self.dropout(self.attention(y, y, **options), training=training)
            return x + self.dropout(self.feed_forward(self.norm2(x)), training=training)
        x = self.norm1(x + self.dropout(self.attention(x, x, **options), training=training))
        return self.norm2(x + self.dropout(self.feed_forward(x), training=training))


def masked_mean(x, mask):
    weights = tf.expand_dims(tf.cast(mask, x.dtype), -1)
    return tf.math.divide(tf.reduce_sum(tf.multiply(x, weights), 1), tf.reduce_sum(weights, 1))


class TransformerClassifier(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len = pad_id, max_len
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.position = self.add_weight(shape=(max_len, d_model), initializer="random_normal", name="position")
        self.blocks = [TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.to_logits = keras.layers.Dense(num_classes)

    def call(self, ids, training=False):
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError("too long")
        x, mask = self.token(ids) + self.position[:length], tf.not_equal(ids, self.pad_id)
        for block in self.blocks:
            x = block(x, mask, training=training)
        return self.to_logits(masked_mean(x, mask))
