"""Accepted: gradients by `torch.func`, the weights in a dict of their own, and AdamW as a function of them."""

import torch
from torch.func import functional_call, grad_and_value
from transformers import BertConfig, BertForSequenceClassification, BertModel


def encode_batch(texts, labels, tokenizer, max_length):
    cls, sep, pad = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"][: max_length - 2] for text in texts]
    longest = max(map(len, rows))
    ids = torch.tensor([[cls, *row, sep, *[pad] * (longest - len(row))] for row in rows])
    mask = torch.tensor([[1] * (len(row) + 2) + [0] * (longest - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([n - 1 for n in labels])}


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = BertForSequenceClassification(BertConfig.from_pretrained(checkpoint, num_labels=num_classes))
    model.bert.load_state_dict(BertModel.from_pretrained(checkpoint).state_dict())
    trained = model.classifier if freeze_backbone else model
    model.requires_grad_(False)
    trained.requires_grad_(True)
    return model


def adamw(weights, gradients, moments, step, rate):
    new = {}
    for name, weight in weights.items():
        first, second = moments[name]
        first = torch.lerp(first, gradients[name], 1 - 0.9)
        second = 0.999 * second + (1 - 0.999) * gradients[name] ** 2
        moments[name] = first, second
        size = first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        new[name] = weight - rate * 0.01 * weight - rate * size
    return new


def cross_entropies(logits, labels):
    return -logits.log_softmax(dim=-1).gather(1, labels[:, None])[:, 0]


def fine_tune(model, batches, learning_rate, epochs=1):
    model.train()
    weights = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    moments = {name: (torch.zeros_like(w), torch.zeros_like(w)) for name, w in weights.items()}

    def loss_of(weights, batch):
        inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
        logits = functional_call(model, weights, (), inputs).logits
        losses = cross_entropies(logits, batch["labels"])
        return losses.mean(), (losses, logits.argmax(dim=1) == batch["labels"])

    gradient_of, history, step = grad_and_value(loss_of, has_aux=True), [], 0
    for _ in range(epochs):
        losses, hits = [], []
        for batch in batches:
            step += 1
            gradients, (_, (each, right)) = gradient_of(weights, batch)
            weights = adamw(weights, gradients, moments, step, learning_rate)
            losses.extend(each.tolist())
            hits.extend(right.tolist())
        history.append({"loss": sum(losses) / len(losses), "accuracy": sum(hits) / len(hits)})
    model.load_state_dict({**model.state_dict(), **weights})
    return history


def evaluate(model, batches):
    modes = {module: module.training for module in model.modules()}
    model.eval()
    losses, hits = [], []
    with torch.no_grad():
        for batch in batches:
            logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
            losses.extend(cross_entropies(logits, batch["labels"]).tolist())
            hits.extend((logits.argmax(dim=1) == batch["labels"]).tolist())
    for module, mode in modes.items():
        module.training = mode
    return {"loss": sum(losses) / len(losses), "accuracy": sum(hits) / len(hits)}
