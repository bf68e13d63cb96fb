"""Plain pieces that stand in for a student's own while a later part of the exercise is graded (TensorFlow).

A later part never fails because an earlier answer is wrong. An answer may read these: they are what the lesson explains
anyway, and are there only after the part that asks for them has been graded.
"""

import tensorflow as tf


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads:
        raise ValueError("d_model must be divisible by num_heads")
    return tf.stack(tf.split(x, num_heads, axis=-1), axis=1)


def merge_heads(x):
    return tf.concat(tf.unstack(x, axis=1), axis=-1)
