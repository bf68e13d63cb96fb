"""The PyTorch adapter. `autograder.workers.adapter.Adapter` says what each method does.

Nothing here runs an operation at import, so that a zygote that holds an `Adapter` can be forked safely.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core a contestant: repeatable, and many fit on a machine
os.environ.setdefault("MKL_NUM_THREADS", "1")

import contextlib  # noqa: E402
import sys  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch._dynamo  # noqa: E402, F401 - the same for the first operation on the meta device
import torch.fx.experimental.symbolic_shapes  # noqa: E402, F401 - autograd imports it at its first call: 0.3 s, once instead of in each contestant
import torch.nn.functional as functional  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

from autograder.workers import adapter, worker_messages  # noqa: E402
from autograder.workers.adapter import (  # noqa: E402
    attribute_of,
    cannot_load,
    check_shape,
    find_parameter,
    numbers_for,
    place_weights,
)
from autograder.workers.harness import NotAvailable  # noqa: E402
from autograder.workers.namespace import StudentMessage  # noqa: E402
from autograder.workers.watching import Watch  # noqa: E402

DTYPES = {"float32": torch.float32, "float64": torch.float64}
DATA_DEPENDENT = (  # PyTorch's messages for operations that only the meta device cannot do
    *("meta tensor", "Meta tensor", "data-dependent", "data-independent", "is not supported on meta"),
    "META device type not an accelerator",  # of a generator made there
    "DispatchKey Undefined doesn't correspond to a device",  # of `new_tensor` inside `vmap`
    "unsupported format string passed to Tensor",  # from a number formatted with a precision
)

# Where ready-made attention is watched: the methods of the layers, and the operators that all of it ends in.
LAYERS = {
    nn.MultiheadAttention: ("forward",),
    nn.TransformerEncoderLayer: ("forward", "_sa_block", "_ff_block"),
    nn.TransformerDecoderLayer: ("forward", "_sa_block", "_mha_block", "_ff_block"),
}
COMPOSITE = "CompositeImplicitAutograd"
_ATTENTION = "torch.nn.functional.scaled_dot_product_attention"
OPERATORS = {
    "scaled_dot_product_attention": _ATTENTION,
    "_scaled_dot_product_attention_math": _ATTENTION,
    "_scaled_dot_product_flash_attention_for_cpu": _ATTENTION,
    "_scaled_dot_product_flash_attention": _ATTENTION,
    "_scaled_dot_product_efficient_attention": _ATTENTION,
    "_scaled_dot_product_cudnn_attention": _ATTENTION,
    "_flash_attention_forward": _ATTENTION,
    "_efficient_attention_forward": _ATTENTION,
    "_native_multi_head_attention": "torch.nn.MultiheadAttention",
    "_transformer_encoder_layer_fwd": "torch.nn.TransformerEncoderLayer",
}


class OneDevice(TorchDispatchMode):
    """Makes the meta device as strict as a GPU: all tensors of an operation must be on one device.

    PyTorch itself looks up a CPU index in a meta table without an error. As on a GPU, a zero-dimensional tensor, an
    index in square brackets and a copy may come from the CPU.
    """

    FREE = ("aten::copy_", "aten::index", "aten::index_put", "aten::index_put_", "aten::_to_copy")

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if operation._schema.name not in self.FREE:
            tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor) and t.dim() > 0]
            if len({t.device.type for t in tensors}) > 1:
                raise StudentMessage(worker_messages.ON_THE_CPU.said())
        return operation(*args, **(kwargs or {}))


class Handle:
    """A module, with the class and the arguments that made it, so that it can be made once more."""

    def __init__(self, make: Any, args: list[Any], kwargs: dict[str, Any], module: nn.Module) -> None:
        self.make, self.args, self.kwargs, self.module = make, args, kwargs, module
        self.pending: list[Callable[[], Any]] = []  # what to load after a lazy module's first call
        self.seen: dict[str, list[bool]] = {}  # how the module was called, where that is watched


class Adapter(adapter.Adapter):
    """PyTorch, on the device "cpu" or "cuda"; programs may also ask for "meta"."""

    name = "pytorch"

    def __init__(self, device: str = "cpu", packages: Sequence[str] = (), checkpoint: str = "") -> None:
        """`packages` beyond the framework that the exercise's answers import; `checkpoint`: the run's BERT folder."""
        self.home = device
        self.watch = Watch()
        self.dtype = torch.float32
        self.device = torch.device(device)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        self._watch_ready_made()
        if "transformers" in packages:
            from autograder.workers.bert_pytorch import Classifiers

            self.bert = Classifiers(self, checkpoint)

    def start(self, gpu_memory_mb: int = 0) -> None:
        """One thread, and on a GPU a cap on its memory."""
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        torch._dynamo.config.disable = True  # no compiler in the sandbox: `torch.compile` does nothing
        if self.home == "cuda" and gpu_memory_mb:
            total = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, (gpu_memory_mb << 20) / total))

    def warm_up(self) -> None:
        """Use each operation once before the fork: its tables are then made, and forks share the memory pages."""
        if self.home == "cpu":  # a GPU's context does not outlive a fork
            from autograder.workers import warming_pytorch

            warming_pytorch.warm_up(self)

    def finish(self) -> None:
        """Wait for the GPU, so that its errors are raised in this program, and not in a later one."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def is_spent(self) -> bool:
        """Whether this process has lost its GPU; an index out of range there does that, for example."""
        if self.home != "cuda":
            return False
        try:
            torch.cuda.synchronize()
        except RuntimeError:
            return True
        return False

    # -- values ------------------------------------------------------------------------------------------------------

    def tensor(self, array: np.ndarray, gradient: bool = False) -> torch.Tensor:
        tensor = torch.from_numpy(np.array(array))  # a copy, because the answer may write into it
        tensor = tensor.to(self.device, self.dtype if tensor.is_floating_point() else None)
        return tensor.requires_grad_() if gradient else tensor

    def integers(self, tensor: torch.Tensor, dtype: str) -> torch.Tensor:
        return tensor.to(getattr(torch, dtype)) if tensor.dtype in (torch.int32, torch.int64) else tensor

    def duplicate(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.clone()

    def array(self, value: Any) -> np.ndarray | dict[str, Any] | None:
        if not isinstance(value, torch.Tensor):
            return None
        value = value.detach()
        dtype = str(value.dtype).removeprefix("torch.")
        if value.device.type == "meta" or dtype not in ("bool", "float16", "float32", "float64", *_INTEGERS):
            return {"dtype": dtype, "shape": list(value.shape), "device": value.device.type}
        return value.resolve_conj().resolve_neg().cpu().contiguous().numpy()

    def device_of(self, values: dict[str, Any]) -> str | None:
        value = values.get("out")
        for _ in range(8):  # a list may contain itself
            if isinstance(value, (tuple, list)) and value:
                value = value[0]
        return value.device.type if isinstance(value, torch.Tensor) else None

    def generator(self, seed: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(seed)

    @contextlib.contextmanager
    def running(self, dtype: str, device: str | None, gradient: bool, training: bool = False) -> Iterator[None]:
        self.dtype, self.device = DTYPES[dtype], torch.device(device or self.home)
        # The same program gives the same answer, whatever ran before it. `torch.manual_seed` would do it too, but it
        # queues a call with a formatted stack for each kind of accelerator: half the time of a small program.
        torch.default_generator.manual_seed(0)
        if self.home == "cuda":
            torch.cuda.manual_seed_all(0)
        meets: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if self.device.type == "meta":
            meets = OneDevice()  # type: ignore[no-untyped-call]  # PyTorch's class has no annotations
        with torch.set_grad_enabled(gradient or training), meets:
            yield

    def leave_layers_alone(self) -> None:
        pass  # PyTorch has no default dtype per program: the answer's layers have the usual dtype

    def leave_uncompiled(self) -> None:
        pass  # nothing is compiled in this track

    def is_data_dependent(self, message: str) -> bool:
        return any(phrase in message for phrase in DATA_DEPENDENT)

    # -- modules -----------------------------------------------------------------------------------------------------

    def module(self, symbol: Any, args: list[Any], kwargs: dict[str, Any]) -> Handle:
        module = symbol(*args, **kwargs)
        if not isinstance(module, nn.Module):
            name = getattr(symbol, "__name__", symbol)
            raise StudentMessage(worker_messages.NO_MODULE.said(symbol=name, type=type(module).__name__))
        return Handle(symbol, args, kwargs, self._settle(module))

    def embedding(self, weight: np.ndarray) -> Handle:
        rows, width = weight.shape
        module = nn.Embedding(rows, width, device=self.device, dtype=self.dtype)
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(np.array(weight)))
        return self.handle(module)

    def writer(self, follows: torch.Tensor, asked: torch.Tensor, place: torch.Tensor) -> nn.Module:
        return Writer(follows, asked, place).eval()

    def handle(self, module: nn.Module) -> Handle:
        return Handle(None, [], {}, module)

    def inside(self, handle: Handle) -> nn.Module:
        return handle.module

    def _settle(self, module: nn.Module) -> nn.Module:
        if self.device.type == "meta" and _lazy(module):
            raise StudentMessage(worker_messages.LAZY_LAYER.said(), "data-dependent")
        return module.to(device=self.device, dtype=self.dtype).eval()

    def load(self, handle: Handle, weights: dict[str, np.ndarray]) -> None:
        if _lazy(handle.module):
            handle.pending.append(lambda: self.load(handle, weights))
            return
        with torch.no_grad():
            dtype = str(self.dtype).removeprefix("torch.")
            place_weights(handle.module, weights, self._assign, _linear, dtype, lambda: _trained(handle.module))

    def fill(self, handle: Handle, names: list[str], seed: int, scale: float) -> dict[str, Any]:
        shapes: dict[str, Any] = {}

        def now() -> None:
            for n, name in enumerate(names):
                owner = handle.module
                for attribute in name.split("."):
                    owner = attribute_of(owner, attribute, _linear)
                if not isinstance(owner, nn.Module):
                    raise StudentMessage(worker_messages.PART_NO_MODULE.said(name=name, type=type(owner).__name__))
                named = list(owner.named_parameters())
                gains = [leaf.endswith("weight") and p.dim() == 1 for leaf, p in named]
                shapes[name] = [tuple(p.shape) for _, p in named]
                drawn = numbers_for(zip(gains, shapes[name], strict=True), seed + n, scale)
                with torch.no_grad():
                    for (_, parameter), array in zip(named, drawn, strict=True):
                        parameter.copy_(torch.from_numpy(array))

        if _lazy(handle.module):
            handle.pending.append(now)
        else:
            now()
        return shapes

    def apply(self, handle: Handle, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if handle.pending:
            handle.module(*args, **kwargs)
            pending, handle.pending = handle.pending, []
            for waiting in pending:
                waiting()
        return handle.module(*args, **kwargs)

    def trace(self, handle: Handle, args: list[Any], kwargs: dict[str, Any]) -> None:
        pass  # PyTorch trains eagerly

    def set_mode(self, handle: Handle, training: bool) -> None:
        handle.module.train(training)

    def train(self, handle: Handle, batches: list[Any], steps: int, rate: float) -> tuple[torch.Tensor, int]:
        module, was = handle.module, handle.module.training
        losses: list[torch.Tensor] = []
        parameters = [p for p in module.parameters() if p.requires_grad]
        if not parameters:
            raise StudentMessage(worker_messages.MODULE_WITHOUT_WEIGHTS.said())
        optimizer = torch.optim.Adam(parameters, lr=rate)
        module.train()
        with torch.enable_grad():
            for n in range(steps):
                inputs, labels = batches[n % len(batches)]
                logits = module(*inputs)
                if not isinstance(logits, torch.Tensor) or logits.shape[:-1] != labels.shape:
                    raise StudentMessage(worker_messages.MODULE_WITHOUT_LOGITS.said())
                if not logits.requires_grad:
                    raise StudentMessage(worker_messages.MODULE_WITHOUT_GRADIENT.said())
                loss = functional.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=-1)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
        module.train(was)
        return torch.stack(losses), sum(p.numel() for p in parameters if p.grad is None)

    def copy(self, handle: Handle) -> Handle:
        module = self._settle(handle.make(*handle.args, **handle.kwargs))
        module.load_state_dict(handle.module.state_dict())
        return Handle(handle.make, handle.args, handle.kwargs, module)

    def parameters(self, handle: Handle) -> list[tuple[int, ...]]:
        return [tuple(p.shape) for p in handle.module.parameters() if p.requires_grad]

    def _assign(self, owner: Any, leaf: str, array: np.ndarray, key: str) -> None:
        tensor, transposed = self._leaf(owner, leaf, key)
        check_shape(
            key,
            tuple(reversed(tensor.shape)) if transposed else tuple(tensor.shape),
            array,
            transposed,
        )
        tensor.copy_(torch.from_numpy(np.array(array.T if transposed else array)))

    def _leaf(self, owner: Any, leaf: str, key: str) -> tuple[torch.Tensor, bool]:
        """The parameter behind a key, and whether PyTorch keeps it transposed (an `nn.Linear` keeps (out, in))."""
        if isinstance(owner, torch.Tensor) and leaf == "weight":
            return owner, False
        tensor = getattr(owner, leaf, None)
        if not isinstance(tensor, torch.Tensor):
            raise cannot_load(owner, leaf, key)
        return tensor, isinstance(owner, nn.Linear) and leaf == "weight"

    # -- gradients ---------------------------------------------------------------------------------------------------

    def parameter(self, handle: Handle, key: str) -> Any:
        found = find_parameter(handle.module, key, _linear)
        return NotAvailable if found is None else self._leaf(*found, key)

    def gradients(self, result: Any, cotangent: np.ndarray, sources: dict[str, Any]) -> dict[str, torch.Tensor]:
        if not isinstance(result, torch.Tensor):
            raise StudentMessage(worker_messages.RESULT_TYPE.said(type=type(result).__name__, expected="torch.Tensor"))
        if tuple(result.shape) != cotangent.shape:
            raise StudentMessage(worker_messages.RESULT_SHAPE.said(shape=tuple(result.shape), expected=cotangent.shape))
        plain = {name: s[0] if isinstance(s, tuple) else s for name, s in sources.items()}
        found: tuple[torch.Tensor | None, ...] = (None,) * len(plain)
        if result.requires_grad and plain:  # empty where the module hides the layout of all its parameters
            weights = torch.from_numpy(np.array(cotangent)).to(result)
            found = torch.autograd.grad(result, list(plain.values()), weights, allow_unused=True, retain_graph=True)
        gradients: dict[str, torch.Tensor] = {}
        for (name, source), gradient in zip(sources.items(), found, strict=True):
            gradient = torch.zeros_like(plain[name]) if gradient is None else gradient
            gradients[name] = gradient.T if isinstance(source, tuple) and source[1] else gradient
        return gradients

    def flows(self, result: Any, sources: dict[str, Any]) -> bool:
        """Whether a gradient can be taken of the result: a constant has none, and `backward()` raises."""
        return bool(result.requires_grad)

    # -- the ready-made attention, seen while it runs ----------------------------------------------------------------

    def _watch_ready_made(self) -> None:
        """Make the framework's own attention leave a note when it runs; the judge decides what that means."""
        self.watch.inside("torch.nn.functional.multi_head_attention_forward", functional.multi_head_attention_forward)
        for layer, methods in LAYERS.items():
            for method in methods:
                self.watch.inside(f"torch.nn.{layer.__name__}", getattr(layer, method))
        flex = sys.modules.get("torch.nn.attention.flex_attention")
        if flex is not None:
            self.watch.inside("torch.nn.attention.flex_attention", flex.flex_attention)
        self.library = torch.library.Library("aten", "IMPL")  # its registrations end with it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of operators that get another kernel
            for operator, name in OPERATORS.items():
                if torch._C._dispatch_has_kernel_for_dispatch_key(f"aten::{operator}", COMPOSITE):
                    self._watch_operator(operator, name, "CPU", COMPOSITE)  # one kernel for all devices
                    self._watch_operator(operator, name, "FuncTorchVmapMode", "FuncTorchVmapMode")
                else:
                    for device in ("CPU", "CUDA"):
                        self._watch_operator(operator, name, device, device)

    def _watch_operator(self, operator: str, name: str, of: str, key: str) -> None:
        """Replace an operator's kernel `of` this key by one that leaves a note first; every call goes through it."""
        if not torch._C._dispatch_has_computed_kernel_for_dispatch_key(f"aten::{operator}", of):
            return
        kernel = torch.library.get_kernel(f"aten::{operator}", of)

        def noted(keys: Any, *args: Any, **kwargs: Any) -> Any:
            self.watch.note(name)
            return kernel.call_boxed(keys, *args, **kwargs)

        self.library.impl(operator, noted, key, with_keyset=True, allow_override=True)


class Writer(nn.Module):
    """The module that `autograder.judging.program.Program.writer` describes."""

    def __init__(self, follows: torch.Tensor, asked: torch.Tensor, place: torch.Tensor) -> None:
        super().__init__()
        self.follows, self.asked = nn.Parameter(follows), nn.Parameter(asked)
        self.place = nn.Parameter(place)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Logits (B, L, V) for ids (B, S) and (B, L); random numbers in training mode."""
        length = target.shape[1]
        counts = torch.arange(1, length + 1, device=target.device)[:, None]
        so_far = self.follows[target].cumsum(dim=1) / counts
        logits = so_far + self.asked[source].mean(dim=1, keepdim=True) + self.place[:length]
        return torch.randn_like(logits) if self.training else logits


def _trained(module: nn.Module) -> list[np.ndarray] | None:
    """The contents of the trainable parameters; None on the meta device, where there are none."""
    parameters = [p.detach() for p in module.parameters() if p.requires_grad]
    return None if any(p.is_meta for p in parameters) else [p.cpu().double().numpy().copy() for p in parameters]


def _lazy(module: nn.Module) -> bool:
    """Whether the module has parameters whose shape is not known before its first call."""
    return any(isinstance(p, nn.parameter.UninitializedParameter) for p in module.parameters())


def _linear(owner: Any) -> list[nn.Linear]:
    if isinstance(owner, (list, tuple)):  # a list of layers that the module does not know of
        return [layer for part in owner for layer in _linear(part)]
    return [layer for layer in owner.modules() if isinstance(layer, nn.Linear)] if isinstance(owner, nn.Module) else []


_INTEGERS = ("int8", "int16", "int32", "int64", "uint8")
