"""The framework's own attention, reached in every way that can be read: it earns nothing, and the line is named."""

from __future__ import annotations

import pytest
from forge import Forge, said, scores

from autograder.submission.ready_made import uses
from course.syllabus import syllabus

TORCH, TENSORFLOW = syllabus().track("pytorch"), syllabus().track("tensorflow")
SETUP = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\nimport importlib, sys"
KERAS = "import tensorflow as tf\nimport keras\nimport importlib, sys"


def found(track, *cells: str, symbol: str = "answer") -> list[tuple[str, str, int]]:
    sources = [SETUP if track is TORCH else KERAS, *cells]
    listed = [{"source": source, "label": f"cell {i}"} for i, source in enumerate(sources)]
    return [(u["name"], u["label"], u["line"]) for u in uses(listed, [symbol], track).get(symbol, [])]


def answer(expression: str) -> str:
    return f"def answer(q, k, v):\n    # the answer\n    return {expression}(q, k, v)"


REACHED = {
    "openly": "F.scaled_dot_product_attention",
    "by its full name": "torch.nn.functional.scaled_dot_product_attention",
    "under what functools left": "F.scaled_dot_product_attention.__wrapped__",
    "among the operators": "torch.ops.aten.scaled_dot_product_attention.default",
    "an operator below it": "torch.ops.aten._scaled_dot_product_flash_attention_for_cpu",
    "in torch._C": "torch._C._nn.scaled_dot_product_attention",
    "by getattr": "getattr(F, 'scaled_dot_product_attention')",
    "by getattr, in pieces": "getattr(F, 'scaled_dot_' + 'product_attention')",
    "by getattr twice": "getattr(getattr(torch, 'nn'), 'functional').scaled_dot_product_attention",
    "by importlib": "importlib.import_module('torch.nn.functional').scaled_dot_product_attention",
    "by __import__": "__import__('torch').nn.functional.scaled_dot_product_attention",
    "in sys.modules": "sys.modules['torch.nn.functional'].scaled_dot_product_attention",
    "in vars": "vars(F)['scaled_dot_product_attention']",
    "in __dict__": "F.__dict__['scaled_dot_product_attention']",
    "a layer": "nn.MultiheadAttention(8, 2)",
    "the fused layer": "torch._native_multi_head_attention",
}


@pytest.mark.parametrize("expression", REACHED.values(), ids=REACHED)
def test_it_is_seen_however_it_is_reached(expression):
    places = found(TORCH, answer(expression))
    assert places and {place[1:] for place in places} == {("cell 1", 3)}


ALIASED = {
    "imported under another name": "from torch.nn.functional import scaled_dot_product_attention as mine\n"
    + answer("mine"),
    "imported inside": "def answer(q, k, v):\n    from torch.nn.functional import scaled_dot_product_attention as a\n"
    "    return a(q, k, v)",
    "kept in a variable": "kept = F\nmine = kept.scaled_dot_product_attention\n" + answer("mine"),
    "kept in a variable inside": "def answer(q, k, v):\n    mine = F.scaled_dot_product_attention\n    return mine(q)",
    "kept in an object": "class Box: pass\nbox = Box()\nbox.go = F.scaled_dot_product_attention\n" + answer("box.go"),
    "kept by setattr": "class Box: pass\nsetattr(Box, 'go', F.scaled_dot_product_attention)\n" + answer("Box.go"),
    "in a helper": "def helper(*a):\n    return F.scaled_dot_product_attention(*a)\n" + answer("helper"),
    "in a helper that was replaced": "def helper(*a):\n    return F.scaled_dot_product_attention(*a)\n"
    "old = helper\ndef helper(*a):\n    return None\n" + answer("old"),
    "in a subclass": "class Mine(nn.MultiheadAttention):\n    pass\n" + answer("Mine(8, 2)"),
    "imported with a star": "from torch.nn.functional import *\n" + answer("scaled_dot_product_attention"),
    "as the answer itself": "from torch.nn.functional import scaled_dot_product_attention as answer",
    "as a default": "def answer(q, k, v, f=F.scaled_dot_product_attention):\n    return f(q, k, v)",
    "in a condition": "if True:\n    mine = F.scaled_dot_product_attention\n" + answer("mine"),
}


@pytest.mark.parametrize("source", ALIASED.values(), ids=ALIASED)
def test_it_is_seen_under_other_names(source):
    assert found(TORCH, source)


KERAS_REACHED = {
    "a layer": "keras.layers.MultiHeadAttention(2, 4)",
    "the layer through tf": "tf.keras.layers.Attention()",
    "the operation": "keras.ops.nn.dot_product_attention",
    "the backend's": "keras.src.backend.tensorflow.nn.dot_product_attention",
    "the source's": "importlib.import_module('keras.src.layers.attention.attention').Attention()",
    "by getattr": "getattr(keras.layers, 'GroupQuery' + 'Attention')(4, 2, 2)",
    "what functools left": "keras.ops.dot_product_attention.__wrapped__",
}


@pytest.mark.parametrize("expression", KERAS_REACHED.values(), ids=KERAS_REACHED)
def test_it_is_seen_in_keras(expression):
    assert found(TENSORFLOW, answer(expression))


def test_a_subclass_is_seen_in_keras():
    assert found(TENSORFLOW, "class answer(keras.layers.MultiHeadAttention):\n    pass")


HONEST = {
    "a comment": "def answer(q, k, v):\n    # F.scaled_dot_product_attention(q, k, v) would do it\n    return q",
    "a string": "def answer(q, k, v):\n    'Like F.scaled_dot_product_attention.'\n    return q",
    "a class of one's own": "class MultiheadAttention(nn.Module):\n    pass\n" + answer("MultiheadAttention"),
    "a function of one's own": "def scaled_dot_product_attention(*a):\n    pass\n"
    + answer("scaled_dot_product_attention"),
    "an attribute of one's own": "def answer(self, k, v):\n    return self.scaled_dot_product_attention(k, v)",
    "an experiment beside it": "def answer(q, k, v):\n    return q\n"
    "print(answer(1, 2, 3), F.scaled_dot_product_attention(1, 2, 3))",
    "an experiment of the same name": "attention = F.scaled_dot_product_attention\n"
    "def answer(q, k, v):\n    attention = q @ k\n    return attention @ v",
    "an experiment that was overcome": "from torch.nn.functional import scaled_dot_product_attention\n"
    "def scaled_dot_product_attention(*a):\n    pass\n" + answer("scaled_dot_product_attention"),
    "a first try that was overcome": answer("F.scaled_dot_product_attention") + "\n"
    "def answer(q, k, v):\n    return torch.softmax(q @ k, -1) @ v",
    "plain operations": "def answer(q, k, v):\n    return F.softmax(torch.matmul(q, k), -1) @ v",
    "code that does not parse": "def answer(q, k:\n    return F.scaled_dot_product_attention",
}


@pytest.mark.parametrize("source", HONEST.values(), ids=HONEST)
def test_honest_code_is_left_alone(source):
    assert found(TORCH, source) == []


@pytest.mark.parametrize("assignment", syllabus().assignments())
def test_the_solutions_are_left_alone(assignment):
    """They use the framework's own only where the exercise allows it."""
    exercise, track = syllabus().assignment(assignment).exercise, syllabus().assignment(assignment).track
    uses = Forge(assignment).hand_in("ann", "solved").ready_made
    assert [use for of_symbol in uses.values() for use in of_symbol if exercise.forbids(use["name"], track)] == []


BODY = """def scaled_dot_product_attention(query, key, value, mask=None):
    output = {}(query, key, value, mask)
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    scores = scores if mask is None else scores.masked_fill(~mask, -1e30)
    return output, scores.softmax(-1)
"""


def test_a_hand_in_that_uses_it_earns_nothing_and_is_told_the_line(arena):
    forge = Forge("self-attention-pytorch")
    experiment = "one = torch.ones(1, 2, 3)\nF.scaled_dot_product_attention(one, one, one)"
    results = {
        result["student"]: result
        for result in arena.grade([
            forge.hand_in("wrapped", {"scaled-dot-product": BODY.format(REACHED["under what functools left"])}),
            forge.hand_in("operator", {"scaled-dot-product": BODY.format(REACHED["in torch._C"])}),
            forge.hand_in("experiment", "solved", after=(experiment,)),
        ])
    }  # fmt: skip
    for student in ("wrapped", "operator"):
        assert scores(results[student])["scaled-dot-product"] == 0
        assert scores(results[student])["causal-mask"] == 3
        assert "ready-made-attention" in results[student]["flags"]
        assert ", line 2) is at work here" in said(results[student], "scaled-dot-product")
    assert results["experiment"]["score"] == 14 and results["experiment"]["flags"] == []
