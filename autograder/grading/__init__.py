"""Grading: a class (`class_run`), one hand-in (`grader`), the processes (`worker_pool`), stored results."""
