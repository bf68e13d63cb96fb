"""Accepted: each weight has an optimizer of its own, which steps in the backward pass; a data loader."""

import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import BertForSequenceClassification, DataCollatorWithPadding


def encode_batch(texts, labels, tokenizer, max_length):
    pieces = tokenizer(texts, max_length=max_length, truncation=True)
    rows = [
        {"input_ids": ids, "attention_mask": mask, "label": label - 1}
        for ids, mask, label in zip(pieces["input_ids"], pieces["attention_mask"], labels, strict=True)
    ]
    return DataCollatorWithPadding(tokenizer)(rows)


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = BertForSequenceClassification.from_pretrained(checkpoint)
    model.num_labels = model.config.num_labels = num_classes
    model.classifier = nn.Linear(model.config.hidden_size, num_classes)  # a new head in place of the one for two
    for child in model.children():
        child.requires_grad_(child is model.classifier or not freeze_backbone)
    return model


def fine_tune(model, batches, learning_rate, epochs=1):
    model.train()
    hooks, criterion = [], nn.CrossEntropyLoss(reduction="none")
    for parameter in model.parameters():
        if parameter.requires_grad:
            own = torch.optim.AdamW([parameter], lr=learning_rate, weight_decay=0.01)

            def step(parameter, own=own):
                own.step()
                own.zero_grad()

            hooks.append(parameter.register_post_accumulate_grad_hook(step))
    history = []
    for _ in range(epochs):
        sums = torch.zeros(3, dtype=torch.float64, device=model.device)
        for batch in DataLoader(batches, batch_size=None, shuffle=False):
            logits = model(batch["input_ids"], batch["attention_mask"]).logits
            losses = criterion(logits, batch["labels"])
            losses.mean().backward()
            hits = logits.topk(1).indices.squeeze(-1) == batch["labels"]
            sums += torch.stack(
                [losses.detach().sum().double(), hits.sum().double(), hits.numel() * hits.new_ones(()).double()]
            )
        history.append(dict(zip(("loss", "accuracy"), (sums[:2] / sums[2]).tolist(), strict=True)))
    for hook in hooks:
        hook.remove()
    return history


def evaluate(model, batches):
    was = model.training
    model.eval()
    criterion, losses, hits = nn.CrossEntropyLoss(reduction="none"), [], []
    with torch.inference_mode():
        for batch in DataLoader(batches, batch_size=None):
            logits = model(batch["input_ids"], batch["attention_mask"]).logits
            losses.append(criterion(logits, batch["labels"]))
            hits.append(logits.topk(1).indices[:, 0] == batch["labels"])
    model.train(was)
    return {"loss": torch.cat(losses).mean().item(), "accuracy": torch.cat(hits).float().mean().item()}
