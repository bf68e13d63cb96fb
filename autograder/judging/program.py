"""Programs: what the judge asks a worker to do, as plain data.

A hidden test never touches a student's function. It describes a small program (build this module, load these weights,
call it with these arrays, give me that gradient), and a worker runs it: the contestant with the student's code, the
reference with the solution, a mistake with the solution changed. A program is self-contained, so the same program can
be put to all of them, and the answers of the trusted ones can be remembered by content.

    Program.function("padding_mask", ids, pad_id=0)
    Program.function("scaled_dot_product_attention", q, k, v, mask=m).gradient(wrt=("a0", "a1"), of=0, cotangent=c)
    Program.module("MultiHeadAttention", d_model=12, num_heads=3).load(weights).apply(x, mask=m).apply(y)
    Program.classifier(Checkpoint(Tiny(3)), num_classes=3).dropout(0.0).call("fine_tune", Module(), data, 0.01).state()

Arrays are NumPy arrays, named a0, a1, ... in the order in which they first appear. Steps leave named values: `out`
for the first call or apply, `out2`, `out3`, ... for later ones; `grad` for gradients, `after` for the inputs as the
call left them, `parameters` for a module's trainable parameters, `filled` for the shapes of what was filled,
`training` for the result of a training, `state` for all weights of a model, `seen` for how a model was called.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NotRequired, Required, TypedDict

import numpy as np


@dataclass(frozen=True)
class Ref:
    """An earlier value of the same program as an argument: `Ref("out")`, or `Ref("out", 0)` for an item of a tuple."""

    name: str
    item: int | None = None


# -- arguments that only a worker can make -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Generator:
    """A source of random numbers: a `torch.Generator`, or a `keras.random.SeedGenerator`, with this seed.

    Each use makes a new one, but all uses of one name in a program are the same one.
    """

    seed: int
    name: str = ""


@dataclass(frozen=True)
class Embedding:
    """The framework's own embedding layer with these weights (rows, D); gradients call it `embedding.weight`."""

    weight: np.ndarray


@dataclass(frozen=True)
class Tiny:
    """A BERT checkpoint of a few thousand numbers, written where the worker runs, its weights drawn from `seed`.

    `width` must be divisible by `heads`. The words of its vocabulary are the five special tokens and `word5`,
    `word6`, ...
    """

    seed: int
    vocab_size: int = 40
    width: int = 16
    heads: int = 2
    layers: int = 1
    max_length: int = 24


@dataclass(frozen=True)
class Checkpoint:
    """The folder of a BERT checkpoint, as a path: a `Tiny` one, or the one that the run was given (None)."""

    tiny: Tiny | None = None


@dataclass(frozen=True)
class Tokenizer:
    """The tokenizer of the run's checkpoint: `transformers.BertTokenizer`, or `keras_hub.models.BertTokenizer`."""


@dataclass(frozen=True)
class Module:
    """The program's module `m` itself, for a function that takes a model."""


# -- programs ----------------------------------------------------------------------------------------------------------

# A value in the closed vocabulary of the wire: JSON in which {"array": "a0"}, {"ref": ...}, {"generator": ...} and the
# like stand for objects that only a worker can make.
Encoded = None | bool | int | float | str | list["Encoded"] | dict[str, "Encoded"]

# One step of a program. "do" says which; the other fields are those of the method of `Program` that adds it.
Step = TypedDict(
    "Step",
    {
        "do": Required[str],
        "as": NotRequired[str],  # the name of the value that the step leaves
        "symbol": NotRequired[str],  # of the answer
        "module": NotRequired[str],  # the value that the step works on
        "args": NotRequired[list[Encoded]],
        "kwargs": NotRequired[dict[str, Encoded]],
        "weights": NotRequired[Encoded],
        "names": NotRequired[list[str]],
        "seed": NotRequired[int],
        "scale": NotRequired[float],
        "training": NotRequired[bool],
        "steps": NotRequired[int],
        "rate": NotRequired[float],
        "of": NotRequired[str],
        "item": NotRequired[int | None],
        "cotangent": NotRequired[Encoded],
        "wrt": NotRequired[list[str]],
        "dtype": NotRequired[str],  # of integers
    },
)


class Header(TypedDict):
    """A program without its arrays, as it travels to a worker."""

    steps: list[Step]
    dtype: str
    device: str | None


@dataclass(frozen=True)
class Program:
    """An immutable list of steps and the arrays that they use; every method gives a new program."""

    steps: tuple[Step, ...] = ()
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    dtype: str = "float32"
    device: str | None = None  # None: the device of the run; "meta": shapes only (PyTorch)
    outs: int = 0
    once: bool = False  # see `put_once`

    # -- building ----------------------------------------------------------------------------------------------------

    @classmethod
    def function(cls, symbol: str, *args: Any, **kwargs: Any) -> Program:
        """Call a function of the answer; its result is `out`."""
        return cls().call(symbol, *args, **kwargs)

    @classmethod
    def module(cls, symbol: str, *args: Any, **config: Any) -> Program:
        """Construct a module of the answer (nothing is called yet); later steps call it `m`."""
        return cls()._step({"do": "new", "symbol": symbol, "as": "m"}, args, config)

    @classmethod
    def writer(cls, follows: np.ndarray, asked: np.ndarray, place: np.ndarray) -> Program:
        """A model that the worker makes, for a function that writes with one.

        It is called as m(source (B, S), target (B, L)) and gives logits. At place t the logits (V,) are the mean of
        `follows` (V, V) at the target's words so far, plus the mean of `asked` (source's V, V) at the source's words,
        plus `place` (longest, V) at t. In training mode they are noise.
        """
        return cls()._step({"do": "writer", "as": "m"}, ([follows, asked, place],), {})

    def call(self, symbol: str, *args: Any, **kwargs: Any) -> Program:
        """Call a function once more in the same program."""
        program, name = self._next_out()
        return program._step({"do": "call", "symbol": symbol, "as": name}, args, kwargs)

    def load(self, weights: dict[str, np.ndarray]) -> Program:
        """Load canonical weights (`W_q.weight` as (in, out), `W_q.bias`, `token.weight`, ...) into the module."""
        program, encoded = self._encode(weights)
        return program._add({"do": "load", "module": "m", "weights": encoded})

    def embed(self, weight: np.ndarray) -> Program:
        """Give the embedding that was handed to the module other weights (rows, D), as a step of training does."""
        program, encoded = self._encode({"weight": weight})
        return program._add({"do": "load", "module": "embedding", "weights": encoded})

    def fill(self, seed: int, *names: str, scale: float = 0.4) -> Program:
        """Fill layers of the framework's own (its GRU cell, its attention), by attribute, with numbers from a seed.

        The parameters of each attribute, in the framework's order, get normal numbers with standard deviation `scale`,
        a norm's weight around 1. The value `filled` has their shapes by attribute: where they are not the reference's,
        nothing else can agree.
        """
        return self._add(
            {"do": "fill", "module": "m", "names": list(names), "seed": seed, "scale": scale, "as": "filled"}
        )

    def apply(self, *args: Any, **kwargs: Any) -> Program:
        """Call the module, in evaluation mode; the result is the next `out`."""
        program, name = self._next_out()
        return program._step({"do": "apply", "module": "m", "as": name}, args, kwargs)

    def mode(self, training: bool) -> Program:
        """Put the module into training or evaluation mode. In Keras, `apply` then passes `training`."""
        return self._add({"do": "mode", "module": "m", "training": training})

    def train(self, batches: list[tuple[list[Any], np.ndarray]], steps: int, rate: float) -> Program:
        """Train the module, in training mode, and give `training`: {"losses": (steps,), "unreached": n}, n being the
        number of its trainable numbers that no gradient reached.

        A batch is the module's arguments and the labels of what it gives, logits (..., C) and labels (...); each step
        takes the next batch, from the first again after the last. Adam at a constant rate on the mean cross-entropy of
        the labels that are not -1. The loop is the worker's, because only the module is judged.
        """
        return self._step(
            {"do": "train", "module": "m", "steps": steps, "rate": rate, "as": "training"}, (batches,), {}
        )

    def copy(self) -> Program:
        """Save the module's state, construct the module again, and load the state; from now on `m` is the copy."""
        return self._add({"do": "copy", "module": "m"})

    def gradient(
        self, wrt: tuple[str, ...], cotangent: np.ndarray, of: int | None = None, name: str = "out"
    ) -> Program:
        """Vector-Jacobian product of a result (item `of` of it, if it is a tuple) with `cotangent`.

        `wrt` names input arrays (`a0`) or canonical parameters (`W_q.weight`). The answer's `grad` is a dict by these
        names; a parameter that the module lays out differently (it defines `load_arrays`) is None there.
        """
        program, encoded = self._encode(cotangent)
        return program._add(
            {"do": "grad", "of": name, "item": of, "cotangent": encoded, "wrt": list(wrt), "as": "grad"}
        )

    def integers(self, dtype: str) -> Program:
        """Give all integer arrays in this type, "int32" or "int64", instead of the framework's usual one."""
        return replace(self, steps=({"do": "integers", "dtype": dtype}, *self.steps))

    def without_layers(self) -> Program:
        """Keep Keras's default dtype float32, so that a layer inside a function must set its own dtype."""
        return replace(self, steps=({"do": "no_layers"}, *self.steps))

    def given_as_copies(self) -> Program:
        """Give the answer copies of the arrays, so that it may write into them, also if gradients are asked for."""
        return replace(self, steps=({"do": "copies"}, *self.steps))

    def flow(self, wrt: tuple[str, ...], name: str = "out") -> Program:
        """After `gradient`, also give `flow`: False if the result is a constant, which has no gradient."""
        return self._add({"do": "flow", "of": name, "wrt": list(wrt), "as": "flow"})

    # -- BERT classifiers: sequences of token ids in, logits (B, C) out ------------------------------------------------

    @classmethod
    def classifier(
        cls, checkpoint: Checkpoint, num_classes: int, frozen: bool = False, pretrained: bool = True
    ) -> Program:
        """A classifier that the worker makes from a checkpoint, the same on both sides; later steps call it `m`.

        `frozen`: only the classification layer is trainable. Without `pretrained`, the same model from random weights.
        """
        return cls()._step(
            {"do": "classifier", "as": "m"},
            (checkpoint, num_classes),
            {"frozen": frozen, "pretrained": pretrained},
        )

    def head(self, weight: np.ndarray, bias: np.ndarray) -> Program:
        """Load the classification layer: weight (D, C), bias (C,)."""
        program, encoded = self._encode({"weight": weight, "bias": bias})
        return program._add({"do": "head", "module": "m", "weights": encoded})

    def dropout(self, rate: float) -> Program:
        """Set the rate of every dropout in the classifier, that of its attention included."""
        return self._add({"do": "dropout", "module": "m", "rate": rate})

    def logits(self, batch: dict[str, np.ndarray]) -> Program:
        """The classifier's logits (B, C) in evaluation mode, for ids and attention mask (B, L), as next `out`."""
        program, name = self._next_out()
        return program._step({"do": "logits", "module": "m", "as": name}, (batch,), {})

    def state(self) -> Program:
        """Also give `state`: all weights of the classifier by the framework's own names."""
        return self._add({"do": "state", "module": "m", "as": "state"})

    def seen(self) -> Program:
        """Also give `seen`: {"training": [...], "gradient": [...]} of the calls of the model by an answer's function,
        the `mode` that it was left in (None in Keras), and `gradients_left` in its parameters."""
        return self._add({"do": "seen", "module": "m", "as": "seen"})

    def on_cpu(self) -> Program:
        """Run on the CPU, whatever the run's device: for results that must agree to many digits."""
        return self.on_device("cpu")

    def uncompiled(self) -> Program:
        """In Keras: run line by line what an answer compiles with `tf.function`, which is quicker for a few steps.

        Compiling a training step takes a second or two. So only long trainings compile, and those that check whether
        the step can be compiled.

        A tape's gradients of tables then come as whole arrays, not as slices. A word that a batch has twice has two
        slices, and Keras's optimizers square them one by one. An answer that adds the slices up first, as accumulating
        gradients does, would take another step, and is as right.
        """
        return self._add({"do": "uncompiled"})

    def inputs_after(self) -> Program:
        """Also give back the input arrays as the program left them, as `after`, a dict by array name."""
        return self._add({"do": "inputs", "as": "after"})

    def traced(self) -> Program | None:
        """The same program up to the module's first call, which is compiled but not run; None if it makes no module."""
        for n, step in enumerate(self.steps):
            if step["do"] == "apply":
                return replace(self, steps=(*self.steps[:n], {**step, "do": "trace"}), outs=1)
            if step["do"] not in ("new", "load", "fill", "mode"):
                return None
        return None

    def parameters(self) -> Program:
        """Also give `parameters`: {"trainable": number of trainable scalars, "shapes": [...]} of the module."""
        return self._add({"do": "parameters", "module": "m", "as": "parameters"})

    def in_dtype(self, dtype: str) -> Program:
        """The whole program in another precision: `.double()` in PyTorch, the dtype policy in Keras."""
        return replace(self, dtype=dtype)

    def on_device(self, device: str) -> Program:
        """Run on this device: "cpu", "cuda", or "meta" for shapes only (PyTorch)."""
        return replace(self, device=device)

    def put_once(self) -> Program:
        """Run once for each player, and use the answer in other tests too: for training, which takes long."""
        return replace(self, once=True)

    # -- what a worker and a cache need ------------------------------------------------------------------------------

    def header(self) -> Header:
        """The JSON part of the request; the arrays travel beside it."""
        return {"steps": list(self.steps), "dtype": self.dtype, "device": self.device}

    def digest(self) -> str:
        """A content hash: equal programs over equal arrays have equal digests."""
        h = hashlib.blake2b(json.dumps(self.header(), sort_keys=True).encode(), digest_size=20)
        for name, array in sorted(self.arrays.items()):
            h.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
            h.update(np.ascontiguousarray(array).tobytes())
        return h.hexdigest()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _add(self, step: Step) -> Program:
        return replace(self, steps=(*self.steps, step))

    def _next_out(self) -> tuple[Program, str]:
        n = self.outs + 1
        return replace(self, outs=n), "out" if n == 1 else f"out{n}"

    def _step(self, step: Step, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Program:
        """A step with arguments: the program with it, and with the arrays in the arguments."""
        program, encoded_args = self._encode(list(args))
        program, encoded_kwargs = program._encode(dict(kwargs))
        return program._add({**step, "args": encoded_args, "kwargs": encoded_kwargs})

    def _encode(self, value: Any) -> tuple[Program, Any]:
        """Turn a Python value into the wire's closed vocabulary, adding the arrays in it to the program."""
        if isinstance(value, Ref):
            return self, {"ref": value.name, "item": value.item}
        if isinstance(value, Generator):
            return self, {"generator": [value.seed, value.name]}
        if isinstance(value, Embedding):
            program, encoded = self._encode(value.weight)
            return program, {"embedding": encoded}
        if isinstance(value, Checkpoint):
            return self, {"checkpoint": asdict(value.tiny) if value.tiny else None}
        if isinstance(value, Tokenizer):
            return self, {"tokenizer": None}
        if isinstance(value, Module):
            return self, {"module": "m"}
        if isinstance(value, np.ndarray):
            for name, known in self.arrays.items():
                if known is value:
                    return self, {"array": name}
            name = f"a{len(self.arrays)}"
            return replace(self, arrays={**self.arrays, name: value}), {"array": name}
        if isinstance(value, (list, tuple)):
            program, items = self, []
            for item in value:
                program, encoded = program._encode(item)
                items.append(encoded)
            return program, items
        if isinstance(value, dict):
            program, table = self, {}
            for key, item in value.items():
                program, table[key] = program._encode(item)
            return program, table
        if value is None or isinstance(value, (bool, int, float, str)):
            return self, value
        raise TypeError(f"a program cannot carry a {type(value).__name__}")


@dataclass(frozen=True)
class StudentError:
    """An exception in the answer: `types` is its class and base classes by name, the built-in ones only."""

    kind: str  # "exception", "missing", "timeout", "memory", "crash", "output", "reply", "exhausted", "data-dependent"
    types: tuple[str, ...]
    message: str
    cell: str | None = None
    line: int | None = None
    source: str | None = None

    def is_a(self, name: str) -> bool:
        """Whether its class, or a base class, is the built-in one of this name."""
        return name in self.types


@dataclass(frozen=True)
class Answer:
    """What a worker gave back: named values, or the error that stopped the program.

    A value is an array, a number, a text, None, a tuple, list or dict of such, or an `Abstract` or `Odd` of
    `autograder.judging.compare`: anything that a student's code can return.
    """

    values: dict[str, Any]
    error: StudentError | None = None
    device: str | None = None  # of `out`, as the framework says

    @property
    def out(self) -> Any:
        """The value of the first call; None where there was none."""
        return self.values.get("out")

    @property
    def grad(self) -> dict[str, np.ndarray | None]:
        """The gradients by name of their source, each of its source's shape. Raises KeyError without `gradient`."""
        return self.values["grad"]
