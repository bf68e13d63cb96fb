"""The function server in a contestant and in the reference: it takes cells and programs, and gives raw arrays.

Requests are frames with a closed vocabulary:

    {"op": "cell", "label": "cell 5", "source": "..."}      run a cell of a notebook in the answer's namespace
    {"op": "standins", "source": "...", "names": [...]}      define correct versions of other parts' symbols
    {"op": "run", "program": {...}}                          run a program (see autograder/judging/program.py)

A reply says of each value what kind of data it is: null, a boolean, a number, a string, a list, a tuple, a dict, an
array by name, or for anything else the name of its type. An exception in the answer becomes data too: its class and
base classes by name, its message, and the student's own line where it happened.
"""

from __future__ import annotations

import io
import itertools
import socket
import sys
from collections import UserDict
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.workers import wire, worker_messages
from autograder.workers.explaining import near_definition
from autograder.workers.namespace import MAX_TEXT, TRACEBACK, Namespace, Output, StudentMessage, raised_outside
from autograder.workers.notebook_shell import Shell

if TYPE_CHECKING:
    from autograder.workers.adapter import Adapter

Step = dict[str, Any]  # of a program: JSON, as `autograder.judging.program` makes it
GIVEN = ("generator", "embedding", "module", "tokenizer", "checkpoint")  # arguments that only a worker can make
MAX_ITEMS = 4096
# The dtypes of NumPy arrays that are sent unchanged.
NUMPY = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")


class NotAvailable:
    """Stands for the gradient of a parameter whose layout is not known, because the module has a `load_arrays`."""


# -- running programs ------------------------------------------------------------------------------------------------


class Run:
    """One program, run step by step with an adapter. `values` holds the results by name, `modules` the handles.

    `do_x` runs a step {"do": "x", ...}; `autograder.judging.program.Program` says what each step does. All raise
    what the answer raises, and StudentMessage where the answer cannot be used.
    """

    def __init__(
        self, adapter: Adapter, variables: dict[str, Any], program: dict[str, Any], arrays: wire.Arrays
    ) -> None:
        self.adapter, self.variables, self.program = adapter, variables, program
        self.values: dict[str, Any] = {}
        self.modules: dict[str, Any] = {}
        self.generators: dict[str, Any] = {}  # those that several steps share
        self.steps = program["steps"]
        self.arrays = arrays
        self.tensors: dict[str, Any] = {}
        self.copies = False  # whether the answer gets copies of the tensors

    def _raw(self) -> set[str]:
        """Arrays that stay NumPy: weights to load and cotangents."""
        raw = set()
        for step in self.steps:
            if step["do"] in ("load", "head"):
                raw |= {v["array"] for v in step["weights"].values()}
            if step["do"] == "grad":
                raw.add(step["cotangent"]["array"])
        return raw

    def decode(self, value: Any) -> Any:
        """An argument of a step: arrays become tensors, references what they refer to, in lists and dicts too."""
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if isinstance(value, dict):
            if set(value) == {"array"}:
                tensor = self.tensors[value["array"]]
                return self.adapter.duplicate(tensor) if self.copies else tensor
            if set(value) == {"ref", "item"}:
                earlier = self.values[value["ref"]]
                return earlier if value["item"] is None else earlier[value["item"]]
            if len(value) == 1 and (kind := next(iter(value))) in GIVEN:
                return self.given(kind, value[kind])
            return {key: self.decode(item) for key, item in value.items()}
        return value

    def given(self, kind: str, content: Any) -> Any:
        """An argument that only a worker can make."""
        if kind == "generator":
            seed, name = content
            made = self.generators.get(name) or self.adapter.generator(seed)
            if name:
                self.generators[name] = made
            return made
        if kind == "embedding":
            self.modules["embedding"] = self.adapter.embedding(self.arrays[content["array"]])
            return self.adapter.inside(self.modules["embedding"])
        if kind == "module":
            return self.adapter.inside(self.modules[content])
        if kind == "tokenizer":
            return self.adapter.bert.tokenizer()
        return self.adapter.bert.folder(content)

    def symbol(self, name: str) -> Any:
        """The answer's function or class of this name. Raises StudentMessage where there is none."""
        if name not in self.variables:
            near = near_definition(name, self.variables)
            message = worker_messages.NOT_DEFINED_CLOSE if near else worker_messages.NOT_DEFINED
            raise StudentMessage(message.said(name=name, close=near), "missing")
        found = self.variables[name]
        if not callable(found):
            raise StudentMessage(worker_messages.NOT_CALLABLE.said(name=name, type=type(found).__name__), "missing")
        return found

    def go(self) -> dict[str, Any]:
        """Run all steps; gives the values by name."""
        wanted = {name for step in self.steps if step["do"] == "grad" for name in step["wrt"]}
        # A function that trains, or that must not, decides itself whether gradients are recorded.
        training = any(step["do"] == "classifier" for step in self.steps)
        with self.adapter.running(self.program["dtype"], self.program["device"], bool(wanted), training):
            raw = self._raw()
            for name, array in self.arrays.items():
                if name not in raw:
                    self.tensors[name] = self.adapter.tensor(array, gradient=name in wanted)
            for step in self.steps:
                getattr(self, "do_" + step["do"])(step)
        return self.values

    def do_call(self, step: Step) -> None:
        """Call a function of the answer."""
        self.values[step["as"]] = self.symbol(step["symbol"])(*self.decode(step["args"]), **self.decode(step["kwargs"]))

    def do_new(self, step: Step) -> None:
        """Construct a module from a class of the answer."""
        symbol, args, kwargs = self.symbol(step["symbol"]), self.decode(step["args"]), self.decode(step["kwargs"])
        self.modules[step["as"]] = self.adapter.module(symbol, args, kwargs)

    def do_writer(self, step: Step) -> None:
        """Make the judge's own model, which an answer is to decode with."""
        [tables] = self.decode(step["args"])
        self.modules[step["as"]] = self.adapter.handle(self.adapter.writer(*tables))

    def do_load(self, step: Step) -> None:
        """Load canonical weights into a module."""
        weights = {key: self.arrays[value["array"]] for key, value in step["weights"].items()}
        self.adapter.load(self.modules[step["module"]], weights)

    def do_fill(self, step: Step) -> None:
        """Fill a module's native layers from a seed; the value is the shapes of their parameters."""
        self.values[step["as"]] = self.adapter.fill(
            self.modules[step["module"]], step["names"], step["seed"], step["scale"]
        )

    def do_apply(self, step: Step) -> None:
        """Call a module."""
        args, kwargs = self.decode(step["args"]), self.decode(step["kwargs"])
        self.values[step["as"]] = self.adapter.apply(self.modules[step["module"]], args, kwargs)

    def do_trace(self, step: Step) -> None:
        """Try a module once under the framework's compiler, without using the result."""
        self.adapter.trace(self.modules[step["module"]], self.decode(step["args"]), self.decode(step["kwargs"]))

    def do_mode(self, step: Step) -> None:
        """Put a module into training or evaluation mode."""
        self.adapter.set_mode(self.modules[step["module"]], step["training"])

    def do_train(self, step: Step) -> None:
        """Train a module; the value is the losses (steps,), and how many numbers no gradient reached."""
        [batches] = self.decode(step["args"])
        losses, unreached = self.adapter.train(self.modules[step["module"]], batches, step["steps"], step["rate"])
        self.values[step["as"]] = {"losses": losses, "unreached": unreached}

    def do_copy(self, step: Step) -> None:
        """Put a copy, made through the saved state, in the place of a module."""
        self.modules[step["module"]] = self.adapter.copy(self.modules[step["module"]])

    def do_parameters(self, step: Step) -> None:
        """The number of trainable numbers in a module, and the shapes of its parameters."""
        shapes = self.adapter.parameters(self.modules[step["module"]])
        self.values[step["as"]] = {
            "trainable": sum(int(np.prod(s)) for s in shapes),
            "shapes": [list(s) for s in shapes],
        }

    def do_inputs(self, step: Step) -> None:
        """The tensors that were given, after the calls, to see whether the answer changed them."""
        self.values[step["as"]] = dict(self.tensors)

    def owner(self, name: str) -> tuple[Any, str]:
        """The module that a parameter belongs to, and its key there: the embedding that was given, or module `m`."""
        first, _, rest = name.partition(".")
        return (self.modules[first], rest) if first == "embedding" in self.modules else (self.modules["m"], name)

    # -- BERT classifiers: what they are is the adapter's ------------------------------------------------------------

    def do_classifier(self, step: Step) -> None:
        """Make the library's classifier from a checkpoint."""
        [checkpoint, num_classes] = step["args"]
        folder = self.adapter.bert.folder(checkpoint["checkpoint"])
        self.modules[step["as"]] = self.adapter.bert.classifier(folder, num_classes, **step["kwargs"])

    def do_head(self, step: Step) -> None:
        """Give a classifier's last layer a weight (D, C) and a bias (C,)."""
        weights = {key: self.arrays[value["array"]] for key, value in step["weights"].items()}
        self.adapter.bert.load_head(self.modules[step["module"]], weights["weight"], weights["bias"])

    def do_dropout(self, step: Step) -> None:
        """Give every dropout of a classifier the same rate."""
        self.adapter.bert.set_dropout(self.modules[step["module"]], step["rate"])

    def do_uncompiled(self, step: Step) -> None:
        """Compile nothing until the program ends."""
        self.adapter.leave_uncompiled()

    def do_logits(self, step: Step) -> None:
        """The logits (B, C) of a classifier for a batch, in evaluation mode."""
        [batch] = self.decode(step["args"])
        self.values[step["as"]] = self.adapter.bert.logits(self.modules[step["module"]], batch)

    def do_state(self, step: Step) -> None:
        """A classifier's weights by name."""
        self.values[step["as"]] = self.adapter.bert.state(self.modules[step["module"]])

    def do_seen(self, step: Step) -> None:
        """How the answer used a classifier."""
        self.values[step["as"]] = self.adapter.bert.seen(self.modules[step["module"]])

    def do_grad(self, step: Step) -> None:
        """Vector-Jacobian products of a value, by the name of the array or parameter."""
        result = self.values[step["of"]]
        if step["item"] is not None:
            if not isinstance(result, (tuple, list)) or len(result) <= step["item"]:
                raise StudentMessage(worker_messages.NO_ITEM.said(type=type(result).__name__, n=step["item"] + 1))
            result = result[step["item"]]
        sources: dict[str, Any] = {}
        for name in step["wrt"]:
            sources[name] = self.tensors[name] if name in self.tensors else self.adapter.parameter(*self.owner(name))
        known = {name: s for name, s in sources.items() if s is not NotAvailable}
        cotangent = self.arrays[step["cotangent"]["array"]]
        gradients = self.adapter.gradients(result, cotangent, known)
        self.values[step["as"]] = {name: gradients.get(name, NotAvailable) for name in step["wrt"]}

    def do_integers(self, step: Step) -> None:
        """Give the integer arrays in this type of integers."""
        self.tensors = {name: self.adapter.integers(t, step["dtype"]) for name, t in self.tensors.items()}

    def do_no_layers(self, step: Step) -> None:
        """Make new layers in the framework's usual dtype until the program ends."""
        self.adapter.leave_layers_alone()

    def do_copies(self, step: Step) -> None:
        """Give each call copies of the tensors, which the answer may write into."""
        self.copies = True

    def do_flow(self, step: Step) -> None:
        """Whether a value depends on any of these arrays."""
        sources = {name: self.tensors[name] for name in step["wrt"]}
        self.values[step["as"]] = self.adapter.flows(self.values[step["of"]], sources)


class Reply:
    """Encodes values for a reply. `arrays` are those found so far, by name; a reply has at most MAX_ITEMS values."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter, self.items = adapter, 0
        self.arrays: wire.Arrays = {}

    def value(self, value: Any, depth: int = 0) -> Any:
        """A value as JSON data that says of what kind it is; `depth` is how deep it lies in lists and dicts."""
        self.items += 1
        if self.items > MAX_ITEMS or depth > 8:
            return {"other": "a structure that is too large"}
        if value is None or isinstance(value, (bool, int)) and type(value) in (bool, int):
            return value if value is None or abs(value) < 1 << 53 else {"other": "int"}
        if type(value) is float:
            return {"float": repr(value)}
        if type(value) is str:
            return {"str": value[:MAX_TEXT]}
        if value is NotAvailable:
            return {"unavailable": True}
        if isinstance(value, tuple):
            return {"tuple": [self.value(item, depth + 1) for item in value[: MAX_ITEMS + 1]]}
        if isinstance(value, list):
            return {"list": [self.value(item, depth + 1) for item in value[: MAX_ITEMS + 1]]}
        if isinstance(value, np.generic):
            return self.value(value.item(), depth + 1)
        if type(value) is dict or isinstance(value, UserDict):  # a tokenizer's result is a UserDict
            items = itertools.islice(value.items(), MAX_ITEMS + 1)
            return {"dict": {str(key)[:200]: self.value(item, depth + 1) for key, item in items}}
        array = self.adapter.array(value)
        if array is None and type(value) is np.ndarray and value.dtype.str[1:] in NUMPY:
            name = f"r{len(self.arrays)}"
            self.arrays[name] = value
            return {"numpy": name}
        if array is None:
            return {"other": type(value).__name__[:100]}
        if isinstance(array, dict):  # a tensor without contents (the meta device), or of a dtype that NumPy has not
            return {"abstract": array}
        name = f"r{len(self.arrays)}"
        self.arrays[name] = array
        return {"array": name}


def answer_run(adapter: Adapter, namespace: Namespace, request: wire.Header, arrays: wire.Arrays) -> bytes:
    """Run a program in a namespace; the reply as a frame, with the values or with the error."""
    try:
        run = Run(adapter, namespace.variables, request["program"], arrays)
        values = run.go()
        adapter.finish()
        reply = Reply(adapter)
        encoded = {name: reply.value(value) for name, value in values.items()}
        return wire.encode(
            {"values": encoded, "device": adapter.device_of(values), "used": adapter.watch.take()}, reply.arrays
        )
    except BaseException as error:  # noqa: BLE001 - any exception of the answer is its result
        described = namespace.describe(error)
        on_meta = request["program"]["device"] == "meta"
        if on_meta and adapter.is_data_dependent(described["message"]) and raised_outside(error):
            described["kind"] = "data-dependent"
        TRACEBACK.__set__(error, None)  # or the frames, and the tensors in them, would live on
        failed: wire.Header = {"values": {}, "error": described, "used": adapter.watch.take()}
        if adapter.is_spent():
            failed["spent"] = True
        return wire.encode(failed)


# -- the contestant --------------------------------------------------------------------------------------------------


def serve(sock: socket.socket, adapter: Adapter, output_bytes: int) -> None:
    """Answer a judge's requests until it hangs up, which raises `wire.Closed`. `output_bytes` is for all cells."""
    namespace = Namespace()
    sys.modules["__main__"] = namespace.module
    sys.argv = ["notebook"]
    output = Output(output_bytes)
    sys.stdout = sys.stderr = output
    sys.stdin = io.StringIO()
    shell = Shell(namespace.variables, namespace.run_text)
    shell.install()
    while True:
        request, arrays = wire.receive(sock)
        if request["op"] == "run":
            sock.sendall(answer_run(adapter, namespace, request, arrays))
        elif request["op"] == "cell":
            error: dict[str, Any] | None = None
            shell.begin(request["source"])
            try:
                shell.shown(namespace.run(request["label"], request["source"]))
            except BaseException as raised:  # noqa: BLE001 - SystemExit included
                error = namespace.describe(raised)
            # A cell may compare with the framework's own attention. The judge finds out whether an answer gets it from
            # the cell: what was traced or stored in a cell can be called in an answer.
            reply: wire.Header = {
                "used": adapter.watch.take(),
                "error": error,
                "output": output.take(),
                "defined": _defined(namespace, request["symbols"]),
            }
            if notes := shell.end():
                reply["notes"] = [note.header() for note in notes]
            if error and adapter.is_spent():
                reply["spent"] = True
            wire.send(sock, reply)
        elif request["op"] == "standins":
            scope = Namespace()
            scope.run("stand-ins", request["source"])
            namespace.variables.update({name: scope.variables[name] for name in request["names"]})
            wire.send(sock, {"ok": True})


def _defined(namespace: Namespace, symbols: list[str]) -> list[str]:
    return [name for name in symbols if name in namespace.variables]
