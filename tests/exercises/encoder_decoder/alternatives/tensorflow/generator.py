"""Accepted: words from a Python generator; the memory and its mask as an object of one's own; norms under two names."""

import itertools
from typing import NamedTuple

import keras
import tensorflow as tf


class Read(NamedTuple):
    vectors: tf.Tensor
    real: tf.Tensor


class Reader(keras.layers.Layer):
    def __init__(self, words, places, blocks, pad_id):
        super().__init__()
        self.words, self.places, self.stack, self.pad_id = words, places, blocks, pad_id

    def call(self, source, training=None):
        real = source != self.pad_id
        x = self.words(source) + self.places(tf.range(source.shape[1]))
        for block in self.stack:
            x = block(x, real, training=training)
        return Read(x, real)


class DecoderBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        width, rest = divmod(d_model, num_heads)
        if rest:
            raise ValueError("not divisible")
        self.self_attention = keras.layers.MultiHeadAttention(num_heads, width)
        self.cross_attention = keras.layers.MultiHeadAttention(num_heads, width)
        self.feed_forward = keras.Sequential(
            [keras.layers.Dense(d_ff), keras.layers.Activation("relu"), keras.layers.Dense(d_model)]
        )
        self.norms = [keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(3)]
        self.norm1, self.norm2, self.norm3 = self.norms
        self.drop = keras.layers.Dropout(dropout)

    def call(self, x, memory, mask=None, memory_mask=None, training=None):
        length = tf.shape(x)[1]
        seen = tf.cast(tf.linalg.band_part(tf.ones((1, length, length)), -1, 0), tf.bool)
        if mask is not None:
            seen = tf.logical_and(seen, tf.repeat(mask[:, None], length, axis=1))
        norms = iter(self.norms)
        for attention, asked, visible in (
            (self.self_attention, None, seen),
            (self.cross_attention, memory, None if memory_mask is None else tf.expand_dims(memory_mask, -2)),
        ):
            asked = x if asked is None else asked
            x = next(norms)(x + self.drop(attention(x, asked, asked, attention_mask=visible), training=training))
        return next(norms)(x + self.drop(self.feed_forward(x), training=training))


def shift_right(ids, bos_id):
    first = tf.constant([[bos_id]], ids.dtype)
    return tf.slice(tf.concat([tf.repeat(first, tf.shape(ids)[0], axis=0), ids], axis=1), (0, 0), tf.shape(ids))


class Seq2SeqTransformer(keras.layers.Layer):
    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1
    ):
        super().__init__()
        self.max_len, self.pad_id = max_len, pad_id
        sizes = [(d_model, num_heads, d_ff, dropout)] * num_layers
        self.words, self.places = (keras.layers.Embedding(n, d_model) for n in (target_vocab, max_len))
        encoder = list(itertools.starmap(EncoderBlock, sizes))
        self.read = Reader(keras.layers.Embedding(source_vocab, d_model), self.places, encoder, pad_id)
        self.decoder = list(itertools.starmap(DecoderBlock, sizes))
        self.out = keras.layers.EinsumDense("bld,dv->blv", (None, target_vocab), bias_axes="v")

    def call(self, source, target, training=None):
        if source.shape[1] > self.max_len or target.shape[1] > self.max_len:
            raise ValueError("too long")
        read = self.read(source, training=training)
        x = self.words(target) + self.places(tf.range(target.shape[1]))
        for block in self.decoder:
            x = block(x, read.vectors, target != self.pad_id, read.real, training=training)
        return self.out(x)


def new_words(model, source, so_far):
    while True:
        logits = model(source, so_far, training=False)
        new = tf.argmax(logits[:, -1:], axis=-1, output_type=so_far.dtype)
        so_far = tf.concat([so_far, new], axis=1)
        yield new


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    start = tf.zeros_like(source[:, :1]) + bos_id
    ended, columns = tf.zeros_like(start, tf.bool), []
    for new in itertools.islice(new_words(model, source, start), max_new_tokens):
        columns.append(tf.where(ended, pad_id, new))
        ended |= new == eos_id
        if tf.reduce_all(ended):
            break
    return tf.concat(columns, axis=1)
