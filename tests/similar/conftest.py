"""Without the extra `similar` there is nothing to test here."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("copydetect") is None:
    collect_ignore_glob = ["test_*.py"]
