"""Exceptions that beginners meet lead to a hint that is true of them, in the frameworks' own words."""

from __future__ import annotations

import pytest
from support.answers import answers

from course.checks import _plain, run
from course.report import FAILED

HEAD = "import math\nimport torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
TF_HEAD = "import math\nimport keras\nimport tensorflow as tf\n"
ATTENTION = "def scaled_dot_product_attention(query, key, value, mask=None):\n    "
PYTORCH = [  # the body of an attention, and a piece of the hint
    ("scores = query @ key.T", "`.T` turns all axes round"),
    ("scores = query @ key.transpose()", "takes the two axes to swap"),
    ("scores = value if query > 0 else key", "A tensor with many values is neither true nor false"),
    ("scores = query @ key.transpose(-2, -1) + (1 - mask) * -1e9", "The mask may be None"),
    ("scores = torch.sqrt(query.shape[-1])", "math.sqrt(d)"),
    ("scores = query @ key", "last axis of the left factor"),
    ("scores = query.masked_fil(mask, 0)", "PyTorch has no such name"),
    ("scores = np.exp(query)", "import numpy as np"),
    ("scores = softmax(query)", "`softmax` is not defined"),
    ("scores = query.view(7, 7)", "`reshape` must keep"),
    ("scores = torch.softmax(query, dim=9)", "fewer axes"),
    ("scores, a, b = query.shape, 1", "more or fewer things"),
    ("scores = F.softmax(query, axs=-1)", "An argument of this name"),
    ("scores = math.exp(query)", "`math` works on one number"),
    ("scores = query / query.shape", "A shape is a list of numbers"),
    ("scores = query + key.double() @ key.transpose(-2, -1)", "Two types of numbers"),
]
TENSORFLOW = [
    ("scores = query @ key.T", "has no `.T`"),
    ("scores = tf.matmul(query, tf.transpose(key))", "turns all axes round"),
    ("scores = query.reshape(7, 7)", "method of PyTorch's tensors"),
    ("scores = tf.reshape(query, (7, 7))", "`reshape` must keep"),
    ("scores = keras.backend.softmax(query)", "Keras 2's way"),
    ("scores = tf.matmul(query, key)", "last axis of the left factor"),
    ("scores = math.exp(query)", "`math` works on one number"),
    ("query[0] = 0", "cannot be changed"),
    ("scores = np.exp(query)", "import numpy as np"),
    ("scores = tf.nn.softmax(query, dim=-1)", "An argument of this name"),
]


@pytest.mark.parametrize(("body", "says"), PYTORCH)
def test_pytorch(body: str, says: str) -> None:
    _says("pytorch", HEAD + ATTENTION + body + "\n    return scores, scores\n", says)


@pytest.mark.parametrize(("body", "says"), TENSORFLOW)
def test_tensorflow(body: str, says: str) -> None:
    _says("tensorflow", TF_HEAD + ATTENTION + body + "\n    return scores, scores\n", says)


MASKED = [
    ("pytorch", HEAD, "scores = torch.where(mask, torch.ones(1), 1 - mask)", "write `~mask` for its opposite"),
    ("pytorch", HEAD, "if mask:\n            pass", "if mask is not None"),
    ("tensorflow", TF_HEAD, "scores = scores * (1 - mask)", "tf.logical_not(mask)"),
    ("tensorflow", TF_HEAD, "if mask:\n            pass", "if mask is not None"),
]


@pytest.mark.parametrize(("track", "head", "line", "says"), MASKED)
def test_masks(track: str, head: str, line: str, says: str) -> None:
    ready = {
        "pytorch": "scores = query @ key.transpose(-2, -1)",
        "tensorflow": "scores = tf.matmul(query, key, transpose_b=True)",
    }[track]
    last = {"pytorch": "w = torch.softmax(scores, -1)", "tensorflow": "w = tf.nn.softmax(scores)"}[track]
    mix = {"pytorch": "w @ value", "tensorflow": "tf.matmul(w, value)"}[track]
    body = f"{ready}\n    if mask is not None:\n        {line}\n    {last}\n    return {mix}, w\n"
    _says(track, head + ATTENTION + body, says)


def _says(track: str, source: str, says: str) -> None:
    report = run("self-attention", track, "scaled-dot-product", answers(source))
    hints = [item.hint for item in report.items if item.outcome == FAILED]
    assert any(says in hint for hint in hints), str(report)


def test_a_framework_that_lacks_a_method_is_not_called_an_answer_that_is_not_written() -> None:
    source = HEAD + "class MultiHeadAttention(nn.Module):\n    def __init__(self, d_model, num_heads):\n"
    source += "        super().__init__()\n    def foward(self, x):\n        return x\n"
    report = str(run("multi-head-attention", "pytorch", "multi-head-attention", answers(source)))
    assert "Not written yet" not in report
    assert "PyTorch calls `forward`" in report


def test_tensorflows_own_prefixes_are_left_out() -> None:
    message = "{{function_node __wrapped__MatMul_device_/job:localhost}} Matrix size-incompatible [Op:MatMul] name: "
    assert _plain(message) == "Matrix size-incompatible"
