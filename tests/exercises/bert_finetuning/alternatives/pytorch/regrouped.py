"""Accepted: evaluation that sorts the texts by length and makes batches of its own; training in one loop over all
steps, with Adam that decays apart, in groups, and a closure.
"""

from itertools import chain, islice, repeat

import numpy as np
import torch
import torch.nn.functional as F
from transformers import BertForSequenceClassification, get_constant_schedule


def encode_batch(texts, labels, tokenizer, max_length):
    encoded = tokenizer(
        text=list(texts), padding=True, truncation=True, max_length=max_length, return_tensors="np",
        return_token_type_ids=False,
    )  # fmt: skip
    batch = {key: torch.from_numpy(np.array(encoded[key])) for key in ("input_ids", "attention_mask")}
    return {**batch, "labels": torch.from_numpy(np.array(labels, dtype=np.int64) - 1)}


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = BertForSequenceClassification.from_pretrained(checkpoint, num_labels=num_classes)
    for parameter in chain(*(part.parameters() for part in model.children() if part is not model.classifier)):
        parameter.requires_grad = not freeze_backbone
    return model


def fine_tune(model, batches, learning_rate, epochs=1):
    head = list(model.classifier.parameters())
    backbone = [p for name, p in model.named_parameters() if not name.startswith("classifier")]
    groups = [{"params": head}, {"params": backbone}]
    optimizer = torch.optim.Adam(groups, learning_rate, weight_decay=0.01, decoupled_weight_decay=True, foreach=False)
    schedule = get_constant_schedule(optimizer)
    model.train()
    notes = []

    def closure():
        batch = closure.batch
        optimizer.zero_grad(set_to_none=True)
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        wanted = F.one_hot(batch["labels"], logits.shape[-1]).to(logits.dtype)
        loss = F.cross_entropy(logits, wanted)  # the classes as probabilities
        loss.backward()
        notes.append((loss.item(), (logits.argmax(-1) == batch["labels"]).double().mean().item(), len(wanted)))
        return loss

    for batch in chain.from_iterable(repeat(batches, epochs)):
        closure.batch = batch
        optimizer.step(closure)
        schedule.step()
    steps, history = iter(notes), []
    while epoch := list(islice(steps, len(batches))):
        losses, accuracies, sizes = zip(*epoch, strict=True)
        history.append({
            "loss": float(np.average(losses, weights=sizes)),
            "accuracy": float(np.average(accuracies, weights=sizes)),
        })  # fmt: skip
    return history


def evaluate(model, batches, size=4):
    texts = []
    for batch in batches:
        for ids, mask, label in zip(batch["input_ids"], batch["attention_mask"], batch["labels"], strict=True):
            texts.append((ids[mask != 0], label))
    texts.sort(key=lambda text: len(text[0]), reverse=True)
    was_training, loss, hits = model.training, 0.0, 0
    model.eval()
    for start in range(0, len(texts), size):
        ids, labels = zip(*texts[start : start + size], strict=True)
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in ids], batch_first=True)
        ids, labels = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True), torch.stack(labels)
        with torch.no_grad():
            output = model(input_ids=ids, attention_mask=mask, labels=labels)
        loss += output.loss.item() * len(labels)
        hits += (output.logits.argmax(-1) == labels).sum().item()
    model.train(was_training)
    return {"loss": loss / len(texts), "accuracy": hits / len(texts)}
