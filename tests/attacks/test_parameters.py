"""A module that keeps its parameters its own way is held to them: what it is given must be there to be trained."""

from __future__ import annotations

import pytest
from forge import Forge, said, scores

from autograder.proof.verify import alternatives

# Case by case: what stands between the class's first lines and `forward`, with `w` for a weight.
TORCH = """
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError("heads")
        self.h, self.d, self.w = num_heads, d_model, {{}}
        {made}
    def load_arrays(self, arrays):
        self.w = {{k: torch.from_numpy(a) for k, a in arrays.items()}}
        {loaded}
    def forward(self, query, key=None, value=None, mask=None):
        key = query if key is None else key
        value = key if value is None else value
        f = lambda x, n: x @ self.w[n + ".weight"].to(x) + self.w[n + ".bias"].to(x)
        q, k, v = (split_heads(f(x, n), self.h) for x, n in ((query, "W_q"), (key, "W_k"), (value, "W_v")))
        s = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        if mask is not None:
            s = s.masked_fill(~mask, torch.finfo(s.dtype).min)
        w = torch.softmax(s, -1)
        return f(merge_heads(w @ v), "W_o"), w
"""
HEADS = """import math
import torch
from torch import nn
def split_heads(x, n):
    return x.reshape(*x.shape[:2], n, -1).transpose(1, 2)
def merge_heads(x):
    return x.transpose(1, 2).flatten(2)
"""
KINDS = {
    "no parameter at all": ("pass", "pass"),
    "a parameter that is too small": ("self.decoy = nn.Parameter(torch.zeros(3))", "pass"),
    "parameters of the due size that are not filled": (
        "self.decoy = nn.Parameter(torch.zeros(4 * d_model * (d_model + 1)))", "pass",
    ),
    "what is given, where nothing trains it": (
        "pass", "[self.register_buffer(k.replace('.', '_'), a) for k, a in self.w.items()]",
    ),
    "parameters that are frozen": (
        "pass",
        "[self.register_parameter(k[:3] + k[4], nn.Parameter(a, requires_grad=False)) for k, a in self.w.items()]",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def results(arena):
    forge = Forge("multi-head-attention-pytorch")
    hand_ins = [
        forge.hand_in(name, {"multi-head-attention": HEADS + TORCH.format(made=made, loaded=loaded)})
        for name, (made, loaded) in KINDS.items()
    ]
    return dict(zip(KINDS, arena.grade(hand_ins), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_nothing_trains_earn_nothing(results, kind):
    assert scores(results[kind])["multi-head-attention"] == 0, said(results[kind])
    assert "can be trained" in said(results[kind], "multi-head-attention")


def test_those_who_keep_them_their_own_way_are_not_taken_for_such(arena):
    """The control: accepted answers with `load_arrays`, fused, transposed and raw, have their full marks."""
    forge = Forge("multi-head-attention-pytorch")
    paths = [path for path in alternatives(forge.assignment) if "load_arrays" in path.read_text()]
    assert len(paths) >= 4
    from autograder.submission.read import of_source

    for result in arena.grade([of_source(forge.assignment, path.read_text()) for path in paths]):
        assert result["score"] == result["max_score"], said(result)
