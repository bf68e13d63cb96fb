"""Tiny BERT checkpoints in the workers, written where a worker may write: fine-tuning is tested from weights
that nobody has seen before. What they are made of stands in `course.models.tiny`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import safetensors.numpy  # noqa: F401  (before the jail closes)

from course.models import tiny


def written(spec: dict) -> str:
    """The folder, in this process's place for temporary files, of the checkpoint that `spec` describes.

    `spec`: the fields of `autograder.judging.program.Tiny`. One that is there already is written again: an answer may
    have changed it.
    """
    name = "-".join(f"{key}{value}" for key, value in sorted(spec.items()))
    return tiny.write(Path(tempfile.gettempdir(), f"bert-{os.getpid()}-{name}"), **spec)
