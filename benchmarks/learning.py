"""How far a right answer stays from failing a hidden test in which a model has to learn something.

    python -m benchmarks.learning [--seeds 200] [--test "translates numbers"]

The solutions of exercises 5, 6 and 8 in PyTorch train as they do in the judge, each time with other inputs and, unlike
there, in 5 and 6 from other weights: an answer that makes its layers in another order starts from others, too. In
exercise 8 it is by how much the checkpoint is better than random weights.
"""

from __future__ import annotations

import argparse
import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from autograder.exercises.bert_finetuning import hidden_tests as fine_tuning
from autograder.exercises.encoder_decoder import hidden_tests as translating
from autograder.exercises.transformer_encoder import hidden_tests as classifying
from autograder.grading.grader import solution_source
from autograder.judging.program import Answer, Program
from autograder.judging.random_inputs import RandomInputs
from autograder.judging.replies import answer_from
from autograder.workers import harness, wire
from autograder.workers.pytorch import Adapter
from course import models
from course.syllabus import syllabus


class Varied(Adapter):
    """The adapter, but that models start from weights of the benchmark's choice."""

    start_from = 0

    @contextlib.contextmanager
    def running(self, *args: Any, **kwargs: Any) -> Iterator[None]:
        with super().running(*args, **kwargs):
            torch.manual_seed(self.start_from)
            yield


class Solution:
    """The solution of an exercise, asked as a student's answer is."""

    def __init__(self, exercise: str) -> None:
        packages = tuple(syllabus().exercise(exercise).packages.get("pytorch", ()))
        self.adapter = Varied("cpu", packages, models.checkpoint() if packages else "")
        self.adapter.start()
        self.server = harness.Reference(self.adapter)
        source = solution_source(syllabus().assignment(f"{exercise}-pytorch"))
        self.server.answer({"op": "sources", "sources": {exercise: source}}, {})
        self.exercise = exercise

    def run(self, program: Program) -> Answer:
        request = {"op": "run", "source": self.exercise, "digest": program.digest(), "program": program.header()}
        return answer_from(*wire.parse(self.server.answer(request, program.arrays)))


def fail(message: str) -> None:
    raise SystemExit(f"the solution fails: {message}")


def above_random_weights(solution: Solution, fail: Any, rng: RandomInputs) -> float:
    """How much more of the held-out news is right after fine-tuning from the checkpoint, than from random weights."""
    found = []
    for pretrained in (True, False):
        again = RandomInputs(rng.seed, "above random weights")
        program, labels = fine_tuning.news_training(again, solution, pretrained=pretrained)
        found.append(fine_tuning.accuracy(solution.run(program), labels, fail))
    return found[0] - found[1]


TESTS = {
    "learns by heart": ("transformer-encoder", classifying.by_heart, classifying.accuracy, classifying.BY_HEART),
    "learns word order": ("transformer-encoder", classifying.in_order, classifying.accuracy, classifying.IN_ORDER),
    "translates numbers": (
        "encoder-decoder",
        translating.number_names,
        translating.translated,
        translating.KNOWN_UNSEEN,
    ),
    "above random weights": (
        "bert-finetuning",
        lambda rng: (rng,),
        above_random_weights,
        fine_tuning.ABOVE_SCRATCH,
    ),
}


def measure(name: str, seeds: int, console: Console) -> list[float]:
    """The share of right ones, for each seed."""
    exercise, training, share, _asked = TESTS[name]
    solution, shares = Solution(exercise), []
    for seed in track(range(seeds), name, console=console):
        solution.adapter.start_from = seed + 1
        shares.append(share(solution, fail, *training(RandomInputs(seed, name))))
    return shares


def main(arguments: list[str] | None = None) -> None:
    own = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    own.add_argument("--seeds", type=int, default=200)
    own.add_argument("--test", action="append", choices=TESTS, help="default: all")
    options = own.parse_args(arguments)
    console = Console()
    table = Table("Test", "Asked", "Mean", "Least", "How often, of the ten lowest shares")
    for name in options.test or TESTS:
        shares = measure(name, options.seeds, console)
        lowest = sorted(Counter(round(s, 3) for s in shares).items())[:10]
        seen = ", ".join(f"{share:.1%}: {count}" for share, count in lowest)
        table.add_row(name, f"{TESTS[name][3]:.0%}", f"{np.mean(shares):.1%}", f"{min(shares):.1%}", seen)
    console.print(table)


if __name__ == "__main__":
    main()
