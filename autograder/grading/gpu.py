"""How many contestants one GPU has room for, so that none runs out of memory because of the others."""

from __future__ import annotations

import os
import subprocess

CONTEXT_MB = 700  # MiB that CUDA needs for a process besides its tensors


def memory_mb(what: str) -> int | None:
    """`total`, `used` or `free` memory (MiB) of the GPU in use, as `nvidia-smi` says; None where it says nothing."""
    first = (os.environ.get("CUDA_VISIBLE_DEVICES") or "0").split(",")[0]
    query = ["nvidia-smi", f"--query-gpu=memory.{what}", "--format=csv,noheader,nounits", f"--id={first}"]
    try:
        return int(subprocess.run(query, capture_output=True, text=True, check=True, timeout=60).stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def places(limit_mb: int) -> int | None:
    """How many contestants of `limit_mb` MiB fit on the GPU with the reference, at least 1; None if not known."""
    free = memory_mb("free")
    return None if free is None else max(1, free // (limit_mb + CONTEXT_MB) - 1)
