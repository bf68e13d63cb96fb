"""Errors that several packages use, and which extra to install if a package is missing."""

from __future__ import annotations


class AuthoringError(Exception):
    """A mistake in lessons, quizzes, solutions or syllabus; the message says what is wrong and where."""


class GradingError(RuntimeError):
    """Grading cannot start or go on; the message says what to do."""


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
    """A sentence on how to install a missing package; empty if no extra installs it."""
    extra = EXTRAS.get(package.partition(".")[0])
    return (
        f"Install it with: pip install '{PROJECT}[{extra}]' (in a checkout: pip install -e '.[{extra}]')"
        if extra
        else ""
    )
