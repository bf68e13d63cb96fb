"""The solutions of both tracks agree with the NumPy account, and so with each other, in float64.

Solutions are imported here as they stand; grading never does that.
"""

from __future__ import annotations

import functools
import importlib
import os

import numpy as np
import pytest
from support import account

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

    def module(self, module, symbol, config, named, weights, args):
        made = getattr(importlib.import_module(f"solutions.{module}.pytorch"), symbol)(*config, **named).double().eval()
        with self.torch.no_grad():
            for key, array in weights.items():
                *path, leaf = key.split(".")
                tensor, linear = self.place(functools.reduce(self.step, path, made), leaf)
                tensor.copy_(self.torch.tensor(array.T if linear else array))
        return made

    def step(self, thing, name):
        """What a module, or the layer of an attention module, calls so; numbers count what has weights."""
        nn = self.torch.nn
        if isinstance(thing, nn.MultiheadAttention):
            return thing, name
        return [x for x in thing if not isinstance(x, nn.ReLU)][int(name)] if name.isdigit() else getattr(thing, name)

    def place(self, layer, leaf):
        """Where an array belongs, and whether it is that of a linear layer, which keeps the transpose."""
        if not isinstance(layer, tuple):
            return getattr(layer, leaf), isinstance(layer, self.torch.nn.Linear)
        attention, name = layer
        if name == "W_o":
            return getattr(attention.out_proj, leaf), True
        return getattr(attention, f"in_proj_{leaf}").chunk(3)[("W_q", "W_k", "W_v").index(name)], True

    def embedding(self, table):
        return self.torch.nn.Embedding.from_pretrained(self.torch.tensor(table))

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

    def module(self, module, symbol, config, named, weights, args):
        made = getattr(importlib.import_module(f"solutions.{module}.tensorflow"), symbol)(*config, **named)
        made(*(self.tensor(arg) for arg in args))  # a Keras layer makes its weights in its first call
        for key, array in weights.items():
            *path, leaf = key.split(".")
            weight = self.place(functools.reduce(self.step, path, made), leaf)
            weight.assign(array.reshape(weight.shape))
        return made

    def step(self, thing, name):
        """What a layer calls so; numbers count."""
        names = {"W_q": "query_dense", "W_k": "key_dense", "W_v": "value_dense", "W_o": "output_dense"}
        if isinstance(thing, self.keras.layers.MultiHeadAttention):
            return getattr(thing, f"_{names[name]}")
        return getattr(thing, "layers", thing)[int(name)] if name.isdigit() else getattr(thing, name)

    def place(self, layer, leaf):
        of = {"weight": ("embeddings", "kernel", "gamma"), "bias": ("bias", "beta")}[leaf]
        return next(getattr(layer, name) for name in of if hasattr(layer, name))

    def embedding(self, table):
        made = self.keras.layers.Embedding(*table.shape)
        made.build()
        made.embeddings.assign(table)
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
        return getattr(importlib.import_module(f"solutions.{module}.{self.name}"), symbol)

    def call(self, module, symbol, *args, **kwargs):
        f = self.framework
        out = self.function(module, symbol)(*map(f.tensor, args), **{k: f.tensor(v) for k, v in kwargs.items()})
        return tuple(map(f.array, out)) if isinstance(out, tuple) else f.array(out)

    def apply(self, module, symbol, config, weights, *args, gates=None, named=None, **kwargs):
        f = self.framework
        made = f.module(module, symbol, config, named or {}, weights, args)
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
        weights |= linear_weights(rng, name, 12, 12)
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


# -- blocks and models ------------------------------------------------------------------------------------------------

D, HEADS, F = 12, 3, 20


def block_weights(rng, attentions=("attention",), network="feed_forward", norms=("norm1", "norm2")):
    weights = {}
    for attention in attentions:
        for name in ("W_q", "W_k", "W_v", "W_o"):
            weights |= linear_weights(rng, f"{attention}.{name}", D, D)
    weights |= linear_weights(rng, f"{network}.0", D, F) | linear_weights(rng, f"{network}.1", F, D)
    for norm in norms:
        weights |= {f"{norm}.weight": rng.uniform(0.5, 2, D), f"{norm}.bias": rng.normal(size=D)}
    return weights


def linear_weights(rng, name, inside, outside):
    return {f"{name}.weight": rng.normal(size=(inside, outside)) / 3, f"{name}.bias": rng.normal(size=outside)}


def under(prefix, weights):
    return {f"{prefix}.{key}": array for key, array in weights.items()}


def lengths_mask(*lengths):
    return np.arange(max(lengths)) < np.array(lengths)[:, None]


@pytest.mark.parametrize("norm_first", [False, True])
def test_transformer_block(track, rng, norm_first):
    x, mask, weights = rng.normal(size=(3, 6, D)), lengths_mask(6, 2, 4), block_weights(rng)
    named = {"norm_first": norm_first}
    got = track.apply("transformer_encoder", "TransformerBlock", (D, HEADS, F), weights, x, named=named, mask=mask)
    agree(got[mask], account.transformer_block(weights, HEADS, x, mask, norm_first)[mask])


def test_masked_mean(track, rng):
    x, mask = rng.normal(size=(3, 6, D)), lengths_mask(6, 2, 4)
    agree(track.call("transformer_encoder", "masked_mean", x, mask), account.masked_mean(x, mask))


def test_transformer_classifier(track, rng):
    ids = np.where(lengths_mask(6, 2, 4), rng.integers(1, 11, (3, 6)), 0)
    weights = {"token.weight": rng.normal(size=(11, D)), "position.weight": rng.normal(size=(8, D))}
    weights |= linear_weights(rng, "to_logits", D, 4)
    for n in range(2):
        weights |= under(f"blocks.{n}", block_weights(rng))
    config = (11, 8, D, HEADS, F, 2, 4)
    got = track.apply("transformer_encoder", "TransformerClassifier", config, weights, ids)
    agree(got, account.transformer_classifier(weights, HEADS, 2, ids))


def decoder_weights(rng):
    return block_weights(rng, ("self_attention", "cross_attention"), norms=("norm1", "norm2", "norm3"))


def test_decoder_block(track, rng):
    x, memory, weights = rng.normal(size=(3, 5, D)), rng.normal(size=(3, 7, D)), decoder_weights(rng)
    mask, memory_mask = lengths_mask(5, 2, 4), lengths_mask(3, 7, 1)
    masks = {"mask": mask, "memory_mask": memory_mask}
    got = track.apply("encoder_decoder", "DecoderBlock", (D, HEADS, F), weights, x, memory, **masks)
    agree(got[mask], account.decoder_block(weights, HEADS, x, memory, mask, memory_mask)[mask])


def test_seq2seq_transformer(track, rng):
    source = np.where(lengths_mask(7, 2, 4), rng.integers(1, 11, (3, 7)), 0)
    target = np.where(lengths_mask(3, 5, 1), rng.integers(1, 9, (3, 5)), 0)
    weights = linear_weights(rng, "to_logits", D, 9)
    for name, words in (("source", 11), ("target", 9)):
        weights[f"{name}_token.weight"] = rng.normal(size=(words, D))
        weights[f"{name}_position.weight"] = rng.normal(size=(8, D))
    for n in range(2):
        weights |= under(f"encoder.{n}", block_weights(rng, ("look",), "think", ("after_look", "after_think")))
        weights |= under(f"decoder.{n}", decoder_weights(rng))
    config = (11, 9, 8, D, HEADS, F, 2)
    got = track.apply("encoder_decoder", "Seq2SeqTransformer", config, weights, source, target)
    agree(got[target != 0], account.seq2seq_transformer(weights, HEADS, 2, source, target)[target != 0])


def test_shift_right(track, rng):
    ids = rng.integers(1, 9, (3, 5))
    agree(track.call("encoder_decoder", "shift_right", ids, 10), account.shift_right(ids, 10))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_masked_lm_loss(track, rng, share):
    logits = rng.normal(size=(3, 5, 9), scale=2)
    labels = np.where(rng.random((3, 5)) < share, rng.integers(0, 9, (3, 5)), -100)
    agree(track.call("bert_pretraining", "masked_lm_loss", logits, labels), account.masked_lm_loss(logits, labels))


def test_masked_lm_head(track, rng):
    hidden, table = rng.normal(size=(2, 5, D)), rng.normal(size=(9, D))
    weights = linear_weights(rng, "dense", D, D) | {"bias": rng.normal(size=9)}
    weights |= {"norm.weight": rng.uniform(0.5, 2, D), "norm.bias": rng.normal(size=D)}
    config = (track.framework.embedding(table),)
    got = track.apply("bert_pretraining", "MaskedLMHead", config, weights, hidden)
    # TensorFlow's exact GELU has a root of 2 from float32 in it.
    agree(got, account.masked_lm_head(weights, table, hidden), 1e-7)
