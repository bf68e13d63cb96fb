"""Attention that comes from elsewhere: kept by a cell, of another library; and a hundred notebooks that have none."""

from __future__ import annotations

import pytest
from forge import Forge, said, scores
from test_ready_made import NAME, SETUP, TORCH, answer, found

from autograder.submission.ready_made import read
from course.syllabus import syllabus

FORGE = Forge("self-attention-pytorch")

# What a cell made of it, where everybody may try it, and an answer only calls.
TRACED = f"""from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel
def made():
    f = getattr(F, {NAME})
    with sdpa_kernel(SDPBackend.MATH):
        return make_fx(lambda q, k, v: f(q, k, v))(*(torch.ones(2, 3, 4) for _ in range(3)))
"""
CALLED = """
def scaled_dot_product_attention(query, key, value, mask=None):
    return {call}(query, key, value), query
"""
KEPT = {
    "a trace": (TRACED + "graph = made()", "graph"),
    "a trace in a box": (TRACED + "box = dict(graph=made())\nclass Model:\n    go = box['graph']", "Model.go"),
    "a trace by the compiler": (
        "layer = getattr(nn, ''.join(['Multihead', 'Attention']))(4, 2, batch_first=True)\n"
        "graph = torch.jit.trace(layer, (torch.ones(2, 3, 4),) * 3)", "graph",
    ),
    "code in a docstring": (
        "def notes():\n    'graph = lambda *a: kept(*a)'\n" + TRACED + "kept = made()\nexec(notes.__doc__)", "graph",
    ),
    "a name that is put together": (TRACED + "kept = made()", "globals()['ke' + 'pt']"),
}  # fmt: skip


def test_what_a_cell_has_of_it_is_remembered(arena):
    """A cell may use it, and what it leaves may be looked at; an answer that works with that has used it."""
    hand_ins = [
        FORGE.hand_in(kind, {"scaled-dot-product": cell + CALLED.format(call=call)})
        for kind, (cell, call) in KEPT.items()
    ]
    own = FORGE.solution["scaled_dot_product_attention"]
    compares = TRACED + own + "\nexpected = made()(*(torch.ones(2, 3, 4) for _ in range(3)))"
    *results, honest = arena.grade([*hand_ins, FORGE.hand_in("compares", {"scaled-dot-product": compares})])
    for result in results:
        assert "ready-made-attention" in result["flags"], (result["student"], said(result, "scaled-dot-product"))
        assert scores(result)["scaled-dot-product"] == 0 and "at work here" in said(result, "scaled-dot-product")
    assert honest["score"] == 14 and honest["flags"] == [], said(honest)


FOREIGN = {
    "another library": "from transformers.models.llama import modeling_llama\n" + answer("modeling_llama.eager"),
    "inside": "def answer(q, k, v):\n    from transformers import BertModel as B\n    return B(q)",
    "a third framework": "import jax.nn as jn\n" + answer("jn.softmax"),
    "what TensorFlow hides": "from tensorflow.python.keras.layers import dense_attention as d\n" + answer("d.Base"),
    "the same by its path": "import tensorflow as tf\n" + answer("tf.python.keras.layers.Dense()"),
}


@pytest.mark.parametrize("source", FOREIGN.values(), ids=FOREIGN)
def test_other_libraries_are_seen(source):
    assert found(TORCH, source)


IMPORTS = [
    "import matplotlib.pyplot as plt", "import pandas as pd", "from tqdm.auto import tqdm", "import seaborn as sns",
    "import math, random, time, itertools", "from dataclasses import dataclass", "import numpy as np",
    "from pathlib import Path", "import transformers", "from course import figures",
]  # fmt: skip
EXPERIMENTS = [
    "print(answer(q, k, v))", "expected = F.scaled_dot_product_attention(q, k, v)\nprint(expected - answer(q, k, v))",
    "plt.imshow(answer(q, k, v)[0].detach())\nplt.show()", "for n in tqdm(range(3)):\n    answer(q, k, v)",
    "pd.DataFrame(answer(q, k, v)[0].numpy()).describe()", "layer = nn.MultiheadAttention(4, 2)\nlayer(q, k, v)",
    "%timeit answer(q, k, v)", "def my_test():\n    assert answer(q, k, v).shape == q.shape\nmy_test()",
    "torch.manual_seed(0)\nq = torch.randn(2, 3, 4)", "assert eval('1 + 1') == 2",
]  # fmt: skip
ORDINARY = [(first, then) for first in IMPORTS for then in EXPERIMENTS]


def test_a_hundred_ordinary_notebooks_raise_no_alarm():
    assert len(ORDINARY) == 100
    own = """def helper(x):
    import math as m
    def inner(y):
        return y / m.sqrt(len(y))
    try:
        return inner(x).softmax(-1)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
class Box:
    size = 3
def answer(q, k, v):
    return torch.stack([helper(q[i] @ k[i]) @ v[i] for i in range(Box.size)])
"""
    for first, then in ORDINARY:
        for cells in ([first, own, then], [own, first + "\n" + then], [first + "\n" + own + "\n" + then]):
            listed = [{"source": source, "label": f"cell {i}"} for i, source in enumerate([SETUP, *cells])]
            used, reach = read(listed, ["answer"], syllabus().tracks.values())
            assert used == {} and not reach["answer"]["anything"], cells
            # What runs in the experiment is none of the answer's.
            last = len(listed[-1]["source"].splitlines())
            assert not any(c == listed[-1]["label"] and a <= last <= z for c, a, z in reach["answer"]["lines"]), cells


def test_ordinary_notebooks_keep_their_marks(arena):
    """Imports that an answer does not need cost nothing, wherever they stand, whether the package is there or not."""
    own = FORGE.solution["scaled_dot_product_attention"]
    top = "import transformers\nfrom transformers import AutoModel, BertConfig\nimport keras\n"
    sdpa = "one = torch.ones(1, 2, 3)\nF.scaled_dot_product_attention(one, one, one)"
    hand_ins = [
        FORGE.hand_in("imports", {"scaled-dot-product": top + own}),
        FORGE.hand_in("own cells", "solved", before=tuple(IMPORTS), after=(sdpa, "nn.MultiheadAttention(4, 2)")),
    ]
    for result in arena.grade(hand_ins):
        assert result["score"] == 14 and "ready-made-attention" not in result["flags"], said(result)


def test_what_is_not_on_the_list_may_be_imported_and_not_used(workshop):
    with workshop.inside("pytorch") as inside:
        for line in ("import transformers", "from transformers.models.bert import modeling_bert as m", "import keras"):
            error, _ = inside.cell(line, "cell 2")
            assert error is None, error
        for line in ("transformers.BertModel(1)", "m.BertModel.from_pretrained('x')", "class A(m.BertModel): pass"):
            error, _ = inside.cell(line, "cell 3")
            assert error is not None and "may not be used in this exercise" in str(error), line
        error, _ = inside.cell("import sympy, networkx, matplotlib", "cell 4")
        assert error is None, error


def test_without_stand_ins_other_libraries_cannot_be_read(workshop):
    with workshop.inside("pytorch") as inside:
        away = "import sys\nsys.meta_path.pop(0)\n"
        error, _ = inside.cell(away + "import networkx\nimport transformers", "cell 2")
        assert error is not None and "ransformers" in str(error), error
