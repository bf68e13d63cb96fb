"""docs/security.md is true: the tests that its tables name exist, and each section has attacks enough."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import attacks
import pytest

from autograder.paths import ROOT

GUIDE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAME = re.compile(r"`((?:\w+/)?test_\w+\.py::[^`]+)`")
SECTIONS = {
    title: NAME.findall(text)
    for title, text in re.findall(
        r"^### (.+?)\n(.*?)(?=^##)", GUIDE.partition("## Attacks and defences")[2], re.M | re.S
    )
}


@pytest.fixture(scope="module")
def collected() -> list[str]:
    """The names of all tests in the files that the guide names, as the guide writes them."""
    files = sorted({f"tests/{name.partition('::')[0]}" for names in SECTIONS.values() for name in names})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, "-o", "addopts=", *files],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTEST_ADDOPTS": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    return [line.removeprefix("tests/") for line in done.stdout.splitlines() if "::" in line]


def cases(collected: list[str], name: str) -> list[str]:
    return [test for test in collected if test == name or test.startswith(f"{name}[")]


def test_the_guide_names_tests_that_exist(collected):
    missing = {name for names in SECTIONS.values() for name in names if not cases(collected, name)}
    assert missing == set()


def test_every_row_names_a_test():
    rows = [line for line in GUIDE.partition("## Attacks and defences")[2].splitlines() if line.startswith("| ")]
    assert [row for row in rows if not NAME.search(row) and not row.endswith("| test |")] == []


def test_every_attack_belongs_to_a_section():
    listed = [*attacks.FORGED, *attacks.STOLEN, *attacks.FOOLED, *attacks.SKIPPED, *attacks.ENDLESS, *attacks.GREEDY]
    assert {attack.threat for attack in listed} < set(SECTIONS)
    assert len({attack.name for attack in listed}) == len(listed) >= 80


def test_there_are_attacks_enough(collected):
    """Attacks by section: those of `attacks.py` once each, and the cases of the other tests. Controls do not count."""
    shared = {f"attacks/test_attacks.py::test_it_gains_nothing[{a.name}]": a.threat
              for a in [*attacks.FORGED, *attacks.STOLEN, *attacks.FOOLED, *attacks.SKIPPED]}  # fmt: skip
    controls = set(re.findall(r"control `([^`]+)`", GUIDE))
    tried: dict[str, set[str]] = {}
    for title, names in SECTIONS.items():
        found = {case for name in names if name not in controls for case in cases(collected, name)}
        tried[title] = {case for case in found if shared.get(case, title) == title}
        tried[title] |= {case for case, threat in shared.items() if threat == title}
    counts = {title: len(found) for title, found in tried.items()}
    assert list(counts) == [
        "Forging the verdict", "Stealing the answer", "Fooling the comparison", "Passing without the skill",
        "Exhausting the machine", "Attacking the instructor",
    ]  # fmt: skip
    assert min(counts.values()) >= 10, counts
    assert sum(counts.values()) >= 300, counts
