"""BERT's pre-training: hide some words of a sentence, and have the model guess them from the others.

Shapes: B batch, L length, D model width, V size of the vocabulary.
"""

import keras
import tensorflow as tf


def mask_tokens(ids, special_mask, mask_id, vocab_size, probability=0.15, seed=None):
    """Choose the words that the model has to guess, and hide most of them.

    Each place that is not special is selected with the given probability. Of the selected places 80% become mask_id,
    10% a random id from 0 to vocab_size - 1, and 10% keep their id.

    Arguments: ids (B, L), integers; special_mask (B, L), boolean, True at [CLS], [SEP] and padding, which are never
    selected; seed, an integer or a keras.random.SeedGenerator for all random numbers, or None for Keras's own.
    Returns: inputs (B, L), the ids with the selected places changed, and labels (B, L), the original id where a place
    is selected and -100 elsewhere.
    Source: Devlin et al., "BERT" (2019), section 3.1.
    """
    ### BEGIN SOLUTION
    # The same integer gives the same numbers in every draw; a generator goes on to new ones.
    generator = seed if isinstance(seed, keras.random.SeedGenerator) else keras.random.SeedGenerator(seed)
    draw = keras.random.uniform(ids.shape, seed=generator)
    selected = tf.logical_and(draw < probability, tf.logical_not(special_mask))
    labels = tf.where(selected, ids, -100)

    # What becomes of a selected place is drawn anew: up to 0.8 it is masked, from 0.9 on replaced, between them kept.
    fate = keras.random.uniform(ids.shape, seed=generator)
    random_ids = keras.random.randint(ids.shape, 0, vocab_size, dtype=ids.dtype, seed=generator)
    inputs = tf.where(tf.logical_and(selected, fate < 0.8), mask_id, ids)
    inputs = tf.where(tf.logical_and(selected, fate >= 0.9), random_ids, inputs)
    return inputs, labels
    ### END SOLUTION


def masked_lm_loss(logits, labels):
    """The mean cross-entropy over the selected places, those whose label is not -100.

    Arguments: logits (B, L, V); labels (B, L), integers.
    Returns: a tensor without axes; 0 where no place is selected.
    """
    ### BEGIN SOLUTION
    selected = tf.not_equal(labels, -100)
    targets = tf.where(selected, labels, 0)  # any id will do where the loss does not count
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)  # (B, L)
    losses = tf.where(selected, losses, 0)
    count = tf.reduce_sum(tf.cast(selected, losses.dtype))
    return tf.reduce_sum(losses) / tf.maximum(count, 1)
    ### END SOLUTION


class MaskedLMHead(keras.layers.Layer):
    """From the encoder's vectors to a score for each word of the vocabulary.

    Called with hidden (B, L, D); gives logits (B, L, V): a dense layer, the exact GELU, a layer norm, and then the
    token embedding's own weights as output weights, plus a bias.
    Arguments: token_embedding, the keras.layers.Embedding (V, D) of the encoder.
    Attributes: `dense`, keras.layers.Dense, D to D; `norm`, keras.layers.LayerNormalization with epsilon 1e-12; `bias`,
    a weight (V,), zeros at first.
    Source: Devlin et al., "BERT" (2019); tied weights: Press and Wolf, "Using the Output Embedding" (2017).
    """

    def __init__(self, token_embedding, **kwargs):
        super().__init__(**kwargs)
        ### BEGIN SOLUTION
        vocab_size, width = token_embedding.input_dim, token_embedding.output_dim
        self.token_embedding = token_embedding
        self.dense = keras.layers.Dense(width)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-12)
        self.bias = self.add_weight(shape=(vocab_size,), initializer="zeros", name="bias")
        ### END SOLUTION

    def call(self, hidden):
        ### BEGIN SOLUTION
        x = self.dense(hidden)  # (B, L, D)
        x = self.norm(keras.activations.gelu(x))
        return tf.matmul(x, self.token_embedding.embeddings, transpose_b=True) + self.bias  # (B, L, V)
        ### END SOLUTION
