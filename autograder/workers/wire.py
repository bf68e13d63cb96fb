"""The wire format: a small JSON header and raw arrays, nothing else.

A frame is `magic (4) | header length (u32) | body length (u64) | header (JSON) | body (safetensors)`, little-endian.
Headers use a closed vocabulary; arrays are named in them and travel in the body. Nothing on the wire is ever
evaluated, unpickled or looked up by name. A reader states its caps, and a frame that exceeds them, or is not
well-formed, raises `WireError`.
"""

from __future__ import annotations

import json
import select
import socket
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

MAGIC = b"AXW1"
PREFIX = struct.Struct("<4sIQ")
MAX_HEADER = 4 << 20
MAX_BODY = 1 << 30
TICK = 0.05  # seconds between two looks at a worker's clock while a reply is awaited


class WireError(Exception):
    """The other side sent something that is not a frame, or a frame over the caps."""


class Closed(WireError):
    """The other side has hung up."""


def encode(header: dict, arrays: dict[str, np.ndarray] | None = None) -> bytes:
    """A frame as bytes. Arrays are made contiguous; zero-dimensional ones stay so."""
    head = json.dumps(header, separators=(",", ":")).encode()
    body = save_arrays({k: np.array(v, copy=None, order="C") for k, v in arrays.items()}) if arrays else b""
    return PREFIX.pack(MAGIC, len(head), len(body)) + head + body


def send(
    sock: socket.socket,
    header: dict,
    arrays: dict[str, np.ndarray] | None = None,
    tick: Callable[[], None] | None = None,
) -> None:
    """Write one frame. `tick`, as in `receive`: a reader that does not read must not hold up who writes to it."""
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
    max_header: int = MAX_HEADER,
    max_body: int = MAX_BODY,
) -> tuple[dict, dict[str, np.ndarray]]:
    """Read one frame. `tick` is called every `TICK` seconds while waiting and may raise to give up."""
    magic, head_length, body_length = PREFIX.unpack(_exactly(sock, PREFIX.size, tick))
    if magic != MAGIC:
        raise WireError("not a frame")
    if head_length > max_header or body_length > max_body:
        raise WireError(f"a frame of {head_length + body_length} bytes is over the limit")
    head = _exactly(sock, head_length, tick)
    body = _exactly(sock, body_length, tick)
    return decode(head, body)


def parse(frame: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """The same for a whole frame at hand, one of our own."""
    _magic, head_length, _body_length = PREFIX.unpack_from(frame)
    start = PREFIX.size
    return decode(frame[start : start + head_length], frame[start + head_length :])


def decode(head: bytes, body: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """Header and arrays out of their bytes; anything unexpected is a `WireError`."""
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


def _exactly(sock: socket.socket, size: int, tick: Callable[[], None] | None) -> bytes:
    chunks, missing = [], size
    while missing:
        if tick is not None and not select.select([sock], [], [], TICK)[0]:
            tick()
            continue
        try:
            chunk = sock.recv(min(missing, 1 << 20))
        except (ConnectionResetError, BrokenPipeError):
            chunk = b""
        if not chunk:
            raise Closed("the other side hung up")
        chunks.append(chunk)
        missing -= len(chunk)
        if tick is not None and missing:
            tick()  # a reply that trickles in for ever is a reply that never ends
    return b"".join(chunks)
