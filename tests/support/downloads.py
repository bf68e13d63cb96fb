"""Makes downloads of learning platforms: a notebook in several states, and files in folders or zips."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from autograder.grading.grader import solution_source
from autograder.paths import ROOT
from autograder.proof.sample_class import answered, untouched
from course.syllabus import syllabus

SOURCE = ROOT / "source"
ASSIGNMENT = syllabus().assignment("self-attention-pytorch")
FILE = "self-attention.ipynb"
SOLVED = json.dumps(answered(SOURCE, ASSIGNMENT, solution_source(ASSIGNMENT))).encode()
UNTOUCHED = json.dumps(untouched(SOURCE, ASSIGNMENT)).encode()
HALF = json.dumps(answered(SOURCE, ASSIGNMENT, solution_source(ASSIGNMENT), parts=["causal-mask"])).encode()


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of these files; a name that ends in "/" is an empty folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def zipped_as(names: dict[bytes, bytes]) -> bytes:
    """A zip whose names are these bytes, without the flag that says UTF-8, as many systems write it."""
    instead = {f"{n:04}".ljust(len(raw), "x").encode(): raw for n, raw in enumerate(names)}
    data = zipped({name.decode(): names[raw] for name, raw in instead.items()})
    for name, raw in instead.items():
        data = data.replace(name, raw)
    return data


def laid_out(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files to a folder; a name that ends in "/" is an empty folder."""
    for name, data in files.items():
        (folder / name if name.endswith("/") else (folder / name).parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            (folder / name).write_bytes(data)
    return folder
