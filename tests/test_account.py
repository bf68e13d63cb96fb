"""The solutions of both tracks agree with the NumPy account, and so with each other, in float64.

Solutions are imported here as they stand; grading never does that.
"""

from __future__ import annotations

import functools
import importlib
import os

import account
import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TOLERANCE = 1e-9
TRACKS = ("pytorch", "tensorflow")


class PyTorch:
    """The PyTorch solutions, called with arrays."""

    def __init__(self):
        self.torch = importlib.import_module("torch")

    def tensor(self, value):
        return self.torch.tensor(value) if isinstance(value, np.ndarray) else value

    def array(self, value):
        return value.detach().numpy() if isinstance(value, self.torch.Tensor) else value

    def module(self, module, symbol, config, weights, args):
        made = getattr(importlib.import_module(f"solutions.pytorch.{module}"), symbol)(*config).double()
        with self.torch.no_grad():
            for key, array in weights.items():
                path, leaf = key.rsplit(".", 1)
                layer = functools.reduce(getattr, path.split("."), made)
                linear = isinstance(layer, self.torch.nn.Linear) and leaf == "weight"
                getattr(layer, leaf).copy_(self.torch.tensor(array.T if linear else array))
        return made

    def set_gates(self, cell, gates):
        order = [gates[name] for name in ("reset", "update", "new")]
        with self.torch.no_grad():
            for number, leaf in enumerate(("weight_ih", "weight_hh", "bias_ih", "bias_hh")):
                getattr(cell, leaf).copy_(self.torch.tensor(np.concatenate([gate[number].T for gate in order])))

    def vjp(self, function, arrays, cotangent):
        tensors = [self.torch.tensor(array, requires_grad=True) for array in arrays]
        found = self.torch.autograd.grad(function(*tensors), tensors, self.torch.tensor(cotangent))
        return [gradient.numpy() for gradient in found]


class TensorFlow:
    """The TensorFlow solutions, called with arrays, under the float64 policy."""

    def __init__(self):
        self.tf = importlib.import_module("tensorflow")
        self.keras = importlib.import_module("keras")

    def tensor(self, value):
        return self.tf.constant(value) if isinstance(value, np.ndarray) else value

    def array(self, value):
        return value.numpy() if isinstance(value, self.tf.Tensor) else value

    def module(self, module, symbol, config, weights, args):
        made = getattr(importlib.import_module(f"solutions.tensorflow.{module}"), symbol)(*config)
        made(*(self.tensor(arg) for arg in args))  # a Keras layer makes its weights in its first call
        for key, array in weights.items():
            path, leaf = key.rsplit(".", 1)
            layer = functools.reduce(getattr, path.split("."), made)
            leaf = "bias" if leaf == "bias" else "embeddings" if hasattr(layer, "embeddings") else "kernel"
            getattr(layer, leaf).assign(array)
        return made

    def set_gates(self, cell, gates):
        of_input, of_state, input_bias, state_bias = (
            np.concatenate([gates[name][number] for name in ("update", "reset", "new")], axis=-1) for number in range(4)
        )
        cell.set_weights([of_input, of_state, np.stack([input_bias, state_bias])])

    def vjp(self, function, arrays, cotangent):
        tensors = [self.tf.constant(array) for array in arrays]
        with self.tf.GradientTape() as tape:
            for tensor in tensors:
                tape.watch(tensor)
            result = function(*tensors)
        return [gradient.numpy() for gradient in tape.gradient(result, tensors, self.tf.constant(cotangent))]


@pytest.fixture(params=TRACKS)
def track(request):
    """A track, in float64 for as long as the test runs."""
    if request.param == "pytorch":
        torch = pytest.importorskip("torch")
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        yield Track("pytorch", PyTorch())
        torch.set_default_dtype(before)
    else:
        pytest.importorskip("tensorflow")
        keras = pytest.importorskip("keras")
        before = keras.config.floatx()
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        yield Track("tensorflow", TensorFlow())
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(before)


class Track:
    def __init__(self, name, framework):
        self.name, self.framework = name, framework

    def function(self, module, symbol):
        return getattr(importlib.import_module(f"solutions.{self.name}.{module}"), symbol)

    def call(self, module, symbol, *args, **kwargs):
        f = self.framework
        out = self.function(module, symbol)(*map(f.tensor, args), **{k: f.tensor(v) for k, v in kwargs.items()})
        return tuple(map(f.array, out)) if isinstance(out, tuple) else f.array(out)

    def apply(self, module, symbol, config, weights, *args, gates=None, **kwargs):
        f = self.framework
        made = f.module(module, symbol, config, weights, args)
        if gates is not None:
            f.set_gates(made.cell, gates)
        out = made(*map(f.tensor, args), **{k: f.tensor(v) for k, v in kwargs.items()})
        return tuple(map(f.array, out)) if isinstance(out, tuple) else f.array(out)


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def agree(got, want, tolerance=TOLERANCE):
    if isinstance(want, tuple):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            agree(g, w, tolerance)
    elif want is None:
        assert got is None
    else:
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        if want.dtype == bool:
            assert (got == want).all()
        else:
            assert np.abs(got - want).max() <= tolerance * max(1.0, np.abs(want).max())


@pytest.mark.parametrize("masked", [False, True])
def test_additive_attention(track, rng, masked):
    query, keys, W_q, W_k, v = (rng.normal(size=shape) for shape in ((3, 4), (3, 6, 5), (4, 7), (5, 7), (7,)))
    mask = rng.random((3, 6)) < 0.5 if masked else None
    if masked:
        mask[:, 2] = True
    scores = account.additive_scores(query, keys, W_q, W_k, v)
    agree(track.call("additive_attention", "additive_scores", query, keys, W_q, W_k, v), scores)
    got = track.call("additive_attention", "masked_softmax", scores, mask=mask)
    agree(got, account.masked_softmax(scores, mask))
    weights = {"W_q.weight": W_q, "W_k.weight": W_k, "v.weight": v[:, None]}
    got = track.apply("additive_attention", "AdditiveAttention", (4, 5, 7), weights, query, keys, mask=mask)
    agree(got, account.additive_attention(weights, query, keys, mask))


@pytest.mark.parametrize("masked", [False, True])
def test_attention_decoder(track, rng, masked):
    shapes = {
        "embedding.weight": (9, 3), "attention.W_q.weight": (4, 7), "attention.W_k.weight": (5, 7),
        "attention.v.weight": (7, 1), "to_logits.weight": (4 + 5, 9), "to_logits.bias": (9,),
    }  # fmt: skip
    weights = {key: rng.normal(size=shape) for key, shape in shapes.items()}
    names, of_gate = ("reset", "update", "new"), ((3 + 5, 4), (4, 4), (4,), (4,))
    gates = {name: [rng.normal(size=shape) for shape in of_gate] for name in names}
    tokens, states, state = rng.integers(0, 9, (2, 6)), rng.normal(size=(2, 8, 5)), rng.normal(size=(2, 4))
    mask = rng.random((2, 8)) < 0.5 if masked else None
    if masked:
        mask[:, 1] = True
    inputs, sizes = (tokens, states, state), (9, 3, 5, 4, 7)
    got = track.apply("additive_attention", "AttentionDecoder", sizes, weights, *inputs, gates=gates, mask=mask)
    agree(got, account.attention_decoder(weights, gates, *inputs, mask))


@pytest.mark.parametrize("max_len, d_model", [(1, 2), (50, 12), (1000, 64)])
def test_sinusoidal_encoding(track, max_len, d_model):
    got = track.call("positional_embedding", "sinusoidal_encoding", max_len, d_model)
    agree(got, account.sinusoidal_encoding(max_len, d_model))


@pytest.mark.parametrize("offset", [0, 3, -7])
def test_relative_shift(track, offset):
    shift = track.call("positional_embedding", "relative_shift", offset, 10)
    agree(shift, account.relative_shift(offset, 10))
    table = account.sinusoidal_encoding(40, 10)
    agree(table[10:30] @ shift.T, table[10 + offset : 30 + offset])


def test_positional_embedding(track, rng):
    ids, token, position = rng.integers(0, 11, (3, 5)), rng.normal(size=(11, 6)), rng.normal(size=(8, 6))
    weights = {"token.weight": token, "position.weight": position}
    got = track.apply("positional_embedding", "PositionalEmbedding", (11, 8, 6), weights, ids)
    agree(got, account.positional_embedding(ids, token, position))


def test_sinusoidal_embedding(track, rng):
    ids, token = rng.integers(0, 11, (3, 5)), rng.normal(size=(11, 6))
    got = track.apply("positional_embedding", "SinusoidalEmbedding", (11, 8, 6), {"token.weight": token}, ids)
    agree(got, account.sinusoidal_embedding(ids, token, 8))


def qkv(rng, *lead):
    return tuple(rng.normal(size=(*lead, *shape)) for shape in ((4, 6), (7, 6), (7, 5)))


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
@pytest.mark.parametrize("masked", [False, True])
def test_scaled_dot_product_attention(track, rng, lead, masked):
    inputs = qkv(rng, *lead)
    mask = rng.random((*lead, 4, 7)) < 0.5
    mask[..., 2] = True
    got = track.call("self_attention", "scaled_dot_product_attention", *inputs, mask=mask if masked else None)
    agree(got, account.scaled_dot_product_attention(*inputs, mask if masked else None))


def test_attention_gradients(track, rng):
    inputs, cotangent = qkv(rng, 2), rng.normal(size=(2, 4, 5))
    mask = rng.random((2, 4, 7)) < 0.5
    mask[..., 2] = True
    function = track.function("self_attention", "scaled_dot_product_attention")
    got = track.framework.vjp(lambda *x: function(*x, mask=track.framework.tensor(mask))[0], inputs, cotangent)
    for place, gradient in enumerate(got):

        def output(x, place=place):
            return account.scaled_dot_product_attention(*(*inputs[:place], x, *inputs[place + 1 :]), mask)[0]

        agree(gradient, account.gradient(output, inputs[place], cotangent), 1e-8)  # the differences are no better


def test_masks(track, rng):
    ids = rng.integers(0, 3, (3, 6))
    padding, causal = account.padding_mask(ids), account.causal_mask(6)
    agree(track.call("self_attention", "padding_mask", ids), padding)
    agree(track.call("self_attention", "padding_mask", ids, pad_id=2), account.padding_mask(ids, 2))
    agree(track.call("self_attention", "causal_mask", 6), causal)
    for masks in ((padding, causal), (None, padding), (causal, None, padding), (None,), ()):
        agree(track.call("self_attention", "combine_masks", *masks), account.combine_masks(*masks))


def test_heads(track, rng):
    x = rng.normal(size=(2, 5, 12))
    heads = account.split_heads(x, 3)
    agree(track.call("multi_head_attention", "split_heads", x, 3), heads)
    agree(track.call("multi_head_attention", "merge_heads", heads), account.merge_heads(heads))
    agree(account.merge_heads(heads), x)


@pytest.mark.parametrize("given", ["query", "query and key", "query, key and value", "all, and a mask"])
def test_multi_head_attention(track, rng, given):
    weights = {}
    for name in ("W_q", "W_k", "W_v", "W_o"):
        weights[f"{name}.weight"] = rng.normal(size=(12, 12)) / 3
        weights[f"{name}.bias"] = rng.normal(size=12)
    inputs = (rng.normal(size=(2, 4, 12)), rng.normal(size=(2, 7, 12)), rng.normal(size=(2, 7, 12)))
    inputs = inputs[: {"query": 1, "query and key": 2}.get(given, 3)]
    mask = None
    if given == "all, and a mask":
        mask = rng.random((2, 1, 4, 7)) < 0.5
        mask[..., 2] = True
    got = track.apply("multi_head_attention", "MultiHeadAttention", (12, 3), weights, *inputs, mask=mask)
    agree(got, account.multi_head_attention(weights, 3, *inputs, mask=mask))


@pytest.mark.parametrize(
    "module, symbol, args",
    [
        ("positional_embedding", "sinusoidal_encoding", (5, 7)),
        ("positional_embedding", "relative_shift", (2, 7)),
        ("multi_head_attention", "split_heads", (np.zeros((2, 5, 10)), 4)),
        ("multi_head_attention", "MultiHeadAttention", (10, 4)),
    ],
    ids=["an odd encoding", "an odd shift", "unequal heads", "a module of unequal heads"],
)
def test_wrong_arguments(track, module, symbol, args):
    with pytest.raises(ValueError):
        track.call(module, symbol, *args)
