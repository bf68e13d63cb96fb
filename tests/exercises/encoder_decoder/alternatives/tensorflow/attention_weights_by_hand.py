"""Accepted: the layers of the framework keep attention's weights, and what is done with them is written out; ids are
picked by their places.
"""

import keras
import tensorflow as tf


def attend(layer, x, y, seen):
    """Attention of x (B, L, D) to y (B, S, D) with the layer's weights; `seen` (B or 1, L or 1, S), or None."""

    def heads(dense, z):
        return tf.einsum("bld,dhe->blhe", z, dense.kernel.value) + dense.bias.value

    query, key, value = heads(layer.query_dense, x), heads(layer.key_dense, y), heads(layer.value_dense, y)
    scores = tf.einsum("blhe,bshe->bhls", query * layer.key_dim**-0.5, key)
    if seen is not None:
        scores = tf.where(seen[:, tf.newaxis], scores, scores.dtype.min)
    weights = tf.exp(scores - tf.reduce_logsumexp(scores, axis=-1, keepdims=True))
    found = tf.einsum("bhls,bshe->blhe", weights, value)
    return tf.tensordot(found, layer.output_dense.kernel.value, 2) + layer.output_dense.bias.value


class DecoderBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.self_attention = keras.layers.MultiHeadAttention(num_heads, key_dim=d_model // num_heads)
        self.cross_attention = keras.layers.MultiHeadAttention(num_heads, key_dim=d_model // num_heads)
        self.feed_forward = keras.Sequential([keras.layers.Dense(d_ff, activation="relu"), keras.layers.Dense(d_model)])
        self.norm1, self.norm2, self.norm3 = (keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(3))
        self.dropout, self.width = keras.layers.Dropout(dropout), d_model
        for attention in (self.self_attention, self.cross_attention):
            attention.build((None, None, d_model), (None, None, d_model))

    def call(self, x, memory, mask=None, memory_mask=None, training=None):
        places = tf.range(x.shape[1])
        seen = (places[:, tf.newaxis] >= places)[tf.newaxis]
        if mask is not None:
            seen = seen & mask[:, tf.newaxis]
        found = attend(self.self_attention, x, x, seen)
        x = self.norm1(x + self.dropout(found, training=training))
        found = attend(self.cross_attention, x, memory, None if memory_mask is None else memory_mask[:, tf.newaxis])
        x = self.norm2(x + self.dropout(found, training=training))
        return self.norm3(x + self.dropout(self.feed_forward(x), training=training))

    def compute_mask(self, inputs, previous_mask=None):
        return None


def shift_right(ids, bos_id):
    before = tf.range(-1, ids.shape[1] - 1)  # the place of which each place shows the word
    shifted = tf.gather(ids, tf.maximum(before, 0), axis=1)
    return tf.where(before < 0, tf.cast(bos_id, ids.dtype), shifted)


class Seq2SeqTransformer(keras.layers.Layer):
    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1
    ):
        super().__init__()
        self.max_len, self.pad_id, self.source_vocab = max_len, pad_id, source_vocab
        self.words = keras.layers.Embedding(source_vocab + target_vocab, d_model)  # the target's below the source's
        self.places = self.add_weight(shape=(2, max_len, d_model), initializer="random_normal", name="places")
        sizes = (d_model, num_heads, d_ff, dropout)
        self.encoder = {str(n): EncoderBlock(*sizes) for n in range(num_layers)}
        self.decoder = {str(n): DecoderBlock(*sizes) for n in range(num_layers)}
        self.dropout, self.out = keras.layers.Dropout(dropout), keras.layers.Dense(target_vocab)

    def call(self, source, target, training=None):
        (_, sources), (_, targets) = source.shape, target.shape
        if max(sources, targets) > self.max_len:
            raise ValueError("too long")
        real, written = source != self.pad_id, target != self.pad_id
        memory = self.dropout(self.words(source) + self.places[0, :sources], training=training)
        x = self.dropout(self.words(target + self.source_vocab) + self.places[1, :targets], training=training)
        for n in sorted(self.encoder):
            memory = self.encoder[n](memory, mask=real, training=training)
        for n in sorted(self.decoder):
            x = self.decoder[n](x, memory, mask=written, memory_mask=real, training=training)
        return self.out(x)


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    rows, done = [[bos_id] for _ in range(len(source))], set()
    for _ in range(max_new_tokens):
        if len(done) == len(rows):
            break
        logits = model(source, tf.constant(rows, source.dtype), training=False)
        for n, best in enumerate(logits[:, -1].numpy().argmax(axis=-1).tolist()):
            rows[n].append(pad_id if n in done else best)
            if best == eos_id:
                done.add(n)
    return tf.constant([row[1:] for row in rows], source.dtype)
