"""Fine-tuning BERT: a model that has read much text learns a task of yours from a few examples.

Shapes: B texts of a batch, L word pieces of the longest, C classes.
"""

import torch
import torch.nn.functional as F
from torch import nn  # noqa: F401  (every module of a track opens with the same imports)
from transformers import BertForSequenceClassification


def encode_batch(texts, labels, tokenizer, max_length):
    """Turn texts and their labels into the tensors that a BERT classifier is trained on.

    Arguments: texts, a list of B strings; labels, a list of B whole numbers 1..C, as in AG News's files; tokenizer, a
    transformers.BertTokenizer; max_length, the largest number of word pieces of a text, [CLS] and [SEP] included.
    Returns: a dict of `input_ids` (B, L), `attention_mask` (B, L), 1 at word pieces and 0 at padding, and `labels` (B,)
    in 0..C-1. L is the length of the longest text, at most max_length.
    """
    ### BEGIN SOLUTION
    encoded = tokenizer(list(texts), padding="longest", truncation=True, max_length=max_length, return_tensors="pt")
    return {
        "input_ids": encoded["input_ids"],
        "attention_mask": encoded["attention_mask"],
        "labels": torch.tensor(labels) - 1,
    }
    ### END SOLUTION


def build_classifier(checkpoint, num_classes, freeze_backbone=False):
    """A BERT classifier with the weights of a pre-trained checkpoint and a new classification layer.

    Arguments: checkpoint, the folder of a Hugging Face checkpoint; num_classes, C; freeze_backbone, whether all but the
    classification layer keeps its weights in training.
    Returns: a transformers.BertForSequenceClassification that gives logits (B, C).
    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2019), section 4.1.
    """
    ### BEGIN SOLUTION
    model = BertForSequenceClassification.from_pretrained(checkpoint, num_labels=num_classes)
    if freeze_backbone:
        for parameter in model.bert.parameters():
            parameter.requires_grad = False
    return model
    ### END SOLUTION


def fine_tune(model, batches, learning_rate, epochs=1):
    """Train a classifier on batches, in their order, with AdamW.

    Arguments: model, a BertForSequenceClassification; batches, a list of dicts as encode_batch gives them;
    learning_rate, constant; epochs, how often to go through all batches.
    AdamW has weight decay 0.01 on everything and epsilon 1e-8.
    Returns: a list of dicts, one an epoch, with `loss` and `accuracy` (a fraction): means over the epoch's examples, as
    they were when they were trained on.
    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019).
    """
    ### BEGIN SOLUTION
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, eps=1e-8, weight_decay=0.01)
    model.train()
    history = []
    for _ in range(epochs):
        loss_sum, correct, count = 0.0, 0, 0
        for batch in batches:
            labels = batch["labels"]  # (B,)
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits  # (B, C)
            loss = F.cross_entropy(logits, labels)

            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            loss_sum += loss.item() * len(labels)
            correct += (logits.argmax(dim=-1) == labels).sum().item()
            count += len(labels)
        history.append({"loss": loss_sum / count, "accuracy": correct / count})
    return history
    ### END SOLUTION


def evaluate(model, batches):
    """Measure a classifier on batches, without training it.

    Arguments: model and batches as in fine_tune.
    Returns: a dict of `loss` and `accuracy` (a fraction), means over all examples. Dropout is off and no gradients are
    recorded; afterwards the model is in the mode in which it came.
    """
    ### BEGIN SOLUTION
    was_training = model.training
    model.eval()
    loss_sum, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for batch in batches:
            labels = batch["labels"]  # (B,)
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits  # (B, C)
            loss_sum += F.cross_entropy(logits, labels, reduction="sum").item()
            correct += (logits.argmax(dim=-1) == labels).sum().item()
            count += len(labels)
    model.train(was_training)
    return {"loss": loss_sum / count, "accuracy": correct / count}
    ### END SOLUTION
