"""Whatever a student's function gives back, the hand-in is graded, in words: nobody escapes a zero by confusing us."""

from __future__ import annotations

import json

import pytest
from forge import Forge, said

from autograder.reporting.html import feedback_page
from course.syllabus import syllabus

TORCH = [
    "None", "()", "[]", "{}", "1", "True", "-0.0", "float('nan')", "'x'", "b'x'", "1j", "10**400", "object()", "type",
    "(None, None)", "(1, 2, 3)", "([], {})", "{'output': x, 'weights': x}", "[x, x]", "(x, x)", "(x > 0, x > 0)",
    "x", "x > 0", "x.double()", "x.half()", "x.bfloat16()", "x.long()", "x.to(torch.complex64)", "x.sum()", "x[:0]",
    "x * float('nan')", "(x * float('inf'), x * float('inf'))", "x.to_sparse()", "x.numpy()", "x.to('meta')",
    "torch.empty(1 << 40, 0)", "torch.empty(0, 5, 5)", "(x, torch.empty(0, 5, 5))", "(x, torch.empty(2, 1, 0, 0))",
    "(x, x.new_zeros(2, 3, 5, 5))", "torch.ones(1).expand(1 << 20)", "torch.zeros([1] * 40)", "nest(500)", "loop()",
    "iter([x, x])", "(i for i in (x, x))", "nn.Parameter(x)", "torch.Size([1])", "wide()",
    "torch.quantize_per_tensor(x, .1, 0, torch.qint8)", "torch.nested.nested_tensor([x])",
]  # fmt: skip
TENSORFLOW = [
    "None", "()", "1", "'x'", "1j", "(None, None)", "{'output': x, 'weights': x}", "[x, x]", "(x, x)",
    "(x > 0, x > 0)", "x", "x > 0", "tf.cast(x, tf.float16)", "tf.cast(x, tf.bfloat16)", "tf.cast(x, tf.complex64)",
    "x[:0]", "x * float('nan')", "tf.zeros((1 << 40, 0))", "(x, tf.zeros((0, 5, 5)))", "tf.constant('text')",
    "tf.sparse.from_dense(x)", "tf.ragged.constant([[1], [1, 2]])", "tf.Variable(x)", "tf.TensorShape([1])",
    "x.numpy()", "keras.Input((3,))", "tf.data.Dataset.range(3)", "nest(500)", "loop()", "wide()",
]  # fmt: skip
HELPERS = """
def nest(depth):
    value = None
    for _ in range(depth):
        value = [value]
    return value
def loop():
    value = []
    value.append(value)
    return value
def wide():
    return {str(i): [i] * 100 for i in range(10_000)}
def first(args):
    return next((a for a in args if hasattr(a, 'dtype')), None)
"""
IMPORTS = {
    "pytorch": "import torch\nfrom torch import nn\ndef some(args):\n    x = first(args)\n"
    "    return torch.ones(2, 5, 8) if x is None else x.float()\n",
    "tensorflow": "import tensorflow as tf\nimport keras\ndef some(args):\n    x = first(args)\n"
    "    return tf.ones((2, 5, 8)) if x is None else tf.cast(x, tf.float32)\n",
}


def odd(symbols: set[str], track: str, value: str) -> str:
    """Every symbol of an exercise, giving this value."""
    module, call = ("nn.Module", "forward") if track == "pytorch" else ("keras.layers.Layer", "call")
    text = [IMPORTS[track], HELPERS]
    for symbol in sorted(symbols):
        if symbol[0].isupper():
            text.append(
                f"class {symbol}({module}):\n    def __init__(self, *a, **k):\n        super().__init__()\n"
                f"    def load_arrays(self, arrays):\n        pass\n"
                f"    def {call}(self, *args, **k):\n        x = some(args)\n        return {value}"
            )
        else:
            text.append(f"def {symbol}(*args, **k):\n    x = some(args)\n    return {value}")
    return "\n".join(text)


QUICK = ("self-attention-pytorch", "self-attention-tensorflow")


@pytest.mark.parametrize(
    "assignment",
    [
        pytest.param(a, marks=[] if a in QUICK else pytest.mark.slow)
        for a in syllabus().assignments()
        if a.rsplit("-", 1)[1] in IMPORTS
    ],
)
def test_whatever_comes_back_is_graded(arena, assignment):
    forge = Forge(assignment)
    symbols = {part.symbol for part in forge.assignment.exercise.parts}
    track = forge.assignment.track.id
    values = TORCH if track == "pytorch" else TENSORFLOW
    hand_ins = [forge.hand_in(value, after=(odd(symbols, track, value),)) for value in values]
    full = forge.assignment.exercise.points
    fell = {}
    for _, result in arena.stream(hand_ins):
        assert result["status"] == "graded", (result["student"], result["message"])
        assert result["score"] < full / 2, result["student"]
        feedback_page(json.loads(json.dumps(result)))
        if "check-raised" in result["flags"]:
            fell[result["student"]] = said(result)
    assert not fell  # no hidden test needs the net below it
