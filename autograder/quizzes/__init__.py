"""Quizzes: from the TOML file to notebook and page, and the marks of a sheet that was handed in."""
