"""The verb `doctor`: what this machine has."""

from __future__ import annotations

import argparse

from autograder.cli.arguments import Verbs, verb


def add(verbs: Verbs) -> None:
    """Add the verb of this file."""
    verb(verbs, "doctor", doctor, "show which walls of the sandbox, devices and versions this machine has")


def doctor(_options: argparse.Namespace) -> int:
    """Say what this machine has, and whether grading would start here."""
    import os
    from pathlib import Path

    from autograder.cli.requirements import gpu_there
    from autograder.cli.terminal import out, table
    from autograder.grading.result import versions
    from autograder.workers import jail
    from autograder.workers.landlock import landlock_abi
    from course.syllabus import syllabus

    walls = table("Wall", "Stands", "What it does")
    meaning = {
        "files": "students' code reads the libraries and writes one scratch folder, nothing else (Landlock)",
        "network": "no socket can be made (seccomp)",
        "processes": "no new process, no signals to others, no access to their memory (seccomp)",
        "namespaces": "own process, network, IPC and mount namespaces; a scratch folder of limited size",
        "limits": "CPU seconds, memory, file size, open files",
    }
    standing = jail.survey(syllabus().limits)
    for wall, stands in standing.items():
        walls.add_row(wall, "[green]yes[/]" if stands else "[red]no[/]", meaning[wall])
    out.print(walls)
    out.print(f"Landlock version {landlock_abi()}; {os.cpu_count()} cores")
    for track in syllabus().tracks.values():
        out.print(
            f"{track.title}: " + ", ".join(f"{name} {version}" for name, version in versions(track.framework).items())
        )
    out.print(f"GPU devices: {', '.join(str(p) for p in sorted(Path('/dev').glob('nvidia[0-9]*'))) or 'none'}")
    if gpu_there():
        _try_gpu()
    missing = [wall for wall in jail.NEEDED if not standing[wall]]
    if missing:
        out.print(
            f"[red]Grading refuses to start here: {', '.join(missing)} would be open.[/] Use Linux 5.13 or newer "
            "with Landlock switched on, or use --isolation none if you trust every hand-in.",
            soft_wrap=True,
        )
    return 1 if missing else 0


def _try_gpu() -> None:
    """Say whether an answer starts on the GPU in the sandbox. That depends on driver, framework and kernel together."""
    from rich.markup import escape

    from autograder.cli.terminal import out
    from autograder.grading.grader import Grader
    from course.syllabus import syllabus

    with Grader(jobs=1, device="cuda") as grader:
        for track in syllabus().tracks.values():
            trouble = grader.trouble(track.id)
            answer = f"[red]no[/]: {escape(trouble)}" if trouble else "[green]yes[/]"
            out.print(f"{track.title} answers can be graded on the GPU (--device cuda): {answer}", soft_wrap=True)
