"""Correct versions of a student's earlier answers, used while a later part of the exercise is graded (TensorFlow).

So a later part does not fail because an earlier answer is wrong. Students' code can read these definitions. That gives
nothing away: the lesson explains them, and they are used only after the part that asks for them has been graded.
"""

import tensorflow as tf


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("d_model must be divisible by num_heads")
    return tf.stack(tf.split(x, num_heads, axis=-1), axis=1)


def merge_heads(x):
    return tf.concat(tf.unstack(x, axis=1), axis=-1)
