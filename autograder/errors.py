"""Errors of several rooms, and what to install where a package is missing. Errors of one room stand in that room."""

from __future__ import annotations


class AuthoringError(Exception):
    """Something in lessons, quizzes, solutions or syllabus that cannot be built or released; says where and what."""


class GradingError(RuntimeError):
    """Grading cannot start or go on; says what to do about it."""


PROJECT = "attention-exercises"
# The extra of pyproject.toml that brings a package. Import names.
EXTRAS = {
    "torch": "student-pytorch",
    "tensorflow": "student-tensorflow",
    "keras": "student-tensorflow",
    "transformers": "bert-pytorch",
    "keras_hub": "bert-tensorflow",
    "tensorflow_text": "bert-tensorflow",
    "matplotlib": "student",
    "nbgrader": "instructor",
    "nbformat": "instructor",
    "nbconvert": "instructor",
    "nbclient": "instructor",
    "sqlalchemy": "instructor",
    "traitlets": "instructor",
    "jupytext": "instructor",
    "jsonschema": "instructor",
    "babel": "instructor",
    "tomlkit": "instructor",
    "text2qti": "qti",
    "copydetect": "similar",
}


def how_to_install(package: str) -> str:
    """A sentence on how to get a package that is missing; empty for one that no extra brings."""
    extra = EXTRAS.get(package.partition(".")[0])
    return (
        f"Install it with: pip install '{PROJECT}[{extra}]' (in a checkout: pip install -e '.[{extra}]')"
        if extra
        else ""
    )
