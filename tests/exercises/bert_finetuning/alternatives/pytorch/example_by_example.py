"""Accepted: a batch goes through the model one text at a time without its padding, and the gradients add up to the
batch's.
"""

import torch
import torch.nn.functional as F
from transformers import BertForSequenceClassification


def encode_batch(texts, labels, tokenizer, max_length):
    one_by_one = [tokenizer(text, truncation=True, max_length=max_length, return_tensors="pt") for text in texts]
    longest = max(one["input_ids"].shape[1] for one in one_by_one)

    def stacked(key, fill):
        rows = [F.pad(one[key], (0, longest - one[key].shape[1]), value=fill) for one in one_by_one]
        return torch.cat(rows)

    ids, mask = stacked("input_ids", tokenizer.pad_token_id), stacked("attention_mask", 0)
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.LongTensor(list(labels)) - 1, "texts": texts}


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    names = {n: f"class {n}" for n in range(num_classes)}
    model = BertForSequenceClassification.from_pretrained(checkpoint, id2label=names)
    if freeze_backbone:
        model.bert.apply(lambda module: [p.requires_grad_(False) for p in module.parameters(recurse=False)])
    return model


def examples(batch):
    for ids, mask, label in zip(batch["input_ids"], batch["attention_mask"], batch["labels"], strict=True):
        yield ids[mask.bool()].unsqueeze(0), label.unsqueeze(0)


def fine_tune(model, batches, learning_rate, epochs=1):
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01, eps=1e-8)
    model.train()
    history = [{} for _ in range(epochs)]
    for epoch in history:
        losses, hits = [], []
        for batch in batches:
            for ids, label in examples(batch):
                output = model(input_ids=ids, labels=label)  # every piece is real, so no mask is needed
                (output.loss / len(batch["labels"])).backward()
                losses.append(output.loss.item())
                hits.append(output.logits.argmax().item() == label.item())
            optimizer.step()
            optimizer.zero_grad()
        epoch |= {"loss": sum(losses) / len(losses), "accuracy": sum(hits) / len(hits), "examples": len(losses)}
    return history


@torch.no_grad()
def evaluate(model, batches):
    mode = model.training
    model.eval()
    losses, hits = [], []
    for batch in batches:
        for ids, label in examples(batch):
            logits = model(ids).logits[0]
            losses.append((logits.exp().sum().log() - logits[label]).item())
            hits.append(bool((logits <= logits[label]).all()))
    model.train(mode)
    return {"loss": sum(losses) / len(losses), "accuracy": sum(hits) / len(hits)}
