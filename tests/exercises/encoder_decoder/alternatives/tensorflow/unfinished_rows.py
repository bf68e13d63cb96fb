"""Accepted: greedy decoding that asks only about the texts that are not finished; a block of weights of its own with
`load_arrays`, its three parts in a loop.
"""

import keras
import numpy as np
import tensorflow as tf


class DecoderBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.self_attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.cross_attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        sizes = {"w1": (d_model, d_ff), "b1": (d_ff,), "w2": (d_ff, d_model), "b2": (d_model,)}
        for name, shape in sizes.items():
            start = "glorot_uniform" if len(shape) == 2 else "zeros"
            setattr(self, name, self.add_weight(shape=shape, initializer=start, name=name))
        self.gain = self.add_weight(shape=(3, d_model), initializer="ones", name="gain")
        self.shift = self.add_weight(shape=(3, d_model), initializer="zeros", name="shift")
        self.drops = [keras.layers.Dropout(dropout) for _ in range(3)]

    def load_arrays(self, arrays):
        for name, key in {"w1": "0.weight", "b1": "0.bias", "w2": "1.weight", "b2": "1.bias"}.items():
            getattr(self, name).assign(arrays[f"feed_forward.{key}"])
        self.gain.assign(np.stack([arrays[f"norm{n}.weight"] for n in (1, 2, 3)]))
        self.shift.assign(np.stack([arrays[f"norm{n}.bias"] for n in (1, 2, 3)]))

    def norm(self, n, x):
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, self.shift[n], self.gain[n], 1e-5)

    def call(self, x, memory, mask=None, memory_mask=None, training=None):
        def own(x):
            seen = tf.sequence_mask(tf.range(1, x.shape[1] + 1), x.shape[1])[tf.newaxis]  # (1, L, L)
            return self.self_attention(x, x, attention_mask=seen if mask is None else seen & mask[:, tf.newaxis])

        def other(x):
            every = tf.ones(tf.shape(memory)[:2], tf.bool) if memory_mask is None else memory_mask
            return self.cross_attention(x, memory, attention_mask=every[:, tf.newaxis])

        def network(x):
            return tf.nn.relu(x @ self.w1 + self.b1) @ self.w2 + self.b2

        for n, part in enumerate((own, other, network)):
            x = self.norm(n, x + self.drops[n](part(x), training=training))
        return x


def shift_right(ids, bos_id):
    return tf.constant([[bos_id, *row][:-1] for row in ids.numpy().tolist()], ids.dtype)


class Seq2SeqTransformer(keras.layers.Layer):
    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1
    ):
        super().__init__()
        self.max_len, self.pad_id = max_len, pad_id
        self.tables = {
            "source": keras.layers.Embedding(source_vocab, d_model),
            "target": keras.layers.Embedding(target_vocab, d_model),
            "source place": keras.layers.Embedding(max_len, d_model),
            "target place": keras.layers.Embedding(max_len, d_model),
        }
        self.blocks = []  # an encoder's and a decoder's in turn
        for _ in range(num_layers):
            self.blocks += [EncoderBlock(d_model, num_heads, d_ff, dropout)]
            self.blocks += [DecoderBlock(d_model, num_heads, d_ff, dropout)]
        self.dropout, self.out = keras.layers.Dropout(dropout), keras.layers.Dense(target_vocab)

    def call(self, source, target, training=None):
        memory, x = self.embed(source, "source", training), self.embed(target, "target", training)
        real = source != self.pad_id
        for block in self.blocks[::2]:
            memory = block(memory, real, training=training)
        for block in self.blocks[1::2]:
            x = block(x, memory, mask=target != self.pad_id, memory_mask=real, training=training)
        return self.out(x)

    def embed(self, ids, side, training):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        places = tf.cumsum(tf.ones_like(ids), axis=1) - 1
        return self.dropout(self.tables[side](ids) + self.tables[f"{side} place"](places), training=training)


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    written = np.full((source.shape[0], 1 + max_new_tokens), pad_id, "int32")
    written[:, 0] = bos_id
    open_rows = np.arange(len(written))
    for step in range(max_new_tokens):
        if not open_rows.size:
            break
        logits = model(tf.gather(source, open_rows), tf.constant(written[open_rows, : step + 1]))
        best = tf.math.top_k(logits[:, -1]).indices[:, 0].numpy()
        written[open_rows, step + 1] = best
        open_rows = open_rows[best != eos_id]
    return tf.constant(written[:, 1:])
