"""Proves that the grader grades correctly: verify, mutants, replay; and a sample class for the demo."""
