"""Accepted: one loop for training and evaluation, which differ by whether there is an optimizer."""

import torch
import torch.nn.functional as F
from transformers import BertForSequenceClassification


def encode_batch(texts, labels, tokenizer, max_length):
    encoded = tokenizer(texts, padding="longest", truncation=True, max_length=max_length)
    ids = torch.tensor(encoded["input_ids"])
    return {"input_ids": ids, "attention_mask": (ids != tokenizer.pad_token_id).long(), "labels": shifted(labels)}


def shifted(labels):
    return torch.tensor([int(label) - 1 for label in labels])


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = BertForSequenceClassification.from_pretrained(checkpoint, num_labels=num_classes)
    model.requires_grad_(not freeze_backbone)
    model.classifier.requires_grad_(True)
    return model.train()


def go_through(model, batches, optimizer=None):
    loss_sum, hits, seen = 0, 0, 0
    with torch.set_grad_enabled(optimizer is not None):
        for batch in batches:
            inputs = {key: value for key, value in batch.items() if key != "labels"}
            logits = model(**inputs).logits
            loss = F.cross_entropy(logits, batch["labels"])
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.detach() * logits.shape[0]
            hits += (torch.softmax(logits, -1).argmax(-1) == batch["labels"]).sum()
            seen += logits.shape[0]
    return {"loss": (loss_sum / seen).item(), "accuracy": (hits / seen).item()}


def fine_tune(model, batches, learning_rate, epochs=1):
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
    model.train()
    return [go_through(model, batches, optimizer) for _ in range(epochs)]


def evaluate(model, batches):
    before = model.training
    model.eval()
    result = go_through(model, batches)
    model.train(mode=before)
    return result
