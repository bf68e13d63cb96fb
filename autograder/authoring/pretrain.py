"""Makes bert-mini, the checkpoint of the course: a WordPiece vocabulary and a small BERT, trained from random weights
on generated news. The verb is `autograder pretrain`.

Two tasks are learned at once, both from the text alone, without the classes of the stories:

- the masked language model of the lesson (Devlin et al., 2019, section 3.1), with the course's own solution to
  `mask_tokens` and `masked_lm_loss`;
- the topic of a story: from the pooled output at [CLS], which a classifier will read, a linear layer predicts the
  words of the whole story, with more weight on rare ones. The layer is not kept. The task replaces BERT's next-sentence
  prediction, which on such regular text is too hard for two layers, or is solved by comparing names.

The folder loads in `transformers` (BertForSequenceClassification, BertForMaskedLM, BertTokenizer) and in `keras_hub`
(BertTextClassifier, BertTokenizer). `training.json` has the settings, and a digest of settings, code and text, so that
a test notices when bert-mini is out of date.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import string
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course.data.news import Story, generate
from course.models import COMMITTED, HERE
from course.models.tiny import SPECIAL

if TYPE_CHECKING:
    import torch
    import transformers
    from rich.console import Console

PAD, UNK, CLS, SEP, MASK = range(len(SPECIAL))
IGNORED = -100
HELD_OUT_SEED = 9_000_001  # for the stories that the figures in the model card are measured on
HELD_OUT = 2_000
VOCABULARY_STORIES = 20_000  # the vocabulary is trained on these


@dataclass(frozen=True)
class Settings:
    """The settings of a training; with the sources and the libraries' versions they determine the outcome."""

    seed: int = 0
    stories: int = 60_000
    vocabulary: int = 2_000
    steps: int = 6_000
    batch: int = 32
    learning_rate: float = 3e-3
    layers: int = 2
    hidden: int = 128
    heads: int = 4
    positions: int = 64


def where(output: Path | None) -> Path:
    """The folder to write to: the committed one, unless another is given."""
    return output or HERE / COMMITTED[0]


def digest(settings: Settings) -> str:
    """A hash of what bert-mini is made from: the settings, the code that trains, and a sample of the text.

    Comments, docstrings, imports, annotations and the layout of the code do not count, nor does the code of the
    generator of stories.
    """
    total = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode())
    for function in (train_vocabulary, encode, word_weights, batches, configuration, losses, pretrain):
        (tree,) = ast.parse(inspect.getsource(function)).body
        assert isinstance(tree, ast.FunctionDef)
        if ast.get_docstring(tree) is not None:
            tree.body.pop(0)
        tree.body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
        total.update(ast.unparse(_WithoutAnnotations().visit(tree)).encode())
    for story in generate(1_000, settings.seed):
        total.update(f"{story.label} {story.text}\n".encode())
    return total.hexdigest()


class _WithoutAnnotations(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.Pass()
        return ast.copy_location(ast.Assign([node.target], node.value), node)


# -- text --------------------------------------------------------------------------------------------------------------


def train_vocabulary(texts: Sequence[str], size: int) -> list[str]:
    """The word pieces in the order of their ids: special ones, characters, then the most useful; always the same."""
    from tokenizers import BertWordPieceTokenizer

    characters = sorted(set("".join(texts).lower()) | set(string.ascii_lowercase + string.digits + string.punctuation))
    characters = [character for character in characters if not character.isspace()]
    # The trainer meets pieces inside a word in an order that changes from run to run, and breaks ties by it. Pieces
    # that are given as special tokens have a fixed place.
    inside = [f"##{character}" for character in characters if character.isalnum()]
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(
        texts,
        vocab_size=size,
        min_frequency=2,
        initial_alphabet=characters,
        special_tokens=[*SPECIAL, *inside],
        show_progress=False,
    )
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.get)


def encode(stories: Sequence[Story], vocabulary: Sequence[str], positions: int) -> list[list[int]]:
    """The ids of each story with [CLS] and [SEP], at most `positions` of them."""
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer({piece: number for number, piece in enumerate(vocabulary)}, lowercase=True)
    tokenizer.enable_truncation(positions)
    return [encoded.ids for encoded in tokenizer.encode_batch([story.text for story in stories])]


def word_weights(stories: Sequence[Sequence[int]], vocabulary_size: int) -> torch.Tensor:
    """The inverse document frequency of each word piece, 0 for special ones: (V,), float32."""
    import torch

    counts = torch.zeros(vocabulary_size)
    for ids in stories:
        counts[list(set(ids))] += 1
    weights = torch.log(len(stories) / (counts + 1)).clamp(min=0)
    weights[: len(SPECIAL)] = 0
    return weights


def batches(stories: Sequence[Sequence[int]], size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Batches of ids (B, L), int64, without end, each padded to its longest story; a new order in each round."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    while True:
        for places in torch.randperm(len(stories), generator=generator).split(size):
            if len(places) == size:
                yield pad_sequence([torch.tensor(stories[place]) for place in places], batch_first=True)


# -- training ----------------------------------------------------------------------------------------------------------


def configuration(settings: Settings, vocabulary_size: int) -> transformers.BertConfig:
    """The model's configuration, with dropout turned off for training."""
    import transformers

    return transformers.BertConfig(
        vocab_size=vocabulary_size,
        hidden_size=settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.hidden,
        max_position_embeddings=settings.positions,
        type_vocab_size=2,
        hidden_act="gelu_new",  # KerasHub's BERT always has the tanh form of GELU
        pad_token_id=PAD,
        # The text is generated without end, so dropout would only slow the training; `save` writes BERT's usual rates.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


def losses(
    model: transformers.BertForPreTraining,
    about: torch.nn.Linear,
    ids: torch.Tensor,
    weights: torch.Tensor,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """For ids (B, L): the loss of the masked pieces, that of the story's words, and the share of pieces that are right.

    `weights` (V,) are those of `word_weights`. The masked-LM head gets only the selected places, which gives the same
    loss for a seventh of the work.
    """
    import torch

    from solutions.bert_pretraining.pytorch import mask_tokens, masked_lm_loss

    inputs, labels = mask_tokens(ids, ids < len(SPECIAL), MASK, len(weights), generator=generator)
    hidden, pooled = model.bert(inputs, attention_mask=(ids != PAD).long(), return_dict=False)[:2]
    chosen = labels != IGNORED
    logits = model.cls.predictions(hidden[chosen])  # (N, V)

    words = torch.zeros(len(ids), len(weights)).scatter_(1, ids, 1.0) * weights  # (B, V)
    words = words / words.sum(1, keepdim=True).clamp(min=1e-6)
    about_loss = -(words * torch.log_softmax(about(pooled), -1)).sum(1).mean()
    right = (logits.argmax(-1) == labels[chosen]).float().mean()
    return masked_lm_loss(logits[None], labels[chosen][None]), about_loss, right


def pretrain(output: Path, settings: Settings, console: Console | None = None) -> dict[str, Any]:
    """Train and write the folder. Returns the summary that is also in `training.json`."""
    import torch
    import transformers
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console, started = console or Console(), time.perf_counter()
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    stories = generate(settings.stories, settings.seed)
    vocabulary = train_vocabulary([story.text for story in stories[:VOCABULARY_STORIES]], settings.vocabulary)
    encoded = encode(stories, vocabulary, settings.positions)
    weights = word_weights(encoded, len(vocabulary))

    model = transformers.BertForPreTraining(configuration(settings, len(vocabulary)))
    about = torch.nn.Linear(settings.hidden, len(vocabulary))
    optimizer = torch.optim.AdamW(
        [*model.parameters(), *about.parameters()], lr=settings.learning_rate, weight_decay=0.01
    )
    # The rate rises over the first twentieth of the steps, then falls to 0, as BERT was trained.
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.05 * settings.steps + 1), 1.0 - step / settings.steps)
    )
    supply = batches(encoded, settings.batch, generator)
    history, recent = [], []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("pre-training", total=settings.steps)
        for step in range(1, settings.steps + 1):
            masked, topic, right = losses(model, about, next(supply), weights, generator)
            (masked + topic).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            recent.append((masked.item(), topic.item(), right.item()))
            if step % max(settings.steps // 20, 1) == 0:
                history.append([step, *means(recent)])
                recent = []
                _, masked_loss, words_loss, share = history[-1]
                console.print(
                    f"step {step:5d}: masked pieces: loss {masked_loss:.3f}, right {share:.1%}; "
                    f"words of the story: loss {words_loss:.3f}",
                    soft_wrap=True,
                )
            progress.update(task, advance=1)

    held_out = encode(generate(HELD_OUT, HELD_OUT_SEED), vocabulary, settings.positions)
    generator.manual_seed(HELD_OUT_SEED)
    supply, scores = batches(held_out, settings.batch, generator), []
    with torch.inference_mode():
        for _ in range(HELD_OUT // settings.batch):
            scores.append([value.item() for value in losses(model, about, next(supply), weights, generator)])
    names = ("masked_loss", "words_loss", "masked_accuracy")
    summary = {
        "digest": digest(settings),
        "settings": asdict(settings),
        "held_out": dict(zip(names, means(scores), strict=True)),
        "history": {"columns": ["step", *names], "rows": history},
        "seconds": round(time.perf_counter() - started),
    }
    save(output, model, vocabulary, summary)
    return summary


def means(rows: Sequence[Sequence[float]]) -> list[float]:
    """The mean of each column, to four decimals."""
    return [round(sum(column) / len(rows), 4) for column in zip(*rows, strict=True)]


# -- the folder --------------------------------------------------------------------------------------------------------


def save(output: Path, model: transformers.BertForPreTraining, vocabulary: list[str], summary: dict[str, Any]) -> None:
    """Write all files that the two frameworks expect in a folder, the summary, and the model card."""
    from safetensors.torch import save_file

    output.mkdir(parents=True, exist_ok=True)
    # Tied weights are written once, and weights that were not trained are left out.
    left_out = ("cls.seq_relationship.", "cls.predictions.decoder.")
    arrays = {name: value.contiguous() for name, value in model.state_dict().items() if not name.startswith(left_out)}
    save_file(arrays, output / "model.safetensors", metadata={"format": "pt"})
    (output / "model.safetensors").chmod(0o644)  # contestants must be able to read it too
    config = {**model.config.to_diff_dict(), "architectures": ["BertForPreTraining"]}
    config.update(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, pad_token_id=PAD)
    config.pop("transformers_version", None)  # or the file would change with every upgrade
    write_json(output / "config.json", config)
    (output / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    write_json(
        output / "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": True,
            "model_max_length": model.config.max_position_embeddings,
        },
    )
    write_json(output / "training.json", summary)
    (output / "README.md").write_text(card(model, vocabulary, summary), encoding="utf-8")


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a value as JSON; equal values give equal bytes."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def card(model: transformers.BertForPreTraining, vocabulary: Sequence[str], summary: dict[str, Any]) -> str:
    """The model card (Mitchell et al., 2019, in brief)."""
    settings, scores = summary["settings"], summary["held_out"]
    options = "".join(
        f" --{name.replace('_', '-')} {value}" for name, value in settings.items() if value != getattr(Settings(), name)
    )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return f"""# bert-mini

A BERT small enough to train in minutes and to fine-tune in seconds: {settings["layers"]} layers of width
{settings["hidden"]}, {settings["heads"]} heads, {len(vocabulary):,} word pieces (lower-cased), {settings["positions"]}
positions, {parameters:,} parameters, float32.

- **For** the exercises `bert-pretraining` and `bert-finetuning`; it knows nothing but their news. It is no model of
  English.
- **Text**: {settings["stories"]:,} stories from `course.data.news.generate`, made by rule. Places are real; people,
  parties, clubs, companies and laboratories are invented. No text of others went in.
- **License**: MIT, the project's own (the file LICENSE).
- **Training**: the masked language model (15% of the pieces; 80/10/10), and, from the pooled output at [CLS], the words
  of the story (a linear layer, thrown away afterwards). No next-sentence prediction, no labels.
  {settings["steps"]:,} batches of {settings["batch"]}; AdamW, rate up to {settings["learning_rate"]} and down to 0; no
  dropout.
- **On {HELD_OUT:,} stories that it has not seen**: {scores["masked_accuracy"]:.1%} of the masked pieces right
  (loss {scores["masked_loss"]:.2f}; by chance {1 / len(vocabulary):.2%}).
  What it is worth for classifying: `python -m benchmarks.news`, and `docs/measurements.md`.
- **GELU** in the tanh form (`gelu_new`), which KerasHub's BERT always has, so that both frameworks compute the same.

Made again with

    autograder pretrain{options}

`training.json` tells the settings, the losses, and a digest of the sources that it was made from.
"""
