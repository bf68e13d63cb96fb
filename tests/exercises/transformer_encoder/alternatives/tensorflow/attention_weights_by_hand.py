"""Accepted: the layer of the framework keeps attention's weights, and what is done with them is written out by einsum;
so with the norms.
"""

import keras
import tensorflow as tf


def look(layer, x, mask):
    def projected(dense):
        kernel, bias = (tf.convert_to_tensor(v) for v in (dense.kernel, dense.bias))
        return tf.einsum("bld,dhe->bhle", x, kernel) + bias[:, tf.newaxis, :]

    query, key, value = (projected(d) for d in (layer.query_dense, layer.key_dense, layer.value_dense))
    scores = tf.einsum("bhqe,bhke->bhqk", query, key) / tf.sqrt(tf.cast(tf.shape(query)[-1], x.dtype))
    if mask is not None:
        scores += tf.cast(tf.logical_not(mask), x.dtype)[:, tf.newaxis, tf.newaxis, :] * -1e9
    found = tf.einsum("bhqk,bhke->bqhe", tf.nn.softmax(scores), value)
    out = layer.output_dense
    return tf.einsum("bqhe,hed->bqd", found, tf.convert_to_tensor(out.kernel)) + tf.convert_to_tensor(out.bias)


def normed(norm, x):
    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, norm.beta.value, norm.gamma.value, 1e-5)


class TransformerBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.norm_first, self.rate = norm_first, dropout
        self.attention = keras.layers.MultiHeadAttention(num_heads, key_dim=d_model // num_heads)
        self.feed_forward = keras.Sequential([keras.layers.Dense(d_ff, activation="relu"), keras.layers.Dense(d_model)])
        self.norm1 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm2 = keras.layers.LayerNormalization(epsilon=1e-5)

    def build(self, shape):
        self.attention.build(query_shape=shape, value_shape=shape)
        for layer in (self.feed_forward, self.norm1, self.norm2):
            layer.build(shape)

    def drop(self, x, training):
        return tf.nn.dropout(x, self.rate) if training and self.rate else x

    def call(self, x, mask=None, training=None):
        if self.norm_first:
            x = x + self.drop(look(self.attention, normed(self.norm1, x), mask), training)
            return x + self.drop(self.feed_forward(normed(self.norm2, x)), training)
        x = normed(self.norm1, x + self.drop(look(self.attention, x, mask), training))
        return normed(self.norm2, x + self.drop(self.feed_forward(x), training))


def masked_mean(x, mask):
    total = tf.cumsum(tf.where(mask[:, :, None], x, tf.zeros((), x.dtype)), axis=1)[:, -1]
    return total / tf.cumsum(tf.cast(mask, x.dtype), axis=1)[:, -1:]


class TransformerClassifier(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len, self.rate = pad_id, max_len, dropout
        self.token = self.add_weight(shape=(vocab_size, d_model), initializer="random_normal", name="token")
        self.position = self.add_weight(shape=(max_len, d_model), initializer="random_normal", name="position")
        self.blocks = [TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.kernel = self.add_weight(shape=(d_model, num_classes), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(num_classes,), initializer="zeros", name="bias")

    def call(self, ids, training=None):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        mask = tf.not_equal(ids, self.pad_id)
        x = tf.gather(self.token, ids) + tf.gather(self.position, tf.range(ids.shape[1]))
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        return tf.linalg.matmul(masked_mean(x, mask), self.kernel) + self.bias
