"""Quizzes: makes notebooks and pages from TOML files, and marks submitted sheets."""
