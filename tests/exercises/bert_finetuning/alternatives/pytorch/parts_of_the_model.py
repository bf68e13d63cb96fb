"""Accepted: the classifier's parts are called one by one, those that are frozen without gradients; AdamW as an
`Optimizer` of one's own.
"""

import contextlib

import torch
from torch.nn.functional import log_softmax, nll_loss
from transformers import BertForSequenceClassification


def encode_batch(texts, labels, tokenizer, max_length):
    machine = tokenizer.backend_tokenizer  # what works below the tokenizer
    machine.no_padding()
    machine.no_truncation()
    found = machine.encode_batch(list(texts), add_special_tokens=False)
    rows = [[tokenizer.cls_token_id, *one.ids[: max_length - 2], tokenizer.sep_token_id] for one in found]
    batch = tokenizer.pad({"input_ids": rows}, padding="longest", return_tensors="pt")
    batch["attention_mask"] = (batch["input_ids"] != tokenizer.pad_token_id).long()
    batch["labels"] = torch.as_tensor(labels).add(-1)
    return dict(batch)


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    model = BertForSequenceClassification.from_pretrained(checkpoint, num_labels=num_classes)
    model.bert.requires_grad_(requires_grad=not freeze_backbone)
    return model


class Decoupled(torch.optim.Optimizer):
    def __init__(self, parameters, rate, decay=0.01, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(parameters, {"rate": rate, "decay": decay, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (one, two), rate = group["betas"], group["rate"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state.update(n=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["n"] += 1
                state["m"].lerp_(p.grad, 1 - one)
                state["v"].mul_(two).addcmul_(p.grad, p.grad, value=1 - two)
                p.mul_(1 - rate * group["decay"])
                root = state["v"].div(1 - two ** state["n"]).sqrt_().add_(group["eps"])
                p.addcdiv_(state["m"], root, value=-rate / (1 - one ** state["n"]))


def logits_of(model, batch):
    frozen = not any(p.requires_grad for p in model.bert.parameters())
    with torch.no_grad() if frozen else contextlib.nullcontext():
        pooled = model.bert(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).pooler_output
    return model.classifier(model.dropout(pooled))


def go_through(model, batches, after):
    loss, hits, count = 0.0, 0.0, 0
    for batch in batches:
        scores, labels = log_softmax(logits_of(model, batch), dim=-1), batch["labels"]
        each = nll_loss(scores, labels, reduction="none")
        after(each)
        loss, count = loss + float(each.detach().sum()), count + labels.size(0)
        hits += float(torch.eq(scores.detach().max(dim=-1)[1], labels).sum())
    return {"loss": loss / count, "accuracy": hits / count}


def fine_tune(model, batches, learning_rate, epochs=1):
    optimizer = Decoupled(model.parameters(), learning_rate)

    def learn(losses):
        optimizer.zero_grad()
        torch.mean(losses).backward()
        optimizer.step()

    model.train()
    return [go_through(model, batches, learn) for _ in range(epochs)]


def evaluate(model, batches):
    was_training = model.training
    with torch.no_grad():
        model.train(False)
        found = go_through(model, batches, lambda losses: None)
        model.train(was_training)
    return found
