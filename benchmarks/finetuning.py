"""What grading a fine-tuning costs: against the bare training of the reference, and against stock `nbgrader autograde`.

    python -m benchmarks.finetuning [--track pytorch] [--submissions 5] [--rounds 3] [--skip-nbgrader]
    python -m benchmarks.finetuning --allocator --skip-nbgrader --submissions 2 --rounds 8
    python -m benchmarks.finetuning --device cuda --track pytorch --submissions 10 --jobs 4 --skip-nbgrader \
        --checkpoint bert-mini --grown 12x768

Everything on one CPU core (the bench gives itself and its children one), in turn, in one run:

- bare: the reference's `build_classifier` and `fine_tune` on the hidden test's news and checkpoint, and logits of the
  held-out news, in a process that has done it once before; no sandbox, no judge;
- graded: the solution handed in, all four parts judged, in a grader that has judged one before;
- nbgrader: stock `nbgrader autograde` of the same notebook, start-up included;
- with `--allocator`, graded once more by workers that give memory back to the kernel, as the C library does by itself.

`--device cuda` measures a GPU: seconds for each of the submissions and the largest memory of the device beside what was
taken before, with `--jobs` contestants at once; cores are left as they are. `--grown LAYERSxWIDTH` measures bert-mini
at that size (12x768 is BERT-base), as `benchmarks.grown` makes it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.table import Table

from autograder.grading import gpu, processes
from autograder.grading.grader import Grader, solution_source
from autograder.submission.hand_in import Submission
from autograder.submission.read import of_source
from benchmarks.grading import make_course, timed
from benchmarks.grown import grow
from course import quiet
from course.models import checkpoint
from course.syllabus import Assignment, syllabus

EXERCISE = "bert-finetuning"


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    if options.bare:
        return bare(options.bare, options.checkpoint[0], options.device)
    console, rows = Console(), []
    if options.device == "cpu":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        chosen = options.checkpoint or ([] if options.grown else ["bert-mini"])
        checkpoints = {name: name for name in chosen} | {
            f"grown, {size}": grow(Path(folder) / size, *map(int, size.split("x"))) for size in options.grown
        }
        for track in options.track or list(syllabus().tracks):
            for name, where in checkpoints.items():
                rows.append(measure(track, name, where, options, Path(folder), console))
    report(rows, console)
    options.output.mkdir(exist_ok=True)
    (options.output / "finetuning.json").write_text(json.dumps(rows, indent=1))


def parser() -> argparse.ArgumentParser:
    own = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    own.add_argument("--track", action="append")
    own.add_argument("--submissions", type=int, default=5, help="graded in each round")
    own.add_argument("--rounds", type=int, default=3)
    own.add_argument("--jobs", type=int, default=1)
    own.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    own.add_argument("--checkpoint", nargs="+", default=[], help="default: bert-mini, unless it is grown")
    own.add_argument("--grown", nargs="+", default=[], metavar="LAYERSxWIDTH")
    own.add_argument("--isolation", choices=("full", "none"), default="full")
    own.add_argument("--skip-nbgrader", action="store_true")
    own.add_argument("--allocator", action="store_true", help="also by workers that give memory back to the kernel")
    own.add_argument("--output", type=Path, default=Path("bench-results"))
    own.add_argument("--bare", metavar="TRACK", help=argparse.SUPPRESS)  # what the bench runs in the warm process
    return own


def measure(track: str, name: str, where: str, options, folder: Path, console: Console) -> dict:
    assignment = Assignment(syllabus().exercise(EXERCISE), syllabus().track(track))
    row = {"track": track, "checkpoint": name, "device": options.device, "jobs": options.jobs}
    console.print(f"{assignment.id}, {name}, {options.device}: warming up ...")
    command = [sys.executable, "-m", "benchmarks.finetuning", "--bare", track, "--checkpoint", where]
    process = subprocess.Popen(
        [*command, "--device", options.device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        ask(process)  # the first is slower, and is not counted
        with contextlib.ExitStack() as stack:
            graders = {"graded": warm(stack, assignment, where, options)}
            if options.allocator:
                with mock.patch.dict(processes.KEEP_MEMORY, clear=True):
                    graders["allocator"] = warm(stack, assignment, where, options)
            row |= {"bare": [], **{name: [] for name in graders}}
            memory = stack.enter_context(Memory(options.device))
            for turn in range(options.rounds):
                row["bare"].append(ask(process))
                # By turns the first: who follows another process finds the processor's caches full of that.
                for name, grader in sorted(graders.items(), reverse=turn % 2 == 1):
                    started = time.perf_counter()
                    results = grader.grade([hand_in(assignment) for _ in range(options.submissions)])
                    row[name].append((time.perf_counter() - started) / options.submissions)
                console.print("  " + ", ".join(f"{name} {row[name][-1]:.2f} s" for name in ("bare", *graders)))
        row |= {"marks": [result["score"] for result in results], "memory_mib": memory.most}
    finally:
        process.stdin.close()
        process.wait()
    if not options.skip_nbgrader:
        course = make_course(folder / f"course-{track}", assignment, 1)
        row["nbgrader"] = timed([sys.executable, "-m", "nbgrader", "autograde", assignment.id, "--force"], course)[
            "seconds"
        ]
        console.print(f"  nbgrader autograde {row['nbgrader']:.1f} s")
    return row


def warm(stack: contextlib.ExitStack, assignment: Assignment, where: str, options) -> Grader:
    """A grader that has graded one hand-in for each job; the stack closes it."""
    grader = Grader(jobs=options.jobs, device=options.device, checkpoint=where, isolation=options.isolation)
    stack.enter_context(grader).grade([hand_in(assignment)] * options.jobs)
    return grader


def hand_in(assignment: Assignment) -> Submission:
    return of_source(assignment, solution_source(assignment))


def ask(process: subprocess.Popen) -> float:
    """One bare training in the warm process: its seconds."""
    process.stdin.write("again\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        sys.exit("the process of the bare training ended; what it said stands above")
    return float(line)


def bare(track: str, where: str, device: str) -> None:
    """In a process of its own: for each line that comes in, train once and say how many seconds it took."""
    from autograder.exercises.bert_finetuning import hidden_tests as hidden
    from course.data.news import CLASSES

    namespace: dict = {}
    with quiet():  # as in the notebook: also without oneDNN
        exec(solution_source(Assignment(syllabus().exercise(EXERCISE), syllabus().track(track))), namespace)
    once = (torch_training if track == "pytorch" else keras_training)(namespace, checkpoint(where), device)
    train, held_out = hidden.news(1)
    stories = [*train, *held_out]
    texts, labels = [story.text for story in stories], [story.label for story in stories]
    for _ in sys.stdin:
        print(once(texts, labels, hidden, len(CLASSES)), flush=True)


def torch_training(solution: dict, where: str, device: str) -> Callable:
    import torch
    import transformers

    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    if device == "cpu":
        torch.set_num_threads(1)
    tokenizer = transformers.BertTokenizer.from_pretrained(where)

    def once(texts, labels, hidden, classes) -> float:
        training, held_out = (
            [{key: value.to(device) for key, value in batch.items()} for batch in batches]
            for batches in batches_of(solution, tokenizer, texts, labels, hidden)
        )
        started = time.perf_counter()
        model = solution["build_classifier"](where, classes).to(device)
        solution["fine_tune"](model, training, hidden.RATE, epochs=hidden.EPOCHS)
        model.eval()
        with torch.inference_mode():
            for batch in held_out:
                model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.cpu()
        return time.perf_counter() - started

    return once


def keras_training(solution: dict, where: str, device: str) -> Callable:
    import keras_hub
    import tensorflow as tf

    if device == "cpu":
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    tokenizer = keras_hub.models.BertTokenizer.from_preset(where)

    def once(texts, labels, hidden, classes) -> float:
        training, held_out = batches_of(solution, tokenizer, texts, labels, hidden)
        started = time.perf_counter()
        model = solution["build_classifier"](where, classes)
        solution["fine_tune"](model, training, hidden.RATE, epochs=hidden.EPOCHS)
        for batch in held_out:
            ids, mask = batch["input_ids"], batch["attention_mask"]
            inputs = {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": mask}
            model(inputs, training=False).numpy()
        return time.perf_counter() - started

    return once


def batches_of(solution: dict, tokenizer, texts, labels, hidden) -> tuple[list[dict], list[dict]]:
    """The batches of the training, and those of the held-out news."""

    def encoded(start: int, end: int, rows: int) -> list[dict]:
        parts = [slice(at, at + rows) for at in range(start, end, rows)]
        return [solution["encode_batch"](texts[part], labels[part], tokenizer, 64) for part in parts]

    return encoded(0, hidden.EXAMPLES, hidden.ROWS), encoded(hidden.EXAMPLES, len(texts), hidden.AT_ONCE)


class Memory:
    """The largest memory of the GPU while it is entered, beside what was taken before (MiB); None without a GPU."""

    def __init__(self, device: str) -> None:
        self.most: int | None = None
        self.watching = device == "cuda"
        self.done = threading.Event()

    def __enter__(self) -> Memory:
        if self.watching:
            self.thread = threading.Thread(target=self.watch, daemon=True)
            self.thread.start()
        return self

    def watch(self) -> None:
        before = gpu.memory_mb("used")
        while not self.done.wait(0.2):
            used = gpu.memory_mb("used")
            if before is not None and used is not None:
                self.most = max(self.most or 0, used - before)

    def __exit__(self, *_) -> None:
        self.done.set()
        if self.watching:
            self.thread.join()


def report(rows: list[dict], console: Console) -> None:
    times = ("Bare, s", "Graded, s each", "times bare", "times allocator", "nbgrader, s")
    table = Table("Track", "Checkpoint", "Device", *times, "GPU MiB")

    def ratio(row: dict, to: str) -> str:
        """How many times that the grading took, round by round."""
        if to not in row:
            return ""
        return f"{statistics.median(g / b for g, b in zip(row['graded'], row[to], strict=True)):.2f}"

    for row in rows:
        table.add_row(
            row["track"],
            row["checkpoint"],
            f"{row['device']}, {row['jobs']} at once",
            f"{statistics.median(row['bare']):.2f}",
            f"{statistics.median(row['graded']):.2f}",
            ratio(row, "bare"),
            ratio(row, "allocator"),
            f"{row['nbgrader']:.1f}" if "nbgrader" in row else "",
            "" if row["memory_mib"] is None else str(row["memory_mib"]),
        )
    console.print(table)


if __name__ == "__main__":
    main()
