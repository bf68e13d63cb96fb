"""Accepted: the optimizer gets only what is trained; a data class keeps the sums; the labels come as a tuple of
tensors.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as f
from torch.optim import AdamW
from transformers import BertForSequenceClassification as Classifier


@dataclass
class Sums:
    loss: float = 0.0
    hits: int = 0
    count: int = 0

    def add(self, logits, labels):
        self.loss += f.cross_entropy(logits, labels, reduction="sum").item()
        self.hits += int(torch.sum(torch.argmax(logits, dim=1) == labels))
        self.count += labels.numel()

    def means(self):
        return {"loss": self.loss / self.count, "accuracy": self.hits / self.count}


def encode_batch(texts, labels, tokenizer, max_length):
    batch = tokenizer(texts, padding=True, truncation=True, max_length=max_length, return_tensors="pt")
    batch = {k: v for k, v in batch.items()}
    batch["labels"] = torch.stack([torch.tensor(label - 1) for label in labels])
    return batch


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = Classifier.from_pretrained(checkpoint, num_labels=num_classes)
    if freeze_backbone:
        model.base_model.requires_grad_(False)
    return model


def forward(model, batch):
    return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])["logits"]


def fine_tune(model, batches, learning_rate, epochs=1):
    optimizer = AdamW(filter(lambda p: p.requires_grad, model.parameters()), lr=learning_rate, weight_decay=0.01)
    model.train()
    history, epoch = [], 0
    while epoch < epochs:
        sums = Sums()
        for batch in batches:
            logits = forward(model, batch)
            sums.add(logits.detach(), batch["labels"])
            loss = f.cross_entropy(logits, batch["labels"], reduction="sum") / batch["labels"].numel()
            model.zero_grad()
            loss.backward()
            optimizer.step()
        history.append(sums.means())
        epoch += 1
    return history


def evaluate(model, batches):
    sums, mode = Sums(), model.training
    model.eval()
    for batch in batches:
        with torch.no_grad():
            sums.add(forward(model, batch), batch["labels"])
    model.train() if mode else model.eval()
    return sums.means()
