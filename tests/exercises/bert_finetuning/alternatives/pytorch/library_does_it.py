"""Accepted: the library's shortcuts: Auto classes, the loss that the model computes itself, inference mode."""

import torch
from transformers import AutoModelForSequenceClassification


def encode_batch(texts, labels, tokenizer, max_length):
    batch = tokenizer.batch_encode_plus if hasattr(tokenizer, "batch_encode_plus") else tokenizer
    encoded = batch(texts, padding=True, truncation="longest_first", max_length=max_length, return_tensors="pt")
    encoded["labels"] = torch.as_tensor([label - 1 for label in labels])
    return encoded  # a BatchEncoding, with token_type_ids


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, num_labels=num_classes)
    model.bert.requires_grad_(not freeze_backbone)
    return model


def fine_tune(model, batches, learning_rate, epochs=1):
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=0.01)
    return [one_epoch(model, batches, optimizer) for _ in range(epochs)]


def one_epoch(model, batches, optimizer):
    results = []
    for batch in batches:
        result = model(**batch)
        result.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        hits = (result.logits.argmax(-1) == batch["labels"]).tolist()
        results += [(result.loss.item(), hit) for hit in hits]
    return {
        "loss": sum(loss for loss, _ in results) / len(results),
        "accuracy": sum(hit for _, hit in results) / len(results),
    }


@torch.inference_mode()
def evaluate(model, batches):
    training = model.training
    model.eval()
    try:
        outputs = [(model(**batch), len(batch["labels"]), batch["labels"]) for batch in batches]
    finally:
        model.train(training)
    total = sum(n for _, n, _ in outputs)
    return {
        "loss": sum(float(out.loss) * n for out, n, _ in outputs) / total,
        "accuracy": sum(int((out.logits.argmax(-1) == labels).sum()) for out, _, labels in outputs) / total,
    }
