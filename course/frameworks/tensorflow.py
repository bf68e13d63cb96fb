"""TensorFlow with Keras 3 for the visible checks. `Framework` says what each method does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from course.frameworks.base import Framework, Unexpected
from course.i18n import _


class TensorFlow(Framework):
    """The adapter to TensorFlow: a module is a `keras.layers.Layer`."""

    title = "TensorFlow"

    def __init__(self) -> None:
        super().__init__()
        import keras
        import tensorflow

        self.keras, self.tf = keras, tensorflow
        self.module_type = keras.layers.Layer

    def tensor(self, array: np.ndarray) -> Any:
        return self.tf.constant(array)

    def array(self, tensor: Any) -> np.ndarray:
        return self.keras.ops.convert_to_numpy(tensor)

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, (self.tf.Tensor, self.tf.Variable, self.keras.Variable))

    def run(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool = False) -> Any:
        return module(*args, **kwargs, **({"training": True} if training else {}))

    def linear_layers(self, owner: Any) -> list[Any]:
        if isinstance(owner, (list, tuple)):
            return [layer for part in owner for layer in self.linear_layers(part)]
        layers = owner._flatten_layers() if isinstance(owner, self.keras.layers.Layer) else []
        return [layer for layer in layers if isinstance(layer, self.keras.layers.Dense)]

    def silence(self, layer: Any) -> None:
        for variable in layer.weights:
            variable.assign(self.tf.zeros_like(variable))

    def attended(self, layer: Any, x: np.ndarray) -> np.ndarray:
        return self.array(layer(self.given(x), self.given(x)))

    def fit(self, module: Any, ids: np.ndarray, labels: np.ndarray, steps: int, rate: float) -> np.ndarray:
        given, optimizer, losses = self.given(ids), self.keras.optimizers.Adam(rate), []
        for _step in range(steps):
            with self.tf.GradientTape() as tape:
                logits = module(given, training=True)
                each = self.tf.nn.sparse_softmax_cross_entropy_with_logits(self.given(labels), logits)
                loss = self.tf.reduce_mean(each)
            pairs = zip(tape.gradient(loss, module.trainable_variables), module.trainable_variables, strict=True)
            reached = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
            optimizer.apply_gradients(reached)
            losses.append(float(loss))
        return np.array(losses)

    def gradients(
        self, call: Callable[..., Any], arrays: tuple[Any, ...], output: int | None, module: Any = None
    ) -> list[np.ndarray]:
        given = [self.given(array) for array in arrays]
        asked = [t for t in given if self.is_tensor(t) and t.dtype.is_floating]
        with self.tf.GradientTape() as tape:
            for tensor in asked:
                tape.watch(tensor)
            result = call(*given)
            result = result if output is None else result[output]
            uneven = self.tf.reshape(self.tf.linspace(-1.0, 2.0, self.tf.size(result)), self.tf.shape(result))
            total = self.tf.reduce_sum(result * self.tf.cast(uneven, result.dtype))
        if module is not None:
            asked += [v.value if isinstance(v, self.keras.Variable) else v for v in module.trainable_variables]
        found = tape.gradient(total, asked)
        # Keras reads some weights in rows (IndexedSlices): as a tensor each.
        return [
            np.zeros(tuple(t.shape)) if g is None else self.array(self.tf.convert_to_tensor(g))
            for t, g in zip(asked, found, strict=True)
        ]

    def elsewhere(self, call: Callable[..., Any], arrays: tuple[Any, ...], module: Any = None) -> str:
        """Nothing: TensorFlow moves tensors between devices by itself."""
        return ""

    def received(self, layer: Any, call: Callable[[], Any]) -> list[np.ndarray]:
        seen: list[np.ndarray] = []
        before = layer.call

        def noting(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(self.array(inputs))
            return before(inputs, *args, **kwargs)

        object.__setattr__(layer, "call", noting)  # around Keras, which keeps account of attributes
        try:
            call()
        finally:
            object.__delattr__(layer, "call")
        return seen

    def load_layer(self, layer: Any, path: str, arrays: dict[str, np.ndarray]) -> None:
        layers = self.keras.layers
        if isinstance(layer, layers.Layer) and not layer.built:  # Keras makes weights when a layer is first called
            raise Unexpected(_("`{path}` has no weights after a call of the module; is it applied?").format(path=path))
        for kind, array in arrays.items():
            if isinstance(layer, layers.Dense):
                variable = layer.kernel if kind == "weight" else layer.bias
            elif isinstance(layer, layers.LayerNormalization):
                variable = layer.gamma if kind == "weight" else layer.beta
            elif isinstance(layer, layers.Embedding):
                variable = layer.embeddings if kind == "weight" else None
            else:  # a layer of the student's own, or a bare variable, is as good where it has the shape
                bare = isinstance(layer, (self.keras.Variable, self.tf.Variable)) and kind == "weight"
                variable = layer if bare else getattr(layer, kind, None)
            if (
                not isinstance(variable, (self.keras.Variable, self.tf.Variable))
                or tuple(variable.shape) != array.shape
            ):
                raise self.cannot_load(layer, path, arrays)
            variable.assign(array)

    ids = "int32"

    def bert_tokenizer(self, folder: str) -> Any:
        import keras_hub

        return keras_hub.models.BertTokenizer.from_preset(folder)

    def bert(self, folder: str, num_classes: int, dropout: float = 0.0, frozen: bool = False) -> Any:
        import keras_hub

        model = keras_hub.models.BertTextClassifier.from_preset(folder, num_classes=num_classes, preprocessor=None)
        for layer in model._flatten_layers():  # from_preset has an argument for the classifier's own dropout alone
            if isinstance(layer, self.keras.layers.Dropout):
                layer.rate = dropout
            elif isinstance(layer, self.keras.layers.MultiHeadAttention):
                layer._dropout = dropout  # it looks here before it calls its Dropout layer
        model.backbone.trainable = not frozen
        return model

    def is_bert(self, value: Any) -> bool:
        import keras_hub

        return isinstance(value, keras_hub.models.BertTextClassifier)

    def bert_logits(self, model: Any, batch: dict[str, np.ndarray]) -> np.ndarray:
        ids, mask = batch["input_ids"], batch["attention_mask"]
        inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}
        return self.array(model(inputs, training=False))

    def bert_weights(self, model: Any) -> dict[str, np.ndarray]:
        return {v.path: self.array(v).copy() for v in model.weights if v.dtype.startswith("float")}

    def bert_head(self, model: Any) -> tuple[np.ndarray, np.ndarray]:
        return self.array(model.output_dense.kernel).copy(), self.array(model.output_dense.bias).copy()

    def set_bert_head(self, model: Any, weight: np.ndarray, bias: np.ndarray) -> None:
        self.load_layer(model.output_dense, "output_dense", {"weight": weight, "bias": bias})

    def generator(self, seed: int) -> Any:
        return self.keras.random.SeedGenerator(seed)

    def embedding(self, weight: np.ndarray) -> Any:
        layer = self.keras.layers.Embedding(*weight.shape)
        layer.build((None, None))
        layer.embeddings.assign(weight.astype(self.dtype))
        return layer

    def trainable(self, module: Any) -> int:
        return int(sum(np.prod(v.shape) for v in module.trainable_variables))

    def copy_state(self, source: Any, target: Any) -> None:
        target.set_weights(source.get_weights())

    @contextmanager
    def float64(self) -> Iterator[None]:
        config = self.keras.config
        before, policy, floatx = self.dtype, config.dtype_policy(), config.floatx()
        self.dtype = "float64"
        config.set_floatx("float64")
        config.set_dtype_policy("float64")
        try:
            yield
        finally:
            self.dtype = before
            config.set_floatx(floatx)
            config.set_dtype_policy(policy)
