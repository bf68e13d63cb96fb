"""The thin layer between the visible checks, which are written in NumPy once, and the framework of a track.

A check hands arrays to the student's function or module and gets arrays back. Here arrays become tensors and tensors
become arrays, weights are put into a module by the names that the exercise promises (`W_q.weight`), and nothing else.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from course.i18n import _


class Unexpected(Exception):
    """The student's code gave something that is not what the contract says; the message is for the student.

    `certain`: the hint is about what was seen. The usual hint of a comparison is not: numbers can be wrong for many
    reasons.
    """

    def __init__(self, message: str, hint: str = "", comparison: Any = None, certain: bool = True):
        super().__init__(message)
        self.message, self.hint, self.comparison, self.certain = message, hint, comparison, certain


class Framework:
    """What both frameworks share: the walk over arguments and results. `dtype` is the float type of the arrays
    given."""

    title: str
    module_type: type
    other_device: str | None = None  # one that every machine has beside the usual one, to see where a tensor is made

    def __init__(self) -> None:
        self.dtype = "float32"

    def given(self, value: Any) -> Any:
        """NumPy arrays as tensors, floats in the current precision, also in dicts and lists; all else unchanged."""
        if isinstance(value, np.ndarray):
            return self.tensor(value.astype(self.dtype) if value.dtype.kind == "f" else value.copy())
        if isinstance(value, dict):
            return {name: self.given(item) for name, item in value.items()}
        return [self.given(item) for item in value] if isinstance(value, list) else value

    def taken(self, value: Any, what: str) -> Any:
        """Tensors as NumPy arrays, in tuples and lists too; None stays None."""
        if value is None:
            return None
        if isinstance(value, (tuple, list)):
            return tuple(self.taken(item, what) for item in value)
        if not self.is_tensor(value):
            raise Unexpected(
                _("`{what}` returned a {kind}; a {framework} tensor was expected.").format(
                    what=what, kind=type(value).__name__, framework=self.title
                )
            )
        return self.array(value)

    def load(self, module: Any, weights: dict[str, np.ndarray]) -> None:
        """Put weights into a module: through the outermost `load_arrays` on the way, else through attributes."""
        layers: dict[str, dict[str, np.ndarray]] = {}
        in_their_own_way: dict[str, dict[str, np.ndarray]] = {}
        for name, array in weights.items():
            path, _dot, kind = name.rpartition(".")
            keeper = self.keeper(module, path)
            if keeper is None:
                layers.setdefault(path, {})[kind] = array.astype(self.dtype)
            else:
                below = name.removeprefix(f"{keeper}.") if keeper else name
                in_their_own_way.setdefault(keeper, {})[below] = array.astype(self.dtype)
        for path, arrays in in_their_own_way.items():
            self.find(module, path).load_arrays(arrays)
        for path, arrays in layers.items():
            layer = self.find(module, path)  # without a path: parameters of the module itself
            missing = path if layer is None else "" if path else next((n for n in arrays if not hasattr(module, n)), "")
            if missing:
                raise Unexpected(
                    _("The module has no attribute `{path}`.").format(path=missing),
                    _(
                        "Weights are loaded by the names that the docstring lists; keep the layer in `self.{path}`."
                    ).format(path=missing),
                )
            self.load_layer(layer, path, arrays)

    def keeper(self, module: Any, path: str) -> str | None:
        """The path of the outermost module on the way that has a `load_arrays`, or None."""
        names = path.split(".") if path else []
        ways = (".".join(names[:length]) for length in range(len(names) + 1))
        return next((way for way in ways if callable(getattr(self.find(module, way), "load_arrays", None))), None)

    def find(self, module: Any, path: str) -> Any:
        """What a dotted path leads to, or None; a number counts the linear layers: `feed_forward.1` is the second."""
        for name in path.split(".") if path else ():
            layers = self.linear_layers(module) if name.isdecimal() else None
            module = getattr(module, name, None) if layers is None else dict(enumerate(layers)).get(int(name))
        return module

    def cannot_load(self, layer: Any, path: str, arrays: dict[str, np.ndarray]) -> Unexpected:
        shapes = ", ".join(f"`{kind}` {array.shape}" for kind, array in arrays.items())
        return Unexpected(
            _("`{path}` is a {kind} that does not hold {shapes}.").format(
                path=path or "module", kind=type(layer).__name__, shapes=shapes
            ),
            _("Use the layer that the docstring names, or define `load_arrays` as the text above describes."),
        )

    # what a framework says for itself
    tensor: Callable[[np.ndarray], Any]
    array: Callable[[Any], np.ndarray]
    is_tensor: Callable[[Any], bool]
    run: Callable[..., Any]  # (module, args, kwargs, training=False)
    linear_layers: Callable[[Any], list]  # those in a module, or in a list, in their order
    silence: Callable[[Any], None]  # sets all weights of a layer to zero
    attended: Callable[[Any, np.ndarray], np.ndarray]  # what the framework's own attention makes of x (B, L, D)
    fit: Callable[..., np.ndarray]  # (module, ids, labels, steps, rate): Adam on these few texts; the losses
    load_layer: Callable[[Any, str, dict[str, np.ndarray]], None]
    gradients: Callable[..., list[np.ndarray]]  # (call, arrays, output, module=None): see `behaviour.gradient_reaches`
    elsewhere: Callable[..., str]  # (call, arrays, module=None): what is wrong on another device, or nothing
    received: Callable[[Any, Callable[[], Any]], list[np.ndarray]]  # what a layer was given while the call ran
    generator: Callable[[int], Any]  # a source of random numbers with this seed
    embedding: Callable[[np.ndarray], Any]  # the framework's own, with these weights (V, D)

    # of the exercises with BERT: `ids` is the type of token ids, and a model is the library's classifier
    ids: str
    bert_tokenizer: Callable[[str], Any]
    bert: Callable[..., Any]  # (folder, num_classes, dropout=0.0, frozen=False)
    is_bert: Callable[[Any], bool]
    bert_logits: Callable[[Any, dict[str, np.ndarray]], np.ndarray]  # in evaluation mode
    bert_weights: Callable[[Any], dict[str, np.ndarray]]  # all of them, by the library's names
    bert_head: Callable[[Any], tuple[np.ndarray, np.ndarray]]  # the classification layer: weight (D, C), bias (C,)
    set_bert_head: Callable[[Any, np.ndarray, np.ndarray], None]


class PyTorch(Framework):
    title = "PyTorch"
    other_device = "meta"  # its tensors have a shape and no numbers

    def __init__(self) -> None:
        super().__init__()
        import torch

        self.torch = torch
        self.module_type = torch.nn.Module

    def tensor(self, array: np.ndarray) -> Any:
        return self.torch.from_numpy(array)

    def array(self, tensor: Any) -> np.ndarray:
        return tensor.detach().cpu().numpy()

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, self.torch.Tensor)

    def run(self, module: Any, args: tuple, kwargs: dict, training: bool = False) -> Any:
        module.train(training)
        with self.torch.no_grad():
            return module(*args, **kwargs)

    def linear_layers(self, owner: Any) -> list:
        if isinstance(owner, (list, tuple)):
            return [layer for part in owner for layer in self.linear_layers(part)]
        nn = self.torch.nn
        return [m for m in owner.modules() if isinstance(m, nn.Linear)] if isinstance(owner, nn.Module) else []

    def silence(self, layer: Any) -> None:
        with self.torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()

    def attended(self, layer: Any, x: np.ndarray) -> np.ndarray:
        given = self.given(x) if layer.batch_first else self.given(x).transpose(0, 1)
        with self.torch.no_grad():
            out = layer.eval()(given, given, given)[0]
        return self.array(out if layer.batch_first else out.transpose(0, 1))

    def fit(self, module: Any, ids: np.ndarray, labels: np.ndarray, steps: int, rate: float) -> np.ndarray:
        optimizer, losses = self.torch.optim.Adam(module.parameters(), lr=rate), []
        module.train()
        for _step in range(steps):
            loss = self.torch.nn.functional.cross_entropy(module(self.given(ids)), self.given(labels))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return np.array(losses)

    def gradients(
        self, call: Callable[..., Any], arrays: tuple[Any, ...], output: int | None, module: Any = None
    ) -> list[np.ndarray]:
        given = [self.given(array) for array in arrays]
        asked = [t for t in given if self.is_tensor(t) and t.is_floating_point()]
        for tensor in asked:
            tensor.requires_grad_()
        if module is not None:
            module.eval()
            asked += [p for p in module.parameters() if p.requires_grad]
        result = call(*given)
        result = result if output is None else result[output]
        if not result.requires_grad:
            return [np.zeros(tuple(t.shape)) for t in asked]
        uneven = self.torch.linspace(-1, 2, result.numel(), dtype=result.dtype).reshape(result.shape)
        found = self.torch.autograd.grad((result * uneven).sum(), asked, allow_unused=True)
        return [np.zeros(tuple(t.shape)) if g is None else self.array(g) for t, g in zip(asked, found, strict=True)]

    def elsewhere(self, call: Callable[..., Any], arrays: tuple[Any, ...], module: Any = None) -> str:
        """What PyTorch says where arguments (and the module) are on the device `meta`, and something is not.

        Its tensors have shapes and no numbers, so code may fail there that is right: only a complaint about two
        devices counts.
        """
        given = [value.to("meta") if self.is_tensor(value) else value for value in map(self.given, arrays)]
        try:
            if module is not None:
                call = copy.deepcopy(module).eval().to("meta")
            with self.torch.no_grad():
                result = call(*given)
        except Exception as error:
            text = str(error)
            return text if all(word in text for word in ("device", "meta", "cpu")) else ""
        results = result if isinstance(result, (tuple, list)) else [result]
        found = {tensor.device.type for tensor in results if self.is_tensor(tensor)} - {"meta"}
        return f"{', '.join(sorted(found))}" if found else ""

    def received(self, layer: Any, call: Callable[[], Any]) -> list[np.ndarray]:
        seen: list[np.ndarray] = []
        note = layer.register_forward_pre_hook(lambda _layer, args: seen.append(self.array(args[0])) if args else None)
        try:
            call()
        finally:
            note.remove()
        return seen

    def load_layer(self, layer: Any, path: str, arrays: dict[str, np.ndarray]) -> None:
        for kind, array in arrays.items():
            if isinstance(layer, self.torch.nn.Linear) and kind == "weight":
                array = array.T
            # A layer of the student's own, or a bare parameter, is as good where it has the shape.
            bare = isinstance(layer, self.torch.Tensor) and kind == "weight"
            parameter = layer if bare else getattr(layer, kind, None)
            if not isinstance(parameter, self.torch.Tensor) or parameter.shape != array.shape:
                raise self.cannot_load(layer, path, arrays)
            with self.torch.no_grad():
                parameter.copy_(self.torch.from_numpy(np.array(array)))

    def generator(self, seed: int) -> Any:
        return self.torch.Generator().manual_seed(seed)

    def embedding(self, weight: np.ndarray) -> Any:
        return self.torch.nn.Embedding.from_pretrained(self.given(weight), freeze=False)

    ids = "int64"

    def bert_tokenizer(self, folder: str) -> Any:
        from transformers import BertTokenizer

        return BertTokenizer.from_pretrained(folder)

    def bert(self, folder: str, num_classes: int, dropout: float = 0.0, frozen: bool = False) -> Any:
        from transformers import BertForSequenceClassification

        rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
        model = BertForSequenceClassification.from_pretrained(folder, num_labels=num_classes, **rates)
        model.bert.requires_grad_(not frozen)
        return model

    def is_bert(self, value: Any) -> bool:
        from transformers import BertForSequenceClassification

        return isinstance(value, BertForSequenceClassification)

    def bert_logits(self, model: Any, batch: dict[str, np.ndarray]) -> np.ndarray:
        mode = model.training
        inputs = {name: self.tensor(batch[name]) for name in ("input_ids", "attention_mask")}
        with self.torch.no_grad():
            logits = model.eval()(**inputs).logits
        model.train(mode)
        return self.array(logits)

    def bert_weights(self, model: Any) -> dict[str, np.ndarray]:
        return {name: self.array(p).copy() for name, p in model.named_parameters()}

    def bert_head(self, model: Any) -> tuple[np.ndarray, np.ndarray]:
        return self.array(model.classifier.weight).T.copy(), self.array(model.classifier.bias).copy()

    def set_bert_head(self, model: Any, weight: np.ndarray, bias: np.ndarray) -> None:
        self.load_layer(model.classifier, "classifier", {"weight": weight, "bias": bias})

    def trainable(self, module: Any) -> int:
        return sum(p.numel() for p in module.parameters() if p.requires_grad)

    def copy_state(self, source: Any, target: Any) -> None:
        target.load_state_dict(source.state_dict())

    @contextmanager
    def float64(self) -> Iterator[None]:
        before, self.dtype = self.dtype, "float64"
        default = self.torch.get_default_dtype()
        self.torch.set_default_dtype(self.torch.float64)
        try:
            yield
        finally:
            self.dtype = before
            self.torch.set_default_dtype(default)


class TensorFlow(Framework):
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

    def run(self, module: Any, args: tuple, kwargs: dict, training: bool = False) -> Any:
        return module(*args, **kwargs, **({"training": True} if training else {}))

    def linear_layers(self, owner: Any) -> list:
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
        return tuple(self.array(v).copy() for v in (model.output_dense.kernel, model.output_dense.bias))

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


_FRAMEWORKS = {"torch": PyTorch, "tensorflow": TensorFlow}


def framework(name: str) -> Framework:
    """A fresh adapter to the framework that the syllabus names for a track."""
    return _FRAMEWORKS[name]()
