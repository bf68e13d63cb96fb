"""What comes over the wire is data or a WireError: frames, caps, malformed headers and bodies, replies that lie."""

from __future__ import annotations

import json
import socket
import struct
import threading

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

from autograder.judging import replies as made
from autograder.judging.compare import Odd, difference
from autograder.judging.program import Answer
from autograder.workers import wire

settings.register_profile("wire", deadline=None, max_examples=300, derandomize=True)
settings.load_profile("wire")


@pytest.fixture
def line():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def deliver(line, data: bytes, **caps):
    """What `receive` makes of bytes that the other side sends before it hangs up."""
    ours, theirs = line

    def feed() -> None:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    try:
        return wire.receive(ours, **caps)
    finally:
        ours.close()
        thread.join(5)


def safetensors(header: dict | bytes, data: bytes = b"") -> bytes:
    """A body with any header, true or not."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + data


# -- frames -----------------------------------------------------------------------------------------------------------


def test_a_frame_arrives_as_it_was_sent(line):
    arrays = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.zeros((0, 4), "int64"),
        "c": np.array(3, "float16"),
        "d": np.array([True, False]),
        "e": np.arange(6, dtype="float32").reshape(2, 3).T,
    }
    header, got = deliver(line, wire.encode({"op": "run", "text": "æ"}, arrays))
    assert header == {"op": "run", "text": "æ"}
    for name, array in arrays.items():
        assert got[name].dtype == array.dtype and got[name].shape == array.shape and (got[name] == array).all()


def test_frames_follow_each_other(line):
    ours, theirs = line
    for n in range(3):
        wire.send(theirs, {"n": n}, {"x": np.full(3, n)})
    assert [int(wire.receive(ours)[1]["x"][0]) for _ in range(3)] == [0, 1, 2]


@given(
    np_st.arrays(
        st.sampled_from(["float32", "float64", "int64", "bool", "int8"]), np_st.array_shapes(min_dims=0, min_side=0)
    )
)
def test_any_array_survives_the_way(array):
    body = wire.encode({}, {"x": array})[wire.PREFIX.size + 2 :]
    _, got = wire.decode(b"{}", body)
    np.testing.assert_array_equal(got["x"], array)


def test_the_other_side_hanging_up_is_told_apart(line):
    for data in (b"", b"AXW1", wire.encode({"a": 1})[:-1]):
        ours, theirs = socket.socketpair()
        with ours, theirs, pytest.raises(wire.Closed):
            deliver((ours, theirs), data)


def test_sending_to_nobody_is_a_closed_line(line):
    ours, theirs = line
    theirs.close()
    with pytest.raises(wire.Closed):
        for _ in range(3):
            wire.send(ours, {"a": 1})


@pytest.mark.parametrize(
    "prefix",
    [
        (b"HTTP", 2, 0),
        (b"AXW1", wire.MAX_HEADER + 1, 0),
        (b"AXW1", 2, wire.MAX_BODY + 1),
        (b"AXW1", (1 << 32) - 1, (1 << 64) - 1),  # what a length of -1 looks like
    ],
    ids=["no frame", "a long header", "a long body", "negative lengths"],
)
def test_a_frame_over_the_caps_is_refused_before_it_is_read(line, prefix):
    ours, theirs = line
    theirs.sendall(wire.PREFIX.pack(*prefix))  # and nothing after it: whoever waited for more would wait for ever
    ours.settimeout(20)
    with pytest.raises(wire.WireError):
        wire.receive(ours)


def test_the_caps_are_the_readers(line):
    with pytest.raises(wire.WireError, match="over the limit"):
        deliver(line, wire.encode({}, {"x": np.zeros(1000)}), caps=wire.Caps(body=4000))


def test_a_reply_that_trickles_is_interrupted(line):
    ours, theirs = line
    theirs.sendall(wire.PREFIX.pack(wire.MAGIC, 1000, 0))
    ticks = []

    def tick() -> None:
        theirs.send(b" ")  # a byte for every look at the clock: the line is never silent
        ticks.append(1)
        if len(ticks) > 20:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        wire.receive(ours, tick)


# -- headers and bodies -----------------------------------------------------------------------------------------------


HEADS = {
    "empty": b"",
    "torn": b"{",
    "a list": b"[]",
    "null": b"null",
    "a number": b"1",
    "a string": b'"x"',
    "no text": b"\xff\xfe",
    "nested lists": b"[" * 100_000,
    "nested objects": b'{"a":' * 100_000,
    "a long number": b"1" * 10_000,
    "two of them": b"{}{}",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_header_that_is_no_object_is_refused(head):
    with pytest.raises(wire.WireError):
        wire.decode(head, b"")


def entry(**changes) -> dict:
    return {"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


LIES = {
    "a shape larger than its data": safetensors(entry(shape=[1 << 40]), bytes(8)),
    "a shape that overflows": safetensors(entry(shape=[1 << 32, 1 << 32, 4]), bytes(8)),
    "a negative shape": safetensors(entry(shape=[-2]), bytes(8)),
    "a shape of text": safetensors(entry(shape="2"), bytes(8)),
    "offsets past the end": safetensors(entry(data_offsets=[0, 1 << 40]), bytes(8)),
    "offsets the wrong way round": safetensors(entry(data_offsets=[8, 0]), bytes(8)),
    "offsets before the start": safetensors(entry(data_offsets=[-8, 0]), bytes(8)),
    "an unknown dtype": safetensors(entry(dtype="OBJECT"), bytes(8)),
    "a dtype that NumPy has not": safetensors(entry(dtype="BF16", shape=[4]), bytes(8)),
    "an eight-bit float": safetensors(entry(dtype="F8_E4M3", shape=[8]), bytes(8)),
    "a hole in the data": safetensors(entry(), bytes(16)),
    "a header longer than the body": struct.pack("<Q", 1 << 40) + b"{}",
    "a header of no length": struct.pack("<Q", 0),
    "a nested header": safetensors(b'{"x":' * 10_000),
    "no header": b"\x01",
    "a pickle": b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00cposix\nsystem\n.",
}


@pytest.mark.parametrize("body", LIES.values(), ids=LIES)
def test_arrays_that_are_not_what_they_say_are_refused(body):
    with pytest.raises(wire.WireError):
        wire.decode(b"{}", body)


@given(st.binary(max_size=200), st.binary(max_size=400))
@example(b"{}", safetensors({"__metadata__": {"a": "b"}}))
def test_any_bytes_are_a_wire_error_or_a_value(head, body):
    try:
        header, arrays = wire.decode(head, body)
    except wire.WireError:
        return
    assert isinstance(header, dict) and all(isinstance(a, np.ndarray) for a in arrays.values())


numbers = st.integers(-3, 1 << 70) | st.integers(0, 16)
headers = st.dictionaries(
    st.text(max_size=3),
    st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "F64", "BF16", "I64", "BOOL", "F16", "C64", "", "U8", "F4"]),
            "shape": st.lists(numbers, max_size=3),
            "data_offsets": st.lists(numbers, min_size=2, max_size=2),
        }
    ),
    max_size=3,
)


@given(headers, st.binary(max_size=64))
def test_any_header_of_arrays_is_a_wire_error_or_a_value(header, data):
    try:
        _, arrays = wire.decode(b"{}", safetensors(header, data))
    except wire.WireError:
        return
    assert sum(a.nbytes for a in arrays.values()) <= len(data)


@given(st.integers(0, 200), st.binary(min_size=1, max_size=4))
def test_a_damaged_frame_is_a_wire_error_or_a_value(position, damage):
    frame = bytearray(wire.encode({"values": {"out": {"array": "r0"}}}, {"r0": np.arange(4.0)}))
    frame[position : position + len(damage)] = damage
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            deliver((ours, theirs), bytes(frame), caps=wire.Caps(body=1 << 20))
        except wire.WireError:
            pass


# -- values -----------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6), inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["array", "tuple", "list", "dict", "float", "str", "unavailable", "abstract", "other"]),
            inner,
            min_size=1,
            max_size=1,
        )
    ),
    max_leaves=12,
)
replies = st.dictionaries(st.sampled_from(["values", "error", "device", "used"]), json_values)
errors = st.dictionaries(st.sampled_from(["kind", "types", "message", "cell", "line", "source"]), json_values)


@given(json_values)
@example({"array": []})
@example({"array": {"a": 1}})
@example({"float": "1e999"})
@example({"float": "1" * 5000})
@example({"abstract": {"shape": [1, "x"]}})
@example({"tuple": {"tuple": []}})
@example({"numpy": "r0"})
@example({"numpy": ["r0"]})
def test_any_value_is_decoded_or_odd_and_can_be_compared(value):
    decoded = made.decode(value, {"r0": np.zeros(2)})
    assert difference(decoded, np.ones(3)) is not None


def test_a_value_nested_for_ever_is_odd():
    value: dict = {"float": "1"}
    for _ in range(50):
        value = {"list": [value]}
    assert "too deep" in repr(made.decode(value, {}))


def test_a_value_that_names_no_array_is_odd():
    assert isinstance(made.decode({"array": "r7"}, {"r0": np.zeros(2)}), Odd)


@given(replies)
def test_any_reply_is_an_answer(reply):
    assert isinstance(made.answer_from(reply, {}), Answer)


@given(errors)
def test_any_error_can_be_told(error):
    answer = made.answer_from({"error": error}, {})
    assert isinstance(made.describe_error(answer.error), str)
    assert len(made.describe_error(answer.error)) < 5000
    assert answer.error.is_a("ValueError") in (True, False)
