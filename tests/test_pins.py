"""The pinned packages install on every Python that pyproject.toml promises."""

from __future__ import annotations

import tomllib
from importlib import metadata

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from autograder.paths import ROOT

PROMISED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = dict(line.split("==") for line in LINES if line and not line.startswith("#"))
HERE: dict[str, metadata.Distribution] = {}
for found in metadata.distributions():  # the first on the path is what is imported; setuptools brings others along
    HERE.setdefault(canonicalize_name(found.metadata["Name"]), found)
INSTALLED = {name: HERE[canonicalize_name(name)] for name in PINS if canonicalize_name(name) in HERE}


@pytest.mark.parametrize("patch", ["0", "2"])  # the first 3.11, and the one of Debian 12
def test_no_pin_asks_for_a_newer_python(patch):
    oldest = PROMISED.removeprefix(">=") + "." + patch
    assert len(INSTALLED) > 100  # what is not installed here is for extras
    asks = {name: dist.metadata.get("Requires-Python") or "" for name, dist in INSTALLED.items()}
    assert {name: ask for name, ask in asks.items() if oldest not in SpecifierSet(ask)} == {}


def test_what_is_installed_is_what_is_pinned():
    """Else the test above speaks of other versions than a fresh machine gets."""
    installed = {name: dist.version for name, dist in INSTALLED.items()}
    assert {n: v for n, v in installed.items() if v.partition("+")[0] != PINS[n]} == {}
