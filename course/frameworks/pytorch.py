"""PyTorch for the visible checks. `Framework` says what each method does."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from course.frameworks.base import Framework


class PyTorch(Framework):
    """The adapter to PyTorch: a module is an `nn.Module`."""

    title = "PyTorch"
    other_device = "meta"  # its tensors have a shape and no numbers

    def __init__(self) -> None:
        super().__init__()
        import torch

        self.torch = torch
        self.module_type = torch.nn.Module

    def tensor(self, array: np.ndarray) -> Any:
        return self.torch.from_numpy(array)

    def array(self, tensor: Any) -> np.ndarray:
        return tensor.detach().cpu().numpy()

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, self.torch.Tensor)

    def run(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool = False) -> Any:
        module.train(training)
        with self.torch.no_grad():
            return module(*args, **kwargs)

    def linear_layers(self, owner: Any) -> list[Any]:
        if isinstance(owner, (list, tuple)):
            return [layer for part in owner for layer in self.linear_layers(part)]
        nn = self.torch.nn
        return [m for m in owner.modules() if isinstance(m, nn.Linear)] if isinstance(owner, nn.Module) else []

    def silence(self, layer: Any) -> None:
        with self.torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()

    def attended(self, layer: Any, x: np.ndarray) -> np.ndarray:
        given = self.given(x) if layer.batch_first else self.given(x).transpose(0, 1)
        with self.torch.no_grad():
            out = layer.eval()(given, given, given)[0]
        return self.array(out if layer.batch_first else out.transpose(0, 1))

    def fit(self, module: Any, ids: np.ndarray, labels: np.ndarray, steps: int, rate: float) -> np.ndarray:
        optimizer, losses = self.torch.optim.Adam(module.parameters(), lr=rate), []
        module.train()
        for _step in range(steps):
            loss = self.torch.nn.functional.cross_entropy(module(self.given(ids)), self.given(labels))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return np.array(losses)

    def gradients(
        self, call: Callable[..., Any], arrays: tuple[Any, ...], output: int | None, module: Any = None
    ) -> list[np.ndarray]:
        given = [self.given(array) for array in arrays]
        asked = [t for t in given if self.is_tensor(t) and t.is_floating_point()]
        for tensor in asked:
            tensor.requires_grad_()
        if module is not None:
            module.eval()
            asked += [p for p in module.parameters() if p.requires_grad]
        result = call(*given)
        result = result if output is None else result[output]
        if not result.requires_grad:
            return [np.zeros(tuple(t.shape)) for t in asked]
        uneven = self.torch.linspace(-1, 2, result.numel(), dtype=result.dtype).reshape(result.shape)
        found = self.torch.autograd.grad((result * uneven).sum(), asked, allow_unused=True)
        return [np.zeros(tuple(t.shape)) if g is None else self.array(g) for t, g in zip(asked, found, strict=True)]

    def elsewhere(self, call: Callable[..., Any], arrays: tuple[Any, ...], module: Any = None) -> str:
        """What PyTorch says where the arguments, and the module, are on the device `meta` and another tensor is not.

        Tensors on `meta` have a shape and no numbers, so correct code may fail there too. Only an error about two
        devices counts.
        """
        given = [value.to("meta") if self.is_tensor(value) else value for value in map(self.given, arrays)]
        try:
            if module is not None:
                call = copy.deepcopy(module).eval().to("meta")
            with self.torch.no_grad():
                result = call(*given)
        except Exception as error:
            text = str(error)
            return text if all(word in text for word in ("device", "meta", "cpu")) else ""
        results = result if isinstance(result, (tuple, list)) else [result]
        found = {tensor.device.type for tensor in results if self.is_tensor(tensor)} - {"meta"}
        return f"{', '.join(sorted(found))}" if found else ""

    def received(self, layer: Any, call: Callable[[], Any]) -> list[np.ndarray]:
        seen: list[np.ndarray] = []
        note = layer.register_forward_pre_hook(lambda _layer, args: seen.append(self.array(args[0])) if args else None)
        try:
            call()
        finally:
            note.remove()
        return seen

    def load_layer(self, layer: Any, path: str, arrays: dict[str, np.ndarray]) -> None:
        for kind, array in arrays.items():
            if isinstance(layer, self.torch.nn.Linear) and kind == "weight":
                array = array.T
            # A layer of the student's own, or a bare parameter, is as good where it has the shape.
            bare = isinstance(layer, self.torch.Tensor) and kind == "weight"
            parameter = layer if bare else getattr(layer, kind, None)
            if not isinstance(parameter, self.torch.Tensor) or parameter.shape != array.shape:
                raise self.cannot_load(layer, path, arrays)
            with self.torch.no_grad():
                parameter.copy_(self.torch.from_numpy(np.array(array)))

    def generator(self, seed: int) -> Any:
        return self.torch.Generator().manual_seed(seed)

    def embedding(self, weight: np.ndarray) -> Any:
        return self.torch.nn.Embedding.from_pretrained(self.given(weight), freeze=False)

    ids = "int64"

    def bert_tokenizer(self, folder: str) -> Any:
        from transformers import BertTokenizer

        return BertTokenizer.from_pretrained(folder)

    def bert(self, folder: str, num_classes: int, dropout: float = 0.0, frozen: bool = False) -> Any:
        from transformers import BertForSequenceClassification

        model = BertForSequenceClassification.from_pretrained(
            folder, num_labels=num_classes, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout
        )
        model.bert.requires_grad_(not frozen)
        return model

    def is_bert(self, value: Any) -> bool:
        from transformers import BertForSequenceClassification

        return isinstance(value, BertForSequenceClassification)

    def bert_logits(self, model: Any, batch: dict[str, np.ndarray]) -> np.ndarray:
        mode = model.training
        inputs = {name: self.tensor(batch[name]) for name in ("input_ids", "attention_mask")}
        with self.torch.no_grad():
            logits = model.eval()(**inputs).logits
        model.train(mode)
        return self.array(logits)

    def bert_weights(self, model: Any) -> dict[str, np.ndarray]:
        return {name: self.array(p).copy() for name, p in model.named_parameters()}

    def bert_head(self, model: Any) -> tuple[np.ndarray, np.ndarray]:
        return self.array(model.classifier.weight).T.copy(), self.array(model.classifier.bias).copy()

    def set_bert_head(self, model: Any, weight: np.ndarray, bias: np.ndarray) -> None:
        self.load_layer(model.classifier, "classifier", {"weight": weight, "bias": bias})

    def trainable(self, module: Any) -> int:
        return sum(p.numel() for p in module.parameters() if p.requires_grad)

    def copy_state(self, source: Any, target: Any) -> None:
        target.load_state_dict(source.state_dict())

    @contextmanager
    def float64(self) -> Iterator[None]:
        before, self.dtype = self.dtype, "float64"
        default = self.torch.get_default_dtype()
        self.torch.set_default_dtype(self.torch.float64)
        try:
            yield
        finally:
            self.dtype = before
            self.torch.set_default_dtype(default)
