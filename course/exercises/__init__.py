"""The exercises, a folder each: `lesson.md`, and `checks.py`, which is written in NumPy once for both tracks."""
