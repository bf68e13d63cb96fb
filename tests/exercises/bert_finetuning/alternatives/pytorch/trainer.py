"""Accepted: a trainer as a class with listeners, the fused AdamW, and accuracy from a confusion matrix."""

from collections import UserDict
from functools import partial
from itertools import zip_longest

import torch
import torch.nn.functional as F
from transformers import AutoConfig, BertForSequenceClassification


class Batch(UserDict):
    pass


def encode_batch(texts, labels, tokenizer, max_length):
    encode = partial(tokenizer.encode, max_length=max_length, truncation=True)
    places = zip_longest(*map(encode, texts), fillvalue=-1)  # a tuple of pieces for each place
    ids = torch.tensor(list(places)).T
    real = ids >= 0
    return Batch(
        input_ids=torch.where(real, ids, tokenizer.pad_token_id),
        attention_mask=real.long(),
        labels=torch.tensor(list(labels)).sub_(1),
    )


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    config = AutoConfig.from_pretrained(checkpoint)
    config.id2label = {n: str(n) for n in range(num_classes)}
    model = BertForSequenceClassification.from_pretrained(checkpoint, config=config)
    for name, module in model.named_children():
        if name == "bert" and freeze_backbone:
            module.requires_grad_(False)
    return model


class Confusion:
    def __init__(self, classes, device):
        self.table, self.losses = torch.zeros(classes, classes, dtype=torch.long, device=device), []

    def __call__(self, losses, logits, labels):
        cells = labels * logits.shape[-1] + logits.argmax(dim=-1)
        self.table += torch.bincount(cells, minlength=self.table.numel()).view_as(self.table)
        self.losses.append(losses.detach())

    def result(self):
        return {
            "loss": torch.cat(self.losses).double().mean().item(),
            "accuracy": (self.table.trace() / self.table.sum()).item(),
            "confusion": self.table.tolist(),
        }


class Trainer:
    def __init__(self, model, rate=None):
        self.model, self.listeners = model, []
        if rate is not None:
            weights = [p for p in model.parameters() if p.requires_grad]
            self.optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.01, fused=True)
            self.listeners.append(self.learn)

    def learn(self, losses, logits, labels):
        losses.mean().backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def run(self, batches):
        confusion = Confusion(self.model.num_labels, self.model.device)
        for batch in batches:
            labels = batch["labels"]
            logits = self.model(**{k: v for k, v in batch.items() if k in ("input_ids", "attention_mask")})["logits"]
            losses = F.cross_entropy(logits, labels, reduction="none")
            for listener in (confusion, *self.listeners):
                listener(losses, logits, labels)
        return confusion.result()


def fine_tune(model, batches, learning_rate, epochs=1):
    trainer = Trainer(model.train(), learning_rate)
    return list(map(lambda epoch: trainer.run(batches), range(epochs)))


def evaluate(model, batches):
    was_training = model.training
    with torch.no_grad():
        result = Trainer(model.eval()).run(batches)
    model.train(was_training)
    return result
