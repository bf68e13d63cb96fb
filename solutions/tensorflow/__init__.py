"""The reference implementations in TensorFlow, as Keras 3 layers over `tf.Tensor`."""
