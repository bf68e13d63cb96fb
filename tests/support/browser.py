"""A Chromium for tests of what people see; without one, or without Playwright, such a test is skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = ["--no-sandbox", "--disable-gpu"]


def chromium(playwright: Any) -> str:
    """A Chromium: the one that CHROMIUM names, one on the path, or Playwright's own."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    found = found or playwright.chromium.executable_path
    if not Path(found).exists():
        pytest.skip("no Chromium on the path, and none of Playwright's own; CHROMIUM can name one")
    return found


@contextmanager
def opened() -> Iterator[Any]:
    """A browser of Playwright's, for a while."""
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(playwright), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
