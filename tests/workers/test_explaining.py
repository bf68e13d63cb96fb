"""The sentences that a student reads in the place of an exception that says little."""

from __future__ import annotations

import pytest

from autograder.judging.program import Program
from autograder.judging.replies import describe_error, student_error
from autograder.workers.namespace import Namespace


def said(*cells: str) -> str:
    """What is said of the exception that the last of these cells ends with, run without walls."""
    namespace = Namespace()
    for n, cell in enumerate(cells[:-1], 1):
        namespace.run(f"cell {n}", cell)
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - whatever it is
        namespace.run("cell 9", cells[-1])
    return describe_error(student_error(namespace.describe(raised.value)))


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (
            ["import nump"],
            "there is no package `nump`: did you mean `numpy`? (cell 9, line 1: `import nump`)",
        ),
        (
            ["import no_such_thing_at_all"],
            "the package `no_such_thing_at_all` is not installed where this is graded: there are only the packages of "
            "the course's requirements.txt. Write it without (cell 9, line 1: `import no_such_thing_at_all`)",
        ),
        (
            ["from google.colab import drive"],
            "the package `google.colab` is not installed where this is graded: there are only the packages of the "
            "course's requirements.txt. Write it without (cell 9, line 1: `from google.colab import drive`)",
        ),
        (
            ["query = 1", "qeury"],
            "NameError: name 'qeury' is not defined. Did you mean `query`? (cell 9, line 1: `qeury`)",
        ),
        (
            ["def f(value):\n    return valeu", "f(1)"],
            "NameError: name 'valeu' is not defined. Did you mean `value`? (cell 1, line 2: `return valeu`)",
        ),
        (["math.sqrt(2)"], "`math` is not defined: is `import math` missing? (cell 9, line 1: `math.sqrt(2)`)"),
        (["np.ones(2)"], "`np` is not defined: is `import numpy as np` missing? (cell 9, line 1: `np.ones(2)`)"),
        (["wholly_unlike"], "NameError: name 'wholly_unlike' is not defined (cell 9, line 1: `wholly_unlike`)"),
        (
            ["import math\nmath.sqr(2)"],
            "AttributeError: module 'math' has no attribute 'sqr'. Did you mean `sqrt`? "
            "(cell 9, line 2: `math.sqr(2)`)",
        ),
        (
            ["class A:\n    def __init__(self):\n        self.num_heads = 1", "A().num_head"],
            "AttributeError: 'A' object has no attribute 'num_head'. Did you mean `num_heads`? "
            "(cell 9, line 1: `A().num_head`)",
        ),
        (
            ["from json import wholly_else"],
            "ImportError: cannot import name 'wholly_else' from 'json' "
            "(cell 9, line 1: `from json import wholly_else`)",
        ),
        (
            ["from math import squrt"],
            "ImportError: cannot import name 'squrt' from 'math'. Did you mean `sqrt`? "
            "(cell 9, line 1: `from math import squrt`)",
        ),
        (
            ["class A:\n    def __int__(self, width):\n        pass", "A(3)"],
            "`A` has no `__init__`, but `__int__`: did you mean `__init__`? (cell 9, line 1: `A(3)`)",
        ),
        (
            ["def f(x, mask):\n    return x", "f(1, msk=2)"],
            "TypeError: f() got an unexpected keyword argument 'msk'. Did you mean `mask`? "
            "(cell 9, line 1: `f(1, msk=2)`)",
        ),
        (["raise NotImplementedError"], "this is not written yet (cell 9, line 1: `raise NotImplementedError`)"),
        (["raise NotImplementedError()"], "this is not written yet (cell 9, line 1: `raise NotImplementedError()`)"),
        (
            ["raise NotImplementedError('the other way')"],
            "NotImplementedError: the other way (cell 9, line 1: `raise NotImplementedError('the other way')`)",
        ),
        (
            ["open('data.csv')"],
            "there is no file `data.csv` where this is graded: only the notebook itself is there "
            "(cell 9, line 1: `open('data.csv')`)",
        ),
        (
            [
                "text = 'Exception encountered when calling A.call().\\n\\n\\x1b[1mtoo wide\\x1b[0m\\n\\n'\n"
                "text += 'Arguments received by A.call():\\n  • x=1'",
                "raise ValueError(text)",
            ],
            "ValueError: too wide (cell 9, line 1: `raise ValueError(text)`)",
        ),
        (
            [
                "text = '{{function_node __wrapped__MatMul_device_/job:localhost}} Matrix [Op:MatMul] name: '",
                "raise ValueError(text)",
            ],
            "ValueError: Matrix (cell 9, line 1: `raise ValueError(text)`)",
        ),
    ],
)
def test_an_exception_in_words(cells, sentence):
    assert said(*cells) == sentence


CALLED = """
def renamed(x, pad=0):
    return x

def other(x):
    return x

def casual_mask(length):
    return length

def guess(x, pad_id=0):
    return other(x, pad_id=pad_id)
"""


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        (
            "renamed",
            {"pad_id": 1},
            "`renamed` is called with the argument `pad_id`, as the notebook says, but here it is `pad`: did you mean "
            "`pad_id`?",
        ),
        (
            "other",
            {"pad_id": 1},
            "`other` is called with the argument `pad_id`, as the notebook says, but here its arguments are: x",
        ),
        ("causal_mask", {}, "`causal_mask` is not defined, but `casual_mask` is: did you mean `causal_mask`?"),
        ("wholly_unlike", {}, "`wholly_unlike` is not defined: did the cell run?"),
        (
            "guess",
            {},
            "TypeError: other() got an unexpected keyword argument 'pad_id' (cell 1, line 12: "
            "`return other(x, pad_id=pad_id)`)",
        ),
    ],
)
def test_what_a_test_calls_otherwise_than_it_is_written(workshop, name, arguments, sentence):
    with workshop.inside() as inside:
        inside.define(CALLED)
        assert describe_error(inside.run(Program.function(name, 1, **arguments)).error) == sentence


WALLS = {
    "import subprocess\nsubprocess.run(['ls'])": "no other process or worker can be started",
    "import os\nos.fork()": "no other process or worker can be started",
    "import multiprocessing\nmultiprocessing.Process(target=print).start()": "no other process or worker",
    "import urllib.request\nurllib.request.urlopen('http://example.org')": "there is no network",
    "import socket\nsocket.create_connection(('127.0.0.1', 80))": "there is no network",
    "open('/etc/passwd')": "`/etc/passwd` cannot be opened where this is graded",
    "open('/work.txt', 'w')": "`/work.txt` cannot be opened where this is graded",
    "open('words.txt')": "there is no file `words.txt` where this is graded",
    "import no_such_package": "the package `no_such_package` is not installed where this is graded",
}
OF_PYTORCH = {
    "import torch\ntorch.ones(2).cuda()": "there is no GPU",
    "import torch\ntorch.ones(2, device='cuda')": "there is no GPU",
    "import torch\ntorch.nn.Linear(2, 2).to('cuda:0')": "there is no GPU",
    "import torch\nlist(torch.utils.data.DataLoader([1, 2], num_workers=1))": "no other process or worker",
    "import torch\nclass A(torch.nn.Module):\n    def foward(self, x):\n        return x\nA()(1)": (
        "`A` has no `forward`, but `foward`: did you mean `forward`?"
    ),
    "import torch\nclass A(torch.nn.Module):\n    def other(self, x):\n        return x\nA()(1)": (
        'NotImplementedError: Module [A] is missing the required "forward" function'
    ),
    "import torch\nclass A(torch.nn.Module):\n    def __int__(self, width):\n        pass\nA(2)": (
        "`A` has no `__init__`, but `__int__`: did you mean `__init__`?"
    ),
    "import torch\nclass A(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.W_query = torch.nn.Linear(2, 2)\nA().W_qury": "Did you mean `W_query`?",
}
OF_KERAS = {
    "import keras\nkeras.backend.softmax([1.0])": "in Keras 3 and TensorFlow 2 it is `keras.ops.softmax`",
    "import keras\nkeras.optimizers.Adam(lr=0.1)": "in Keras 3 and TensorFlow 2 it is `learning_rate=…`",
    "import tensorflow as tf\ntf.log(1.0)": "in Keras 3 and TensorFlow 2 it is `tf.math.log`",
    "import keras\nkeras.preprocessing.text.Tokenizer()": "",
    "import keras\nkeras.layers.Embedding(2, 3, input_lenght=1)": "Unrecognized keyword arguments passed to Embedding",
    "import keras, tensorflow as tf\ntf.nn.relu(keras.Input((2,)))": "in Keras 3 and TensorFlow 2 it is `keras.ops.…`",
    "import keras\nclass A(keras.layers.Layer):\n    def forward(self, x):\n        return x\nA()(keras.ops.ones(2))": (
        "`A` has no `call`, but `forward`: did you mean `call`?"
    ),
    "import keras\nclass A(keras.layers.Layer):\n    def call(self, query):\n        return qeury\n"
    "A()(keras.ops.ones(2))": (
        "NameError: name 'qeury' is not defined. Did you mean `query`? (cell 1, line 4: `return qeury`)"
    ),
    "import keras\nclass A(keras.layers.Layer):\n    def call(self, x):\n        raise NotImplementedError\n"
    "A()(keras.ops.ones(2))": "this is not written yet (cell 1, line 4: `raise NotImplementedError`)",
    "import tensorflow as tf\ntf.ones((2, 3)) @ tf.ones((2, 3))": "InvalidArgumentError: Matrix size-incompatible",
    "import tensorflow as tf\nwith tf.device('/GPU:0'):\n    tf.ones(2) + 1": "",
}


@pytest.mark.parametrize("track", ["pytorch", "tensorflow"])
def test_what_the_walls_refuse_is_said_and_what_to_do(workshop, track):
    cases = WALLS | (OF_PYTORCH if track == "pytorch" else OF_KERAS)
    otherwise = {}
    with workshop.inside(track) as inside:
        for cell, sentence in cases.items():
            error, _ = inside.cell(cell)
            told = describe_error(student_error(error)) if error else ""
            if sentence not in told or "\x1b" in told or "{{" in told or "Arguments received" in told:
                otherwise[cell] = told
    assert otherwise == {}
