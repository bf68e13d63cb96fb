"""The same class through stock `nbgrader autograde` and through `autograder grade`, in turn, in one run.

    python -m benchmarks.grading [--size 60] [--rounds 1] [--exercise self-attention] [--track pytorch]

Stock nbgrader starts a kernel for each notebook, one after another, and runs the visible checks. `autograder grade`
judges the same notebooks by the hidden tests, each in a sandbox of its own, as many at a time as there are cores.
Both are timed as whole commands, start-up included; memory is the largest sum of proportional set sizes over the
command's processes. The class is made of perfect, partial and mistaken notebooks; those that loop, crash or are
damaged are left out, since stock nbgrader stops at some of them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from autograder.paths import ROOT
from autograder.proof.sample_class import sample_class
from course.syllabus import Assignment, syllabus

LEFT_OUT = ("hana", "ivan", "jo", "kim", "o'neil", "bjørn")
STOCK = """
c = get_config()
c.CourseDirectory.root = {root!r}
c.ExecutePreprocessor.timeout = 600
c.Execute.timeout = 600
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--size", type=int, default=60, help="notebooks in the class")
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--exercise", default="self-attention")
    options.add_argument("--track", action="append")
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    options.add_argument("--output", type=Path, default=Path("bench-results"))
    options = options.parse_args()
    console = Console()
    rows = []
    for track in options.track or list(syllabus().tracks):
        assignment = Assignment(syllabus().exercise(options.exercise), syllabus().track(track))
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            course = make_course(Path(folder), assignment, options.size)
            for number in range(options.rounds):
                console.print(
                    f"{assignment.id}, round {number + 1}: stock nbgrader autograde, {options.size} notebooks ..."
                )
                stock = timed([sys.executable, "-m", "nbgrader", "autograde", assignment.id, "--force"], course)
                console.print(f"  {stock['seconds']:.1f} s; now autograder grade ...")
                submitted = str(course / "submitted")
                ours = timed(
                    [
                        sys.executable,
                        "-m",
                        "autograder.cli",
                        "grade",
                        submitted,
                        "--again",
                        "--jobs",
                        str(options.jobs),
                    ],
                    course,
                )
                console.print(f"  {ours['seconds']:.1f} s")
                rows.append({"assignment": assignment.id, "size": options.size, "stock": stock, "autograder": ours})
    report(rows, console)
    options.output.mkdir(exist_ok=True)
    (options.output / "grading.json").write_text(json.dumps(rows, indent=1))


def make_course(folder: Path, assignment: Assignment, size: int) -> Path:
    """A course with the assignment released by stock nbgrader and a class that has handed in."""
    shutil.copytree(ROOT / "source" / assignment.id, folder / "source" / assignment.id)
    (folder / "nbgrader_config.py").write_text(STOCK.format(root=str(folder)))
    environment = with_scripts()
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_assignment", assignment.id],
        cwd=folder, check=True, capture_output=True, env=environment,
    )  # fmt: skip
    hand_ins = [h for h in sample_class(folder / "source", assignment) if h.student not in LEFT_OUT]
    for i in range(size):
        hand_in = hand_ins[i % len(hand_ins)]
        target = folder / "submitted" / f"{hand_in.student}{i}" / assignment.id / f"{assignment.exercise.id}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_bytes(hand_in.data)
    return folder


def with_scripts() -> dict[str, str]:
    """The environment with this Python's scripts on the path: nbgrader calls alembic by name."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def timed(command: list[str], folder: Path) -> dict[str, float]:
    """Wall seconds and peak memory (MiB) of a command and all its processes."""
    log = folder / "bench.log"
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, env=with_scripts())
        peak, done = [0.0], threading.Event()
        watcher = threading.Thread(target=watch, args=(process.pid, peak, done), daemon=True)
        watcher.start()
        code = process.wait()
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    if code:
        sys.exit(f"{' '.join(command)} failed:\n{log.read_text(errors='replace')[-3000:]}")
    return {"seconds": seconds, "peak_mib": peak[0]}


def watch(pid: int, peak: list[float], done: threading.Event) -> None:
    """Look at the whole tree of processes twice a second; shared pages are counted once, by share."""
    while not done.wait(0.5):
        total = 0
        try:
            parent = psutil.Process(pid)
            for process in [parent, *parent.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
        except psutil.Error:
            return
        peak[0] = max(peak[0], total / 2**20)


def report(rows: list[dict], console: Console) -> None:
    table = Table(
        "Assignment", "Notebooks", "nbgrader, s each", "autograder, s each", "times faster", "peak MiB each way"
    )
    for name in dict.fromkeys(row["assignment"] for row in rows):
        own = [row for row in rows if row["assignment"] == name]
        each = {
            side: statistics.median(row[side]["seconds"] / row["size"] for row in own)
            for side in ("stock", "autograder")
        }
        ratio = statistics.median(row["stock"]["seconds"] / row["autograder"]["seconds"] for row in own)
        memory = " / ".join(f"{max(row[side]['peak_mib'] for row in own):.0f}" for side in ("stock", "autograder"))
        table.add_row(
            name, str(own[0]["size"]), f"{each['stock']:.2f}", f"{each['autograder']:.3f}", f"{ratio:.1f}", memory
        )
    console.print(table)


if __name__ == "__main__":
    main()
