"""The command line of the autograder. A file holds a group of verbs; `entry` puts them together.

Nothing here is imported before it is needed: `autograder --help` starts no framework and reads no syllabus.
"""

from __future__ import annotations

from autograder.cli.entry import main, parser

__all__ = ["main", "parser"]
