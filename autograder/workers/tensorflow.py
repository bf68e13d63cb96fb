"""The TensorFlow adapter. `autograder.workers.adapter.Adapter` says what each method does; a module is a Keras 3 layer.

Importing TensorFlow and Keras runs no operation; the first one, in the contestant, starts TensorFlow's context. Student
functions are called eagerly, because `tf.*` refuses Keras's symbolic tensors.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Always off: oneDNN may crash on a correct answer, see `course.starting.quiet`.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
# One thread sums in one order, so that the same answer gives the same bits.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import contextlib  # noqa: E402
import functools  # noqa: E402
import random  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from typing import Any  # noqa: E402

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras.src.layers import layer as keras_layer  # noqa: E402

from autograder.workers import adapter, worker_messages  # noqa: E402
from autograder.workers.adapter import (  # noqa: E402
    attribute_of,
    cannot_load,
    check_shape,
    find_parameter,
    numbers_for,
    place_weights,
)
from autograder.workers.harness import NotAvailable  # noqa: E402
from autograder.workers.namespace import StudentMessage  # noqa: E402
from autograder.workers.watching import Watch  # noqa: E402
from autograder.workers.watching_keras import watch_ready_made  # noqa: E402

DTYPES = {"float32": tf.float32, "float64": tf.float64}
# Keras's names for a layer's weight and bias, by the type of the layer; other layers use the names `weight` and `bias`.
LEAVES = {
    keras.layers.Dense: {"weight": "kernel", "bias": "bias"},
    keras.layers.Embedding: {"weight": "embeddings"},
    keras.layers.LayerNormalization: {"weight": "gamma", "bias": "beta"},
}

# The dtypes whose contents are sent.
SENT = ("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8")


class Handle:
    """A layer, with the class and the arguments that made it, so that it can be made once more."""

    def __init__(self, make: Any, args: list[Any], kwargs: dict[str, Any], layer: keras.layers.Layer) -> None:
        self.make, self.args, self.kwargs, self.layer = make, args, kwargs, layer
        self.pending: list[Callable[[], Any]] = []  # what to load after the first call
        self.called = self.training = False


class Adapter(adapter.Adapter):
    """TensorFlow with Keras 3, on the device "cpu" or "cuda"."""

    name = "tensorflow"

    def __init__(self, device: str = "cpu", packages: Sequence[str] = (), checkpoint: str = "") -> None:
        """`packages` beyond the framework that the exercise's answers import; `checkpoint`: the run's BERT folder."""
        self.home = device
        self.watch = Watch()
        self.dtype = tf.float32
        self.tape: tf.GradientTape | None = None
        self.gradient = tf.GradientTape.gradient
        if device == "cpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        else:  # otherwise each process takes the whole GPU, and computes products with lower precision
            os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
            tf.config.experimental.enable_tensor_float_32_execution(False)
        watch_ready_made(self.watch)
        # Before a layer's first call Keras may try it on symbolic inputs, to build its parts. The call itself builds
        # them as well, ten times faster, and `tf.*` in a student's layer would refuse symbolic inputs.
        keras_layer.might_have_unbuilt_state = lambda layer: False
        if "keras_hub" in packages:
            from autograder.workers.bert_tensorflow import Classifiers

            self.bert = Classifiers(self, checkpoint)

    def start(self, gpu_memory_mb: int = 0) -> None:
        warnings.simplefilter("ignore")
        keras.config.disable_traceback_filtering()  # in cells, too
        if self.home == "cuda":
            gpus = tf.config.list_physical_devices("GPU")
            if not gpus:
                raise RuntimeError("TensorFlow finds no GPU here (on Linux, `pip install 'tensorflow[and-cuda]'` does)")
            for gpu in gpus:
                limit = tf.config.LogicalDeviceConfiguration(memory_limit=gpu_memory_mb)
                tf.config.set_logical_device_configuration(gpu, [limit])

    def warm_up(self) -> None:
        """Make, before the fork, what TensorFlow needs for its first operation, without starting a thread."""
        from tensorflow.python.framework import kernels, op_def_registry

        np.random.seed(0)  # imports what it needs
        op_def_registry.get("MatMul")  # makes the table of all operations
        kernels.get_registered_kernels_for_op("MatMul")

    def finish(self) -> None:
        pass  # copying a result from the GPU waits for it

    def is_spent(self) -> bool:
        return False  # TensorFlow gives zeros for an index that is out of range on a GPU

    # -- values ------------------------------------------------------------------------------------------------------

    def tensor(self, array: np.ndarray, gradient: bool = False) -> tf.Tensor:
        kind = array.dtype.kind
        dtype = self.dtype if kind == "f" else tf.int32 if kind in "iu" else None
        tensor = tf.constant(array, dtype)
        if gradient:
            self._recording().watch(tensor)
        return tensor

    def integers(self, tensor: tf.Tensor, dtype: str) -> tf.Tensor:
        return tf.cast(tensor, dtype) if tensor.dtype.is_integer else tensor

    def duplicate(self, tensor: tf.Tensor) -> tf.Tensor:
        return tensor  # nothing can write into it

    def array(self, value: Any) -> np.ndarray | dict[str, Any] | None:
        if isinstance(value, tf.IndexedSlices):
            value = tf.convert_to_tensor(value)
        if isinstance(value, (tf.Variable, keras.Variable)):
            value = tf.convert_to_tensor(value)
        if not isinstance(value, tf.Tensor):
            return None
        if value.dtype.name not in SENT:
            return {"dtype": value.dtype.name, "shape": list(value.shape), "device": "cpu"}
        return value.numpy()

    def device_of(self, values: dict[str, Any]) -> str | None:
        return None

    def generator(self, seed: int) -> keras.random.SeedGenerator:
        return keras.random.SeedGenerator(seed)

    @contextlib.contextmanager
    def running(self, dtype: str, device: str | None, gradient: bool, training: bool = False) -> Iterator[None]:
        self.dtype = DTYPES[dtype]
        keras.config.disable_traceback_filtering()  # exceptions keep their full tracebacks
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        # So that the same program always gives the same answer: Keras draws its seeds from Python's generator.
        # (`keras.utils.set_random_seed` would also seed TensorFlow, which then drops all its kernels.)
        random.seed(0)
        np.random.seed(0)
        try:
            with (
                tf.GradientTape(persistent=True, watch_accessed_variables=True)
                if gradient
                else contextlib.nullcontext() as tape
            ):
                self.tape = tape
                yield
        finally:
            self.tape = None
            tf.config.run_functions_eagerly(False)
            tf.GradientTape.gradient = self.gradient
            self.leave_layers_alone()

    def leave_layers_alone(self) -> None:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")

    def _recording(self) -> tf.GradientTape:
        """The tape of the program, which asks for gradients."""
        assert self.tape is not None
        return self.tape

    def leave_uncompiled(self) -> None:
        tf.config.run_functions_eagerly(True)

        @functools.wraps(self.gradient)
        def whole(tape: tf.GradientTape, *args: Any, **kwargs: Any) -> Any:
            return tf.nest.map_structure(_whole, self.gradient(tape, *args, **kwargs))

        tf.GradientTape.gradient = whole

    def is_data_dependent(self, message: str) -> bool:
        return False

    # -- modules -----------------------------------------------------------------------------------------------------

    def module(self, symbol: Any, args: list[Any], kwargs: dict[str, Any]) -> Handle:
        layer = symbol(*args, **kwargs)
        if not isinstance(layer, keras.layers.Layer):
            name = getattr(symbol, "__name__", symbol)
            raise StudentMessage(worker_messages.NO_LAYER.said(symbol=name, type=type(layer).__name__))
        return Handle(symbol, args, kwargs, layer)

    def embedding(self, weight: np.ndarray) -> Handle:
        layer = keras.layers.Embedding(*weight.shape)
        layer.build((None, None))
        layer.embeddings.assign(tf.cast(weight, layer.embeddings.dtype))
        handle = self.handle(layer)
        handle.called = True  # it has its weights: what is loaded into it need not wait
        return handle

    def writer(self, follows: tf.Tensor, asked: tf.Tensor, place: tf.Tensor) -> keras.layers.Layer:
        return Writer(follows, asked, place)

    def handle(self, layer: keras.layers.Layer) -> Handle:
        return Handle(None, [], {}, layer)

    def inside(self, handle: Handle) -> keras.layers.Layer:
        return handle.layer

    def load(self, handle: Handle, weights: dict[str, np.ndarray]) -> None:
        def now() -> None:
            trained = functools.partial(_trained, handle.layer)
            place_weights(handle.layer, weights, self._assign, _linear, self.dtype.name, trained)

        handle.pending.append(now)
        if handle.called:
            self._load_pending(handle)

    def fill(self, handle: Handle, names: list[str], seed: int, scale: float) -> dict[str, Any]:
        shapes: dict[str, Any] = {}

        def now() -> None:
            for n, name in enumerate(names):
                owner = handle.layer
                for attribute in name.split("."):
                    owner = attribute_of(owner, attribute, _linear)
                if not isinstance(owner, keras.layers.Layer):
                    raise StudentMessage(worker_messages.PART_NO_LAYER.said(name=name, type=type(owner).__name__))
                variables = owner.weights
                shapes[name] = [tuple(v.shape) for v in variables]
                gains = [v.name == "gamma" for v in variables]
                drawn = numbers_for(zip(gains, shapes[name], strict=True), seed + n, scale)
                for variable, array in zip(variables, drawn, strict=True):
                    variable.assign(tf.cast(array, variable.dtype))

        handle.pending.append(now)
        if handle.called:
            self._load_pending(handle)
        return shapes

    def apply(self, handle: Handle, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Weights that wait are loaded after a first call, in which a Keras layer makes its own."""
        if not handle.called and handle.pending:
            handle.layer(*args, **kwargs)
            self._load_pending(handle)
        handle.called = True
        return handle.layer(*args, **kwargs, **({"training": True} if handle.training else {}))

    def trace(self, handle: Handle, args: list[Any], kwargs: dict[str, Any]) -> None:
        """A first call makes the weights. Keras keeps AutoGraph out of layers, so it is left out here, too."""
        self.apply(handle, args, kwargs)
        tf.function(handle.layer, autograph=False, jit_compile=False).get_concrete_function(*args, **kwargs)

    def set_mode(self, handle: Handle, training: bool) -> None:
        handle.training = training

    def train(self, handle: Handle, batches: list[Any], steps: int, rate: float) -> tuple[tf.Tensor, int]:
        """A step is made into a graph, which is ten times faster; where the layer does not allow that, it runs eagerly.

        Keras's optimizer would take longer than the model, so TensorFlow's own operation for Adam is used.
        """
        layer = handle.layer
        if not handle.called:
            self.apply(handle, batches[0][0], {})  # which makes the weights
        variables = [v.value if isinstance(v, keras.Variable) else v for v in layer.trainable_variables]
        if not variables:
            raise StudentMessage(worker_messages.LAYER_WITHOUT_WEIGHTS.said())
        unreached: set[int] = set()
        moments = [(tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for v in variables]

        def step(inputs: list[Any], labels: tf.Tensor, powers: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                logits = layer(*inputs, training=True)
                if not isinstance(logits, tf.Tensor) or logits.shape[:-1] != labels.shape:
                    raise StudentMessage(worker_messages.LAYER_WITHOUT_LOGITS.said())
                counted = tf.cast(labels >= 0, logits.dtype)
                each = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), logits)
                loss = tf.reduce_sum(each * counted) / tf.reduce_sum(counted)
            gradients = tape.gradient(loss, variables)
            if all(g is None for g in gradients):
                raise StudentMessage(worker_messages.LAYER_WITHOUT_GRADIENT.said())
            unreached.update(n for n, gradient in enumerate(gradients) if gradient is None)
            for variable, gradient, (first, second) in zip(variables, gradients, moments, strict=True):
                if gradient is not None:
                    rates = {"lr": rate, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
                    tf.raw_ops.ResourceApplyAdam(
                        var=variable.handle, m=first.handle, v=second.handle,
                        beta1_power=tf.cast(powers[0], variable.dtype), beta2_power=tf.cast(powers[1], variable.dtype),
                        grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
                        **{name: tf.constant(value, variable.dtype) for name, value in rates.items()},
                    )  # fmt: skip
            return loss

        def all_steps(step: Callable[..., tf.Tensor]) -> tuple[tf.Tensor, int]:
            powers = [tf.constant([0.9**n, 0.999**n], tf.float64) for n in range(1, steps + 1)]
            losses = tf.stack([step(*batches[n % len(batches)], powers[n]) for n in range(steps)])
            return losses, sum(int(np.prod(variables[n].shape)) for n in unreached)

        if steps == 1:  # making a graph would take longer
            return all_steps(step)
        try:
            return all_steps(tf.function(step, autograph=False))
        except Exception:  # noqa: BLE001 - the layer does not suit a graph; nothing has been changed yet
            return all_steps(step)

    def _load_pending(self, handle: Handle) -> None:
        pending, handle.pending = handle.pending, []
        for waiting in pending:
            waiting()

    def copy(self, handle: Handle) -> Handle:
        copy = Handle(handle.make, handle.args, handle.kwargs, handle.make(*handle.args, **handle.kwargs))
        weights = handle.layer.get_weights()
        copy.pending.append(lambda: copy.layer.set_weights(weights))
        return copy

    def parameters(self, handle: Handle) -> list[tuple[int, ...]]:
        return [tuple(v.shape) for v in handle.layer.trainable_variables]

    def _assign(self, owner: Any, leaf: str, array: np.ndarray, key: str) -> None:
        if isinstance(owner, keras.layers.Layer) and not owner.built:
            _build(owner, leaf, array)
        variable = self._leaf(owner, leaf, key)
        check_shape(key, tuple(variable.shape), array)
        variable.assign(tf.cast(array, variable.dtype))

    def _leaf(self, owner: Any, leaf: str, key: str) -> Any:
        if isinstance(owner, (tf.Variable, keras.Variable)) and leaf == "weight":
            return owner
        names = next((names for kind, names in LEAVES.items() if isinstance(owner, kind)), {})
        variable = getattr(owner, names.get(leaf, leaf), None)
        if not isinstance(variable, (tf.Variable, keras.Variable)):
            raise cannot_load(owner, names.get(leaf, leaf), key)
        return variable

    # -- gradients ---------------------------------------------------------------------------------------------------

    def parameter(self, handle: Handle, key: str) -> Any:
        found = find_parameter(handle.layer, key, _linear)
        if found is None:
            return NotAvailable
        variable = self._leaf(*found, key)
        return variable.value if isinstance(variable, keras.Variable) else variable

    def gradients(self, result: Any, cotangent: np.ndarray, sources: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(result, tf.Tensor):
            raise StudentMessage(worker_messages.RESULT_TYPE.said(type=type(result).__name__, expected="tf.Tensor"))
        if tuple(result.shape) != cotangent.shape:
            raise StudentMessage(worker_messages.RESULT_SHAPE.said(shape=tuple(result.shape), expected=cotangent.shape))
        tape = self._recording()
        with tape.stop_recording():
            weights = tf.cast(cotangent, result.dtype)
            return tape.gradient(result, sources, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def flows(self, result: Any, sources: dict[str, Any]) -> bool:
        tape = self._recording()
        with tape.stop_recording():
            found = tape.gradient(result, sources)  # None for a constant
        return any(gradient is not None for gradient in found.values())


class Writer(keras.layers.Layer):
    """The module that `autograder.judging.program.Program.writer` describes."""

    def __init__(self, follows: tf.Tensor, asked: tf.Tensor, place: tf.Tensor) -> None:
        super().__init__()
        self.follows, self.asked, self.place = follows, asked, place

    def call(self, source: tf.Tensor, target: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Logits (B, L, V) for ids (B, S) and (B, L); random numbers in training mode."""
        length = target.shape[1]
        counts = tf.cast(tf.range(1, length + 1)[:, None], self.follows.dtype)
        so_far = tf.cumsum(tf.gather(self.follows, target), axis=1) / counts
        asked = tf.reduce_mean(tf.gather(self.asked, source), axis=1, keepdims=True)
        logits = so_far + asked + self.place[:length]
        return tf.random.normal(tf.shape(logits), dtype=logits.dtype) if training else logits


def _whole(gradient: Any) -> Any:
    return tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient


def _trained(layer: keras.layers.Layer) -> list[np.ndarray]:
    """The contents of the trainable weights."""
    return [np.array(variable, dtype=np.float64) for variable in layer.trainable_variables]


def _linear(owner: Any) -> list[keras.layers.Dense]:
    if isinstance(owner, (list, tuple)):
        return [layer for part in owner for layer in _linear(part)]
    layers = owner._flatten_layers() if isinstance(owner, keras.layers.Layer) else []
    return [layer for layer in layers if isinstance(layer, keras.layers.Dense)]


def _build(layer: keras.layers.Layer, leaf: str, array: np.ndarray) -> None:
    """Build a layer that was never called, from the shape of the weight that it is to get."""
    if isinstance(layer, keras.layers.Dense) and leaf == "weight":
        layer.build((None, array.shape[0]))
    elif isinstance(layer, keras.layers.Embedding):
        layer.build((None, None))
    elif isinstance(layer, keras.layers.LayerNormalization):
        layer.build((None, array.shape[0]))
