"""What grading imports is among the package's own dependencies, with no extra: a bare image for GPUs has no more."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

from autograder.paths import ROOT

CORE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
GRADING = (
    "autograder.cli.grading", "autograder.cli.collect", "autograder.cli.export", "autograder.cli.marks",
    "autograder.cli.requirements", "autograder.grading.class_run", "autograder.judging.plugin",
    "autograder.platforms.fill", "autograder.reporting.html", "autograder.submission.find", "autograder.workers.client",
)  # fmt: skip

# Refuses modules of packages that are not in the list, then imports what grading needs.
PROGRAM = """
import importlib, json, sys

allowed, wanted = json.loads(sys.argv[1])

class OnlyTheCore:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        known = top in allowed or top in sys.stdlib_module_names
        if not known and not top.startswith("_sysconfigdata"):  # Python's own, named after the machine
            raise ModuleNotFoundError(f"{name} is no part of the core", name=name)

sys.meta_path.insert(0, OnlyTheCore())
for module in wanted:
    importlib.import_module(module)
"""


def distributions(requirements: list[str]) -> Iterator[str]:
    """The names of the distributions that these requirements bring, and what those bring, without extras."""
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name.lower().replace("_", "-")
            yield from distributions(metadata.requires(requirement.name) or [])


def core_modules() -> list[str]:
    """The top-level modules of the core."""
    named = set(distributions(CORE))
    of = metadata.packages_distributions()
    return [module for module, names in of.items() if {n.lower().replace("_", "-") for n in names} & named]


def test_grading_needs_the_core_alone():
    allowed = [*core_modules(), "autograder", "course"]
    command = [sys.executable, "-c", PROGRAM, json.dumps([allowed, GRADING])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
