"""Tiny BERT checkpoints, written by a worker into its scratch folder.

So fine-tuning is tested with weights that no answer has seen before. `course.models.tiny` describes their content.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import safetensors.numpy  # noqa: F401  (before the jail closes)

from course.models import tiny


def written(spec: dict[str, Any]) -> str:
    """Write the checkpoint that `spec` describes, and give its folder, which lies among this process's temporary files.

    `spec` has the fields of `autograder.judging.program.Tiny`. A checkpoint that is there already is written again,
    because an answer may have changed it.
    """
    name = "-".join(f"{key}{value}" for key, value in sorted(spec.items()))
    return tiny.write(Path(tempfile.gettempdir(), f"bert-{os.getpid()}-{name}"), **spec)
