"""Accepted: without conveniences: padding, the loss and AdamW itself written out."""

import math

import torch
from transformers import BertForSequenceClassification


def encode_batch(texts, labels, tokenizer, max_length):
    rows = []
    for text in texts:
        pieces = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(text))
        rows.append([tokenizer.cls_token_id] + pieces[: max_length - 2] + [tokenizer.sep_token_id])
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), tokenizer.pad_token_id)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = True
    return dict(input_ids=ids, attention_mask=mask, labels=torch.tensor(labels, dtype=torch.long).sub(1))


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = BertForSequenceClassification.from_pretrained(checkpoint, num_labels=num_classes)
    for name, parameter in model.named_parameters():
        if freeze_backbone and not name.startswith("classifier."):
            parameter.requires_grad_(False)
    return model


class MyAdamW:
    def __init__(self, parameters, rate, decay=0.01, betas=(0.9, 0.999), epsilon=1e-8):
        self.parameters = [p for p in parameters if p.requires_grad]
        self.rate, self.decay, self.betas, self.epsilon, self.steps = rate, decay, betas, epsilon, 0
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, gradients):
        self.steps += 1
        one, two = self.betas
        for p, g, m, v in zip(self.parameters, gradients, self.first, self.second, strict=False):
            m.mul_(one).add_(g, alpha=1 - one)
            v.mul_(two).addcmul_(g, g, value=1 - two)
            unbiased = (v / (1 - two**self.steps)).sqrt() + self.epsilon
            p.mul_(1 - self.rate * self.decay)
            p.sub_(self.rate * m / (1 - one**self.steps) / unbiased)


def negative_log_likelihood(logits, labels):
    return logits.logsumexp(-1) - logits[torch.arange(len(labels)), labels]


def fine_tune(model, batches, learning_rate, epochs=1):
    optimizer = MyAdamW(model.parameters(), learning_rate)
    model.train(True)
    history = []
    for _epoch in range(epochs):
        losses, hits = [], []
        for batch in batches:
            logits = model(batch["input_ids"], batch["attention_mask"])[0]
            each = negative_log_likelihood(logits, batch["labels"])
            optimizer.step(torch.autograd.grad(each.mean(), optimizer.parameters))
            losses.append(each.detach())
            hits.append(logits.max(dim=1).indices.eq(batch["labels"]))
        history.append({"accuracy": torch.cat(hits).double().mean().item(), "loss": torch.cat(losses).mean().item()})
    return history


def evaluate(model, batches):
    before = model.training
    model.train(False)
    losses, hits = [], []
    with torch.no_grad():
        for batch in batches:
            logits = model(batch["input_ids"], batch["attention_mask"])[0]
            losses.append(negative_log_likelihood(logits, batch["labels"]))
            hits.append(logits.max(dim=1).indices.eq(batch["labels"]))
    if before:
        model.train()
    assert math.isfinite(float(torch.cat(losses).sum()))
    return {"loss": torch.cat(losses).mean().item(), "accuracy": torch.cat(hits).double().mean().item()}
