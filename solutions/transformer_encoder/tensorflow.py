"""The transformer encoder: a block of attention and a small network, stacked, and a classifier on top.

Shapes: B batch, L words, D model width, F width inside the small network, C classes.
"""

import math  # noqa: F401  (every module of a track opens with the same imports)

import keras
import tensorflow as tf


class TransformerBlock(keras.layers.Layer):
    """A transformer encoder block: attention and a small network, each with a residual connection and a layer norm.

    Called with x (B, L, D) and a boolean mask (B, L), True for real words; without a mask all are real.
    Gives (B, L, D).
    With norm_first the norms stand before attention and network (pre-norm), otherwise after the sums (post-norm).
    Attributes: `attention`, keras.layers.MultiHeadAttention, key_dim being d_model // num_heads; `feed_forward`, two
    keras.layers.Dense with a ReLU between them, D to d_ff to D; `norm1` and `norm2`, keras.layers.LayerNormalization
    with epsilon 1e-5.
    Raises ValueError if d_model is not divisible by num_heads.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.1.
    """

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False, **kwargs):
        super().__init__(**kwargs)
        ### BEGIN SOLUTION
        if d_model % num_heads:
            raise ValueError(f"a width of {d_model} cannot be shared equally by {num_heads} heads")
        self.norm_first = norm_first
        self.attention = keras.layers.MultiHeadAttention(num_heads, key_dim=d_model // num_heads)
        self.feed_forward = keras.Sequential([keras.layers.Dense(d_ff, activation="relu"), keras.layers.Dense(d_model)])
        self.norm1 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm2 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.dropout = keras.layers.Dropout(dropout)
        ### END SOLUTION

    def call(self, x, mask=None, training=None):
        ### BEGIN SOLUTION
        keys = None if mask is None else mask[:, tf.newaxis, :]  # (B, 1, L): the same keys for every query

        def attend(x):
            return self.attention(x, x, attention_mask=keys)

        def drop(x):
            return self.dropout(x, training=training)

        if self.norm_first:
            x = x + drop(attend(self.norm1(x)))
            return x + drop(self.feed_forward(self.norm2(x)))
        x = self.norm1(x + drop(attend(x)))
        return self.norm2(x + drop(self.feed_forward(x)))
        ### END SOLUTION

    def compute_mask(self, inputs, previous_mask=None):
        return None  # the mask goes to every block by hand; without this, Keras warns that it gets lost


def masked_mean(x, mask):
    """The mean of the real words' vectors.

    Arguments: x (B, L, D); mask (B, L), boolean, True for real words, at least one a row.
    Returns: (B, D).
    """
    ### BEGIN SOLUTION
    real = tf.cast(mask[:, :, tf.newaxis], x.dtype)  # (B, L, 1)
    return tf.reduce_sum(x * real, axis=1) / tf.reduce_sum(real, axis=1)
    ### END SOLUTION


class TransformerClassifier(keras.layers.Layer):
    """A classifier of texts: words and trainable positions, a stack of transformer blocks, the mean, a linear layer.

    Called with ids (B, L), padded with pad_id at the end. Gives logits (B, C), C being num_classes.
    Raises ValueError when called with more than max_len ids in a row.
    """

    def __init__(
        self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1, **kwargs
    ):
        super().__init__(**kwargs)
        ### BEGIN SOLUTION
        self.max_len, self.pad_id = max_len, pad_id
        self.token = keras.layers.Embedding(vocab_size, d_model)
        self.position = keras.layers.Embedding(max_len, d_model)
        self.dropout = keras.layers.Dropout(dropout)
        self.blocks = [TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.to_logits = keras.layers.Dense(num_classes)
        ### END SOLUTION

    def call(self, ids, training=None):
        ### BEGIN SOLUTION
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError(f"{length} ids in a row, but there are only {self.max_len} positions")
        mask = tf.not_equal(ids, self.pad_id)  # (B, L)
        x = self.token(ids) + self.position(tf.range(length))  # (B, L, D)
        x = self.dropout(x, training=training)
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        return self.to_logits(masked_mean(x, mask))
        ### END SOLUTION
