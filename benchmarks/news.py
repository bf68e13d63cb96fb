"""What pre-training is worth, and how hard the news is: accuracy against the number of labelled stories, as a table.

    python -m benchmarks.news [--checkpoint bert-mini] [--labelled 64 256] [--seeds 5] [--ag-news FOLDER] [--json FILE]

Three ways to classify, each with the same labelled stories: fine-tuning from the checkpoint, fine-tuning the same model
from random weights, and logistic regression on a bag of words. On generated news, on stories of a seed that the
checkpoint was not trained on; with `--ag-news` on the real AG News too (train.csv and test.csv, at most `--held-out`
rows of the latter). The bag of words is also given 2,000 labelled stories, which shows how far counting words gets at
all. Each run has labelled stories and an initialisation of its own; a cell is the mean over the seeds, and the spread
(standard deviation) after it. Threads: set OMP_NUM_THREADS=1 for the time that a contestant in the grader has.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import transformers
from rich.console import Console
from rich.table import Table

from course.data.news import CLASSES, Story, generate, load_ag_news
from course.models import checkpoint

LABELLED_SEED = 5_000_000
HELD_OUT_SEED = 6_000_000


@dataclass(frozen=True)
class Recipe:
    """How a model is fine-tuned. Few stories take more epochs, so that each run has about `steps` steps, or two
    epochs.
    """

    learning_rate: float = 1e-3
    batch: int = 16
    steps: int = 48
    max_length: int = 64

    def epochs(self, labelled: int) -> int:
        return max(2, round(self.steps * self.batch / labelled))


@dataclass
class Outcome:
    data: str
    way: str
    labelled: int
    epochs: int
    accuracies: list[float]
    seconds: float  # of one training, the median over the seeds


class Reader:
    """Stories as batches of tensors for a model: tokenized once, padded a batch."""

    def __init__(self, folder: str, stories: Sequence[Story], max_length: int):
        tokenizer = transformers.BertTokenizer.from_pretrained(folder)
        self.ids = tokenizer([s.text for s in stories], truncation=True, max_length=max_length)["input_ids"]
        self.labels = torch.tensor([story.label - 1 for story in stories])

    def batch(self, places: Sequence[int]) -> dict[str, torch.Tensor]:
        rows = [torch.tensor(self.ids[place]) for place in places]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        lengths = torch.tensor([len(row) for row in rows])
        mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        return {"input_ids": ids, "attention_mask": mask, "labels": self.labels[list(places)]}


def classifier(folder: str, pretrained: bool) -> torch.nn.Module:
    if pretrained:
        return transformers.BertForSequenceClassification.from_pretrained(folder, num_labels=len(CLASSES))
    config = transformers.BertConfig.from_pretrained(folder, num_labels=len(CLASSES))
    return transformers.BertForSequenceClassification(config)


def fine_tuned(
    folder: str, pretrained: bool, labelled: Sequence[Story], held_out: Reader, recipe: Recipe, seed: int
) -> tuple[float, float]:
    """Accuracy on the held-out stories, and the seconds that training took."""
    torch.manual_seed(seed)
    model = classifier(folder, pretrained)
    reader = Reader(folder, labelled, recipe.max_length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=0.01, eps=1e-8)
    model.train()
    start = time.perf_counter()
    for _ in range(recipe.epochs(len(labelled))):
        for places in torch.randperm(len(labelled)).split(recipe.batch):
            model(**reader.batch(places.tolist())).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    seconds = time.perf_counter() - start
    model.eval()
    with torch.inference_mode():
        right = 0
        for start in range(0, len(held_out.ids), 100):
            batch = held_out.batch(range(start, min(start + 100, len(held_out.ids))))
            right += (model(**batch).logits.argmax(-1) == batch["labels"]).sum().item()
    return right / len(held_out.ids), seconds


def bag_of_words(labelled: Sequence[Story], held_out: Sequence[Story]) -> tuple[float, float]:
    """Logistic regression on which words a story has, L2-regularised, to the optimum; words seen once in training
    count.
    """
    start = time.perf_counter()
    words = [set(re.findall(r"[a-z0-9']+", story.text.lower())) for story in (*labelled, *held_out)]
    known = Counter(word for story in words[: len(labelled)] for word in story)
    place = {word: column for column, word in enumerate(sorted(known))}
    counts = np.zeros((len(words), len(place)), np.float32)
    for row, story in enumerate(words):
        own = [place[word] for word in story if word in place]
        counts[row, own] = 1 / np.sqrt(max(len(own), 1))
    # Rare words say more: inverse document frequency, as in any decent baseline.
    frequency = np.array([known[word] for word in sorted(known)])
    counts *= np.log(len(labelled) / frequency).astype(np.float32) + 1
    inputs, labels = torch.from_numpy(counts[: len(labelled)]), torch.tensor([s.label - 1 for s in labelled])
    weights = torch.zeros(len(place), len(CLASSES), requires_grad=True)
    bias = torch.zeros(len(CLASSES), requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        fit = torch.nn.functional.cross_entropy(inputs @ weights + bias, labels)
        loss = fit + 0.5 * weights.square().sum() / len(labelled)
        loss.backward()
        return loss

    optimizer.step(closure)
    seconds = time.perf_counter() - start
    guesses = (torch.from_numpy(counts[len(labelled) :]) @ weights + bias).argmax(-1)
    return float((guesses == torch.tensor([s.label - 1 for s in held_out])).float().mean()), seconds


def measure(
    data: str,
    pool: Sequence[Story],
    held_out: Sequence[Story],
    folder: str,
    sizes: Sequence[int],
    seeds: int,
    recipe: Recipe,
) -> list[Outcome]:
    """All ways at all sizes; each seed draws its labelled stories from the pool, as many of each class."""
    reader = Reader(folder, held_out, recipe.max_length)
    outcomes = []
    for size in sizes:
        for way in ("pre-trained", "from random weights", "bag of words"):
            runs = []
            for seed in range(seeds):
                labelled = drawn(pool, size, seed)
                if way == "bag of words":
                    runs.append(bag_of_words(labelled, held_out))
                else:
                    runs.append(fine_tuned(folder, way == "pre-trained", labelled, reader, recipe, seed))
            accuracies, seconds = zip(*runs, strict=True)
            outcomes.append(Outcome(data, way, size, recipe.epochs(size), list(accuracies), float(np.median(seconds))))
    runs = [bag_of_words(drawn(pool, 2_000, seed), held_out) for seed in range(min(seeds, 3))]
    accuracies, seconds = zip(*runs, strict=True)
    outcomes.append(Outcome(data, "bag of words", 2_000, 1, list(accuracies), float(np.median(seconds))))
    return outcomes


def drawn(pool: Sequence[Story], size: int, seed: int) -> list[Story]:
    rng = np.random.default_rng(seed)
    chosen = []
    for label in range(1, len(CLASSES) + 1):
        own = [story for story in pool if story.label == label]
        chosen += [own[place] for place in rng.choice(len(own), size // len(CLASSES), replace=False)]
    return chosen


def shown(outcomes: Sequence[Outcome]) -> Table:
    table = Table("data", "labelled", "way", "epochs", "accuracy", "spread", "worst", "seconds")
    for one in outcomes:
        table.add_row(
            one.data,
            f"{one.labelled:,}",
            one.way,
            "" if one.way == "bag of words" else str(one.epochs),
            f"{np.mean(one.accuracies):.1%}",
            f"{100 * np.std(one.accuracies):.1f}",
            f"{min(one.accuracies):.1%}",
            f"{one.seconds:.2f}",
        )
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.news", description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", default="bert-mini", help="bert-mini, a folder, or a name on the hub")
    parser.add_argument("--labelled", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--held-out", type=int, default=1_000)
    parser.add_argument("--learning-rate", type=float, default=Recipe.learning_rate)
    parser.add_argument("--steps", type=int, default=Recipe.steps, help="about as many steps a training")
    parser.add_argument("--ag-news", type=Path, help="a folder with the real train.csv and test.csv")
    parser.add_argument("--json", type=Path, help="write the single accuracies there too")
    chosen = parser.parse_args(arguments)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    folder, recipe = checkpoint(chosen.checkpoint), Recipe(chosen.learning_rate, steps=chosen.steps)
    data = {"generated": (generate(8_000, LABELLED_SEED), generate(chosen.held_out, HELD_OUT_SEED))}
    if chosen.ag_news:
        real = load_ag_news(chosen.ag_news, "test")
        order = np.random.default_rng(0).permutation(len(real))[: chosen.held_out]
        data["AG News"] = (load_ag_news(chosen.ag_news, "train"), [real[place] for place in order])
    outcomes = []
    for name, (pool, held_out) in data.items():
        outcomes += measure(name, pool, held_out, folder, chosen.labelled, chosen.seeds, recipe)
    console = Console()
    console.print(shown(outcomes))
    console.print(
        f"{chosen.seeds} seeds, {chosen.held_out:,} held-out stories, {torch.get_num_threads()} threads, "
        f"{recipe}, {folder}"
    )
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(one) for one in outcomes], indent=1) + "\n")


if __name__ == "__main__":
    main()
