"""Accepted: the target's words tied to the output, layers made in `build`, and a greedy decoder that calls itself."""

import keras
import tensorflow as tf
from keras import layers


class DecoderBlock(layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        if d_model % num_heads != 0:
            raise ValueError("not divisible")
        self.sizes, self.rate = (d_model, num_heads, d_ff), dropout

    def build(self, x_shape, memory_shape=None):
        d_model, num_heads, d_ff = self.sizes
        self.self_attention = layers.MultiHeadAttention(num_heads, d_model // num_heads, name="own")
        self.cross_attention = layers.MultiHeadAttention(num_heads, d_model // num_heads, name="other")
        for attention in (self.self_attention, self.cross_attention):
            attention.build(query_shape=(None, None, d_model), value_shape=(None, None, d_model))
        x = keras.Input((None, d_model))
        self.feed_forward = keras.Model(x, layers.Dense(d_model)(layers.ReLU()(layers.Dense(d_ff)(x))))
        for n in (1, 2, 3):
            norm = layers.LayerNormalization(epsilon=1e-5)
            norm.build((None, None, d_model))
            setattr(self, f"norm{n}", norm)
        self.dropout = layers.Dropout(self.rate)

    def residual(self, x, found, norm, training):
        return norm(layers.add([x, self.dropout(found, training=training)]))

    def call(self, x, memory, mask=None, memory_mask=None, training=None):
        own = {} if mask is None else {"query_mask": mask, "key_mask": mask}  # Keras puts them together itself
        found = self.self_attention(x, x, key=x, use_causal_mask=True, **own)
        x = self.residual(x, found, self.norm1, training)
        other = {} if memory_mask is None else {"value_mask": memory_mask}
        x = self.residual(x, self.cross_attention(x, memory, **other), self.norm2, training)
        return self.residual(x, self.feed_forward(x), self.norm3, training)

    def compute_mask(self, inputs, previous_mask=None):
        return None


def shift_right(ids, bos_id):
    width = ids.shape[1]
    return tf.pad(ids, [[0, 0], [1, 0]], constant_values=bos_id)[:, :width]


class Seq2SeqTransformer(layers.Layer):
    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1, **kwargs
    ):
        super().__init__(**kwargs)
        self.max_len, self.pad_id, self.scale = max_len, pad_id, d_model**0.5
        start = keras.initializers.RandomNormal(stddev=d_model**-0.5)
        self.source_words = layers.Embedding(source_vocab, d_model, embeddings_initializer=start)
        self.target_words = layers.Embedding(target_vocab, d_model, embeddings_initializer=start)
        self.places = layers.Embedding(2 * max_len, d_model)  # the source's, then the target's
        sizes = (d_model, num_heads, d_ff, dropout)
        self.encoder = [EncoderBlock(*sizes) for _ in range(num_layers)]
        self.decoder = [DecoderBlock(*sizes) for _ in range(num_layers)]
        self.bias = self.add_weight(shape=(target_vocab,), initializer="zeros", name="bias")
        self.dropout = layers.Dropout(dropout)

    def call(self, source, target, training=None):
        real = source != self.pad_id
        memory = self.embed(source, self.source_words, 0, training)
        for block in self.encoder:
            memory = block(memory, mask=real, training=training)
        x = self.embed(target, self.target_words, self.max_len, training)
        for block in self.decoder:
            x = block(x, memory, mask=target != self.pad_id, memory_mask=real, training=training)
        return tf.einsum("bld,vd->blv", x, self.target_words.embeddings.value) + self.bias

    def embed(self, ids, words, first, training):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        x = words(ids) * self.scale + self.places(tf.range(first, first + ids.shape[1]))
        return self.dropout(x, training=training)


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    def write(so_far, more):
        done = tf.reduce_any(so_far == eos_id, axis=1)
        if more == 0 or bool(tf.reduce_all(done)):
            return so_far
        new = tf.argmax(model(source, so_far, training=False)[:, -1], axis=-1, output_type=so_far.dtype)
        new = tf.where(done, tf.cast(pad_id, so_far.dtype), new)
        return write(tf.concat([so_far, new[:, tf.newaxis]], axis=1), more - 1)

    return write(tf.fill((source.shape[0], 1), tf.cast(bos_id, source.dtype)), max_new_tokens)[:, 1:]
