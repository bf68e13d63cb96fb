"""The visible checks, a module per exercise, written once for both tracks in NumPy."""
