"""The function server that runs inside a contestant and inside the reference: cells and programs in, raw arrays out.

Requests are frames with a closed vocabulary:

    {"op": "cell", "label": "cell 5", "source": "..."}      run a cell of a notebook in the answer's namespace
    {"op": "standins", "source": "...", "names": [...]}      define neutral versions of symbols that other parts ask for
    {"op": "run", "program": {...}}                          run a program (see autograder/judging/program.py)

Replies carry values by shape of the data: null, booleans, numbers, strings, lists, tuples, dicts, arrays by name, and
for anything else the name of its type. An exception in the answer becomes data too: its class and base classes by
name, its message, and the student's own line where it happened.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import io
import itertools
import linecache
import socket
import sys
import traceback
import types
from collections import OrderedDict, UserDict
from typing import Any

import numpy as np

from autograder.workers import wire, worker_messages

GIVEN = ("generator", "embedding", "module", "tokenizer", "checkpoint")  # arguments that only a worker can make
MAX_TEXT = 2000
MAX_ITEMS = 4096
MOST_PAIRS = 100  # of mistakes, whose modules the reference holds at a time
TRACEBACK = BaseException.__traceback__  # itself, whatever a student's class has under that name
MEMORY_PHRASES = (
    "can't allocate memory",
    "out of memory",
    "OOM when allocating",
    "cannot allocate memory",
    "std::bad_alloc",
)


class NotAvailable:
    """The gradient of a parameter that the module lays out in its own way."""


class StudentMessage(Exception):
    """Something about the answer that the student should read in these words; `kind` as in StudentError."""

    def __init__(self, message: str, kind: str = "exception") -> None:
        super().__init__(message)
        self.kind = kind


class Output(io.TextIOBase):
    """Standard output of an answer, kept up to a size; what comes after is dropped, and said to be."""

    def __init__(self, size: int) -> None:
        self.left, self.parts, self.cut = size, [], False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        text = str(text)
        if self.left > 0:
            self.parts.append(text[: self.left])
        self.cut = self.cut or len(text) > self.left
        self.left -= len(text)
        return len(text)

    def take(self) -> str:
        text = "".join(self.parts) + ("\n[more output was dropped]" if self.cut else "")
        self.parts.clear()
        self.cut = False
        return text


# -- running cells ---------------------------------------------------------------------------------------------------


class Namespace:
    """The notebook's namespace: cells run in it as in `__main__`, and errors are told in terms of its cells."""

    files: dict[str, str] = {}  # file name in tracebacks -> label, of all namespaces of a process

    def __init__(self) -> None:
        self.module = types.ModuleType("__main__")
        self.variables = self.module.__dict__

    def run(self, label: str, source: str) -> None:
        filename = f"<{label}>"
        self.files[filename] = label
        lines = source.splitlines(keepends=True)
        linecache.cache[filename] = (len(source), None, lines, filename)
        try:
            code = compile(source, filename, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except ValueError as error:  # a zero byte, before Python 3.11.4
            raise SyntaxError(str(error)) from None
        if code.co_flags & inspect.CO_COROUTINE:  # `await` in a cell, which notebooks allow
            asyncio.run(eval(code, self.variables))  # noqa: S307
        else:
            exec(code, self.variables)  # noqa: S102 - what we are here for

    def describe(self, error: BaseException) -> dict:
        """An exception as data, `explained`, with the innermost line that is the student's own."""
        where: dict[str, Any] = {"cell": None, "line": None, "source": None}
        try:
            if isinstance(error, SyntaxError) and error.filename in self.files:
                frames = [(error.filename, error.lineno)]
            else:
                frames = [(f.filename, f.lineno) for f in traceback.extract_tb(TRACEBACK.__get__(error))]
            own = [(name, line) for name, line in frames if name in self.files]
            if own:
                name, line = own[-1]
                where = {
                    "cell": self.files[name],
                    "line": line,
                    "source": linecache.getline(name, line or 0).strip()[:200],
                }
        except BaseException:  # noqa: BLE001 - an exception object of the student's may do anything when looked at
            pass
        return explained({"kind": _kind_of(error), "types": _types_of(error), "message": _text(error), **where})


def explained(error: dict) -> dict:
    """An error that only a GPU raises, in our words; one that costs the process its GPU, as the CPU's own."""
    if "device-side assert" in error["message"]:
        return {**error, "types": ["IndexError", *error["types"]], "message": worker_messages.OUT_OF_RANGE_ON_A_GPU}
    if error["types"][:1] == ["RuntimeError"] and "on the same device" in error["message"]:
        return {**error, "message": worker_messages.ON_THE_CPU}
    return error


def _types_of(error: BaseException) -> list[str]:
    names = [c.__name__ for c in type(error).__mro__ if getattr(builtins, c.__name__, None) is c and c is not object]
    own = type.__getattribute__(type(error), "__name__")
    return [*([own[:100]] if own not in names else []), *names]


def _text(error: BaseException) -> str:
    try:
        if isinstance(error, SyntaxError):
            return str(error.msg)[:MAX_TEXT]
        return str(error)[:MAX_TEXT]
    except BaseException:  # noqa: BLE001 - __str__ is the student's
        return "(the exception has no readable message)"


def _kind_of(error: BaseException) -> str:
    if isinstance(error, StudentMessage):
        return error.kind
    if isinstance(error, MemoryError) or any(phrase in _text(error) for phrase in MEMORY_PHRASES):
        return "memory"
    return "exception"


# -- running programs ------------------------------------------------------------------------------------------------


class Run:
    """One program, step by step, over an adapter."""

    def __init__(self, adapter, variables: dict, program: dict, arrays: dict[str, np.ndarray]) -> None:
        self.adapter, self.variables, self.program = adapter, variables, program
        self.values: dict[str, Any] = {}
        self.modules: dict[str, Any] = {}
        self.generators: dict[str, Any] = {}  # those that several steps share
        self.steps = program["steps"]
        self.arrays = arrays
        self.tensors: dict[str, Any] = {}

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
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if isinstance(value, dict):
            if set(value) == {"array"}:
                return self.tensors[value["array"]]
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
        if name not in self.variables:
            raise StudentMessage(worker_messages.NOT_DEFINED.format(name=name), "missing")
        found = self.variables[name]
        if not callable(found):
            raise StudentMessage(worker_messages.NOT_CALLABLE.format(name=name, type=type(found).__name__), "missing")
        return found

    def go(self) -> dict[str, Any]:
        wanted = {name for step in self.steps if step["do"] == "grad" for name in step["wrt"]}
        # A function that trains, or one that must not, decides itself what is recorded.
        training = any(step["do"] == "classifier" for step in self.steps)
        with self.adapter.running(self.program["dtype"], self.program["device"], bool(wanted), training):
            raw = self._raw()
            for name, array in self.arrays.items():
                if name not in raw:
                    self.tensors[name] = self.adapter.tensor(array, gradient=name in wanted)
            for step in self.steps:
                getattr(self, "do_" + step["do"])(step)
        return self.values

    def do_call(self, step: dict) -> None:
        self.values[step["as"]] = self.symbol(step["symbol"])(*self.decode(step["args"]), **self.decode(step["kwargs"]))

    def do_new(self, step: dict) -> None:
        symbol, args, kwargs = self.symbol(step["symbol"]), self.decode(step["args"]), self.decode(step["kwargs"])
        self.modules[step["as"]] = self.adapter.module(symbol, args, kwargs)

    def do_writer(self, step: dict) -> None:
        [tables] = self.decode(step["args"])
        self.modules[step["as"]] = self.adapter.handle(self.adapter.writer(*tables))

    def do_load(self, step: dict) -> None:
        weights = {key: self.arrays[value["array"]] for key, value in step["weights"].items()}
        self.adapter.load(self.modules[step["module"]], weights)

    def do_fill(self, step: dict) -> None:
        self.values[step["as"]] = self.adapter.fill(
            self.modules[step["module"]], step["names"], step["seed"], step["scale"]
        )

    def do_apply(self, step: dict) -> None:
        args, kwargs = self.decode(step["args"]), self.decode(step["kwargs"])
        self.values[step["as"]] = self.adapter.apply(self.modules[step["module"]], args, kwargs)

    def do_mode(self, step: dict) -> None:
        self.adapter.set_mode(self.modules[step["module"]], step["training"])

    def do_train(self, step: dict) -> None:
        [batches] = self.decode(step["args"])
        losses, unreached = self.adapter.train(self.modules[step["module"]], batches, step["steps"], step["rate"])
        self.values[step["as"]] = {"losses": losses, "unreached": unreached}

    def do_copy(self, step: dict) -> None:
        self.modules[step["module"]] = self.adapter.copy(self.modules[step["module"]])

    def do_parameters(self, step: dict) -> None:
        shapes = self.adapter.parameters(self.modules[step["module"]])
        self.values[step["as"]] = {
            "trainable": sum(int(np.prod(s)) for s in shapes),
            "shapes": [list(s) for s in shapes],
        }

    def do_inputs(self, step: dict) -> None:
        self.values[step["as"]] = dict(self.tensors)

    def owner(self, name: str) -> tuple[Any, str]:
        """The module that a parameter's name speaks of: an embedding that was given to it, or the module `m`."""
        first, _, rest = name.partition(".")
        return (self.modules[first], rest) if first == "embedding" in self.modules else (self.modules["m"], name)

    # -- BERT classifiers: what they are is the adapter's ------------------------------------------------------------

    def do_classifier(self, step: dict) -> None:
        [checkpoint, num_classes] = step["args"]
        folder = self.adapter.bert.folder(checkpoint["checkpoint"])
        self.modules[step["as"]] = self.adapter.bert.classifier(folder, num_classes, **step["kwargs"])

    def do_head(self, step: dict) -> None:
        weights = {key: self.arrays[value["array"]] for key, value in step["weights"].items()}
        self.adapter.bert.load_head(self.modules[step["module"]], weights["weight"], weights["bias"])

    def do_dropout(self, step: dict) -> None:
        self.adapter.bert.set_dropout(self.modules[step["module"]], step["rate"])

    def do_uncompiled(self, step: dict) -> None:
        self.adapter.leave_uncompiled()

    def do_logits(self, step: dict) -> None:
        [batch] = self.decode(step["args"])
        self.values[step["as"]] = self.adapter.bert.logits(self.modules[step["module"]], batch)

    def do_state(self, step: dict) -> None:
        self.values[step["as"]] = self.adapter.bert.state(self.modules[step["module"]])

    def do_seen(self, step: dict) -> None:
        self.values[step["as"]] = self.adapter.bert.seen(self.modules[step["module"]])

    def do_grad(self, step: dict) -> None:
        result = self.values[step["of"]]
        if step["item"] is not None:
            if not isinstance(result, (tuple, list)) or len(result) <= step["item"]:
                raise StudentMessage(worker_messages.NO_ITEM.format(type=type(result).__name__, n=step["item"] + 1))
            result = result[step["item"]]
        sources: dict[str, Any] = {}
        for name in step["wrt"]:
            sources[name] = self.tensors[name] if name in self.tensors else self.adapter.parameter(*self.owner(name))
        known = {name: s for name, s in sources.items() if s is not NotAvailable}
        cotangent = self.arrays[step["cotangent"]["array"]]
        gradients = self.adapter.gradients(result, cotangent, known)
        self.values[step["as"]] = {name: gradients.get(name, NotAvailable) for name in step["wrt"]}


class Reply:
    """Values to be sent: walks them once, taking arrays out."""

    def __init__(self, adapter) -> None:
        self.adapter, self.arrays, self.items = adapter, {}, 0

    def value(self, value: Any, depth: int = 0) -> Any:
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
        if array is None:
            return {"other": type(value).__name__[:100]}
        if isinstance(array, dict):  # a tensor without contents (the meta device), or of a dtype that NumPy has not
            return {"abstract": array}
        name = f"r{len(self.arrays)}"
        self.arrays[name] = array
        return {"array": name}


def answer_run(adapter, namespace: Namespace, request: dict, arrays: dict[str, np.ndarray]) -> bytes:
    """Run a program in a namespace and encode what came of it."""
    run = None
    try:
        run = Run(adapter, namespace.variables, request["program"], arrays)
        values = run.go()
        adapter.finish()
        reply = Reply(adapter)
        encoded = {name: reply.value(value) for name, value in values.items()}
        return wire.encode(
            {"values": encoded, "device": adapter.device_of(values), "used": adapter.watch.take()}, reply.arrays
        )
    except BaseException as error:  # noqa: BLE001 - whatever the answer raises is its answer
        described = namespace.describe(error)
        if request["program"]["device"] == "meta" and adapter.is_data_dependent(described["message"]):
            described["kind"] = "data-dependent"
        TRACEBACK.__set__(error, None)  # or the frames, and the tensors in them, would live on
        reply = {"values": {}, "error": described, "used": adapter.watch.take()}
        if adapter.is_spent():
            reply["spent"] = True
        return wire.encode(reply)


# -- the contestant --------------------------------------------------------------------------------------------------


def serve(sock: socket.socket, adapter, output_bytes: int) -> None:
    """The contestant's life: answer requests until the judge hangs up."""
    namespace = Namespace()
    sys.modules["__main__"] = namespace.module
    sys.argv = ["notebook"]
    output = Output(output_bytes)
    sys.stdout = sys.stderr = output
    sys.stdin = io.StringIO()
    while True:
        request, arrays = wire.receive(sock)
        if request["op"] == "run":
            sock.sendall(answer_run(adapter, namespace, request, arrays))
        elif request["op"] == "cell":
            error = None
            try:
                namespace.run(request["label"], request["source"])
            except BaseException as raised:  # noqa: BLE001 - SystemExit included
                error = namespace.describe(raised)
            adapter.watch.take()  # trying the framework's own in a cell, to compare, is not answering with it
            reply = {"error": error, "output": output.take(), "defined": _defined(namespace, request["symbols"])}
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


# -- the reference ---------------------------------------------------------------------------------------------------


class Reference:
    """The same function server over trusted code, with a memory.

    It holds sources by name (`self_attention`, `self_attention/softmax-over-queries`), runs each once when it is first
    asked for, and remembers replies by source and content of the program, up to `capacity` bytes. On a GPU a mistake
    computes on the CPU first, and comes to the GPU where that ends well: one that is out of range would cost the
    reference its GPU.
    """

    def __init__(self, adapter, capacity: int = 256 << 20) -> None:
        self.adapter, self.capacity = adapter, capacity
        self.sources: dict[str, str] = {}
        self.namespaces: dict[str, Namespace] = {}
        self.memory: OrderedDict[str, bytes] = OrderedDict()
        self.size = 0

    def answer(self, request: dict, arrays: dict[str, np.ndarray]) -> bytes:
        if request["op"] == "sources":
            self.sources.update(request["sources"])
            return wire.encode({"ok": True})
        key = f"{request['source']} {request['digest']}"
        if key in self.memory:
            self.memory.move_to_end(key)
            return self.memory[key]
        reply = self._run(request, arrays)
        self.memory[key] = reply
        self.size += len(reply)
        while self.size > self.capacity:
            self.size -= len(self.memory.popitem(last=False)[1])
        return reply

    def _run(self, request: dict, arrays: dict[str, np.ndarray]) -> bytes:
        name = request["source"]
        if name not in self.namespaces:
            namespace = Namespace()
            try:
                namespace.run(name, self.sources[name])
            except Exception as error:  # noqa: BLE001 - a mistake may be one that does not even import
                return wire.encode({"values": {}, "error": namespace.describe(error), "used": []})
            self.namespaces[name] = namespace
            if len(pairs := [known for known in self.namespaces if "+" in known]) > MOST_PAIRS:
                del self.namespaces[pairs[0]]  # tried for one answer, and hardly asked for again
        program = request["program"]
        if "/" in name and self.adapter.home == "cuda" and not program["device"]:
            rehearsal = answer_run(
                self.adapter, self.namespaces[name], {**request, "program": {**program, "device": "cpu"}}, arrays
            )
            if wire.parse(rehearsal)[0].get("error"):
                return rehearsal
        return answer_run(self.adapter, self.namespaces[name], request, arrays)
