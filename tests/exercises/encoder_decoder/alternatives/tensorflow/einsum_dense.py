"""Accepted: EinsumDense in the network, and `load_arrays`."""

import keras
import tensorflow as tf


class DecoderBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.self_attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.cross_attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.wide = keras.layers.EinsumDense("bld,df->blf", (None, d_ff), activation="relu", bias_axes="f")
        self.narrow = keras.layers.EinsumDense("blf,fd->bld", (None, d_model), bias_axes="d")
        self.norm1, self.norm2, self.norm3 = (keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(3))
        self.dropout = keras.layers.Dropout(dropout)

    def load_arrays(self, arrays):
        for layer, n in ((self.wide, 0), (self.narrow, 1)):
            layer.kernel.assign(arrays[f"feed_forward.{n}.weight"])
            layer.bias.assign(arrays[f"feed_forward.{n}.bias"])
        for n, norm in enumerate((self.norm1, self.norm2, self.norm3), start=1):
            norm.gamma.assign(arrays[f"norm{n}.weight"])
            norm.beta.assign(arrays[f"norm{n}.bias"])

    def call(self, x, memory, mask=None, memory_mask=None, training=None):
        own = None if mask is None else mask[:, None, :]
        y = self.self_attention(query=x, value=x, attention_mask=own, use_causal_mask=True)
        x = self.norm1(x + self.dropout(y, training=training))
        other = None if memory_mask is None else memory_mask[:, None, :]
        y = self.cross_attention(query=x, value=memory, attention_mask=other)
        x = self.norm2(x + self.dropout(y, training=training))
        return self.norm3(x + self.dropout(self.narrow(self.wide(x)), training=training))


def shift_right(ids, bos_id):
    first = tf.range(ids.shape[1]) == 0
    return tf.where(first[None, :], tf.constant(bos_id, ids.dtype), tf.roll(ids, 1, axis=1))


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
    ids = tf.ones_like(source[:, :1]) * bos_id
    for _ in range(max_new_tokens):
        new = tf.math.argmax(model(source, ids, training=False)[:, -1:], axis=-1)
        ids = tf.concat([ids, tf.cast(new, ids.dtype)], axis=1)
    ids = ids[:, 1:]
    ended = tf.cumsum(tf.cast(ids == eos_id, tf.int32), axis=1, exclusive=True)  # ends before this place
    return tf.where(ended > 0, tf.cast(pad_id, ids.dtype), ids)  # written on, and cut afterwards
