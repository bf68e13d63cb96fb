"""Accepted: keras.ops; the ids as int64."""

import keras
import tensorflow as tf
from keras import ops


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
        causal = ops.tril(ops.ones((x.shape[1], x.shape[1]), "bool"))[None]
        own = causal if mask is None else ops.logical_and(causal, ops.expand_dims(mask, 1))
        other = None if memory_mask is None else ops.expand_dims(memory_mask, 1)
        parts = (
            (self.norm1, lambda y: self.self_attention(y, y, attention_mask=own)),
            (self.norm2, lambda y: self.cross_attention(y, memory, attention_mask=other)),
            (self.norm3, self.feed_forward),
        )
        for norm, part in parts:
            x = norm(ops.add(x, self.dropout(part(x), training=training)))
        return x


def shift_right(ids, bos_id):
    return keras.ops.concatenate([keras.ops.full_like(ids[:, :1], bos_id), ids[:, :-1]], axis=1)


class Seq2SeqTransformer(keras.layers.Layer):
    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1
    ):
        super().__init__()
        self.max_len, self.pad_id, self.width = max_len, pad_id, d_model
        self.dropout = keras.layers.Dropout(dropout)
        self.words = [keras.layers.Embedding(v, d_model) for v in (source_vocab, target_vocab)]
        self.places = [keras.layers.Embedding(max_len, d_model) for _ in range(2)]
        self.encoder = [EncoderBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.decoder = [DecoderBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.out = keras.layers.Dense(target_vocab)

    def call(self, source, target, training=None):
        if max(source.shape[1], target.shape[1]) > self.max_len:
            raise ValueError("too long")
        memory, x = (
            self.dropout(words(ids) + places(tf.range(ids.shape[1])), training=training)
            for ids, words, places in zip((source, target), self.words, self.places, strict=True)
        )
        real = source != self.pad_id
        for block in self.encoder:
            memory = block(memory, mask=real, training=training)
        for block in self.decoder:
            x = block(x, memory, memory_mask=real, training=training)
        return self.out(x)


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    ids = keras.ops.full((source.shape[0], 1), bos_id, dtype="int64")
    alive = keras.ops.ones((source.shape[0],), dtype="bool")
    for _ in range(max_new_tokens):
        new = keras.ops.argmax(model(source, ids)[:, -1], axis=-1)
        new = keras.ops.where(alive, keras.ops.cast(new, "int64"), pad_id)
        ids = keras.ops.concatenate([ids, new[:, None]], axis=1)
        alive = keras.ops.logical_and(alive, new != eos_id)
    return ids[:, 1:]
