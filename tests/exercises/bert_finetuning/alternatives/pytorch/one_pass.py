"""Accepted: evaluation in a single pass over all examples, padded together; training through a closure."""

import functools

import numpy as np
import torch
import torch.nn.functional as F
import transformers


def encode_batch(texts, labels, tokenizer, max_length):
    tensors = tokenizer(texts, truncation=True, max_length=max_length)
    padded = tokenizer.pad(tensors, padding=True, return_tensors="pt")
    return {"labels": torch.from_numpy(np.asarray(labels)) - 1, **padded}


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    load = functools.partial(transformers.BertForSequenceClassification.from_pretrained, checkpoint)
    model = load(num_labels=num_classes)
    head = {id(p) for p in model.classifier.parameters()}
    for p in model.parameters():
        p.requires_grad = id(p) in head or not freeze_backbone
    return model


def inputs_of(batch):
    return {k: batch[k] for k in ("input_ids", "attention_mask")}


def fine_tune(model, batches, learning_rate, epochs=1):
    model.train()
    settings = dict(lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, foreach=False)
    optimizer = torch.optim.AdamW([{"params": [p]} for p in model.parameters()], **settings)
    report = []
    for _ in range(epochs):
        notes = []
        for batch in batches:

            def closure(batch=batch, notes=notes):
                for p in model.parameters():
                    p.grad = None
                logits = model(**inputs_of(batch)).logits
                each = F.cross_entropy(logits, batch["labels"], reduction="none")
                each.mean().backward()
                notes.append((each.detach(), logits.argmax(-1) == batch["labels"]))

            closure()
            optimizer.step()
        report.append({
            "loss": float(torch.cat([loss for loss, _ in notes]).mean()),
            "accuracy": float(torch.cat([hit for _, hit in notes]).double().mean()),
        })  # fmt: skip
    return report


def evaluate(model, batches):
    longest = max(b["input_ids"].shape[1] for b in batches)

    def joined(key):
        return torch.cat([F.pad(b[key], (0, longest - b[key].shape[1])) for b in batches])

    labels = torch.cat([b["labels"] for b in batches])
    state = model.training
    with torch.no_grad():
        logits = model.eval()(input_ids=joined("input_ids"), attention_mask=joined("attention_mask")).logits
    model.train(state)
    scores = F.log_softmax(logits, dim=-1)
    return {
        "loss": F.nll_loss(scores, labels).item(),
        "accuracy": np.mean(logits.argmax(-1).numpy(force=True) == labels.numpy(force=True)),
    }
