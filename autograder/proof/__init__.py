"""The proof that the grader grades right: verify, mutants, replay, and a sample class to show it with."""
