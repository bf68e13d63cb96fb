"""Accepted: self-attention for each word by itself, without a causal mask."""

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
        rows = []
        for place in range(x.shape[1]):  # each word asks those up to itself; no causal mask is needed
            so_far = x[:, : place + 1]
            own = None if mask is None else mask[:, None, : place + 1]
            rows.append(self.self_attention(so_far[:, -1:], so_far, attention_mask=own))
        x = self.norm1(x + self.dropout(tf.concat(rows, axis=1), training=training))
        other = None if memory_mask is None else memory_mask[:, None]
        x = self.norm2(x + self.dropout(self.cross_attention(x, memory, attention_mask=other), training=training))
        return self.norm3(x + self.dropout(self.feed_forward(x), training=training))


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
    rows = []
    for text in source:
        ids = [bos_id]
        while len(ids) <= max_new_tokens and (len(ids) == 1 or ids[-1] != eos_id):
            ids.append(int(tf.argmax(model(text[None], tf.constant([ids]))[0, -1])))
        rows.append(ids[1:])
    longest = max(len(row) for row in rows)
    return tf.constant([row + [pad_id] * (longest - len(row)) for row in rows])
