"""The reference: the same function server over trusted code, outside any jail, with a memory."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from autograder.workers import wire
from autograder.workers.adapter import Adapter
from autograder.workers.harness import Namespace, answer_run

MOST_PAIRS = 100  # of mistakes, whose modules the reference holds at a time


class Reference:
    """The same function server over trusted code, with a memory.

    It holds sources by name (`self_attention`, `self_attention/softmax-over-queries`), runs each once when it is first
    asked for, and remembers replies by source and content of the program, up to `capacity` bytes. On a GPU a mistake
    computes on the CPU first, and comes to the GPU where that ends well: one that is out of range would cost the
    reference its GPU.
    """

    def __init__(self, adapter: Adapter, capacity: int = 256 << 20) -> None:
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
