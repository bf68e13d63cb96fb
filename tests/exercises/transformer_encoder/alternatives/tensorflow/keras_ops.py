"""Accepted: keras.ops throughout."""

import keras
from keras import layers, ops


class TransformerBlock(layers.Layer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False, **kwargs):
        super().__init__(**kwargs)
        if d_model % num_heads:
            raise ValueError("not divisible")
        self.norm_first = norm_first
        self.attention = layers.MultiHeadAttention(num_heads=num_heads, key_dim=d_model // num_heads)
        self.feed_forward = keras.Sequential([layers.Dense(d_ff, "relu"), layers.Dense(d_model)])
        self.norm1, self.norm2 = (layers.LayerNormalization(epsilon=1e-5) for _ in range(2))
        self.dropout1, self.dropout2 = layers.Dropout(dropout), layers.Dropout(dropout)

    def call(self, x, mask=None, training=None):
        keys = None if mask is None else ops.expand_dims(mask, 1)
        y = self.norm1(x) if self.norm_first else x
        x = ops.add(x, self.dropout1(self.attention(y, y, attention_mask=keys), training=training))
        x = x if self.norm_first else self.norm1(x)
        y = self.norm2(x) if self.norm_first else x
        x = ops.add(x, self.dropout2(self.feed_forward(y), training=training))
        return x if self.norm_first else self.norm2(x)


def masked_mean(x, mask):
    return ops.einsum("bld,bl->bd", x, ops.cast(mask, x.dtype)) / ops.cast(
        ops.sum(mask, axis=1, keepdims=True), x.dtype
    )


class TransformerClassifier(layers.Layer):
    def __init__(
        self, vocab_size, max_len, d_model, num_heads, d_ff, num_layers, num_classes, pad_id=0, dropout=0.1, **kwargs
    ):
        super().__init__(**kwargs)
        self.max_len, self.pad_id = max_len, pad_id
        self.token, self.position = layers.Embedding(vocab_size, d_model), layers.Embedding(max_len, d_model)
        self.blocks = [TransformerBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.head = layers.Dense(num_classes)

    def call(self, ids, training=None):
        length = ops.shape(ids)[1]
        if length > self.max_len:
            raise ValueError("too long")
        mask = ops.not_equal(ids, self.pad_id)
        x = self.token(ids) + self.position(ops.arange(length))
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        return self.head(masked_mean(x, mask))
