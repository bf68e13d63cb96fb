"""Accepted: the network as a list of two layers, activation as a function; the mean row by row."""

import keras
import tensorflow as tf


class TransformerBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads != 0:
            raise ValueError("not divisible")
        self.norm_first = norm_first
        self.attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.feed_forward = [keras.layers.Dense(d_ff), keras.layers.Dense(d_model)]
        self.norm1 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm2 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.drop = keras.layers.Dropout(dropout)

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def think(self, x):
        wide, narrow = self.feed_forward
        return narrow(tf.maximum(wide(x), 0))

    def call(self, x, mask=None, training=None):
        if mask is not None:
            mask = tf.tile(mask[:, None, :], [1, tf.shape(x)[1], 1])
        if self.norm_first:
            y = self.norm1(x)
            x += self.drop(self.attention(query=y, value=y, key=y, attention_mask=mask), training=training)
            x += self.drop(self.think(self.norm2(x)), training=training)
            return x
        x = self.norm1(x + self.drop(self.attention(x, x, x, attention_mask=mask), training=training))
        return self.norm2(x + self.drop(self.think(x), training=training))


def masked_mean(x, mask):
    return tf.stack([tf.reduce_mean(tf.boolean_mask(x[n], mask[n]), axis=0) for n in range(x.shape[0])])


class TransformerClassifier(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.max_len, self.pad_id = max_len, pad_id
        self.words, self.places = keras.layers.Embedding(vocab_size, d_model), keras.layers.Embedding(max_len, d_model)
        self.layers_ = [TransformerBlock(d_model, num_heads, d_ff, dropout=dropout) for _ in range(num_layers)]
        self.out = keras.layers.Dense(num_classes)
        self.drop = keras.layers.Dropout(dropout)

    def call(self, ids, training=None):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        mask = ids != self.pad_id
        places = tf.repeat(tf.range(ids.shape[1])[None], ids.shape[0], axis=0)
        x = self.drop(self.words(ids) + self.places(places), training=training)
        for layer in self.layers_:
            x = layer(x, mask, training=training)
        return self.out(masked_mean(x, mask))
