"""Correct versions of a student's earlier answers, used while a later part of the exercise is graded (TensorFlow).

So a later part does not fail because an earlier answer is wrong. Students' code can read these definitions. That gives
nothing away: the lesson explains them, and they are used only after the part that asks for them has been graded.
"""

import keras
import tensorflow as tf


def sinusoidal_encoding(max_len, d_model, dtype=None):
    if d_model % 2:
        raise ValueError("d_model must be even")
    column = tf.range(d_model)
    exponent = tf.cast(column - column % 2, tf.float64) / d_model
    angles = tf.range(max_len, dtype=tf.float64)[:, tf.newaxis] / 10000.0**exponent
    return tf.cast(tf.where(column % 2 == 0, tf.sin(angles), tf.cos(angles)), dtype or keras.config.floatx())
