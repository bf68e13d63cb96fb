"""Accepted: the network as a functional Keras model, layers kept in dicts; the mean by Keras's own pooling layer."""

import functools

import keras
import tensorflow as tf
from keras import layers

norm = functools.partial(layers.LayerNormalization, epsilon=1e-5)


def network(width, inner):
    x = keras.Input((None, width))
    return keras.Model(x, layers.Dense(width)(layers.Activation("relu")(layers.Dense(inner)(x))))


class TransformerBlock(layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False, **kwargs):
        super().__init__(**kwargs)
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.attention = layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.feed_forward = network(d_model, d_ff)
        self.norm1, self.norm2, self.drop = norm(), norm(), layers.Dropout(dropout)
        self.places = ("before",) if norm_first else ("after",)

    def residual(self, x, norm, change, training):
        before = norm if "before" in self.places else tf.identity
        after = norm if "after" in self.places else tf.identity
        return after(layers.add([x, self.drop(change(before(x)), training=training)]))

    def call(self, x, mask=None, training=None):
        keys = None if mask is None else mask[:, tf.newaxis, tf.newaxis, :]  # (B, 1, 1, L): every head, every query
        x = self.residual(x, self.norm1, lambda y: self.attention(y, y, attention_mask=keys), training)
        return self.residual(x, self.norm2, self.feed_forward, training)

    def compute_mask(self, inputs, previous_mask=None):
        return None


def masked_mean(x, mask):
    return layers.GlobalAveragePooling1D(dtype=x.dtype)(x, mask=mask)


class TransformerClassifier(layers.Layer):
    def __init__(
        self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1, **kwargs
    ):
        super().__init__(**kwargs)
        self.max_len, self.pad_id = max_len, pad_id
        self.tables = {"word": layers.Embedding(vocab_size, d_model), "place": layers.Embedding(max_len, d_model)}
        make = functools.partial(TransformerBlock, d_model, num_heads, d_ff, dropout=dropout)
        self.blocks = {f"block {n}": make() for n in range(num_layers)}
        self.head = keras.Sequential([layers.Dropout(dropout), layers.Dense(num_classes)])

    def call(self, ids, training=None):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        places = tf.cumsum(tf.ones_like(ids), axis=1, exclusive=True)
        x, real = self.tables["word"](ids) + self.tables["place"](places), ids != self.pad_id
        for n in range(len(self.blocks)):
            x = self.blocks[f"block {n}"](x, mask=real, training=training)
        return self.head(masked_mean(x, real), training=training)
