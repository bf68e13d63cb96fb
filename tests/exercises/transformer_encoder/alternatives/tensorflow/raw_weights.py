"""Accepted: the network and the norms as weights of the block's own with `load_arrays`, some of the work in a
`tf.function`; the mean by segments.
"""

import keras
import tensorflow as tf


@tf.function(reduce_retracing=True)
def network(x, first, first_bias, second, second_bias):
    return tf.tensordot(tf.nn.relu(tf.tensordot(x, first, 1) + first_bias), second, 1) + second_bias


class TransformerBlock(keras.layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.attention = keras.layers.MultiHeadAttention(num_heads, d_model // num_heads)
        self.first = self.add_weight(shape=(d_model, d_ff), initializer="glorot_uniform", name="first")
        self.first_bias = self.add_weight(shape=(d_ff,), initializer="zeros", name="first_bias")
        self.second = self.add_weight(shape=(d_ff, d_model), initializer="glorot_uniform", name="second")
        self.second_bias = self.add_weight(shape=(d_model,), initializer="zeros", name="second_bias")
        self.gains = [self.add_weight(shape=(d_model,), initializer="ones", name=f"gain{n}") for n in range(2)]
        self.shifts = [self.add_weight(shape=(d_model,), initializer="zeros", name=f"shift{n}") for n in range(2)]
        self.rate, self.norm_first = dropout, norm_first

    def load_arrays(self, arrays):
        self.first.assign(arrays["feed_forward.0.weight"])
        self.first_bias.assign(arrays["feed_forward.0.bias"])
        self.second.assign(arrays["feed_forward.1.weight"])
        self.second_bias.assign(arrays["feed_forward.1.bias"])
        for n in range(2):
            self.gains[n].assign(arrays[f"norm{n + 1}.weight"])
            self.shifts[n].assign(arrays[f"norm{n + 1}.bias"])

    def norm(self, n, x):
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        return self.gains[n] * centred * tf.math.rsqrt(tf.reduce_mean(centred**2, -1, keepdims=True) + 1e-5) + (
            self.shifts[n] + 0.0
        )

    def call(self, x, mask=None, training=None):
        def look(y):
            return self.attention(y, y, y, attention_mask=None if mask is None else mask[:, None])

        def think(y):
            return network(y, *map(tf.convert_to_tensor, (self.first, self.first_bias, self.second, self.second_bias)))

        for n, part in enumerate((look, think)):
            added = part(self.norm(n, x) if self.norm_first else x)
            if training and self.rate > 0:
                kept = tf.cast(tf.random.uniform(tf.shape(added)) >= self.rate, added.dtype)
                added = added * kept / (1 - self.rate)
            x = x + added if self.norm_first else self.norm(n, x + added)
        return x


def masked_mean(x, mask):
    text = tf.cast(tf.where(mask)[:, 0], tf.int32)  # the text of each real word
    return tf.math.segment_mean(tf.boolean_mask(x, mask), text)


class TransformerClassifier(keras.Model):
    def __init__(self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1):
        super().__init__()
        self.pad_id, self.max_len = pad_id, max_len
        self.token, self.position = (keras.layers.Embedding(n, d_model) for n in (vocab_size, max_len))
        for n in range(num_layers):
            setattr(self, f"block{n}", TransformerBlock(d_model, num_heads, d_ff, dropout))
        self.depth, self.to_logits = num_layers, keras.layers.Dense(num_classes)

    def call(self, ids, training=None):
        if ids.shape[1] > self.max_len:
            raise ValueError("too long")
        x = self.token(ids) + self.position(tf.range(ids.shape[1]))
        for n in range(self.depth):
            x = getattr(self, f"block{n}")(x, mask=ids != self.pad_id, training=training)
        return self.to_logits(masked_mean(x, ids != self.pad_id))
