"""BERT classifiers of the TensorFlow track: made from a checkpoint, given weights, asked for logits, watched.

Part of the TensorFlow adapter, imported where an exercise's answers use `keras_hub`.
"""

from __future__ import annotations

import contextlib
import importlib
import random
from typing import TYPE_CHECKING, Any

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from autograder.workers import adapter, tiny_bert, worker_messages
from autograder.workers.adapter import check_shape
from autograder.workers.namespace import StudentMessage

with contextlib.suppress(ImportError):  # or each contestant would import it when it first loads a model
    importlib.import_module("keras_hub.src.utils.transformers.preset_loader")

if TYPE_CHECKING:
    from autograder.workers.tensorflow import Adapter

MANY = 128  # rows of one pass when logits are asked for


class Classifiers(adapter.Classifiers):
    """KerasHub classifiers; see `autograder.workers.adapter.Classifiers`."""

    def __init__(self, framework: Adapter, checkpoint: str) -> None:
        self.framework, self.checkpoint = framework, checkpoint

    def folder(self, tiny: dict[str, Any] | None) -> str:
        return tiny_bert.written(tiny) if tiny else self.checkpoint

    def tokenizer(self) -> keras_hub.models.BertTokenizer:
        return keras_hub.models.BertTokenizer.from_preset(self.checkpoint)

    def classifier(self, folder: str, num_classes: int, frozen: bool, pretrained: bool) -> Any:
        random.seed(0)  # Keras takes the seeds of its initialisers from there
        model = keras_hub.models.BertTextClassifier.from_preset(
            folder, num_classes=num_classes, preprocessor=None, load_weights=pretrained
        )
        model.backbone.trainable = not frozen
        return self.framework.handle(model)

    def load_head(self, handle: Any, weight: np.ndarray, bias: np.ndarray) -> None:
        head = getattr(handle.layer, "output_dense", None)
        if not isinstance(head, keras.layers.Dense):
            raise StudentMessage(worker_messages.NO_CLASSIFICATION_LAYER.said())
        check_shape("classification layer's weight", tuple(head.kernel.shape), weight, transposed=True)
        head.kernel.assign(tf.cast(weight, head.kernel.dtype))
        head.bias.assign(tf.cast(bias, head.bias.dtype))

    def set_dropout(self, handle: Any, rate: float) -> None:
        for layer in handle.layer._flatten_layers():
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = rate
            elif isinstance(layer, keras.layers.MultiHeadAttention):
                layer._dropout = rate  # it reads this before it calls its Dropout layer

    def logits(self, handle: Any, batch: dict[str, Any]) -> tf.Tensor:
        ids, mask = batch["input_ids"], batch["attention_mask"]
        inputs = {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": mask}
        found: list[tf.Tensor] = []
        for start in range(0, len(ids), MANY):
            found.append(handle.layer({k: v[start : start + MANY] for k, v in inputs.items()}, training=False))
        return tf.concat(found, axis=0)

    def state(self, handle: Any) -> dict[str, Any]:
        return {v.path: v for v in handle.layer.weights if "seed_generator" not in v.path}

    def seen(self, handle: Any) -> dict[str, Any]:
        return {"training": [], "gradient": [], "mode": None, "gradients_left": False}
