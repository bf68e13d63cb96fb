"""Exact CPU seconds of a hand-in: user and system time of a whole `autograder grade`, start-up taken out.

    python -m benchmarks.cpu [--exercise self-attention] [--track pytorch] [--sizes 5 25] [--rounds 3] [--against PATH]

Two classes of the same perfect notebook are graded, a small and a larger one; the difference of their CPU seconds,
divided by the difference of their sizes, is what one hand-in costs. CPU seconds of a process do not depend on what
else the machine does, other than by its caches. With `--against`, another checkout of the project is measured by turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from autograder import paths
from autograder.paths import ROOT
from autograder.proof.sample_class import answered
from course.syllabus import Assignment, syllabus


def cpu_seconds(command: list[str], checkout: Path) -> float:
    """User and system seconds of a command and all the processes that it waited for."""
    process = subprocess.Popen(
        command,
        cwd=checkout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _pid, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed with status {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def class_of(folder: Path, assignment: Assignment, size: int) -> Path:
    """A folder of `size` perfect notebooks; each differs by a comment, so that none is a copy of another."""
    solution = paths.solution(ROOT, assignment).read_text(encoding="utf-8")
    folder.mkdir()
    notebook = answered(ROOT / "source", assignment, solution)
    for number in range(size):
        person = folder / f"person{number:03}"
        person.mkdir()
        notebook["metadata"]["number"] = number
        (person / f"{assignment.exercise.id}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return folder


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--exercise", default="self-attention")
    options.add_argument("--track", default="pytorch")
    options.add_argument("--sizes", nargs=2, type=int, default=(5, 25), metavar=("FEW", "MANY"))
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--against", type=Path, help="another checkout with its .venv, measured by turns")
    options = options.parse_args()
    assignment = Assignment(syllabus().exercise(options.exercise), syllabus().track(options.track))
    checkouts = {"this": ROOT, **({"other": options.against.resolve()} if options.against else {})}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in checkouts}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        few, many = (class_of(Path(folder, f"{size}"), assignment, size) for size in options.sizes)
        for _round in range(options.rounds):
            for name, checkout in checkouts.items():
                python = sys.executable if checkout == ROOT else str(checkout / ".venv/bin/python")
                command = [python, "-m", "autograder.cli", "grade", "--seed", "1", "--jobs", "1"]
                start, whole = (cpu_seconds([*command, str(made)], checkout) for made in (few, many))
                found[name].append((start, (whole - start) / (options.sizes[1] - options.sizes[0])))
    table = Table(title=f"{assignment.id}: CPU seconds, median of {options.rounds}")
    for head in ("checkout", f"class of {options.sizes[0]}, start-up included", "one hand-in more"):
        table.add_column(head)
    for name, rounds in found.items():
        table.add_row(name, *(f"{statistics.median(numbers):.3f}" for numbers in zip(*rounds, strict=True)))
    Console().print(table)


if __name__ == "__main__":
    main()
