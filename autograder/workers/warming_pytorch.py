"""Uses PyTorch's operations once, before contestants are forked.

The first use of an operation fills PyTorch's tables and touches memory, which all forks then share. So that time is
spent once, not in each contestant. The operations are those that answers of the lesson use; there is no answer and no
test in this module.
Everything runs on the CPU and on the meta device and in the calling thread: the zygote must not have a second one.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import nn

if TYPE_CHECKING:
    from autograder.workers.pytorch import Adapter

Step = Callable[[], Any]
WAYS = [
    (dtype, device, gradient)
    for dtype, device in (("float32", "cpu"), ("float64", "cpu"), ("float32", "meta"))
    for gradient in (False, True)
]


def warm_up(adapter: Adapter) -> None:
    """Run each operation once for each dtype and device, with gradients and without."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype, device, gradient in WAYS:
            with adapter.running(dtype, device, gradient):
                for step in (*functions(adapter, device, gradient), *modules(adapter, device, gradient)):
                    with contextlib.suppress(Exception):  # some operations fail on the meta device
                        step()
    adapter.watch.take()
    adapter.dtype, adapter.device = torch.float32, torch.device(adapter.home)


def functions(adapter: Adapter, device: str, gradient: bool) -> Iterator[Step]:
    """Operations on small tensors, each a step of its own."""
    x = adapter.tensor(np.ones((2, 4, 6)), gradient=gradient)
    y = adapter.tensor(np.ones((2, 5, 6)), gradient=gradient)
    ids = adapter.tensor(np.arange(8).reshape(2, 4))
    mask = ids > 2
    square = torch.ones(4, 4, device=device)

    def out(value: torch.Tensor) -> None:
        """Do what the judge does with a result: ask for its gradients and its contents."""
        if gradient and device != "meta" and value.requires_grad:
            adapter.gradients(value, np.ones(tuple(value.shape)), {"x": x, "y": y})
        adapter.array(value)

    def each(make: Callable[[], torch.Tensor]) -> Step:
        return lambda: out(make())

    yield each(lambda: x @ y.transpose(-2, -1))
    yield each(lambda: torch.matmul(x, y.mT) / 6**0.5)
    yield each(lambda: torch.bmm(x, y.transpose(1, 2)))
    yield each(lambda: torch.einsum("bij,bkj->bik", x, y))
    for function in (torch.tanh, torch.exp, torch.relu, torch.sigmoid, functional.gelu, torch.sin, torch.cos):
        yield each(lambda function=function: function(x))
    for function in (torch.sqrt, torch.log, torch.abs):
        yield each(lambda function=function: function(x))
    for reduce in (torch.softmax, torch.log_softmax, torch.sum, torch.mean, torch.cumsum, torch.logsumexp, torch.var):
        yield each(lambda reduce=reduce: reduce(x, dim=-1))
        yield each(lambda reduce=reduce: reduce(x, dim=1))
    yield each(lambda: functional.softmax(x, dim=-1))
    yield each(lambda: x.sum())
    yield each(lambda: x.mean(dim=-1, keepdim=True))
    yield each(lambda: x.amax(dim=-1, keepdim=True))
    yield each(lambda: x.max(dim=-1).values)
    yield each(lambda: x.argmax(-1))
    yield each(lambda: x.masked_fill(~mask[..., None], float("-inf")))
    yield each(lambda: torch.where(mask[..., None], x, torch.zeros_like(x)))
    yield each(lambda: torch.where(mask[..., None], x, float("-inf")))
    yield each(lambda: x + 1 - 2 * x / 3)
    yield each(lambda: x * mask[..., None])
    yield each(lambda: torch.cat([x, y], dim=1))
    yield each(lambda: torch.stack([x, x]))
    yield each(lambda: x.reshape(2, 4, 2, 3).transpose(1, 2).contiguous().flatten(2))
    yield each(lambda: x.view(2, 4, 2, 3).permute(0, 2, 1, 3))
    yield each(lambda: x.unsqueeze(1).expand(2, 3, 4, 6))
    yield each(lambda: x[:, 1:])
    yield each(lambda: x[:, :, None])
    yield each(lambda: x[..., ::2].clone())
    yield each(lambda: torch.nan_to_num(x))
    yield each(lambda: x.to(torch.float64))
    yield each(lambda: functional.layer_norm(x, (6,)))
    yield each(lambda: functional.dropout(x, 0.5))
    yield each(lambda: functional.cross_entropy(x.flatten(0, 1), ids.flatten() % 6))
    yield each(lambda: functional.pad(x, (1, 1)))
    yield each(lambda: functional.one_hot(ids).to(x))
    yield each(lambda: mask & mask[:, :1] | ~mask)
    yield each(lambda: mask[:, None, :] & mask[:, :, None])
    yield each(lambda: (ids != 0)[:, None, None, :])
    yield each(lambda: torch.ones(4, 4, dtype=torch.bool, device=device).tril())
    yield each(lambda: torch.tril(square).bool())
    yield each(lambda: torch.triu(square, diagonal=1) == 0)
    yield each(lambda: torch.arange(4, device=device)[:, None] >= torch.arange(4, device=device))
    yield each(lambda: torch.arange(4, device=device, dtype=x.dtype) / 2)
    yield lambda: torch.full((4, 4), 1.0, device=device)
    yield lambda: torch.rand(3, device=device)
    yield lambda: torch.randn(3, device=device)
    yield lambda: torch.outer(torch.arange(4, device=device), torch.arange(4, device=device))
    yield lambda: adapter.generator(1)


def modules(adapter: Adapter, device: str, gradient: bool) -> Iterator[Step]:
    """Layers: made, called, and trained for two steps."""
    x = adapter.tensor(np.ones((2, 4, 6)), gradient=gradient)
    ids = adapter.tensor(np.arange(8).reshape(2, 4) % 6)

    def layer(make: Callable[[], nn.Module], given: torch.Tensor) -> None:
        handle = adapter.module(make, [], {})
        adapter.array(adapter.apply(handle, [given], {}))
        adapter.set_mode(handle, True)
        adapter.array(adapter.apply(handle, [given], {}))
        adapter.parameters(handle)
        handle.module.state_dict()
        if device != "meta":
            adapter.train(handle, [[[given.detach()], ids]], 2, 0.01)

    for make in (
        lambda: nn.Linear(6, 6),
        lambda: nn.Linear(6, 6, bias=False),
        lambda: nn.LayerNorm(6),
        lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6), nn.Dropout(0.1)),
        lambda: nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6)),
        lambda: nn.ModuleList([nn.Linear(6, 6)])[0],
    ):
        yield lambda make=make: layer(make, x)
    yield lambda: layer(lambda: nn.Embedding(8, 6), ids)
