"""`python -m autograder.cli`, the same as the command `autograder`."""

from __future__ import annotations

import sys

from autograder.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
