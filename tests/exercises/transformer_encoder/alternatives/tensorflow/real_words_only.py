"""Accepted: norms and network see the real words alone, packed into one long list; attention gets them unpacked. A
residual connection is a layer of its own, with the norm inside it.
"""

import keras
import tensorflow as tf


class Residual(keras.layers.Layer):
    def __init__(self, norm, part, rate, before):
        super().__init__()
        self.norm, self.part, self.before = norm, part, before
        self.dropout = keras.layers.Dropout(rate)

    def call(self, words, training=None):
        if self.before:
            return words + self.dropout(self.part(self.norm(words)), training=training)
        return self.norm(words + self.dropout(self.part(words), training=training))


class Packing:
    """From texts (B, L, D) to their real words (N, D), and back."""

    def __init__(self, mask, shape):
        self.mask, self.shape, self.places = mask, shape, tf.where(mask)

    def pack(self, x):
        return tf.gather_nd(x, self.places)

    def unpack(self, words):
        return tf.scatter_nd(self.places, words, tf.cast(self.shape, self.places.dtype))


class TransformerBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.feed_forward = keras.Sequential()
        self.feed_forward.add(keras.layers.Dense(d_ff, activation=keras.activations.relu))
        self.feed_forward.add(keras.layers.Dense(d_model))
        self.norm1 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm2 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.dropout, self.before = keras.layers.Dropout(dropout), norm_first
        self.think = Residual(self.norm2, self.feed_forward, dropout, norm_first)

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def call(self, x, mask=None, training=None):
        mask = tf.fill(tf.shape(x)[:2], True) if mask is None else mask
        packing = Packing(mask, tf.shape(x))

        def look(words):
            y = packing.unpack(words)
            return packing.pack(self.attention(y, y, attention_mask=mask[:, tf.newaxis]))

        words = packing.pack(x)
        if self.before:
            words = words + self.dropout(look(self.norm1(words)), training=training)
        else:
            words = self.norm1(words + self.dropout(look(words), training=training))
        return packing.unpack(self.think(words, training=training))


def masked_mean(x, mask):
    words = tf.RaggedTensor.from_row_lengths(tf.boolean_mask(x, mask), tf.math.count_nonzero(mask, axis=1))
    return tf.reduce_sum(words, axis=1) / tf.cast(words.row_lengths()[:, tf.newaxis], x.dtype)


class TransformerClassifier(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len, self.width = pad_id, max_len, d_model
        self.token, self.position = (
            keras.layers.Embedding(vocab_size, d_model),
            keras.layers.Embedding(max_len, d_model),
        )
        self.blocks = [TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.to_logits = keras.layers.Dense(num_classes)

    def call(self, ids, training=None):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        real = ids != self.pad_id
        packing = Packing(real, (*ids.shape, self.width))
        places = packing.pack(tf.broadcast_to(tf.range(ids.shape[1]), ids.shape))
        x = packing.unpack(self.token(packing.pack(ids)) + self.position(places))
        for block in self.blocks:
            x = block(x, mask=real, training=training)
        return self.to_logits(masked_mean(x, real))
