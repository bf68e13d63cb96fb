"""The start of the command line. It stands outside of the package `autograder` so that it can say what is in its way.

Another project on the package index is called autograder too. Where both are installed, Python may find that one's
package in the place of ours, or its command may have replaced ours; `attention-exercises` still starts ours then.
"""

from __future__ import annotations

import sys
from importlib import metadata


def main() -> int:
    """Run the command line, and give its exit status; 2 where another package called autograder hides ours."""
    try:
        from autograder.cli import main as run
    except ImportError:
        if (other := _namesake()) is None:
            raise
        print(
            f"autograder: another package called autograder (version {other}) is installed here and hides the one of "
            "attention-exercises. Say `pip uninstall autograder`. Then install attention-exercises again, as before, "
            "with --force-reinstall --no-deps.",
            file=sys.stderr,
        )
        return 2
    return run()


def _namesake() -> str | None:
    """The version of the other package, if it is installed."""
    try:
        return metadata.version("autograder")
    except metadata.PackageNotFoundError:
        return None
