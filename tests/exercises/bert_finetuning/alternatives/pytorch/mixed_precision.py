"""Accepted: mixed precision where there is a GPU, and full precision elsewhere; metrics stay tensors until the end."""

from contextlib import contextmanager

import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

loss_function = nn.CrossEntropyLoss()


def encode_batch(texts, labels, tokenizer, max_length):
    encoded = [tokenizer.encode(text, truncation=True, max_length=max_length) for text in texts]
    ids = nn.utils.rnn.pad_sequence([torch.tensor(e) for e in encoded], True, tokenizer.pad_token_id)
    lengths = torch.tensor([len(e) for e in encoded])
    mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
    return {"input_ids": ids, "attention_mask": mask.int(), "labels": torch.tensor(labels) - 1}


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    config = BertConfig.from_pretrained(checkpoint, num_labels=num_classes)
    model = BertForSequenceClassification.from_pretrained(checkpoint, config=config)
    if freeze_backbone:
        for module in (model.bert.embeddings, model.bert.encoder, model.bert.pooler):
            module.requires_grad_(False)
    return model


def fine_tune(model, batches, learning_rate, epochs=1):
    device = next(model.parameters()).device
    mixed = device.type == "cuda"
    scaler = torch.amp.GradScaler(device.type, enabled=mixed)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=learning_rate, weight_decay=0.01, foreach=True)
    model.train()
    history = []
    for _ in range(epochs):
        total = torch.zeros(3, dtype=torch.float64)
        for batch in batches:
            with torch.autocast(device.type, enabled=mixed):
                logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
                loss = loss_function(logits, batch["labels"])
            optimizer.zero_grad(set_to_none=False)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            n = batch["labels"].shape[0]
            hits = (logits.argmax(1) == batch["labels"]).sum()
            total += torch.tensor([loss.item() * n, hits.item(), n], dtype=torch.float64)
        history.append({"loss": total[0] / total[2], "accuracy": total[1] / total[2]})  # tensors of one number
    return history


@contextmanager
def evaluation(model):
    was = model.training
    model.eval()
    with torch.no_grad():
        yield
    model.train(was)


def evaluate(model, batches):
    with evaluation(model):
        logits = torch.cat([model(b["input_ids"], attention_mask=b["attention_mask"]).logits for b in batches])
    labels = torch.cat([b["labels"] for b in batches])
    return {"loss": loss_function(logits, labels), "accuracy": (logits.argmax(-1) == labels).float().mean()}
