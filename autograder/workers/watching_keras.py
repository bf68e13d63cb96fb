"""Watches Keras's own attention: its functions and layers leave a note in a `Watch` when they run.

Keras and TensorFlow are imported here, so the adapter, which sets their environment first, imports this module last.
"""

from __future__ import annotations

import functools
from typing import Any

import keras
from keras.src.backend.tensorflow import nn as backend_operations
from keras.src.layers import layer as keras_layer
from keras.src.ops import nn as nn_operations

from autograder.workers.watching import Watch
from course.syllabus import syllabus

READY_MADE = frozenset(syllabus().track("tensorflow").ready_made)
# The methods of ready-made layers that compute attention, watched because an answer may call them directly.
LAYERS = {
    keras.layers.Attention: ("_calculate_scores", "_apply_scores"),
    keras.layers.AdditiveAttention: ("_calculate_scores",),
    keras.layers.MultiHeadAttention: ("_compute_attention",),
    keras.layers.GroupQueryAttention: ("_compute_attention",),
}


def watch_ready_made(watch: Watch) -> None:
    """Make Keras's own attention leave a note in `watch` when it runs; the judge decides what that means."""
    below = (backend_operations.dot_product_attention, backend_operations._dot_product_attention_xla)
    for operation in (nn_operations.dot_product_attention, *below):
        watch.inside("keras.ops.dot_product_attention", operation)
    for layer, methods in LAYERS.items():
        for method in methods:
            watch.inside(f"keras.layers.{layer.__name__}", getattr(layer, method))
    call = keras_layer.Layer.__call__
    known: dict[type[object], str | None] = {}  # what `_ready_made` gave, which is asked at each call of a layer

    @functools.wraps(call)
    def noted(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        kind: type[object] = type(layer)
        if kind not in known:
            known[kind] = _ready_made(kind)
        if (name := known[kind]) is not None:
            watch.note(name)
        return call(layer, *args, **kwargs)

    keras_layer.Layer.__call__ = noted


def _ready_made(cls: type[object]) -> str | None:
    """The public name of the ready-made layer that a class is, or is derived from; None where it is neither."""
    for base in cls.__mro__:
        package = base.__module__.partition(".")[0]
        if package in ("keras", "keras_hub") and f"{package}.layers.{base.__name__}" in READY_MADE:
            return f"{package}.layers.{base.__name__}"
    return None
