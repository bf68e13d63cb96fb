"""The encoder-decoder transformer: a decoder that looks at the source, and a model that translates.

Shapes: B batch, S words of the source, L words of the target, D model width, V words that the target may have.
"""

import keras
import tensorflow as tf


class EncoderBlock(keras.layers.Layer):
    """The block of the exercise before, in post-norm: given here, not asked for."""

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.look = keras.layers.MultiHeadAttention(num_heads, key_dim=d_model // num_heads)
        self.think = keras.Sequential([keras.layers.Dense(d_ff, activation="relu"), keras.layers.Dense(d_model)])
        self.after_look = keras.layers.LayerNormalization(epsilon=1e-5)
        self.after_think = keras.layers.LayerNormalization(epsilon=1e-5)
        self.drop = keras.layers.Dropout(dropout)

    def call(self, x, mask, training=None):
        found = self.look(x, x, attention_mask=mask[:, tf.newaxis, :])
        x = self.after_look(x + self.drop(found, training=training))
        return self.after_think(x + self.drop(self.think(x), training=training))

    def compute_mask(self, inputs, previous_mask=None):
        return None


class DecoderBlock(keras.layers.Layer):
    """A transformer decoder block in post-norm: causal self-attention, cross-attention, a small network.

    Called with x (B, L, D), memory (B, S, D), and boolean masks, True for real words: mask (B, L) for x and memory_mask
    (B, S) for memory; without a mask all are real. Gives (B, L, D).
    Attributes: `self_attention` and `cross_attention`, keras.layers.MultiHeadAttention, key_dim being
    d_model // num_heads; `feed_forward`, two keras.layers.Dense with a ReLU between them; `norm1`, `norm2`, `norm3`,
    keras.layers.LayerNormalization with epsilon 1e-5, one after each of the three.
    Raises ValueError if d_model is not divisible by num_heads.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.1.
    """

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        ### BEGIN SOLUTION
        if d_model % num_heads:
            raise ValueError(f"a width of {d_model} cannot be shared equally by {num_heads} heads")
        self.self_attention = keras.layers.MultiHeadAttention(num_heads, key_dim=d_model // num_heads)
        self.cross_attention = keras.layers.MultiHeadAttention(num_heads, key_dim=d_model // num_heads)
        self.feed_forward = keras.Sequential([keras.layers.Dense(d_ff, activation="relu"), keras.layers.Dense(d_model)])
        self.norm1 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm2 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.norm3 = keras.layers.LayerNormalization(epsilon=1e-5)
        self.dropout = keras.layers.Dropout(dropout)
        ### END SOLUTION

    def call(self, x, memory, mask=None, memory_mask=None, training=None):
        ### BEGIN SOLUTION
        keys = None if mask is None else mask[:, tf.newaxis, :]  # (B, 1, L): the same keys for every query
        memory_keys = None if memory_mask is None else memory_mask[:, tf.newaxis, :]

        attended = self.self_attention(x, x, attention_mask=keys, use_causal_mask=True)
        x = self.norm1(x + self.dropout(attended, training=training))
        attended = self.cross_attention(x, memory, attention_mask=memory_keys)
        x = self.norm2(x + self.dropout(attended, training=training))
        return self.norm3(x + self.dropout(self.feed_forward(x), training=training))
        ### END SOLUTION

    def compute_mask(self, inputs, previous_mask=None):
        return None  # the masks go to every block by hand; without this, Keras warns that they get lost


def shift_right(ids, bos_id):
    """What the decoder sees while it is to write ids: each word one place later, bos_id first.

    Arguments: ids (B, L), integers.
    Returns: (B, L), bos_id and then all of ids but the last.
    """
    ### BEGIN SOLUTION
    bos = tf.fill(tf.shape(ids[:, :1]), tf.cast(bos_id, ids.dtype))
    return tf.concat([bos, ids[:, :-1]], axis=1)
    ### END SOLUTION


class Seq2SeqTransformer(keras.layers.Layer):
    """A translator: an encoder reads the source, a decoder writes the target.

    Called with source (B, S) and target (B, L), integers, padded with pad_id at the end; target is shifted already.
    Gives logits (B, L, V), V being target_vocab: at each place, what comes next. There are num_layers blocks on either
    side, and trainable positions.
    Raises ValueError when called with more than max_len ids in a row, in source or target.
    """

    def __init__(
        self, source_vocab, target_vocab, max_len, d_model, num_heads, d_ff, num_layers, pad_id=0, dropout=0.1, **kwargs
    ):
        super().__init__(**kwargs)
        ### BEGIN SOLUTION
        self.max_len, self.pad_id = max_len, pad_id
        self.source_token = keras.layers.Embedding(source_vocab, d_model)
        self.source_position = keras.layers.Embedding(max_len, d_model)
        self.target_token = keras.layers.Embedding(target_vocab, d_model)
        self.target_position = keras.layers.Embedding(max_len, d_model)
        self.encoder = [EncoderBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.decoder = [DecoderBlock(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.dropout = keras.layers.Dropout(dropout)
        self.to_logits = keras.layers.Dense(target_vocab)
        ### END SOLUTION

    def call(self, source, target, training=None):
        ### BEGIN SOLUTION
        source_mask, target_mask = tf.not_equal(source, self.pad_id), tf.not_equal(target, self.pad_id)
        memory = self.embed(source, self.source_token, self.source_position, training)  # (B, S, D)
        for block in self.encoder:
            memory = block(memory, mask=source_mask, training=training)
        x = self.embed(target, self.target_token, self.target_position, training)  # (B, L, D)
        for block in self.decoder:
            x = block(x, memory, mask=target_mask, memory_mask=source_mask, training=training)
        return self.to_logits(x)

    def embed(self, ids, token, position, training):
        length = ids.shape[1]
        if length > self.max_len:
            raise ValueError(f"{length} ids in a row, but there are only {self.max_len} positions")
        return self.dropout(token(ids) + position(tf.range(length)), training=training)
        ### END SOLUTION


def greedy_decode(model, source, bos_id, eos_id, max_new_tokens, pad_id=0):
    """Let a model translate, always taking the likeliest next word.

    Arguments: model(source (B, S), target (B, L)) gives logits (B, L, V), a Keras layer; source (B, S).
    Returns: ids (B, at most max_new_tokens), without bos_id; a row ends with its first eos_id, and pad_id follows. The
    model works in evaluation mode.
    """
    ### BEGIN SOLUTION
    target = tf.fill(tf.shape(source[:, :1]), tf.cast(bos_id, source.dtype))
    done = tf.zeros_like(source[:, 0], dtype=tf.bool)
    for _ in range(max_new_tokens):
        logits = model(source, target, training=False)
        new = tf.argmax(logits[:, -1], axis=-1, output_type=source.dtype)  # (B,)
        new = tf.where(done, tf.cast(pad_id, new.dtype), new)
        target = tf.concat([target, new[:, tf.newaxis]], axis=1)
        done = done | (new == eos_id)
        if tf.reduce_all(done):
            break
    return target[:, 1:]
    ### END SOLUTION
