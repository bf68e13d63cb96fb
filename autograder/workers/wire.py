"""The wire format: a small JSON header and raw arrays, nothing else.

A frame is `magic (4) | header length (u32) | body length (u64) | header (JSON) | body (safetensors)`, little-endian.
Headers use a closed vocabulary; arrays are named in them and travel in the body. Nothing on the wire is ever
evaluated, unpickled or looked up by name. A reader states its caps (`Caps`), on the bytes and on what they would be
decoded to. A frame that exceeds them, or is not well-formed, raises `WireError` before anything is decoded. No read
waits longer than its clock allows, whatever the other side sends: the socket is always read without blocking, because
`select` may report a socket as ready that has nothing to read (after an out-of-band byte, for example).
"""

from __future__ import annotations

import json
import re
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

Header = dict[str, Any]  # of a frame: a JSON object
Arrays = dict[str, np.ndarray]  # of a frame, by name

MAGIC = b"AXW1"
PREFIX = struct.Struct("<4sIQ")
MAX_HEADER = 4 << 20
MAX_BODY = 1 << 30
TICK = 0.05  # seconds between two looks at a worker's clock while a reply is awaited
PAUSE = 0.01  # seconds to wait where a socket is called ready and has nothing to read


@dataclass(frozen=True)
class Caps:
    """How much of a frame a reader takes; what is over it is refused before it is decoded."""

    header: int = MAX_HEADER  # bytes of JSON
    body: int = MAX_BODY  # bytes of arrays, with the table that describes them
    marks: int | None = None  # commas, colons and brackets in the JSON: a bound on the values that it makes
    depth: int | None = None  # brackets that are open at once in the JSON
    arrays: int | None = None  # arrays in the body
    table: int | None = None  # bytes of the table that describes the arrays


TRUSTED = Caps()  # of a frame from a trusted process


class WireError(Exception):
    """The other side sent something that is not a frame, or a frame over the caps."""


class Closed(WireError):
    """The other side has hung up."""


def encode(header: Header, arrays: Arrays | None = None) -> bytes:
    """A frame as bytes. Arrays are made contiguous; zero-dimensional ones stay so."""
    head = json.dumps(header, separators=(",", ":")).encode()
    body = save_arrays({k: np.array(v, copy=None, order="C") for k, v in arrays.items()}) if arrays else b""
    return PREFIX.pack(MAGIC, len(head), len(body)) + head + body


def send(
    sock: socket.socket,
    header: Header,
    arrays: Arrays | None = None,
    tick: Callable[[], None] | None = None,
) -> None:
    """Write one frame. `tick` is as in `receive`: a reader that does not read must not block the writer."""
    data = memoryview(encode(header, arrays))
    try:
        if tick is None:
            sock.sendall(data)
            return
        while data:
            if select.select([], [sock], [], TICK)[1]:
                try:
                    data = data[sock.send(data, socket.MSG_DONTWAIT) :]
                except BlockingIOError:
                    pass
            if data:
                tick()
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Closed(str(error)) from None


def receive(
    sock: socket.socket,
    tick: Callable[[], None] | None = None,
    caps: Caps = TRUSTED,
) -> tuple[Header, Arrays]:
    """Read one frame. `tick` is called every `TICK` seconds while waiting and may raise to give up.

    Raises Closed where the other side hangs up, WireError for what is not a frame or over `caps`.
    """
    magic, head_length, body_length = PREFIX.unpack(_exactly(sock, PREFIX.size, tick))
    if magic != MAGIC:
        raise WireError("not a frame")
    if head_length > caps.header or body_length > caps.body:
        raise WireError(f"a frame of {head_length + body_length} bytes is over the limit")
    head = _exactly(sock, head_length, tick)
    body = _exactly(sock, body_length, tick)
    return decode(head, body, caps)


def parse(frame: bytes) -> tuple[Header, Arrays]:
    """Header and arrays of a whole frame from a trusted process."""
    _magic, head_length, _body_length = PREFIX.unpack_from(frame)
    start = PREFIX.size
    return decode(frame[start : start + head_length], frame[start + head_length :])


def decode(head: bytes, body: bytes, caps: Caps = TRUSTED) -> tuple[Header, Arrays]:
    """Header and arrays out of their bytes; anything unexpected, or over `caps`, is a `WireError`."""
    _within(head, body, caps)
    try:
        header: Any = json.loads(head)
    except (ValueError, RecursionError):
        raise WireError("the header is not JSON") from None
    if not isinstance(header, dict):
        raise WireError("the header is not an object")
    if not body:
        return header, {}
    try:
        return header, load_arrays(body)
    except Exception as error:  # noqa: BLE001 - a dtype that NumPy has not, a shape beyond all bounds
        raise WireError(f"the arrays cannot be read: {error}") from None


def _within(head: bytes, body: bytes, caps: Caps) -> None:
    """Raise WireError where decoding would make more than `caps` allows. Takes time linear in the bytes."""
    if caps.marks is not None and sum(map(head.count, (b",", b":", b"[", b"{"))) > caps.marks:
        raise WireError("the header has too many values: it is over the limit")
    if caps.depth is not None and _too_deep(head, caps.depth):
        raise WireError("the header is nested too deep: it is over the limit")
    if not body or (caps.arrays is None and caps.table is None):
        return
    if len(body) < 8:
        raise WireError("the arrays cannot be read: they have no table")
    length = int.from_bytes(body[:8], "little")
    if caps.table is not None and length > caps.table:
        raise WireError(f"a table of arrays of {length} bytes is over the limit")
    if caps.arrays is not None and body.count(b"{", 8, 8 + length) > caps.arrays + 1:
        raise WireError(f"more than {caps.arrays} arrays are over the limit")


_TEXTS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*\\?(?:"|\Z)', re.DOTALL)  # a text that does not end runs to the end
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _too_deep(head: bytes, most: int) -> bool:
    """Are more than `most` brackets open at once in this JSON, those in texts left out?"""
    if head.count(b"[") + head.count(b"{") <= most:
        return False
    depth = 0
    for byte in _TEXTS.sub(b"", head).translate(None, _NO_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        if depth > most:
            return True
    return False


def _exactly(sock: socket.socket, size: int, tick: Callable[[], None] | None) -> bytes:
    """The next `size` bytes of the socket. With `tick` nothing here blocks for more than `TICK` seconds."""
    data = bytearray()
    while len(data) < size:
        if tick is not None and not select.select([sock], [], [], TICK)[0]:
            tick()
            continue
        try:
            chunk = sock.recv(min(size - len(data), 1 << 20), socket.MSG_DONTWAIT if tick is not None else 0)
        except (BlockingIOError, InterruptedError):
            if tick is None:
                raise
            tick()
            time.sleep(PAUSE)
            continue
        except (ConnectionResetError, BrokenPipeError):
            chunk = b""
        if not chunk:
            raise Closed("the other side hung up")
        data += chunk
        if tick is not None and len(data) < size:
            tick()  # ends a reply that comes in small pieces for ever
    return bytes(data)
