"""The autograder. docs/architecture.md says what each package in it does."""
