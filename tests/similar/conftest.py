"""Skips these tests if the extra `similar` is not installed."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("copydetect") is None:
    collect_ignore_glob = ["test_*.py"]
