"""The reference: the function server with trusted code, outside any jail, which remembers its replies."""

from __future__ import annotations

from collections import OrderedDict

from autograder.workers import wire
from autograder.workers.adapter import Adapter
from autograder.workers.harness import answer_run
from autograder.workers.namespace import Namespace

MOST_PAIRS = 100  # pairs of known mistakes whose modules the reference keeps at a time


class Reference:
    """The function server with trusted code; it remembers its replies.

    It keeps sources by name (`self_attention`, `self_attention/softmax-over-queries`), runs each when it is first
    needed, and remembers replies by source and content of the program, up to `capacity` bytes. On a GPU a known mistake
    runs on the CPU first, and on the GPU only where that raises nothing: an index out of range would cost the reference
    its GPU.
    """

    def __init__(self, adapter: Adapter, capacity: int = 256 << 20) -> None:
        self.adapter, self.capacity = adapter, capacity
        self.sources: dict[str, str] = {}
        self.namespaces: dict[str, Namespace] = {}
        self.memory: OrderedDict[str, bytes] = OrderedDict()
        self.size = 0

    def answer(self, request: wire.Header, arrays: wire.Arrays) -> bytes:
        """The reply to one request, as a frame: {"op": "sources", "sources": {name: text}} adds sources.

        Any other request has the name of a source, a program and its digest; the reply is what the program gives.
        Raises KeyError for an unknown source.
        """
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

    def _run(self, request: wire.Header, arrays: wire.Arrays) -> bytes:
        name = request["source"]
        if name not in self.namespaces:
            namespace = Namespace()
            try:
                namespace.run(name, self.sources[name])
            except Exception as error:  # noqa: BLE001 - a known mistake may not even import
                return wire.encode({"values": {}, "error": namespace.describe(error), "used": []})
            self.namespaces[name] = namespace
            if len(pairs := [known for known in self.namespaces if "+" in known]) > MOST_PAIRS:
                del self.namespaces[pairs[0]]  # a pair is tried for one answer, and rarely needed again
        program = request["program"]
        if "/" in name and self.adapter.home == "cuda" and not program["device"]:
            rehearsal = answer_run(
                self.adapter, self.namespaces[name], {**request, "program": {**program, "device": "cpu"}}, arrays
            )
            if wire.parse(rehearsal)[0].get("error"):
                return rehearsal
        return answer_run(self.adapter, self.namespaces[name], request, arrays)
