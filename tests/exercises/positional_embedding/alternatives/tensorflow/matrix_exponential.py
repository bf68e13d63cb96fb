"""Accepted: the shift as a matrix exponential, and the encoding as the first row, shifted again and again."""

import keras
import tensorflow as tf


def generator(d_model):
    """The matrix whose exponential moves by one position: what turns each pair, and how fast."""
    if d_model % 2:
        raise ValueError("d_model must be even")
    speed = tf.constant(10000.0, tf.float64) ** (-tf.range(0, d_model, 2, dtype=tf.float64) / d_model)
    beside = tf.scatter_nd(tf.range(0, d_model, 2)[:, None], speed, [d_model])[:-1]
    return tf.linalg.diag(beside, k=1) - tf.linalg.diag(beside, k=-1)


def relative_shift(offset, d_model):
    return tf.cast(tf.linalg.expm(float(offset) * generator(d_model)), tf.float32)


def sinusoidal_encoding(max_len, d_model):
    step = tf.linalg.expm(generator(d_model))
    first = tf.tile(tf.constant([0.0, 1.0], tf.float64), [d_model // 2])
    rows = tf.scan(lambda row, _: tf.linalg.matvec(step, row), tf.range(max_len - 1), initializer=first)
    return tf.cast(tf.concat([first[tf.newaxis], rows], axis=0), tf.float32)


class PositionalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        setattr(self, "token", keras.layers.Embedding(vocab_size, d_model))  # noqa: B010
        setattr(self, "position", keras.layers.Embedding(max_len, d_model))  # noqa: B010
        self.position.build()

    def call(self, ids):
        length, rows = ids.shape[1], self.position.embeddings.shape[0]
        if rows < length:
            raise ValueError("more words than positions")
        first, _ = tf.split(self.position.embeddings, [length, rows - length])
        return tf.add(first, self.token(ids))


class SinusoidalEmbedding(keras.layers.Layer):
    def __init__(self, vocab_size, max_len, d_model):
        super().__init__()
        self.root = d_model**0.5
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.rows = sinusoidal_encoding(max_len, d_model).numpy().tolist()  # a list of numbers for each position

    def call(self, ids):
        rows = self.rows[: ids.shape[1]]
        if len(rows) < ids.shape[1]:
            raise ValueError("more words than positions")
        words = self.token(ids)
        return tf.math.accumulate_n([words * self.root, tf.broadcast_to(tf.constant(rows, words.dtype), words.shape)])
