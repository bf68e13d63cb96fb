"""Telling a transformer where its words stand: sinusoids, trainable positions, and why relative position is linear.

Attention by itself sees a set of words, not a sequence. Both embeddings here add to each word's vector a second vector
that depends on its place alone. Shapes: B batch, L length, D model width.
"""

import math

import keras
import tensorflow as tf


def sinusoidal_encoding(max_len, d_model, dtype=None):
    """The fixed encoding of the positions 0 to max_len - 1.

    Column 2i holds sin(p / 10000^(2i/d_model)) for position p, column 2i + 1 the cosine of the same angle.

    Returns: (max_len, d_model), in Keras's default float type, float32, unless `dtype` says otherwise.
    Raises ValueError if d_model is odd: the columns come in pairs.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.5.
    """
    ### BEGIN SOLUTION
    if d_model % 2:
        raise ValueError(f"d_model must be even, because sine and cosine come in pairs; it is {d_model}")
    # Far positions have large angles, of which float32 loses the digits that matter: compute in float64, then round.
    positions = tf.range(max_len, dtype=tf.float64)
    exponents = tf.range(0, d_model, 2, dtype=tf.float64) / d_model
    angles = positions[:, tf.newaxis] / 10000.0 ** exponents[tf.newaxis, :]  # (max_len, d_model / 2)
    pairs = tf.stack([tf.sin(angles), tf.cos(angles)], axis=-1)  # (max_len, d_model / 2, 2)
    encoding = tf.reshape(pairs, (max_len, d_model))  # sine and cosine by turns
    return tf.cast(encoding, dtype or keras.config.floatx())
    ### END SOLUTION


class PositionalEmbedding(keras.layers.Layer):
    """Token embedding plus a trainable embedding of the position.

    Called with ids (B, L), integers; gives (B, L, D). L may be any length up to max_len.
    Attributes: `token`, `position`, both keras.layers.Embedding, of vocab_size and of max_len rows.
    Raises ValueError if the sequence is longer than max_len.
    Source: Gehring et al., "Convolutional Sequence to Sequence Learning" (2017), section 3.1; BERT does the same.
    """

    def __init__(self, vocab_size, max_len, d_model, **kwargs):
        super().__init__(**kwargs)
        ### BEGIN SOLUTION
        self.max_len = max_len
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.position = keras.layers.Embedding(max_len, d_model)
        ### END SOLUTION

    def call(self, ids):
        ### BEGIN SOLUTION
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError(f"the sequence has {length} tokens, but there are positions for {self.max_len} only")
        positions = tf.range(length)
        return self.token(ids) + self.position(positions)  # (B, L, D) + (L, D)
        ### END SOLUTION


class SinusoidalEmbedding(keras.layers.Layer):
    """Token embedding, times the root of d_model, plus the fixed sinusoidal encoding.

    Called with ids (B, L), integers; gives (B, L, D). The encoding is no weight: it is not trained.
    Attribute: `token`, keras.layers.Embedding of vocab_size rows.
    Raises ValueError if d_model is odd, or if the sequence is longer than max_len.
    Source: Vaswani et al. (2017), sections 3.4 and 3.5.
    """

    def __init__(self, vocab_size, max_len, d_model, **kwargs):
        super().__init__(**kwargs)
        ### BEGIN SOLUTION
        self.max_len = max_len
        self.scale = math.sqrt(d_model)
        self.token = keras.layers.Embedding(vocab_size, d_model)
        # A plain tensor, not a weight: nothing trains it, and it can always be computed again.
        self.encoding = sinusoidal_encoding(max_len, d_model, dtype=self.compute_dtype)
        ### END SOLUTION

    def call(self, ids):
        ### BEGIN SOLUTION
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError(f"the sequence has {length} tokens, but there are positions for {self.max_len} only")
        return self.token(ids) * self.scale + self.encoding[:length]  # (B, L, D) + (L, D)
        ### END SOLUTION


def relative_shift(offset, d_model, dtype=None):
    """The matrix that moves the sinusoidal encoding by `offset` positions: encoding[p + offset] = M @ encoding[p].

    One matrix serves every position p, so a linear layer can learn to look a fixed distance back or ahead.

    Returns: (d_model, d_model), in Keras's default float type, float32, unless `dtype` says otherwise. The offset may
    be negative.
    Raises ValueError if d_model is odd.
    Source: Vaswani et al. (2017), section 3.5, the claim that the encoding was chosen for.
    """
    ### BEGIN SOLUTION
    if d_model % 2:
        raise ValueError(f"d_model must be even, because sine and cosine come in pairs; it is {d_model}")
    exponents = tf.range(0, d_model, 2, dtype=tf.float64) / d_model
    angles = offset / 10000.0**exponents  # (d_model / 2,): how far each pair turns
    sin, cos = tf.sin(angles), tf.cos(angles)
    # sin(a + b) = cos(b) sin(a) + sin(b) cos(a), and cos(a + b) = -sin(b) sin(a) + cos(b) cos(a): a rotation a pair,
    # so cosines on the diagonal, and sines beside it wherever row and column belong to the same pair.
    diagonal = tf.repeat(cos, 2)
    beside = tf.reshape(tf.stack([sin, tf.zeros_like(sin)], axis=-1), (d_model,))[:-1]
    shift = tf.linalg.diag(diagonal) + tf.linalg.diag(beside, k=1) - tf.linalg.diag(beside, k=-1)
    return tf.cast(shift, dtype or keras.config.floatx())
    ### END SOLUTION
