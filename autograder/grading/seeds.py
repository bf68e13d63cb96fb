"""The seeds of a course: one for each assignment, kept in `.autograder/seeds.json` until another one is given.

Another seed gives other hidden inputs. So a class is graded with one seed, also after an interruption or on another
day.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from autograder.grading import saved_results
from autograder.settings.types import CourseSettings, Rules

FILE = Path(".autograder") / "seeds.json"


def rules_of_run(
    course: Path, settings: CourseSettings, assignments: Iterable[str], told: int | None = None
) -> dict[str, Rules]:
    """The rules by which assignments are graded in a course, each with its seed.

    `told` is a seed for all of them, which the course keeps from now on. Without it, the seed is the one in
    `course.toml`, else the one that the course keeps, else the one of most stored results, else a new one. Raises
    OSError if it cannot be saved.
    """
    rules = {name: settings.of(name).rules for name in assignments}
    if told is None:
        wanted = [name for name, rule in rules.items() if rule.seed is None]
    else:
        wanted = list(rules)
    seeds = _kept(course, wanted, told) if wanted else {}
    return {name: replace(rule, seed=seeds.get(name, rule.seed)) for name, rule in rules.items()}


def _kept(course: Path, assignments: list[str], told: int | None) -> dict[str, int]:
    """The seeds that a course keeps for these assignments; new ones are saved first."""
    import fcntl  # grading needs Linux; settings can be looked at anywhere

    path = course / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_suffix(".lock"), "w") as lock:  # so that two commands at the same time draw the same seed
        fcntl.flock(lock, fcntl.LOCK_EX)
        seeds = known(course)
        before = dict(seeds)
        for name in assignments:
            if told is not None:
                seeds[name] = told
            elif name not in seeds:
                seeds[name] = next(iter(saved_results.seeds(course, name)), None) or secrets.randbits(48)
        if seeds != before:
            part = path.with_suffix(".part")
            part.write_text(json.dumps(seeds, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            os.replace(part, path)
    return {name: seeds[name] for name in assignments}


def known(course: Path) -> dict[str, int]:
    """The seeds that a course keeps, by assignment."""
    try:
        found = json.loads((course / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: seed for name, seed in found.items() if isinstance(seed, int)} if isinstance(found, dict) else {}
