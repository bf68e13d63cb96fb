"""Takes the README's pictures: the class page and a feedback page of the demo's sample class, in Chromium.

    make pictures

`made_from.json` keeps a digest of the templates of these pages. A test says when they have changed since.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CLASS_PAGE, FEEDBACK = "class-page.png", "feedback.png"
MISTAKE = "This looks like a known mix-up"


def digest() -> str:
    """A digest of the templates that the pages are made from."""
    found = hashlib.sha256()
    for path in sorted((ROOT / "autograder" / "reporting" / "templates").glob("*.j2")):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def main() -> int:
    """Take the pictures. Returns 1, and says what to do, where the demo's pages are missing."""
    from playwright.sync_api import sync_playwright

    pages = ROOT / "demo" / "pages"
    if not (pages / "index.html").exists():
        print("demo/pages is not there; run `make demo` first", file=sys.stderr)
        return 1
    named = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=named, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 820})
        page.goto((pages / "index.html").as_uri())
        page.screenshot(path=HERE / CLASS_PAGE)
        with_a_picture = next(
            path
            for path in sorted(pages.glob("*-self-attention-pytorch-*.html"))
            if all(part in path.read_text(encoding="utf-8") for part in ("<svg", MISTAKE))
        )
        page.goto(with_a_picture.as_uri())
        page.screenshot(path=HERE / FEEDBACK)
        browser.close()
    (HERE / "made_from.json").write_text(json.dumps({"templates": digest()}, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
