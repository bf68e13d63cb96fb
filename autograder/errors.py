"""Errors of several rooms. Those of one room stand in that room."""

from __future__ import annotations


class AuthoringError(Exception):
    """Something in lessons, quizzes, solutions or syllabus that cannot be built or released; says where and what."""


class GradingError(RuntimeError):
    """Grading cannot start or go on; says what to do about it."""
