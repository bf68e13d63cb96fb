"""Hand-ins that know no answer, or only some, and try to make the grader say otherwise. None gains a point."""

from __future__ import annotations

import pytest
from forge import Forge, scores

ASSIGNMENT = Forge("self-attention-pytorch")
HARNESS = "import sys\nharness = sys.modules['autograder.workers.harness']\n"
ADAPTER = "import sys\nAdapter = sys.modules['autograder.workers.pytorch'].Adapter\n"
LINE = """
import json, os, stat
for line in range(3, 4096):
    try:
        if stat.S_ISSOCK(os.fstat(line).st_mode):
            break
    except OSError:
        pass
def frame(header, body=b''):
    head = json.dumps(header).encode() if isinstance(header, dict) else header
    os.write(line, b'AXW1' + len(head).to_bytes(4, 'little') + len(body).to_bytes(8, 'little') + head + body)
"""
SYMBOLS = ("scaled_dot_product_attention", "padding_mask", "causal_mask", "combine_masks")


def every(body: str, before: str = "") -> str:
    """Each symbol as a function with this body."""
    indented = "\n".join("    " + row for row in body.split("\n"))
    return before + "\n".join(f"def {symbol}(*args, **kwargs):\n{indented}\n" for symbol in SYMBOLS)


EQUAL = """
class Equal(torch.Tensor):
    def __eq__(self, other): return torch.ones((), dtype=torch.bool)
    def __torch_function__(self, *a, **k): return self
    @property
    def shape(self): return torch.Size((3, 4, 5))
class Number(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
class Pair(tuple):
    def __eq__(self, other): return True
    def __len__(self): return 2
    def __iter__(self): return iter(())
class Table(dict):
    def __missing__(self, key): return {'array': 'r0'}
    def get(self, *a): return self
"""
FORGERIES = {
    "says that it depends on data": every("raise harness.StudentMessage('meta tensor', 'data-dependent')", HARNESS),
    "says that gradients are not to be had": every("return harness.NotAvailable", HARNESS),
    "says what PyTorch says of tensors without contents": every("raise RuntimeError('is not supported on meta')"),
    "asks for the types of ValueError": every(
        "raise type('AssertionError', (ValueError, TypeError), {})('passed')"
    ),
    "skips as pytest would": every("raise type('Skipped', (BaseException,), {})('skipped')"),
    "leaves in peace": every("raise SystemExit(0)"),
    "is equal to all": every("return Equal()", EQUAL),
    "is a number equal to all": every("return Number(1)", EQUAL),
    "is a pair equal to all": every("return Pair((torch.ones(1), torch.ones(1)))", EQUAL),
    "is a table that has all": every("return Table()", EQUAL),
    "replaces what is sent": every("return None", HARNESS)
    + "harness.Reply.value = lambda self, value, depth=0: {'passed': True, 'score': 14}",
    "replaces what is encoded": every("return None", HARNESS)
    + "harness.wire.encode = lambda *a: b'AXW1' + (2).to_bytes(4, 'little') + bytes(8) + b'{}'",
    "sends no values": every("return None", HARNESS)
    + "old = harness.wire.encode\nharness.wire.encode = lambda head, *a: old({'values': {}, 'used': []})",
    "sends other values": every("return None", HARNESS)
    + "old = harness.wire.encode\n"
    "harness.wire.encode = lambda head, *a: old({'values': {'zzz': None, 'out': {'tuple': []}}, 'device': 'meta'})",
    "sends a verdict": every("return None", LINE) + "frame({'parts': [{'score': 14, 'tests': []}], 'score': 14})",
    "answers twice": every("frame({'values': {'out': True}})\nreturn None", LINE),
    "answers before it is asked": every("return None", LINE) + "frame({'values': {'out': True}})\n" * 50,
    "has keys twice": every(
        "frame(b'{\"values\": {}, \"values\": {\"out\": {\"array\": \"r0\"}}, \"error\": null}')\nreturn None", LINE
    ),
    "sends a number of a million digits": every("frame(b'{\"values\": {\"out\": ' + b'9' * 10**6 + b'}}')", LINE),
    "sends a dtype that NumPy has not": every(
        "head = b'{\"r0\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}'\n"
        "frame({'values': {'out': {'array': 'r0'}}}, len(head).to_bytes(8, 'little') + head + b'x')",
        LINE,
    ),
    "sends a shape beyond all bounds": every(
        "head = b'{\"r0\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4,0],\"data_offsets\":[0,0]}}'\n"
        "frame({'values': {'out': {'array': 'r0'}}}, len(head).to_bytes(8, 'little') + head)",
        LINE,
    ),
    "closes the line": every("os.close(line)", LINE),
    "spoils numpy": every("return None") + "import numpy\nnumpy.allclose = numpy.array_equal = lambda *a, **k: True\n"
    "numpy.testing.assert_allclose = lambda *a, **k: None",
    "spoils json and safetensors": every("return None")
    + "import json, safetensors.numpy\njson.dumps = lambda *a, **k: '{}'\nsafetensors.numpy.save = lambda *a: b''",
    "plants a conftest": every("return None")
    + "for name in ('conftest.py', 'sitecustomize.py', 'pytest.ini', 'numpy.py'):\n"
    "    open(name, 'w').write('import os; os._exit(0)')\nimport sys; sys.path.insert(0, '.')",
    "prints marks": every("print('14 passed'); return None") + "print('score: 14/14\\nOK\\n' * 100)",
    "reads the solution": every("return None")
    + "import glob\nfor path in glob.glob('/**/solutions/**/*.py', recursive=True):\n    exec(open(path).read())\n"
    "from solutions.self_attention.pytorch import *",
    "looks for freed memory": every(
        "shape = args[0].shape if args else (5, 5)\nreturn torch.empty(3, 4, 5), torch.empty(3, 4, 7)"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def forged(arena):
    """Each attack as a hand-in of its own, and beside them an honest one, graded as one class."""
    hand_ins = [ASSIGNMENT.hand_in(name, after=(source,)) for name, source in FORGERIES.items()]
    hand_ins += [ASSIGNMENT.hand_in("honest", "solved"), ASSIGNMENT.hand_in("untouched")]
    return {result["student"]: result for result in arena.grade(hand_ins)}


@pytest.mark.parametrize("attack", FORGERIES)
def test_no_forgery_gains_a_point(forged, attack):
    assert forged[attack]["status"] == "graded", forged[attack]["message"]
    # Memory that was freed may be of the right shape, which is one test's worth.
    assert forged[attack]["score"] <= (0.25 if "torch.empty" in FORGERIES[attack] else 0), scores(forged[attack])


def test_beside_them_the_honest_get_their_marks(forged):
    assert forged["honest"]["score"] == 14 and forged["untouched"]["score"] == 0


WRONG_GRADIENT = """
class Forged(torch.autograd.Function):
    @staticmethod
    def forward(ctx, output, *inputs):
        ctx.shapes = [i.shape for i in inputs]
        return output.clone()
    @staticmethod
    def backward(ctx, gradient):
        return (None, *[torch.ones(shape) for shape in ctx.shapes])
"""


def test_gradients_are_asked_of_everything_that_has_them(arena):
    right = ASSIGNMENT.solution["scaled_dot_product_attention"]
    cut = right.replace("return weights @ value, weights", "return (weights @ value).detach(), weights.detach()")
    own = WRONG_GRADIENT + right.replace(
        "return weights @ value, weights",
        "return Forged.apply((weights @ value).detach(), query, key, value), weights.detach()",
    )
    none = cut + "\n" + ADAPTER + "Adapter.gradients = lambda self, result, cotangent, sources: {}"
    unchanged = cut + "\n" + HARNESS + "harness.Run.do_grad = harness.Run.do_inputs = lambda self, step: None"
    hand_ins = {"cut": cut, "forged backward": own, "none": none, "no gradient": unchanged}
    results = arena.grade([ASSIGNMENT.hand_in(n, {"scaled-dot-product": s}) for n, s in hand_ins.items()])
    for result in results:
        tests = {t["name"]: t["outcome"] for p in result["parts"] for t in p["tests"]}
        assert tests["test_values[a batch]"] == "passed"
        assert {o for n, o in tests.items() if n.startswith("test_gradients[")} == {"failed"}, result["student"]
    names = {t["name"]: t["outcome"] for p in results[-1]["parts"] for t in p["tests"]}
    assert names["test_inputs_unchanged"] == "failed"


def test_weights_that_are_remembered_gain_nothing_with_new_ones(arena):
    forge = Forge("multi-head-attention-pytorch")
    keeps = forge.solution["MultiHeadAttention"].replace(
        "def forward(", "def load_arrays(self, arrays):\n        self.kept = arrays\n\n    def forward("
    )
    result, honest = arena.grade([
        forge.hand_in("keeps", {"multi-head-attention": keeps}), forge.hand_in("honest", "solved")
    ])  # fmt: skip
    assert honest["score"] == 14
    assert result["status"] == "graded" and scores(result)["multi-head-attention"] < 2
