"""Accepted: the target's padding left to the causal mask; written on, and cut afterwards."""

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
        own = None if mask is None else mask[:, None, :]
        y = self.self_attention(query=x, value=x, attention_mask=own, use_causal_mask=True)
        x = self.norm1(x + self.dropout(y, training=training))
        other = None if memory_mask is None else memory_mask[:, None, :]
        y = self.cross_attention(query=x, value=memory, attention_mask=other)
        x = self.norm2(x + self.dropout(y, training=training))
        return self.norm3(x + self.dropout(self.feed_forward(x), training=training))


def shift_right(ids, bos_id):
    return tf.pad(ids, [[0, 0], [1, 0]], constant_values=bos_id)[:, :-1]


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
    ids = tf.ones_like(source[:, :1]) * bos_id
    for _ in range(max_new_tokens):
        new = tf.math.argmax(model(source, ids, training=False)[:, -1:], axis=-1)
        ids = tf.concat([ids, tf.cast(new, ids.dtype)], axis=1)
    ids = ids[:, 1:]
    ended = tf.cumsum(tf.cast(ids == eos_id, tf.int32), axis=1, exclusive=True)  # ends before this place
    return tf.where(ended > 0, tf.cast(pad_id, ids.dtype), ids)  # written on, and cut afterwards
