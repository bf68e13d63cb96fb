"""Errors between nbgrader and the judge; their messages are for the instructor."""

from __future__ import annotations


class GradebookError(Exception):
    """The gradebook cannot be read or written now; the message is for the instructor."""


class NotGraded(Exception):
    """There is no mark for this submission; the message is for the instructor. nbgrader goes on with the next one."""
