"""Accepted: masks (B, L, S) made by hand; each text written by itself."""

import keras
import tensorflow as tf


class DecoderBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.self_attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.cross_attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.feed_forward = keras.Sequential([keras.layers.Dense(d_ff, activation="relu"), keras.layers.Dense(d_model)])
        self.norm1, self.norm2, self.norm3 = (keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(3))
        self.dropout = keras.layers.Dropout(dropout)

    def call(self, x, memory, mask=None, memory_mask=None, training=None):
        (batch, length, _width), source = x.shape, memory.shape[1]
        places = tf.range(length)
        own = tf.broadcast_to(places[None, :] <= places[:, None], (batch, length, length))
        own = own if mask is None else tf.logical_and(own, mask[:, None, :])
        other = tf.ones((batch, source), tf.bool) if memory_mask is None else memory_mask
        other = tf.tile(other[:, None, :], (1, length, 1))
        x = self.norm1(x + self.dropout(self.self_attention(x, x, attention_mask=own), training=training))
        x = self.norm2(
            x + self.dropout(self.cross_attention(x, memory, memory, attention_mask=other), training=training)
        )
        return self.norm3(x + self.dropout(self.feed_forward(x), training=training))


def shift_right(ids, bos_id):
    return tf.concat([tf.ones_like(ids[:, :1]) * bos_id, ids[:, :-1]], axis=-1)


class Seq2SeqTransformer(keras.layers.Layer):
    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1
    ):
        super().__init__()
        self.max_len, self.pad_id, self.width = max_len, pad_id, d_model
        self.dropout = keras.layers.Dropout(dropout)
        self.source_words = keras.layers.Embedding(source_vocab, d_model)
        self.target_words = keras.layers.Embedding(target_vocab, d_model)
        self.places = self.add_weight(
            shape=(max_len, d_model), initializer="random_normal", name="places"
        )  # both sides
        self.encoder, self.decoder = [], []
        for _ in range(num_layers):
            self.encoder.append(EncoderBlock(d_model, num_heads, d_ff, dropout))
            self.decoder.append(DecoderBlock(d_model, num_heads, d_ff, dropout))
        self.norm, self.out = keras.layers.LayerNormalization(epsilon=1e-5), keras.layers.Dense(target_vocab)

    def call(self, source, target, training=None):
        if max(source.shape[1], target.shape[1]) > self.max_len:
            raise ValueError("too long")
        memory_mask, mask = tf.not_equal(source, self.pad_id), tf.not_equal(target, self.pad_id)
        memory = self.embed(self.source_words, source, training)
        for block in self.encoder:
            memory = block(memory, memory_mask, training=training)
        x = self.embed(self.target_words, target, training)
        for block in self.decoder:
            x = block(x, memory, mask, memory_mask, training=training)
        return self.out(self.norm(x))

    def embed(self, words, ids, training):
        return self.dropout(words(ids) * self.width**0.5 + self.places[: ids.shape[1]], training=training)


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    rows = []
    for text in source:
        ids = [bos_id]
        while len(ids) <= max_new_tokens and (len(ids) == 1 or ids[-1] != eos_id):
            ids.append(int(tf.argmax(model(text[None], tf.constant([ids]))[0, -1])))
        rows.append(ids[1:])
    longest = max(len(row) for row in rows)
    return tf.constant([row + [pad_id] * (longest - len(row)) for row in rows])
