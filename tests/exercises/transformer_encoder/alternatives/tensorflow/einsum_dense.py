"""Accepted: EinsumDense in the network, and `load_arrays`; the mean by a matrix product."""

import keras
import tensorflow as tf


class TransformerBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.norm_first = norm_first
        self.attention = keras.layers.MultiHeadAttention(num_heads, key_dim=d_model // num_heads)
        self.wide = keras.layers.EinsumDense("bld,df->blf", (None, d_ff), activation="relu", bias_axes="f")
        self.narrow = keras.layers.EinsumDense("blf,fd->bld", (None, d_model), bias_axes="d")
        self.norm1 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm2 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.dropout = keras.layers.Dropout(dropout)

    def load_arrays(self, arrays):
        for layer, name in ((self.wide, "feed_forward.0"), (self.narrow, "feed_forward.1")):
            layer.kernel.assign(arrays[f"{name}.weight"])
            layer.bias.assign(arrays[f"{name}.bias"])
        for layer, name in ((self.norm1, "norm1"), (self.norm2, "norm2")):
            layer.gamma.assign(arrays[f"{name}.weight"])
            layer.beta.assign(arrays[f"{name}.bias"])

    def call(self, x, mask=None, training=None):
        mask = None if mask is None else mask[:, None, :]
        if self.norm_first:
            y = self.norm1(x)
            x = x + self.dropout(self.attention(y, y, attention_mask=mask), training=training)
            return x + self.dropout(self.narrow(self.wide(self.norm2(x))), training=training)
        x = self.norm1(x + self.dropout(self.attention(x, x, attention_mask=mask), training=training))
        return self.norm2(x + self.dropout(self.narrow(self.wide(x)), training=training))


def masked_mean(x, mask):
    shares = tf.cast(mask, x.dtype)[:, None, :]
    return tf.squeeze(tf.matmul(shares, x) / tf.reduce_sum(shares, axis=-1, keepdims=True), axis=1)


class TransformerClassifier(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len, self.vocab_size = pad_id, max_len, vocab_size
        self.both = keras.layers.Embedding(vocab_size + max_len, d_model)  # positions below the words
        self.blocks = [TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.to_logits = keras.layers.Dense(num_classes)

    def call(self, ids, training=None):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        x = self.both(ids) + self.both(self.vocab_size + tf.range(ids.shape[1]))
        mask = tf.not_equal(ids, self.pad_id)
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        return self.to_logits(masked_mean(x, mask))
