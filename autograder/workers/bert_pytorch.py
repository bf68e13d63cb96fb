"""BERT classifiers of the PyTorch track: made from a checkpoint, given weights, asked for logits, watched.

Part of the PyTorch adapter, imported where an exercise's answers use `transformers`. The imports below are all that a
first model and a first call need, so that the zygote has them and no contestant imports them.
"""

from __future__ import annotations

import os

# Before the import: no network access, no threads.
os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}

from typing import TYPE_CHECKING, Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from torch import nn  # noqa: E402
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer  # noqa: E402

from autograder.workers import adapter, tiny_bert, worker_messages  # noqa: E402
from autograder.workers.adapter import check_shape  # noqa: E402
from autograder.workers.namespace import StudentMessage  # noqa: E402

if TYPE_CHECKING:
    from autograder.workers.pytorch import Adapter

MANY = 32  # rows of one pass when logits are asked for


class Classifiers(adapter.Classifiers):
    """`transformers` classifiers; see `autograder.workers.adapter.Classifiers`."""

    def __init__(self, framework: Adapter, checkpoint: str) -> None:
        self.framework, self.checkpoint = framework, checkpoint
        self.asking = False  # whether `logits` calls the model, and not the answer
        transformers.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()

    def folder(self, tiny: dict[str, Any] | None) -> str:
        return tiny_bert.written(tiny) if tiny else self.checkpoint

    def tokenizer(self) -> BertTokenizer:
        return BertTokenizer.from_pretrained(self.checkpoint)

    def classifier(self, folder: str, num_classes: int, frozen: bool, pretrained: bool) -> Any:
        torch.manual_seed(0)
        make = BertForSequenceClassification
        if pretrained:
            model = make.from_pretrained(folder, num_labels=num_classes)
        else:
            model = make(BertConfig.from_pretrained(folder, num_labels=num_classes))
        if frozen:
            model.requires_grad_(False)
            model.classifier.requires_grad_(True)
        module: nn.Module = model  # whose `to` is typed, unlike that of `transformers`
        handle = self.framework.handle(module.to(device=self.framework.device, dtype=self.framework.dtype).eval())
        handle.seen = {"training": [], "gradient": []}

        def note(module: nn.Module, args: Any) -> None:
            if not self.asking:
                handle.seen["training"].append(module.training)
                handle.seen["gradient"].append(torch.is_grad_enabled())

        model.register_forward_pre_hook(note)
        return handle

    def load_head(self, handle: Any, weight: np.ndarray, bias: np.ndarray) -> None:
        head = getattr(handle.module, "classifier", None)
        if not isinstance(head, nn.Linear):
            raise StudentMessage(worker_messages.NO_CLASSIFIER.said())
        check_shape("classifier.weight", tuple(reversed(head.weight.shape)), weight, transposed=True)
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(np.array(weight.T)))
            head.bias.copy_(torch.from_numpy(np.array(bias)))

    def set_dropout(self, handle: Any, rate: float) -> None:
        for module in handle.module.modules():
            if isinstance(module, nn.Dropout):
                module.p = rate  # the attention reads it here, too

    def logits(self, handle: Any, batch: dict[str, Any]) -> torch.Tensor:
        ids, mask = batch["input_ids"], batch["attention_mask"]
        module, was = handle.module, handle.module.training
        module.eval()
        self.asking = True
        found: list[torch.Tensor] = []
        try:
            with torch.no_grad():
                for start in range(0, len(ids), MANY):
                    rows = slice(start, start + MANY)
                    result = module(input_ids=ids[rows], attention_mask=mask[rows])
                    if not isinstance(getattr(result, "logits", None), torch.Tensor):
                        raise StudentMessage(worker_messages.NO_LOGITS.said(type=type(module).__name__))
                    found.append(result.logits)
        finally:  # so that the next program in this process is observed again
            self.asking = False
            module.train(was)
        return torch.cat(found)

    def state(self, handle: Any) -> dict[str, torch.Tensor]:
        return {name: p.detach() for name, p in handle.module.named_parameters()}

    def seen(self, handle: Any) -> dict[str, Any]:
        module = handle.module
        left = any(p.grad is not None for p in module.parameters())
        return {**handle.seen, "mode": module.training, "gradients_left": left}
