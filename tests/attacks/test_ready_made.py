"""The framework's own attention, by every road: what the text names is read, what runs is seen, and the line is told.

Where the syllabus forbids it the part earns nothing, where it flags it the instructor is told, and else it is free.
"""

from __future__ import annotations

import numpy as np
import pytest
from forge import Forge, said, scores

from autograder.judging.program import Program
from autograder.submission.ready_made import uses
from course.syllabus import syllabus

TORCH, TENSORFLOW = syllabus().track("pytorch"), syllabus().track("tensorflow")
SETUP = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\nimport importlib, sys"
KERAS = "import tensorflow as tf\nimport keras\nimport importlib, sys"


def found(track, *cells: str, symbol: str = "answer") -> list[tuple[str, str, int]]:
    sources = [SETUP if track is TORCH else KERAS, *cells]
    listed = [{"source": source, "label": f"cell {i}"} for i, source in enumerate(sources)]
    return [
        (u["name"], u["label"], u["line"]) for u in uses(listed, [symbol], syllabus().tracks.values()).get(symbol, [])
    ]


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
    "from the causal mask's helper": "def answer(q, k, v):\n"
    "    return nn.Transformer.generate_square_subsequent_mask.__globals__['MultiheadAttention'](8, 2)(q, k, v)",
    "beside the causal mask's helper": "def answer(q, k, v):\n"
    "    return nn.Transformer(8)(q, nn.Transformer.generate_square_subsequent_mask(4))",
    "an object that has the causal mask's helper": "def answer(q, k, v):\n"
    "    return nn.Transformer(8).generate_square_subsequent_mask(4)",
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
    "that of the other track": "__import__('torch').nn.functional.scaled_dot_product_attention",
    "that of a third framework": "importlib.import_module('jax.nn').dot_product_attention",
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
    "PyTorch's helper for the causal mask": "def answer(q, k, v):\n"
    "    hidden = nn.Transformer.generate_square_subsequent_mask(4)\n    return (q @ k + hidden).softmax(-1) @ v",
    "the helper under other names": "from torch.nn import Transformer\n"
    "causal = torch.nn.Transformer.generate_square_subsequent_mask\n"
    "def answer(q, k, v):\n    return q + causal(4) + Transformer.generate_square_subsequent_mask(4)",
    "plain operations": "def answer(q, k, v):\n    return F.softmax(torch.matmul(q, k), -1) @ v",
    "code that does not parse": "def answer(q, k:\n    return F.scaled_dot_product_attention",
}


@pytest.mark.parametrize("source", HONEST.values(), ids=HONEST)
def test_honest_code_is_left_alone(source):
    assert found(TORCH, source) == []


@pytest.mark.parametrize("assignment", syllabus().assignments())
def test_the_solutions_are_left_alone(assignment):
    """They use the framework's own only where the exercise allows it."""
    exercise = syllabus().assignment(assignment).exercise
    read = Forge(assignment).hand_in("ann", "solved").ready_made
    rules = [rule(exercise, part, use["name"]) for part in exercise.parts for use in read.get(part.symbol, [])]
    assert set(rules) <= {"allow"}


def rule(exercise, part, name: str) -> str:
    return exercise.rule(part, name, syllabus().ready_made_layers)


def test_the_syllabus_says_for_each_part_what_it_means():
    exercises = syllabus().exercises
    attention, layer = "torch.nn.functional.scaled_dot_product_attention", "torch.nn.TransformerEncoderLayer"
    said = {
        part.id: (rule(exercise, part, attention), rule(exercise, part, layer))
        for exercise in exercises.values()
        for part in exercise.parts
    }
    assert said["scaled-dot-product"] == said["multi-head-attention"] == ("forbid", "forbid")
    assert said["transformer-block"] == said["seq2seq-transformer"] == ("allow", "forbid")
    assert said["additive-attention"] == ("flag", "flag") and said["masked-softmax"] == ("allow", "allow")
    assert said["fine-tune"] == said["sinusoidal-encoding"] == ("allow", "allow")


# -- what runs ---------------------------------------------------------------------------------------------------------
# Roads that no reader of the text can follow: names are put together at run time, or code comes out of a string.

NAME = "'_'.join(['scaled', 'dot', 'product', 'attention'])"
COMPUTED = {
    "exec": "box = {'q': q, 'k': k, 'v': v, 'F': F}\n    exec('out = F.scaled_' + 'dot_product_attention(q, k, v)', box)"
    "\n    return box['out']",
    "eval": "return eval('F.' + {name})(q, k, v)",
    "a computed name": "return getattr(F, {name})(q, k, v)",
    "a computed operator": "return getattr(torch.ops.aten, {name})(q, k, v)",
    "an overload of it": "return getattr(torch.ops.aten, {name}).default(q, k, v)",
    "in torch._C": "return getattr(torch._C._nn, {name})(q, k, v)",
    "the one that is written out": "return getattr(torch, '_' + {name} + '_math')(q, k, v)[0]",
    "the one for the processor": "return getattr(torch.ops.aten, '_scaled_dot_product_' + 'flash_attention_for_cpu'"
    "[:])(q[None], k[None], v[None])[0][0]",
    "below vmap": "return torch.vmap(getattr(F, {name}))(q, k, v)",
    "in a thread": "import threading\n    out = []\n    work = lambda: out.append(getattr(F, {name})(q, k, v))\n"
    "    thread = threading.Thread(target=work)\n    thread.start()\n    thread.join()\n    return out[0]",
    "a layer": "return getattr(nn, ''.join(['Multihead', 'Attention']))(4, 2)(q, k, v)[0]",
    "its function": "return getattr(nn, ''.join(['Multihead', 'Attention'])).forward(\n"
    "        getattr(nn, ''.join(['Multihead', 'Attention']))(4, 2), q, k, v)[0]",
    "what makes the layer up": "f = getattr(F, ''.join(['multi_head_', 'attention_forward']))\n    w = torch.eye(4)\n"
    "    return f(q, k, v, 4, 2, w.repeat(3, 1), None, None, None, False, 0.0, w, None, False)[0]",
    "a whole layer": "return getattr(nn, ''.join(['Transformer', 'EncoderLayer']))(4, 2)(q)",
    "a subclass that is made": "made = type('Mine', (getattr(nn, ''.join(['Multihead', 'Attention'])),), {{}})\n"
    "    return made(4, 2)(q, k, v)[0]",
    "from TorchScript": "code = 'def f(q, k, v):\\n    return torch.' + '_' + {name} + '_math(q, k, v)[0]\\n'\n"
    "    return torch.jit.CompilationUnit(code).f(q, k, v)",
}
KERAS_COMPUTED = {
    "exec": "box = {'q': q, 'keras': keras}\n    exec('out = keras.ops.dot_' + 'product_attention(q, q, q)', box)"
    "\n    return box['out']",
    "a computed name": "return getattr(keras.ops, '_'.join(['dot', 'product', 'attention']))(q, k, v)",
    "the source's": "return getattr(__import__('keras.src').src.ops.nn, '_'.join(['dot', 'product', 'attention']))(q, k, v)",
    "the backend's": "return getattr(keras.src.backend.nn, '_'.join(['dot', 'product', 'attention']))(q, k, v)",
    "what the backend's is made of": "f = getattr(keras.src.backend.nn, '_'.join(['', 'dot', 'product', 'attention', 'xla']))"
    "\n    return f(q, k, v, None, None, False, 0.5)",
    "a layer": "return getattr(keras.layers, ''.join(['Multi', 'HeadAttention']))(1, 4)(q, v)",
    "a layer's call": "return getattr(keras.layers, ''.join(['Additive', 'Attention']))(use_scale=False).call([q, v])",
    "the layer through tf": "return getattr(tf.keras.layers, ''.join(['Atten', 'tion']))()([q, v])",
    "a subclass that is made": "made = type('Mine', (getattr(keras.layers, ''.join(['Atten', 'tion'])),), {})\n"
    "    return made()([q, v])",
    "grouped queries": "return getattr(keras.layers, ''.join(['GroupQuery', 'Attention']))(4, 1, 1)(q, v)",
}


def body(source: str) -> str:
    return f"def answer(q, k, v):\n    # the answer\n    {source.replace('{name}', NAME).replace('{{}}', '{}')}\n"


def seen(workshop, track: str, setup: str, source: str, *shape: int) -> tuple[list[dict], dict | None]:
    x = np.ones(shape, np.float32)
    with workshop.inside(track) as inside:
        inside.define(setup)
        error, _ = inside.cell(body(source), "cell 2")
        assert error is None, error
        program = Program.function("answer", x, x, x)
        header, _ = inside.contestant.ask({"op": "run", "program": program.header()}, program.arrays)
    return header["used"], header.get("error")


@pytest.mark.parametrize("source", COMPUTED.values(), ids=COMPUTED)
def test_it_is_seen_at_work_in_pytorch(workshop, source):
    assert found(TORCH, body(source)) == []
    used, error = seen(workshop, "pytorch", SETUP, source, 3, 2, 4)
    assert error is None and used, error
    assert {use["label"] for use in used} == {"cell 2"} and all(use["line"] > 2 for use in used)


@pytest.mark.parametrize("source", KERAS_COMPUTED.values(), ids=KERAS_COMPUTED)
def test_it_is_seen_at_work_in_keras(workshop, source):
    assert found(TENSORFLOW, body(source)) == []
    shape = (2, 3, 2, 4) if "dot" in source else (2, 3, 4)
    used, error = seen(workshop, "tensorflow", KERAS, source, *shape)
    assert error is None and used, error
    assert {use["label"] for use in used} == {"cell 2"} and all(use["line"] > 2 for use in used)


HONEST_AT_WORK = {
    "pytorch": "return torch.softmax(q @ k.transpose(-2, -1), -1) @ v + nn.TransformerEncoder.__name__.count('x')",
    "tensorflow": "return tf.nn.softmax(tf.matmul(q, k, transpose_b=True)) @ v + keras.layers.Dense(4)(q)",
}


@pytest.mark.parametrize("track", HONEST_AT_WORK)
def test_honest_work_is_not_taken_for_it(workshop, track):
    setup = {"pytorch": SETUP, "tensorflow": KERAS}[track]
    assert seen(workshop, track, setup, HONEST_AT_WORK[track], 3, 2, 4) == ([], None)


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
            forge.hand_in("operator", {"scaled-dot-product": BODY.format(REACHED["in torch._C"])}),
            forge.hand_in("computed", {"scaled-dot-product": BODY.format(f"getattr(F, {NAME})")}),
            forge.hand_in("experiment", "solved", after=(experiment,)),
        ])
    }  # fmt: skip
    for student in ("operator", "computed"):
        assert scores(results[student])["scaled-dot-product"] == 0
        assert scores(results[student])["causal-mask"] == 3
        assert "ready-made-attention" in results[student]["flags"]
        assert ", line 2) is at work here" in said(results[student], "scaled-dot-product")
    assert results["experiment"]["score"] == 14 and results["experiment"]["flags"] == []


def test_where_it_is_only_flagged_it_costs_nothing(arena):
    forge = Forge("additive-attention-pytorch")
    own = forge.solution["additive_scores"]
    first = own.rindex("    return ")
    glance = own[:first] + "    F.scaled_dot_product_attention(query, query, query)\n" + own[first:]
    result, honest = arena.grade([
        forge.hand_in("glance", {"additive-scores": "import torch.nn.functional as F\n" + glance}),
        forge.hand_in("honest", "solved"),
    ])  # fmt: skip
    assert honest["flags"] == [] and "ready-made-attention" in result["flags"]
    assert result["score"] == honest["score"] == forge.assignment.exercise.points
